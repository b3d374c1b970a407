/**
 * AES-CMAC (RFC 4493): the last block of AES-CBC over the message, with its last block masked by a key of its own.
 *
 * @module
 */
import { createCipheriv } from "node:crypto";

const BLOCK = 16;
const ZERO_BLOCK = new Uint8Array(BLOCK);
/** What goes through the cipher at a time: its output is thrown away, so that it is kept small. */
const CHUNK = 65_536;

/** Twice `block` in GF(2^128) (RFC 4493 §2.3). */
function doubled(block: Uint8Array): Uint8Array {
  const out = new Uint8Array(BLOCK);
  for (let i = 0; i < BLOCK; i++) out[i] = ((block[i] as number) << 1) | ((block[i + 1] ?? 0) >>> 7);
  if ((block[0] as number) & 0x80) out[15] = (out[15] as number) ^ 0x87;
  return out;
}

/** AES-128-CMAC under one key. */
export class AesCmac {
  readonly #key: Uint8Array;
  readonly #whole: Uint8Array;
  readonly #padded: Uint8Array;
  readonly #last = new Uint8Array(BLOCK);

  /** Derives the two subkeys (RFC 4493 §2.3) of a key of 16 bytes. */
  constructor(key: Uint8Array) {
    this.#key = Uint8Array.from(key);
    const cipher = createCipheriv("aes-128-cbc", this.#key, ZERO_BLOCK).setAutoPadding(false);
    this.#whole = doubled(cipher.update(ZERO_BLOCK));
    cipher.final();
    this.#padded = doubled(this.#whole);
  }

  /** The 16 bytes of the code of `message`. */
  compute(message: Uint8Array): Uint8Array {
    const rest = message.length === 0 ? 0 : (message.length - 1) % BLOCK + 1;
    const end = message.length - rest;
    const last = this.#last.fill(0);
    last.set(message.subarray(end));
    if (rest < BLOCK) last[rest] = 0x80;
    const mask = rest < BLOCK ? this.#padded : this.#whole;
    for (let i = 0; i < BLOCK; i++) last[i] = (last[i] as number) ^ (mask[i] as number);
    const cipher = createCipheriv("aes-128-cbc", this.#key, ZERO_BLOCK).setAutoPadding(false);
    for (let at = 0; at < end; at += CHUNK) cipher.update(message.subarray(at, Math.min(at + CHUNK, end)));
    const code = cipher.update(last);
    cipher.final();
    return code;
  }
}
