/**
 * A machine that tests break rules on, and the ULPDUs they do it with.
 *
 * @module
 */
import { Opcode } from "../../src/rdma/completion.ts";
import { Access } from "../../src/rdma/memory.ts";
import type { IwarpRegion } from "../../src/iwarp/region.ts";
import { atomicRequest, atomicResponse, type Header, readRequest, tagged, untagged } from "./frames.ts";
import { Machine } from "./pair.ts";

/** Every right. */
export const OPEN = Access.LOCAL_WRITE | Access.REMOTE_WRITE | Access.REMOTE_READ | Access.REMOTE_ATOMIC;
/** Bytes that show where they were placed. */
export const payload = (length: number): Uint8Array => new Uint8Array(length).fill(0xee);

/** A machine with memory of every kind, which a peer is about to break rules on. */
export class Victim extends Machine {
  /** Everything is allowed. */
  readonly open = this.table.register(64, OPEN);
  /** Nothing is. */
  readonly closed = this.table.register(64, Access.LOCAL_WRITE);
  /** May be invalidated. */
  readonly offered = this.table.register(64, Access.LOCAL_WRITE | Access.REMOTE_INVALIDATE);
  /** Of it, bytes 16 … 47 are posted. */
  readonly receive = this.table.register(64, Access.LOCAL_WRITE);
  /** Of it, bytes 8 … 39 are the sink of a Read of 32 bytes. */
  readonly sink = this.table.register(64, Access.LOCAL_WRITE);

  constructor(crc: boolean) {
    super({ crc, ird: 2, ord: 2 });
    this.connection.postReceive(1, this.receive, 16, 32);
  }

  /** The bytes of every region that are not zero any more. */
  touched(): string[] {
    const { open, closed, offered, receive, sink } = this;
    return Object.entries({ open, closed, offered, receive, sink }).flatMap(([name, region]) =>
      [...region.bytes].flatMap((byte, at) => byte === 0 ? [] : [`${name} ${at}`])
    );
  }

  /** Posts the Read into `sink`, and lets its request leave. */
  read(length = 32): void {
    const { sink } = this;
    this.connection.postSend({
      id: 2,
      opcode: Opcode.READ,
      region: sink,
      offset: 8,
      length,
      remoteAddress: 0n,
      remoteKey: 7,
    });
    this.drain();
  }

  /** Posts a Fetch and Add whose old value goes to bytes 8 … 15 of `sink`, and lets its request leave. */
  fetchAdd(): void {
    this.connection.postSend({
      id: 2,
      opcode: Opcode.FETCH_ADD,
      region: this.sink,
      offset: 8,
      length: 8,
      remoteAddress: 0n,
      remoteKey: 7,
      add: 1n,
    });
    this.drain();
  }

  /** A segment of that Read's response. */
  response(at: number, length: number, last: boolean, stag = this.sink.remoteKey): Uint8Array {
    return tagged({ opcode: 2, last, stag, address: this.sink.address + BigInt(8 + at) }, payload(length));
  }
}

/** An RDMA Write's ULPDU. */
export const write = (region: IwarpRegion, at: number, length: number, more: Partial<Header> = {}): Uint8Array =>
  tagged({ opcode: 0, stag: region.remoteKey, address: region.address + BigInt(at), ...more }, payload(length));
/** A Send's. */
export const send = (length: number, more: Partial<Header> = {}): Uint8Array =>
  untagged({ opcode: 3, ...more }, payload(length));
/** A Read Request's. */
export const read = (stag: number, address: bigint, size: number, more: Partial<Header> = {}): Uint8Array =>
  untagged({ opcode: 1, queue: 1, ...more }, readRequest({ stag: 5, address: 6n }, size, { stag, address }));
/** A Read Request's, of a region. */
export const readOf = (region: IwarpRegion, at: number, size: number, more: Partial<Header> = {}): Uint8Array =>
  read(region.remoteKey, region.address + BigInt(at), size, more);
/** An Atomic Request's, Fetch and Add unless another operation is asked for. */
export const atomic = (
  stag: number,
  address: bigint,
  more: Partial<Header> & { operation?: number } = {},
): Uint8Array => {
  const { operation = 0, ...header } = more;
  const operands = { value: 1n, mask: 0n, compare: 0n, compareMask: 0n };
  return untagged({ opcode: 10, queue: 1, ...header }, atomicRequest(operation, 1, { stag, address }, operands));
};
/** An Atomic Response's. */
export const atomicAnswer = (identifier: number, value: bigint, more: Partial<Header> = {}): Uint8Array =>
  untagged({ opcode: 11, queue: 3, ...more }, atomicResponse(identifier, value));
