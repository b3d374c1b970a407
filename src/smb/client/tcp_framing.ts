/**
 * SMB messages on a TCP stream, without I/O: each has its length in front, 4 bytes (MS-SMB2 2.1).
 *
 * @module
 */
import { WireError } from "../../rdma/errors.ts";
import type { TransportEvents } from "./transport.ts";

/** Bytes in front of each message: zero, and 24 bits of length, big-endian. */
export const TCP_PREFIX = 4;
/** The longest message that the prefix can announce. */
export const MOST_TCP_MESSAGE = 0xff_ffff;

/** What is read at once; messages that fit are delivered from here. */
const STAGING = 65_536;
/** What must be there of a longer one before it is asked where it goes: more than any header. */
const HEAD = 256;
/** The shortest message: an SMB2 header, or a transform header and one. */
const SHORTEST = 64;

/** Writes the prefix of a message of `length` bytes. */
export function putTcpPrefix(frame: Uint8Array, length: number): void {
  frame[0] = 0;
  frame[1] = length >>> 16;
  frame[2] = length >>> 8;
  frame[3] = length;
}

/** Finds the messages in a stream that is read into {@linkcode space}. */
export class TcpFraming {
  readonly #staging = new Uint8Array(STAGING);
  #start = 0;
  #end = 0;
  /** What a long message is put together in, used again and again. */
  #whole = new Uint8Array(0);
  /** Where the rest of a long message goes; undefined between those. */
  #target: Uint8Array<ArrayBuffer> | undefined;
  #at = 0;
  /** The start of a long message whose payload is placed. */
  #head: Uint8Array | undefined;

  /** Takes messages of at most `longest` bytes. */
  constructor(private readonly longest: number, private readonly events: Pick<TransportEvents, "message" | "place">) {}

  /** Where to read the next bytes to; never empty. */
  get space(): Uint8Array<ArrayBuffer> {
    return this.#target === undefined ? this.#staging.subarray(this.#end) : this.#target.subarray(this.#at);
  }

  /** Whether the stream may end here. */
  get between(): boolean {
    return this.#target === undefined && this.#start === this.#end;
  }

  /**
   * `count` bytes were read there.
   *
   * @throws WireError when the prefix announces what is no message.
   */
  take(count: number): void {
    if (this.#target === undefined) {
      this.#end += count;
      this.#deliver();
      return;
    }
    this.#at += count;
    if (this.#at === this.#target.length) this.#finishLong();
  }

  #deliver(): void {
    const staging = this.#staging;
    while (this.#end - this.#start >= TCP_PREFIX) {
      const at = this.#start + TCP_PREFIX;
      const length = this.#lengthAt(this.#start);
      if (this.#end - at < length) {
        if (length <= STAGING - TCP_PREFIX || this.#end - at < HEAD) break;
        this.#beginLong(at, length);
        return;
      }
      this.#start = at + length;
      this.events.message(staging.subarray(at, at + length), 0);
    }
    if (this.#start > 0) {
      staging.copyWithin(0, this.#start, this.#end);
      this.#end -= this.#start;
      this.#start = 0;
    }
  }

  #lengthAt(at: number): number {
    const bytes = this.#staging;
    const length = (bytes[at + 1] as number) << 16 | (bytes[at + 2] as number) << 8 | (bytes[at + 3] as number);
    if (bytes[at] !== 0) {
      throw new WireError("smb2", "the byte before a message's length over TCP is 0", bytes[at] ?? 0);
    }
    if (length < SHORTEST || length > this.longest) {
      throw new WireError("smb2", `length of a message over TCP is ${SHORTEST} to ${this.longest}`, length);
    }
    return length;
  }

  /** A message that does not fit comes: its start is here, the rest goes straight to its place. */
  #beginLong(at: number, length: number): void {
    const come = this.#staging.subarray(at, this.#end);
    const placement = this.events.place(come, length);
    let target: Uint8Array;
    let offset = 0;
    if (placement !== undefined && placement.offset <= come.length) {
      offset = placement.offset;
      target = placement.into;
      this.#head = come.slice(0, offset);
    } else {
      if (this.#whole.length < length) this.#whole = new Uint8Array(length);
      target = this.#whole.subarray(0, length);
    }
    target.set(come.subarray(offset));
    this.#target = target as Uint8Array<ArrayBuffer>;
    this.#at = come.length - offset;
    this.#start = this.#end = 0;
  }

  #finishLong(): void {
    const target = this.#target as Uint8Array;
    const head = this.#head;
    this.#target = undefined;
    this.#head = undefined;
    if (head === undefined) this.events.message(target, 0);
    else this.events.message(head, target.length);
  }
}
