/**
 * NTLMv2's arithmetic: what a password answers to a challenge (MS-NLMP 3.3.2), and the signatures of the session that
 * follows (3.4.4.2, 3.4.5).
 *
 * @module
 */
import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { NtlmFlag, utf16 } from "./ntlm_messages.ts";
import { Rc4 } from "./rc4.ts";

/** HMAC-MD5 over the pieces in turn. */
export function hmacMd5(key: Uint8Array, ...pieces: readonly Uint8Array[]): Uint8Array {
  const hmac = createHmac("md5", key);
  for (const piece of pieces) hmac.update(piece);
  return hmac.digest();
}

/** Upper case as Windows has it: each UTF-16 unit by itself, and only where that is one unit again. */
function upperCase(text: string): string {
  let upper = "";
  for (let i = 0; i < text.length; i++) {
    const unit = text.charAt(i);
    const large = unit.toUpperCase();
    upper += large.length === 1 ? large : unit;
  }
  return upper;
}

/** NTOWFv2, the key that stands for the password: 16 bytes (MS-NLMP 3.3.2). */
export function responseKey(user: string, password: string, domain: string): Uint8Array {
  const hash = createHash("md4").update(utf16(password)).digest();
  return hmacMd5(hash, utf16(upperCase(user) + domain));
}

/** An answer to a challenge. */
export interface NtlmResponse {
  /** NtChallengeResponse: the proof, and what it was made of. */
  readonly ntResponse: Uint8Array;
  /** LmChallengeResponse, where the server gave no time. */
  readonly lmResponse: Uint8Array;
  /** The key that both sides now have; 16 bytes. */
  readonly sessionBaseKey: Uint8Array;
}

/**
 * The answer of NTLMv2 (MS-NLMP 3.3.2).
 *
 * @param key Of {@linkcode responseKey}.
 * @param time A FILETIME, 8 bytes.
 * @param clientChallenge 8 random bytes.
 * @param targetInfo The server's, with the client's changes.
 */
export function respond(
  key: Uint8Array,
  serverChallenge: Uint8Array,
  time: Uint8Array,
  clientChallenge: Uint8Array,
  targetInfo: Uint8Array,
): NtlmResponse {
  const blob = new Uint8Array(32 + targetInfo.length);
  blob.set([1, 1]);
  blob.set(time, 8);
  blob.set(clientChallenge, 16);
  blob.set(targetInfo, 28);
  const proof = hmacMd5(key, serverChallenge, blob);
  const ntResponse = new Uint8Array(proof.length + blob.length);
  ntResponse.set(proof);
  ntResponse.set(blob, proof.length);
  const lmResponse = new Uint8Array(24);
  lmResponse.set(hmacMd5(key, serverChallenge, clientChallenge));
  lmResponse.set(clientChallenge, 16);
  return { ntResponse, lmResponse, sessionBaseKey: hmacMd5(key, proof) };
}

/** Bytes of an NTLM signature. */
const SIGNATURE_LENGTH = 16;

/** The signatures of one direction, with extended session security and keys of 128 bits. */
export class NtlmSignatures {
  readonly #signingKey: Uint8Array;
  readonly #seal: Rc4 | undefined;
  #sequence = 0;

  /**
   * Takes the exported session key.
   *
   * @param flags Those agreed on: with key exchange, the code in a signature is encrypted.
   */
  constructor(exportedKey: Uint8Array, flags: number, from: "client" | "server") {
    const key = (purpose: string) => {
      const direction = from === "client" ? "client-to-server" : "server-to-client";
      const magic = `session key to ${direction} ${purpose} key magic constant\0`;
      return createHash("md5").update(exportedKey).update(magic).digest();
    };
    this.#signingKey = key("signing");
    this.#seal = flags & NtlmFlag.KEY_EXCHANGE ? new Rc4(key("sealing")) : undefined;
  }

  /** The signature of the direction's next message, 16 bytes. */
  sign(message: Uint8Array): Uint8Array {
    const signature = new Uint8Array(SIGNATURE_LENGTH);
    const view = new DataView(signature.buffer);
    view.setUint32(0, 1, true);
    view.setUint32(12, this.#sequence++, true);
    const code = hmacMd5(this.#signingKey, signature.subarray(12), message).subarray(0, 8);
    signature.set(this.#seal?.update(code) ?? code, 4);
    return signature;
  }

  /** Whether `signature` is that of the direction's next message, in constant time. */
  verify(message: Uint8Array, signature: Uint8Array): boolean {
    return signature.length === SIGNATURE_LENGTH && timingSafeEqual(this.sign(message), signature);
  }
}
