/**
 * NTLM's three messages as bytes (MS-NLMP 2.2.1).
 *
 * @module
 */
import { ConfigError, WireError } from "../../rdma/errors.ts";
import { decodeTargetInfo, type NtlmPair } from "./ntlm_target_info.ts";

/** Flags both sides agree on (MS-NLMP 2.2.2.5). */
export const NtlmFlag = {
  /** Strings are UTF-16LE. */
  UNICODE: 0x0000_0001,
  /** The server is to say who it is. */
  REQUEST_TARGET: 0x0000_0004,
  /** Signatures. */
  SIGN: 0x0000_0010,
  /** NTLM, as opposed to LAN Manager. */
  NTLM: 0x0000_0200,
  /** Nobody: no name, no password. */
  ANONYMOUS: 0x0000_0800,
  /** Signatures, even where nothing is signed. */
  ALWAYS_SIGN: 0x0000_8000,
  /** Signing and sealing keys that differ by direction. */
  EXTENDED_SESSION_SECURITY: 0x0008_0000,
  /** There is target information. */
  TARGET_INFO: 0x0080_0000,
  /** The version field means something. */
  VERSION: 0x0200_0000,
  /** Keys of 128 bits. */
  KEY_128: 0x2000_0000,
  /** The client chooses the session's key and sends it encrypted. */
  KEY_EXCHANGE: 0x4000_0000,
  /** Keys of 56 bits, where not of 128. */
  KEY_56: 0x8000_0000,
} as const;

/** A CHALLENGE message (MS-NLMP 2.2.1.2). */
export interface NtlmChallenge {
  /** Bits of {@linkcode NtlmFlag}. */
  readonly flags: number;
  /** 8 bytes to answer. */
  readonly serverChallenge: Uint8Array;
  /** The server's name or its domain's, UTF-16LE. */
  readonly targetName: Uint8Array;
  /** What it says of itself. */
  readonly targetInfo: readonly NtlmPair[];
}

/** What goes into an AUTHENTICATE message (MS-NLMP 2.2.1.3). */
export interface NtlmAuthenticate {
  /** The flags agreed on. */
  readonly flags: number;
  /** LmChallengeResponse. */
  readonly lmResponse: Uint8Array;
  /** NtChallengeResponse. */
  readonly ntResponse: Uint8Array;
  /** The user's domain, may be empty. */
  readonly domain: string;
  /** The user's name. */
  readonly user: string;
  /** This machine's name, may be empty. */
  readonly workstation: string;
  /** The session's key under the key exchange key, may be empty. */
  readonly encryptedSessionKey: Uint8Array;
}

const SIGNATURE = 0x005053534d4c544en; // "NTLMSSP" and a NUL
/** NTLMSSP_REVISION_W2K3; which product speaks, and of what build, is nobody's business. */
const REVISION = 15;
/** A message longer than this no server has a reason to send. */
const LONGEST_CHALLENGE = 16_384;
const CHALLENGE_LENGTH = 48;
const NEGOTIATE_LENGTH = 40;
const AUTHENTICATE_LENGTH = 88;
/** Where the integrity code stands in an AUTHENTICATE message, 16 bytes. */
export const INTEGRITY_CODE_OFFSET = 72;

/** UTF-16LE. */
export function utf16(text: string): Uint8Array<ArrayBuffer> {
  const view = new DataView(new ArrayBuffer(text.length * 2));
  for (let i = 0; i < text.length; i++) view.setUint16(i * 2, text.charCodeAt(i), true);
  return new Uint8Array(view.buffer);
}

function start(view: DataView, type: number): void {
  view.setBigUint64(0, SIGNATURE, true);
  view.setUint32(8, type, true);
}

/** A NEGOTIATE message: flags, and neither domain nor workstation. */
export function encodeNegotiate(flags: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(NEGOTIATE_LENGTH));
  start(view, 1);
  view.setUint32(12, flags, true);
  view.setUint8(39, REVISION);
  return new Uint8Array(view.buffer);
}

/** The bytes that a length and an offset at `at` name. */
function fieldAt(bytes: Uint8Array, view: DataView, at: number, name: string): Uint8Array {
  const length = view.getUint16(at, true);
  const offset = view.getUint32(at + 4, true);
  if (length === 0) return bytes.subarray(0, 0);
  if (offset < CHALLENGE_LENGTH || offset + length > bytes.length) {
    throw new WireError("ntlm", `${name} lies within the message`, `${length} bytes at ${offset} of ${bytes.length}`);
  }
  return bytes.subarray(offset, offset + length);
}

/**
 * Reads a CHALLENGE message; what it gives are views.
 *
 * @throws WireError when it is none, or a field goes beyond it.
 */
export function decodeChallenge(bytes: Uint8Array): NtlmChallenge {
  if (bytes.length < CHALLENGE_LENGTH || bytes.length > LONGEST_CHALLENGE) {
    throw new WireError("ntlm", `length of CHALLENGE is ${CHALLENGE_LENGTH} to ${LONGEST_CHALLENGE}`, bytes.length);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getBigUint64(0, true) !== SIGNATURE) {
    throw new WireError("ntlm", "Signature is NTLMSSP", view.getBigUint64(0, true));
  }
  if (view.getUint32(8, true) !== 2) {
    throw new WireError("ntlm", "MessageType is 2, CHALLENGE", view.getUint32(8, true));
  }
  const targetName = fieldAt(bytes, view, 12, "TargetName");
  const targetInfo = fieldAt(bytes, view, 40, "TargetInfo");
  return {
    flags: view.getUint32(20, true),
    serverChallenge: bytes.subarray(24, 32),
    targetName,
    targetInfo: targetInfo.length === 0 ? [] : decodeTargetInfo(targetInfo),
  };
}

/**
 * An AUTHENTICATE message, its integrity code zeros.
 *
 * @throws ConfigError when a name is longer than a length of 16 bits can say.
 */
export function encodeAuthenticate(message: NtlmAuthenticate): Uint8Array {
  // The order of the payload is Windows's; any is allowed.
  const domain = utf16(message.domain);
  const user = utf16(message.user);
  const workstation = utf16(message.workstation);
  const payload: readonly (readonly [at: number, bytes: Uint8Array])[] = [
    [28, domain],
    [36, user],
    [44, workstation],
    [12, message.lmResponse],
    [20, message.ntResponse],
    [52, message.encryptedSessionKey],
  ];
  const bytes = new Uint8Array(payload.reduce((sum, [, field]) => sum + field.length, AUTHENTICATE_LENGTH));
  const view = new DataView(bytes.buffer);
  start(view, 3);
  let offset = AUTHENTICATE_LENGTH;
  for (const [at, field] of payload) {
    if (field.length > 0xffff) throw new ConfigError(`NTLM takes names of up to 65535 bytes, not ${field.length}`);
    view.setUint16(at, field.length, true);
    view.setUint16(at + 2, field.length, true);
    view.setUint32(at + 4, offset, true);
    bytes.set(field, offset);
    offset += field.length;
  }
  view.setUint32(60, message.flags, true);
  view.setUint8(71, REVISION);
  return bytes;
}
