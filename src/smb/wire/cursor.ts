/**
 * How SMB2's bytes are read and written: little-endian, offsets counted from the message's header, every read within
 * its bounds. Sums are of 32-bit numbers in doubles: they cannot wrap.
 *
 * @module
 */
import { WireError } from "../../rdma/errors.ts";

/** Bytes of the header, and so where every message's body starts. */
export const HEADER_LENGTH = 64;
/** Bytes of a FileId, a lease key and a GUID. */
export const ID_LENGTH = 16;

const NOTHING = new Uint8Array(0);
const TWO_32 = 0x1_0000_0000;

/** The next multiple of 8. */
export function align8(length: number): number {
  return Math.ceil(length / 8) * 8;
}

/** Reads what a peer sent, from the front, and refuses to leave it; only {@linkcode WireError} comes out. */
export class Reader {
  /** Where the next read is, in the view. */
  at: number;
  /** Where the structure ends, in the view. */
  readonly end: number;

  /** Reads `length` bytes of `view` from `start` on. */
  constructor(
    /** What is read, for errors. */ readonly what: string,
    /** The bytes. */ readonly view: DataView,
    /** Where the structure starts, and its offsets count from. */ readonly start: number,
    length: number,
  ) {
    this.at = start;
    this.end = start + length;
    if (length < 0 || start < 0 || this.end > view.byteLength) this.fail("length lies within the buffer", length);
  }

  /** Starts after the header of a message of `length` bytes, with the body's StructureSize checked. */
  static ofBody(what: string, view: DataView, start: number, length: number, structureSize: number): Reader {
    const reader = new Reader(what, view, start, length);
    reader.skip(HEADER_LENGTH);
    const size = reader.u16();
    if (size !== structureSize) reader.fail(`StructureSize is ${structureSize}`, size);
    return reader;
  }

  /** Reads all of `bytes`. */
  static of(what: string, bytes: Uint8Array): Reader {
    return new Reader(what, new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), 0, bytes.byteLength);
  }

  /** Bytes not yet read. */
  get left(): number {
    return this.end - this.at;
  }

  /** Throws a {@linkcode WireError} that names the structure and the rule. */
  fail(field: string, value: number | bigint | string): never {
    throw new WireError("smb2", `${this.what}: ${field}`, value);
  }

  /** Moves over `count` bytes and returns where they start. */
  skip(count: number): number {
    const at = this.at;
    if (count > this.end - at) this.fail("length has room for every field", this.end - this.start);
    this.at = at + count;
    return at;
  }

  /** The next byte. */
  u8(): number {
    return this.view.getUint8(this.skip(1));
  }

  /** The next two. */
  u16(): number {
    return this.view.getUint16(this.skip(2), true);
  }

  /** The next four. */
  u32(): number {
    return this.view.getUint32(this.skip(4), true);
  }

  /** The next eight, as what they are. */
  u64(): bigint {
    return this.view.getBigUint64(this.skip(8), true);
  }

  /** The next eight as a count of bytes, which a double holds exactly: below 2^53. */
  size(field: string): number {
    const at = this.skip(8);
    const high = this.view.getUint32(at + 4, true);
    if (high >= 0x20_0000) this.fail(`${field} is below 2^53`, this.view.getBigUint64(at, true));
    return high * TWO_32 + this.view.getUint32(at, true);
  }

  /** The next `count` bytes, a view. */
  bytes(count: number): Uint8Array {
    return viewOf(this.view, this.skip(count), count);
  }

  /** The 16 bytes of an identity, a view. */
  id(): Uint8Array {
    return this.bytes(ID_LENGTH);
  }

  /**
   * The `length` bytes at `offset` from the structure's start, a view; they must lie after what was read so far. Of no
   * bytes the offset is not looked at: peers put anything there.
   */
  block(offset: number, length: number, field: string): Uint8Array {
    if (length === 0) return NOTHING;
    if (this.start + offset < this.at) this.fail(`offset of ${field} is after the fixed fields`, offset);
    if (offset + length > this.end - this.start) this.fail(`${field} lies within the message`, offset + length);
    return viewOf(this.view, this.start + offset, length);
  }
}

/** A view of `length` bytes of `view`. */
export function viewOf(view: DataView, at: number, length: number): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset + at, length);
}

/** Writes this side's own fields, front to back. A buffer too small is a defect of the caller's and a RangeError. */
export class Writer {
  /** Where the next write is, in the view. */
  at: number;

  /** Writes from `start` on. */
  constructor(
    /** The buffer. */ readonly view: DataView,
    /** Where offsets count from. */ readonly start: number,
  ) {
    this.at = start;
  }

  /** Starts after the header of the message at `start`, with the body's StructureSize written. */
  static ofBody(view: DataView, start: number, structureSize: number): Writer {
    const writer = new Writer(view, start);
    writer.at += HEADER_LENGTH;
    writer.u16(structureSize);
    return writer;
  }

  /** Bytes from the start to here. */
  get length(): number {
    return this.at - this.start;
  }

  /** Writes a byte. */
  u8(value: number): void {
    this.view.setUint8(this.at, value);
    this.at += 1;
  }

  /** Writes two. */
  u16(value: number): void {
    this.view.setUint16(this.at, value, true);
    this.at += 2;
  }

  /** Writes four. */
  u32(value: number): void {
    this.view.setUint32(this.at, value, true);
    this.at += 4;
  }

  /** Writes eight. */
  u64(value: bigint): void {
    this.view.setBigUint64(this.at, value, true);
    this.at += 8;
  }

  /** Writes eight of a count below 2^53. */
  size(value: number): void {
    putSize(this.view, this.at, value);
    this.at += 8;
  }

  /** Copies `bytes`. */
  bytes(bytes: Uint8Array): void {
    viewOf(this.view, this.at, bytes.length).set(bytes);
    this.at += bytes.length;
  }

  /** Copies an identity, which has 16 bytes. */
  id(bytes: Uint8Array): void {
    if (bytes.length !== ID_LENGTH) throw new WireError("smb2", "an identity has 16 bytes", bytes.length);
    this.bytes(bytes);
  }

  /** Writes `count` zero bytes. */
  zero(count: number): void {
    viewOf(this.view, this.at, count).fill(0);
    this.at += count;
  }

  /** Writes zero bytes up to a multiple of 8 from the start. */
  pad8(): void {
    this.zero(align8(this.length) - this.length);
  }
}

/** Refuses a value of this side's own that its field cannot hold, or that is no whole number. */
export function checkFits(field: string, value: number, most: number): void {
  if (!Number.isInteger(value) || value < 0 || value > most) {
    throw new WireError("smb2", `${field} is a whole number of at most ${most}`, value);
  }
}

/**
 * Writes a count of bytes as 64 bits, without a bigint.
 *
 * @throws WireError unless it is a whole number below 2^53.
 */
export function putSize(view: DataView, at: number, value: number): void {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new WireError("smb2", "a 64-bit count is a whole number below 2^53", value);
  }
  view.setUint32(at, value % TWO_32, true);
  view.setUint32(at + 4, Math.floor(value / TWO_32), true);
}
