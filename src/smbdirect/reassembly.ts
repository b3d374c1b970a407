/**
 * Fragments back into messages (MS-SMBD 3.1.5.8).
 *
 * @module
 */
import { WireError } from "../rdma/errors.ts";
import type { DataTransfer } from "./wire.ts";

/** The first buffer for fragmented messages; it doubles as longer ones come. */
const FIRST_BUFFER = 16_384;

/** Puts the fragments of one message at a time together. A message of one fragment is not copied. */
export class Reassembly {
  #buffer = new Uint8Array(0);
  #filled = 0;
  #remaining = 0;

  /** Takes messages of up to `maxFragmentedSize` bytes. */
  constructor(
    /** The longest message. */ readonly maxFragmentedSize: number,
  ) {}

  /** Bytes still to come of the message under way; 0 between messages. */
  get remaining(): number {
    return this.#remaining;
  }

  /**
   * Takes one decoded fragment whose message starts at `at` of `bytes`. Returns the whole message once it is complete: a
   * view that holds until the next call, into `bytes` if it came in one fragment.
   *
   * @throws WireError when the fragment does not go on where the last one ended.
   */
  add(header: DataTransfer, bytes: Uint8Array, at: number): Uint8Array | undefined {
    const { dataLength, remainingDataLength } = header;
    if (dataLength === 0) return undefined; // a grant, which stock peers put even between the fragments of a message
    const start = at + header.dataOffset;
    if (this.#remaining === 0) {
      if (remainingDataLength === 0) return bytes.subarray(start, start + dataLength);
      this.#begin(dataLength + remainingDataLength);
    } else if (dataLength + remainingDataLength !== this.#remaining) {
      throw new WireError(
        "smbd",
        "DataLength + RemainingDataLength go on from the fragment before",
        `${dataLength} + ${remainingDataLength}, not ${this.#remaining}`,
      );
    }
    this.#buffer.set(bytes.subarray(start, start + dataLength), this.#filled);
    this.#filled += dataLength;
    this.#remaining = remainingDataLength;
    return remainingDataLength === 0 ? this.#buffer.subarray(0, this.#filled) : undefined;
  }

  /** Makes room for a message of `length` bytes, which the decoder has found to be within the ceiling. */
  #begin(length: number): void {
    this.#filled = 0;
    if (length <= this.#buffer.length) return;
    let size = Math.max(FIRST_BUFFER, this.#buffer.length);
    while (size < length) size *= 2;
    this.#buffer = new Uint8Array(Math.min(size, this.maxFragmentedSize));
  }
}
