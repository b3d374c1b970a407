/**
 * Frames on a Unix socket between a reader and an engine: bytes in, messages and pieces of ranges out. No I/O, no clock.
 *
 * ```text
 * message   length u32 | MessagePack                          as SeaweedFS's sidecar and engine frame it
 * piece     length u32 | 0xc1 | 0 0 0 | id u32 | at u32 | bytes   Verbena's own, for a StartRead with `inline`
 * ```
 *
 * Numbers are little-endian; a length counts what is behind it. No message begins with 0xc1, which MessagePack never uses.
 * Pieces of the range that request `id` asked for go ahead of its StartReadResponse, in order; where one begins at 0 again,
 * what came before means nothing. Pieces of several ranges, and messages, may come between each other.
 *
 * @module
 */
import { WireError } from "../rdma/errors.ts";
import { MAX_REQUEST_SIZE } from "./messages.ts";

/** Bytes of a piece's frame ahead of its bytes, the length included. */
export const PIECE_HEADER_SIZE = 16;
/** Bytes of a piece, at most. */
export const MAX_PIECE_SIZE: number = 1 << 20;

const LENGTH_SIZE = 4;
const PIECE_MARK = 0xc1;
/** Room for a whole message, and for a little more, so that many small frames take one read. */
const BUFFER_SIZE = 2 * MAX_REQUEST_SIZE;

/** What becomes of frames. Either may throw WireError. */
export interface FrameSink {
  /** A whole message. The view holds during the call only. */
  message(bytes: Uint8Array): void;
  /** Where the piece of `length` bytes at `at` of the range of request `id` is to go. */
  piece(id: number, at: number, length: number): Uint8Array;
}

/** The receiving side of a socket. */
export class FrameReader {
  readonly #sink: FrameSink;
  readonly #buffer = new Uint8Array(BUFFER_SIZE);
  readonly #view = new DataView(this.#buffer.buffer);
  #start = 0; // of what was not looked at yet
  #end = 0;
  #whole = 0;
  #target: Uint8Array | undefined; // what is left of the piece that is being received

  /** Nothing has come. */
  constructor(sink: FrameSink) {
    this.#sink = sink;
  }

  /** Frames that have come whole. */
  get whole(): number {
    return this.#whole;
  }

  /** Whether a frame has come in part. */
  get midFrame(): boolean {
    return this.#target !== undefined || this.#start < this.#end;
  }

  /** Where the next bytes are to be read to: the rest of a piece goes straight to its place. Never empty. */
  space(): Uint8Array {
    if (this.#target !== undefined) return this.#target;
    if (this.#start === this.#end) this.#start = this.#end = 0;
    else if (this.#end > BUFFER_SIZE / 2) {
      this.#buffer.copyWithin(0, this.#start, this.#end);
      this.#end -= this.#start;
      this.#start = 0;
    }
    return this.#buffer.subarray(this.#end);
  }

  /** Takes note that so many bytes were read there. Throws WireError. */
  filled(count: number): void {
    if (this.#target !== undefined) {
      this.#target = count < this.#target.length ? this.#target.subarray(count) : undefined;
      if (this.#target === undefined) this.#whole++;
      return;
    }
    this.#end += count;
    while (this.#next()) this.#whole++;
  }

  /** Takes the next frame, or as much of it as there is; false when there is no whole message and no piece's beginning. */
  #next(): boolean {
    const available = this.#end - this.#start;
    if (available <= LENGTH_SIZE) return false;
    const length = this.#view.getUint32(this.#start, true);
    if (this.#buffer[this.#start + LENGTH_SIZE] === PIECE_MARK) return this.#nextPiece(available, length);
    if (length === 0 || length > MAX_REQUEST_SIZE) throw new WireError("engine", "length of a frame", length);
    if (available < LENGTH_SIZE + length) return false;
    const begin = this.#start + LENGTH_SIZE;
    this.#start = begin + length;
    this.#sink.message(this.#buffer.subarray(begin, begin + length));
    return true;
  }

  #nextPiece(available: number, length: number): boolean {
    const size = length - (PIECE_HEADER_SIZE - LENGTH_SIZE);
    if (size < 1 || size > MAX_PIECE_SIZE) throw new WireError("engine", "length of a piece's frame", length);
    if (available < PIECE_HEADER_SIZE) return false;
    const mark = this.#view.getUint32(this.#start + LENGTH_SIZE, true);
    if (mark !== PIECE_MARK) throw new WireError("engine", "mark of a piece", mark);
    const id = this.#view.getUint32(this.#start + 8, true);
    const at = this.#view.getUint32(this.#start + 12, true);
    const target = this.#sink.piece(id, at, size);
    const begin = this.#start + PIECE_HEADER_SIZE;
    const here = Math.min(size, this.#end - begin);
    target.set(this.#buffer.subarray(begin, begin + here));
    this.#start = begin + here;
    if (here < size) this.#target = target.subarray(here);
    return here === size;
  }
}

/** A message's frame. */
export function messageFrame(message: Uint8Array): Uint8Array<ArrayBuffer> {
  const frame = new Uint8Array(LENGTH_SIZE + message.length);
  new DataView(frame.buffer).setUint32(0, message.length, true);
  frame.set(message, LENGTH_SIZE);
  return frame;
}

/** What goes ahead of a piece's bytes. */
export function pieceHeader(id: number, at: number, length: number): Uint8Array<ArrayBuffer> {
  const header = new Uint8Array(PIECE_HEADER_SIZE);
  const view = new DataView(header.buffer);
  view.setUint32(0, PIECE_HEADER_SIZE - LENGTH_SIZE + length, true);
  view.setUint32(4, PIECE_MARK, true);
  view.setUint32(8, id, true);
  view.setUint32(12, at, true);
  return header;
}
