/**
 * The bounded queues of one endpoint: posted receives, posted sends, completions. Every slot is made once.
 *
 * @module
 */
import { Completion, type Opcode, type Status } from "../rdma/completion.ts";
import type { IwarpRegion } from "./region.ts";

/** A ring of reused slots with positions that only grow; a position's slot is `position % capacity`. */
export class Ring<T> {
  readonly #slots: T[];
  /** Position of the oldest entry. */
  head = 0;
  /** Position behind the newest. */
  tail = 0;

  /** Makes all slots. */
  constructor(/** How many entries fit. */ readonly capacity: number, make: () => T) {
    this.#slots = Array.from({ length: capacity }, make);
  }

  /** Entries in it. */
  get length(): number {
    return this.tail - this.head;
  }

  /** The slot of a position between head and tail. */
  at(position: number): T {
    return this.#slots[position % this.capacity] as T;
  }

  /** Takes the slot behind the newest into use; the caller has seen that there is room. */
  push(): T {
    return this.at(this.tail++);
  }
}

/** A posted receive. */
export class ReceiveSlot {
  /** The user's. */
  id = 0;
  /** Where the message goes. */
  region: IwarpRegion | undefined;
  /** First byte. */
  offset = 0;
  /** Room. */
  length = 0;
}

/** A posted Send, Write, Read or atomic. */
export class SendSlot {
  /** The user's. */
  id = 0;
  /** What {@linkcode SendWork.opcode} may be. */
  opcode: Opcode = 0;
  /** Source, or sink of a Read or an atomic. */
  region: IwarpRegion | undefined;
  /** First byte. */
  offset = 0;
  /** Bytes. */
  length = 0;
  /** Peer's address, upper half. */
  remoteHigh = 0;
  /** Peer's address, lower half. */
  remoteLow = 0;
  /** Peer's STag, or the one to invalidate. */
  remoteKey = 0;
  /** Bytes sent so far; of a Read, bytes placed so far. */
  moved = 0;
  /** Of a Read: the STag its response bears. Of an atomic: the identifier its response bears. */
  sinkStag = 0;
  /** Immediate data. */
  immediate = 0;
  /** Of an atomic: what it adds, or puts in place of what it expects; upper half. */
  valueHigh = 0;
  /** Lower half. */
  valueLow = 0;
  /** Of a Compare and Swap: what it expects; upper half. */
  compareHigh = 0;
  /** Lower half. */
  compareLow = 0;
  /** Carried out; completes once everything before it has. */
  done = false;
}

/** The peer's RDMA Read being answered, or its atomic, which has been carried out. */
export class ResponseSlot {
  /** It is an atomic: `sinkStag` is its identifier, and the sink's address the eight bytes as they were before. */
  atomic = false;
  /** What is read. */
  region: IwarpRegion | undefined;
  /** Its STag when asked; the answer stops if it is withdrawn. */
  sourceStag = 0;
  /** First byte. */
  offset = 0;
  /** Bytes. */
  length = 0;
  /** The peer's sink. */
  sinkStag = 0;
  /** The sink's address, upper half. */
  sinkHigh = 0;
  /** The sink's address, lower half. */
  sinkLow = 0;
  /** Bytes sent so far. */
  moved = 0;
}

/** Completions that wait to be polled. It has a slot for each request that can be posted, so it cannot overflow. */
export class CompletionQueue {
  readonly #ring: Ring<Completion>;

  /** Makes all slots. */
  constructor(capacity: number) {
    this.#ring = new Ring(capacity, () => new Completion());
  }

  /** Completions waiting. */
  get length(): number {
    return this.#ring.length;
  }

  /** Adds one. */
  push(id: number, opcode: Opcode, status: Status, length: number, invalidatedKey = 0, immediate = 0): void {
    const slot = this.#ring.push();
    slot.id = id;
    slot.opcode = opcode;
    slot.status = status;
    slot.length = length;
    slot.invalidatedKey = invalidatedKey;
    slot.immediate = immediate;
  }

  /** Moves up to `out.length` of them out. */
  poll(out: Completion[]): number {
    const count = Math.min(out.length, this.#ring.length);
    for (let index = 0; index < count; index++) {
      Object.assign(out[index] as Completion, this.#ring.at(this.#ring.head++));
    }
    return count;
  }
}
