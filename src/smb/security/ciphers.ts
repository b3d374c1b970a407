/**
 * The four ciphers of SMB 3 (MS-SMB2 2.2.3.1.2) behind one interface. GCM is node:crypto's; CCM is put together from
 * its CBC and CTR.
 *
 * @module
 */
import { createCipheriv, createDecipheriv } from "node:crypto";
import { ConfigError } from "../../rdma/errors.ts";
import { Cipher } from "../wire/negotiate_contexts.ts";
import { AesCcm } from "./ccm.ts";

/** One of {@linkcode Cipher} that encrypts. */
export type CipherId = Exclude<typeof Cipher[keyof typeof Cipher], typeof Cipher.NONE>;

/** Bytes of the authentication tag of every cipher. */
export const TAG_LENGTH = 16;

/** Bytes of the key that a cipher takes: 16 or 32. */
export function keyLengthOf(cipher: CipherId): number {
  return cipher === Cipher.AES_256_CCM || cipher === Cipher.AES_256_GCM ? 32 : 16;
}

/** Bytes of the nonce that a cipher takes: 11 or 12 (MS-SMB2 2.2.41). */
export function nonceLengthOf(cipher: CipherId): number {
  return cipher === Cipher.AES_128_CCM || cipher === Cipher.AES_256_CCM ? 11 : 12;
}

/** Authenticated encryption under one key. */
export interface AuthenticatedCipher {
  /** Encrypts `message` into `out`, which may be the same memory, and returns the tag of 16 bytes. */
  encrypt(nonce: Uint8Array, associated: Uint8Array, message: Uint8Array, out: Uint8Array): Uint8Array;
  /** The message of `ciphertext` in memory of its own, or undefined where the tag does not hold. */
  decrypt(
    nonce: Uint8Array,
    associated: Uint8Array,
    ciphertext: Uint8Array,
    tag: Uint8Array,
  ): Uint8Array | undefined;
}

class AesGcm implements AuthenticatedCipher {
  readonly #key: Uint8Array;
  readonly #name: "aes-128-gcm" | "aes-256-gcm";

  constructor(key: Uint8Array) {
    this.#key = Uint8Array.from(key);
    this.#name = key.length === 16 ? "aes-128-gcm" : "aes-256-gcm";
  }

  encrypt(nonce: Uint8Array, associated: Uint8Array, message: Uint8Array, out: Uint8Array): Uint8Array {
    const cipher = createCipheriv(this.#name, this.#key, nonce).setAAD(associated);
    out.set(cipher.update(message));
    cipher.final();
    return cipher.getAuthTag();
  }

  decrypt(
    nonce: Uint8Array,
    associated: Uint8Array,
    ciphertext: Uint8Array,
    tag: Uint8Array,
  ): Uint8Array | undefined {
    const cipher = createDecipheriv(this.#name, this.#key, nonce, { authTagLength: TAG_LENGTH });
    cipher.setAAD(associated).setAuthTag(tag);
    const message = cipher.update(ciphertext);
    try {
      cipher.final();
    } catch {
      message.fill(0); // the only failure of final() is a tag that does not hold
      return undefined;
    }
    return message;
  }
}

/**
 * The cipher `id` under `key`.
 *
 * @throws ConfigError when the key is not of the cipher's length.
 */
export function authenticatedCipher(id: CipherId, key: Uint8Array): AuthenticatedCipher {
  if (key.length !== keyLengthOf(id)) {
    throw new ConfigError(`SMB cipher ${id} takes a key of ${keyLengthOf(id)} bytes, not ${key.length}`);
  }
  return nonceLengthOf(id) === 11 ? new AesCcm(key) : new AesGcm(key);
}
