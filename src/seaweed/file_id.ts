/**
 * File ids, `3,01637037d6`: the volume in decimal, then the needle's key and its cookie in hexadecimal.
 *
 * @module
 */
import { WireError } from "../rdma/errors.ts";

/** What names a needle anywhere in a cluster. */
export interface FileId {
  /** Volume id, 1 … 2^32−1. */
  volume: number;
  /** Needle key, 0 … 2^64−1. */
  key: bigint;
  /** The random number that keeps keys from being guessed, 0 … 2^32−1. */
  cookie: number;
}

/** The longest file id there is: ten digits, a comma, 24 hexadecimal digits, an underscore and twenty digits. */
const LONGEST = 56;
const COOKIE_DIGITS = 8;
const MOST_DIGITS = 24;
const LARGEST_KEY = 0xffff_ffff_ffff_ffffn;
const SHOWN = 64;

function refused(rule: string, text: string): WireError {
  return new WireError("file id", rule, JSON.stringify(text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text));
}

/**
 * Parses `volume,keycookie`. The last eight hexadecimal digits are the cookie, the one to sixteen before them the key.
 * Throws WireError that names the rule broken.
 *
 * @param options `delta`: whether `_5` at the end, which adds 5 to the key, is taken. A volume server takes it; what
 * `weed mount` sends never bears one, so it is refused unless asked for.
 */
export function parseFileId(text: string, options: { delta?: boolean } = {}): FileId {
  if (text.length > LONGEST) throw refused("at most 56 characters", text);
  const match = /^([0-9]{1,10}),([0-9a-fA-F]+)(?:_([0-9]{1,20}))?$/.exec(text);
  if (match === null) throw refused("volume, comma, hexadecimal key and cookie, as in 3,01637037d6", text);
  const [, volumeDigits = "", digits = "", delta] = match;
  const volume = Number(volumeDigits);
  if (volume < 1 || volume > 0xffff_ffff) throw refused("volume of 1 to 4294967295", text);
  if (digits.length <= COOKIE_DIGITS || digits.length > MOST_DIGITS) {
    throw refused("9 to 24 hexadecimal digits of key and cookie", text);
  }
  if (delta !== undefined && options.delta !== true) throw refused("no _delta here", text);
  const split = digits.length - COOKIE_DIGITS;
  const key = BigInt(`0x${digits.slice(0, split)}`) + BigInt(delta ?? 0);
  if (key > LARGEST_KEY) throw refused("key of at most 64 bits", text);
  return { volume, key, cookie: Number.parseInt(digits.slice(split), 16) };
}

/** Writes a file id as SeaweedFS does: the key in whole bytes, no leading zero byte, in lower case. */
export function formatFileId(id: FileId): string {
  const key = id.key.toString(16);
  const whole = key.length % 2 === 0 ? key : `0${key}`;
  return `${id.volume},${whole}${id.cookie.toString(16).padStart(COOKIE_DIGITS, "0")}`;
}
