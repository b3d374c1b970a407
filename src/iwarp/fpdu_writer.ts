/**
 * FPDUs as bytes: headers, payload, padding, CRC, one behind the other in a buffer.
 *
 * @module
 */
import { crc32cOf } from "../rdma/crc32c.ts";
import { Causes, StreamFault } from "./terminate.ts";
import {
  FPDU_CRC_SIZE,
  FPDU_LENGTH_SIZE,
  fpduSize,
  putTagged,
  putUntagged,
  TAGGED_HEADER_SIZE,
  UNTAGGED_HEADER_SIZE,
} from "./wire.ts";

/** The writer. */
export class FpduWriter {
  readonly #crc: boolean;
  #into = new Uint8Array(0);
  #view = new DataView(this.#into.buffer);
  #at = 0; // where the next one begins

  /** Writes FPDUs with CRCs or without. */
  constructor(crc: boolean) {
    this.#crc = crc;
  }

  /** Starts to fill `into`. */
  begin(into: Uint8Array<ArrayBuffer>): void {
    if (into !== this.#into) {
      this.#into = into;
      this.#view = new DataView(into.buffer, into.byteOffset, into.byteLength);
    }
    this.#at = 0;
  }

  /** Bytes filled. */
  get size(): number {
    return this.#at;
  }

  /** Whether an FPDU of `size` bytes fits. */
  fits(size: number): boolean {
    return this.#into.length - this.#at >= size;
  }

  /** The buffer, to put the payload of {@linkcode whole} into. */
  get view(): DataView {
    return this.#view;
  }

  /** Where in {@linkcode view} that payload begins. */
  get payloadAt(): number {
    return this.#at + FPDU_LENGTH_SIZE + UNTAGGED_HEADER_SIZE;
  }

  /** Adds a tagged segment. Throws StreamFault where its memory is gone. */
  tagged(
    opcode: number,
    stag: number,
    high: number,
    low: number,
    last: boolean,
    bytes: Uint8Array,
    from: number,
    size: number,
  ): void {
    putTagged(this.#view, this.#at + FPDU_LENGTH_SIZE, opcode, last, stag, high, low);
    this.#copy(bytes, from, size, this.#at + FPDU_LENGTH_SIZE + TAGGED_HEADER_SIZE);
    this.#seal(TAGGED_HEADER_SIZE + size);
  }

  /** Adds an untagged segment. Throws as {@linkcode tagged} does. */
  untagged(
    opcode: number,
    stag: number,
    queue: number,
    sequence: number,
    offset: number,
    last: boolean,
    bytes: Uint8Array,
    from: number,
    size: number,
  ): void {
    putUntagged(this.#view, this.#at + FPDU_LENGTH_SIZE, opcode, last, stag, queue, sequence, offset);
    this.#copy(bytes, from, size, this.payloadAt);
    this.#seal(UNTAGGED_HEADER_SIZE + size);
  }

  /** Adds an untagged message of one segment, whose payload is in place. */
  whole(opcode: number, queue: number, sequence: number, size: number): void {
    putUntagged(this.#view, this.#at + FPDU_LENGTH_SIZE, opcode, true, 0, queue, sequence, 0);
    this.#seal(UNTAGGED_HEADER_SIZE + size);
  }

  #copy(bytes: Uint8Array, from: number, size: number, to: number): void {
    // A region disposed under its own work has no bytes left; what lies in the buffer must not leave in their place.
    if (from + size > bytes.length) throw new StreamFault(Causes.LOCAL, "a region disposed while work used it");
    if (size > 0) this.#into.set(bytes.subarray(from, from + size), to);
  }

  // Length in front, zeroed padding and CRC behind.
  #seal(ulpduSize: number): void {
    const at = this.#at;
    this.#view.setUint16(at, ulpduSize);
    const end = at + fpduSize(ulpduSize);
    this.#into.fill(0, at + FPDU_LENGTH_SIZE + ulpduSize, end);
    if (this.#crc) {
      this.#view.setUint32(end - FPDU_CRC_SIZE, crc32cOf(this.#into, at, end - FPDU_CRC_SIZE), true);
    }
    this.#at = end;
  }
}
