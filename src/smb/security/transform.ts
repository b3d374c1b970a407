/**
 * Encrypted messages: the SMB2 TRANSFORM_HEADER (MS-SMB2 2.2.41) and what follows it (3.1.4.3, 3.2.5.1.1).
 *
 * @module
 */
import { CapabilityError, WireError } from "../../rdma/errors.ts";
import { type AuthenticatedCipher, authenticatedCipher, type CipherId, nonceLengthOf, TAG_LENGTH } from "./ciphers.ts";

/** Bytes of a transform header. */
export const TRANSFORM_HEADER_LENGTH = 52;
/** The first four bytes of an encrypted message, FD 'SMB', little-endian. */
export const TRANSFORM_PROTOCOL_ID = 0x424d53fd;
const MESSAGE_PROTOCOL_ID = 0x424d53fe;
const SIGNATURE = 4;
/** The associated data goes from here to the header's end. */
const NONCE = 20;
const ORIGINAL_SIZE = 36;
const FLAGS = 42;
const SESSION_ID = 44;
const ENCRYPTED = 1;
/** An SMB2 header is the shortest message there is. */
const SHORTEST_MESSAGE = 64;

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** Whether `message` starts like an encrypted one. */
export function isTransformed(message: Uint8Array): boolean {
  return message.length >= 4 && viewOf(message).getUint32(0, true) === TRANSFORM_PROTOCOL_ID;
}

/**
 * The SessionId of an encrypted message, which says whose key opens it.
 *
 * @throws WireError when it has no whole transform header.
 */
export function transformSessionId(message: Uint8Array): bigint {
  if (message.length < TRANSFORM_HEADER_LENGTH) {
    throw new WireError("smb2", `length of a transform header is ${TRANSFORM_HEADER_LENGTH}`, message.length);
  }
  const view = viewOf(message);
  if (view.getUint32(0, true) !== TRANSFORM_PROTOCOL_ID) {
    throw new WireError("smb2", "ProtocolId of a transform header is 0x424d53fd", view.getUint32(0, true));
  }
  return view.getBigUint64(SESSION_ID, true);
}

/** Encrypts what one side of a session sends. All channels of the session share it: its counter is the nonce. */
export class MessageSealer {
  readonly #cipher: AuthenticatedCipher;
  readonly #nonceLength: number;
  readonly #sessionId: bigint;
  readonly #nonces: number;
  #next = 0;

  /**
   * Takes the key for this direction.
   *
   * @param nonces How many messages may be sealed with this key; 2^53 − 1 unless said.
   * @throws ConfigError when the key is not of the cipher's length.
   */
  constructor(cipher: CipherId, key: Uint8Array, sessionId: bigint, nonces: number = Number.MAX_SAFE_INTEGER) {
    this.#cipher = authenticatedCipher(cipher, key);
    this.#nonceLength = nonceLengthOf(cipher);
    this.#sessionId = sessionId;
    this.#nonces = nonces;
  }

  /**
   * Writes transform header and encrypted message to the start of `out`, and returns how long they are. The message may
   * stand in `out` itself, from byte 52 on.
   *
   * @throws CapabilityError when every nonce was used: a nonce used twice gives the key away.
   */
  seal(message: Uint8Array, out: Uint8Array): number {
    if (this.#next >= this.#nonces) {
      throw new CapabilityError(
        `all ${this.#nonces} nonces of this SMB session's key are used up: set up a new session`,
      );
    }
    const counter = this.#next++;
    const view = viewOf(out);
    view.setUint32(0, TRANSFORM_PROTOCOL_ID, true);
    out.fill(0, SIGNATURE, ORIGINAL_SIZE);
    view.setUint32(NONCE, counter >>> 0, true);
    view.setUint32(NONCE + 4, Math.floor(counter / 0x1_0000_0000), true);
    view.setUint32(ORIGINAL_SIZE, message.length, true);
    view.setUint16(ORIGINAL_SIZE + 4, 0, true);
    view.setUint16(FLAGS, ENCRYPTED, true);
    view.setBigUint64(SESSION_ID, this.#sessionId, true);
    const end = TRANSFORM_HEADER_LENGTH + message.length;
    const tag = this.#cipher.encrypt(
      out.subarray(NONCE, NONCE + this.#nonceLength),
      out.subarray(NONCE, TRANSFORM_HEADER_LENGTH),
      message,
      out.subarray(TRANSFORM_HEADER_LENGTH, end),
    );
    out.set(tag, SIGNATURE);
    return end;
  }
}

/** Decrypts what the other side of a session sends. */
export class MessageOpener {
  readonly #cipher: AuthenticatedCipher;
  readonly #nonceLength: number;
  readonly #sessionId: bigint;
  readonly #longest: number;

  /**
   * Takes the key for this direction.
   *
   * @param longest The longest message it takes, decrypted.
   * @throws ConfigError when the key is not of the cipher's length.
   */
  constructor(cipher: CipherId, key: Uint8Array, sessionId: bigint, longest: number) {
    this.#cipher = authenticatedCipher(cipher, key);
    this.#nonceLength = nonceLengthOf(cipher);
    this.#sessionId = sessionId;
    this.#longest = longest;
  }

  /**
   * The SMB2 message that `message` holds, in memory of its own; nothing of it is given away before its tag held.
   *
   * @throws WireError when it is not what this session's key encrypted, with the rule it breaks.
   */
  open(message: Uint8Array): Uint8Array {
    const sessionId = transformSessionId(message);
    if (sessionId !== this.#sessionId) {
      throw new WireError("smb2", "SessionId of the transform header is this session's", sessionId);
    }
    const view = viewOf(message);
    const size = view.getUint32(ORIGINAL_SIZE, true);
    if (size < SHORTEST_MESSAGE || size > this.#longest) {
      throw new WireError("smb2", `OriginalMessageSize is ${SHORTEST_MESSAGE} to ${this.#longest}`, size);
    }
    if (size !== message.length - TRANSFORM_HEADER_LENGTH) {
      const follow = message.length - TRANSFORM_HEADER_LENGTH;
      throw new WireError("smb2", "OriginalMessageSize is what follows the header", `${size}, where ${follow} follow`);
    }
    const flags = view.getUint16(FLAGS, true);
    if (flags !== ENCRYPTED) throw new WireError("smb2", "Flags of a transform header are Encrypted, 1", flags);
    const opened = this.#cipher.decrypt(
      message.subarray(NONCE, NONCE + this.#nonceLength),
      message.subarray(NONCE, TRANSFORM_HEADER_LENGTH),
      message.subarray(TRANSFORM_HEADER_LENGTH),
      message.subarray(SIGNATURE, SIGNATURE + TAG_LENGTH),
    );
    if (opened === undefined) {
      throw new WireError("smb2", "Signature fits the encrypted message and the session's key", "another");
    }
    const protocol = viewOf(opened).getUint32(0, true);
    if (protocol !== MESSAGE_PROTOCOL_ID) {
      throw new WireError("smb2", "ProtocolId of a decrypted message is 0x424d53fe", protocol);
    }
    return opened;
  }
}
