/**
 * RC4, which NTLM's key exchange and signatures still use (MS-NLMP 3.4.3); OpenSSL's successors no longer have it. Never
 * for data.
 *
 * @module
 */

/** One RC4 key stream; each call goes on where the last ended. */
export class Rc4 {
  readonly #state = new Uint8Array(256);
  #i = 0;
  #j = 0;

  /** Sets the state up from a key of 1 to 256 bytes. */
  constructor(key: Uint8Array) {
    const state = this.#state;
    for (let i = 0; i < 256; i++) state[i] = i;
    let j = 0;
    for (let i = 0; i < 256; i++) {
      const byte = state[i] as number;
      j = (j + byte + (key[i % key.length] as number)) & 0xff;
      state[i] = state[j] as number;
      state[j] = byte;
    }
  }

  /** `bytes` exclusive-or the next of the key stream, as a new array. */
  update(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
    const state = this.#state;
    const out = new Uint8Array(bytes.length);
    for (let k = 0; k < bytes.length; k++) {
      this.#i = (this.#i + 1) & 0xff;
      const a = state[this.#i] as number;
      this.#j = (this.#j + a) & 0xff;
      const b = state[this.#j] as number;
      state[this.#i] = b;
      state[this.#j] = a;
      out[k] = (bytes[k] as number) ^ (state[(a + b) & 0xff] as number);
    }
    return out;
  }
}
