/**
 * What rping's peers send each other: where a buffer is, as 16 bytes, and the text that goes round.
 *
 * @module
 */
import { WireError } from "../rdma/errors.ts";

/** The port that rping uses unless told otherwise. */
export const RPING_PORT = 7174;
/** Bytes of a message. */
export const MESSAGE_SIZE = 16;
/** The shortest text, in bytes: the greeting with any round's number, and its NUL. */
export const MIN_SIZE = 26;
/** The longest text, in bytes. */
export const MAX_SIZE = 65_535;
/** The size of the text unless told otherwise, in bytes. */
export const DEFAULT_SIZE = 64;

/** A buffer that the peer may read or write. */
export interface BufferOffer {
  /** Where it is in the offering side's address space. */
  address: bigint;
  /** The key to it. */
  key: number;
  /** Its size in bytes. */
  size: number;
}

/** Writes an offer at the start of `view`: address, key and size, in network byte order. */
export function encodeOffer(view: DataView, { address, key, size }: BufferOffer): void {
  view.setBigUint64(0, address);
  view.setUint32(8, key);
  view.setUint32(12, size);
}

const ADDRESS_END = 1n << 64n;

/**
 * Reads an offer of `length` bytes. Throws WireError for another length, for a size beyond {@linkcode MAX_SIZE}, and for a
 * buffer that reaches beyond the last address.
 */
export function decodeOffer(view: DataView, length: number): BufferOffer {
  if (length !== MESSAGE_SIZE) throw new WireError("rping", "message length", length);
  const size = view.getUint32(12);
  if (size > MAX_SIZE) throw new WireError("rping", "buffer size", size);
  const address = view.getBigUint64(0);
  if (address > ADDRESS_END - BigInt(size)) throw new WireError("rping", "buffer address", address);
  return { address, key: view.getUint32(8), size };
}

const FIRST_LETTER = 65;
const LETTERS = 58; // "A" to "z"

/** Fills `bytes` with the text of round `round`, counted from 0: a greeting, then letters, then a NUL. */
export function writeText(bytes: Uint8Array, round: number): void {
  const { written } = new TextEncoder().encodeInto(`rdma-ping-${round}: `, bytes);
  for (let at = written; at < bytes.length; at++) bytes[at] = FIRST_LETTER + (round + at - written) % LETTERS;
  bytes[bytes.length - 1] = 0;
}

/** The text up to its NUL; what is no ASCII is shown as `?`. */
export function readText(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  const text = new TextDecoder("latin1").decode(end < 0 ? bytes : bytes.subarray(0, end));
  return text.replaceAll(/[^ -~]/g, "?");
}
