/**
 * AES-CCM (RFC 3610) from the AES-CBC and AES-CTR there are: a CBC-MAC over lengths, associated data and message, then
 * both encrypted in counter mode.
 *
 * @module
 */
import { createCipheriv, timingSafeEqual } from "node:crypto";
import { ConfigError } from "../../rdma/errors.ts";

const BLOCK = 16;
const ZERO_BLOCK = new Uint8Array(BLOCK);
/** What goes through the MAC at a time: the cipher's output is thrown away, so that it is kept small. */
const CHUNK = 65_536;
/** Associated data from this length on is announced with more than two bytes, which nothing here needs. */
const LONGEST_ASSOCIATED = 0xff00;

/** Bytes of the MAC, before it is cut, and as SMB has it. */
const MAC_LENGTH = 16;

/** AES-128-CCM or AES-256-CCM under one key, by the key's length. */
export class AesCcm {
  readonly #key: Uint8Array;
  readonly #macLength: number;
  readonly #cbc: "aes-128-cbc" | "aes-256-cbc";
  readonly #ctr: "aes-128-ctr" | "aes-256-ctr";

  /** Takes a key of 16 or 32 bytes, and how many bytes the MAC is to be: 16 unless said, an even number from 4 on. */
  constructor(key: Uint8Array, macLength = MAC_LENGTH) {
    this.#key = Uint8Array.from(key);
    this.#macLength = macLength;
    this.#cbc = key.length === 16 ? "aes-128-cbc" : "aes-256-cbc";
    this.#ctr = key.length === 16 ? "aes-128-ctr" : "aes-256-ctr";
  }

  /**
   * Encrypts `message` into `out`, which may be the same memory, and returns the MAC.
   *
   * @param nonce 7 to 13 bytes, never twice with one key. It leaves 15 less its length for the length of the message.
   * @param associated At most 65,279 bytes, authenticated but not encrypted.
   * @throws ConfigError when there are more of them.
   */
  encrypt(nonce: Uint8Array, associated: Uint8Array, message: Uint8Array, out: Uint8Array): Uint8Array {
    const mac = this.#mac(nonce, associated, message);
    const cipher = createCipheriv(this.#ctr, this.#key, this.#counter(nonce));
    const code = cipher.update(mac);
    out.set(cipher.update(message));
    cipher.final();
    return code.subarray(0, this.#macLength);
  }

  /** The message of `ciphertext`, or undefined where the MAC does not hold. */
  decrypt(
    nonce: Uint8Array,
    associated: Uint8Array,
    ciphertext: Uint8Array,
    code: Uint8Array,
  ): Uint8Array | undefined {
    const cipher = createCipheriv(this.#ctr, this.#key, this.#counter(nonce));
    const stream = cipher.update(ZERO_BLOCK);
    const message = cipher.update(ciphertext);
    cipher.final();
    const mac = this.#mac(nonce, associated, message);
    for (let i = 0; i < MAC_LENGTH; i++) mac[i] = (mac[i] as number) ^ (stream[i] as number);
    if (code.length !== this.#macLength || !timingSafeEqual(mac.subarray(0, this.#macLength), code)) {
      message.fill(0);
      return undefined;
    }
    return message;
  }

  /** A₀: the counter that encrypts the MAC; the message's follow (RFC 3610 §2.3). */
  #counter(nonce: Uint8Array): Uint8Array {
    const block = new Uint8Array(BLOCK);
    block[0] = 14 - nonce.length;
    block.set(nonce, 1);
    return block;
  }

  /** The CBC-MAC, 16 bytes before it is cut and encrypted (RFC 3610 §2.2). */
  #mac(nonce: Uint8Array, associated: Uint8Array, message: Uint8Array): Uint8Array {
    if (associated.length >= LONGEST_ASSOCIATED) {
      throw new ConfigError(
        `AES-CCM takes less than ${LONGEST_ASSOCIATED} bytes of associated data, not ${associated.length}`,
      );
    }
    const head = new Uint8Array(
      BLOCK + (associated.length === 0 ? 0 : Math.ceil((2 + associated.length) / BLOCK) * BLOCK),
    );
    head[0] = (associated.length === 0 ? 0 : 0x40) | ((this.#macLength - 2) / 2 << 3) | (14 - nonce.length);
    head.set(nonce, 1);
    let length = message.length;
    for (let i = BLOCK - 1; i > nonce.length; i--) {
      head[i] = length % 256;
      length = Math.floor(length / 256);
    }
    if (associated.length > 0) {
      head[16] = associated.length >>> 8;
      head[17] = associated.length;
      head.set(associated, 18);
    }
    const cipher = createCipheriv(this.#cbc, this.#key, ZERO_BLOCK).setAutoPadding(false);
    let code: Uint8Array = cipher.update(head);
    const whole = message.length - message.length % BLOCK;
    for (let at = 0; at < whole; at += CHUNK) code = cipher.update(message.subarray(at, Math.min(at + CHUNK, whole)));
    if (whole < message.length) {
      const last = new Uint8Array(BLOCK);
      last.set(message.subarray(whole));
      code = cipher.update(last);
    }
    cipher.final();
    return code.slice(-BLOCK);
  }
}
