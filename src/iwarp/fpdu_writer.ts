/**
 * FPDUs as bytes: headers, payload, padding, CRC, one behind the other in a buffer, or past it.
 *
 * @module
 */
import { crc32c, crc32cOf } from "../rdma/crc32c.ts";
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

/** Payload of so many bytes is handed to an {@linkcode Outlet} from where it lies; to copy less than that costs less. */
const LONG_PAYLOAD = 32 * 1024;
/** Bytes that go through an outlet before others have their turn. */
const OUTLET_SIZE = 2 * 1024 * 1024;
/** Zeros between a ULPDU and its CRC, by how many. */
const PADDING: readonly Uint8Array[] = [0, 1, 2, 3].map((length) => new Uint8Array(length));

/** Where bytes can leave at once, from memory of any kind. */
export interface Outlet {
  /** Takes what it can without waiting, from the start of `bytes`; how many that are, 0 or less where it is none. More will follow. */
  send(bytes: Uint8Array<ArrayBuffer>): number;
}

/** The writer. */
export class FpduWriter {
  readonly #crc: boolean;
  #into = new Uint8Array(0);
  #view = new DataView(this.#into.buffer);
  #outlet: (() => Outlet | undefined) | undefined;
  #outletRoom = 0; // bytes that may still go through the outlet
  #kept = 0; // bytes at the start of the buffer that end an FPDU which has left
  #at = 0; // where the next one begins

  /** Writes FPDUs with CRCs or without. */
  constructor(crc: boolean) {
    this.#crc = crc;
  }

  /** Starts to fill `into`. Where the last time came to no {@linkcode end}, its whole FPDUs are forgotten. */
  begin(into: Uint8Array<ArrayBuffer>, outlet: (() => Outlet | undefined) | undefined): void {
    if (into !== this.#into) {
      this.#into = into;
      this.#view = new DataView(into.buffer, into.byteOffset, into.byteLength);
    }
    this.#outlet = outlet;
    this.#outletRoom = OUTLET_SIZE;
    this.#at = this.#kept;
  }

  /** The bytes to be written, from the buffer's start. */
  end(): number {
    this.#kept = 0;
    return this.#at;
  }

  /** Whether an FPDU of `size` bytes fits. */
  fits(size: number): boolean {
    return this.#outletRoom > 0 && this.#into.length - this.#at >= size;
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
    bytes: Uint8Array<ArrayBuffer>,
    from: number,
    size: number,
  ): void {
    putTagged(this.#view, this.#at + FPDU_LENGTH_SIZE, opcode, last, stag, high, low);
    const outlet = size < LONG_PAYLOAD ? undefined : this.#outlet?.();
    if (outlet !== undefined) return this.#sendPayload(outlet, bytes, from, size);
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

  // Hands the outlet all there is up to the header of a tagged segment, and its payload; what it does not take, and what
  // comes behind, is left at the start of the buffer.
  #sendPayload(outlet: Outlet, bytes: Uint8Array<ArrayBuffer>, from: number, size: number): void {
    checkPresent(bytes, from, size);
    const into = this.#into;
    const header = this.#at + FPDU_LENGTH_SIZE + TAGGED_HEADER_SIZE;
    const ulpduSize = TAGGED_HEADER_SIZE + size;
    const padding = fpduSize(ulpduSize) - FPDU_LENGTH_SIZE - ulpduSize - FPDU_CRC_SIZE;
    const payload = bytes.subarray(from, from + size);
    this.#view.setUint16(this.#at, ulpduSize);
    const crc = this.#crc
      ? crc32c(PADDING[padding] as Uint8Array, crc32c(payload, crc32cOf(into, this.#at, header)))
      : 0;
    const left = header - Math.max(0, outlet.send(into.subarray(0, header)));
    const sent = left > 0 ? 0 : Math.max(0, outlet.send(payload));
    into.copyWithin(0, header - left, header);
    into.set(payload.subarray(sent), left);
    const end = left + size - sent + padding + FPDU_CRC_SIZE;
    into.fill(0, end - FPDU_CRC_SIZE - padding, end);
    this.#view.setUint32(end - FPDU_CRC_SIZE, crc, true);
    this.#outletRoom = sent < size ? 0 : this.#outletRoom - size;
    this.#kept = this.#at = end;
  }

  #copy(bytes: Uint8Array, from: number, size: number, to: number): void {
    checkPresent(bytes, from, size);
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

// A region disposed under its own work has no bytes left; what lies in the buffer must not leave in their place.
function checkPresent(bytes: Uint8Array, from: number, size: number): void {
  if (from + size > bytes.length) throw new StreamFault(Causes.LOCAL, "a region disposed while work used it");
}
