/**
 * What is outstanding on one of an endpoint's queues, and what became of it, in slots made once.
 *
 * @module
 */
import type { Completion } from "../../rdma/completion.ts";
import { Opcode, Status } from "../../rdma/completion.ts";

/** No status: the device has it. */
const OUTSTANDING = 255;

/**
 * A ring of requests. They are posted in order and leave in order, whatever order the device completes them in: siw's
 * Sends overtake RDMA Reads.
 */
export class WorkSlots {
  readonly #ids: Float64Array<ArrayBuffer>;
  readonly #opcodes: Uint8Array<ArrayBuffer>;
  readonly #statuses: Uint8Array<ArrayBuffer>;
  readonly #lengths: Uint32Array<ArrayBuffer>;
  readonly #immediates: Uint32Array<ArrayBuffer>;
  // Positions only grow; a position's slot is what is left of it by the depth.
  #posted = 0;
  #ready = 0; // everything before it has completed
  #taken = 0;
  #outstanding = 0;

  /** Makes all slots. */
  constructor(/** How many requests fit. */ readonly depth: number) {
    this.#ids = new Float64Array(depth);
    this.#opcodes = new Uint8Array(depth);
    this.#statuses = new Uint8Array(depth);
    this.#lengths = new Uint32Array(depth);
    this.#immediates = new Uint32Array(depth);
  }

  /** Requests that fit now. */
  get free(): number {
    return this.depth - (this.#posted - this.#taken);
  }

  /** Requests that the device has. */
  get outstanding(): number {
    return this.#outstanding;
  }

  /** The opcode of a slot. */
  opcode(slot: number): Opcode {
    return this.#opcodes[slot] as Opcode;
  }

  /** The length of a slot's request. */
  length(slot: number): number {
    return this.#lengths[slot] as number;
  }

  /** Adds a request, for which there is room, and returns its slot. */
  push(id: number, opcode: Opcode, length: number): number {
    const slot = this.#posted++ % this.depth;
    this.#ids[slot] = id;
    this.#opcodes[slot] = opcode;
    this.#statuses[slot] = OUTSTANDING;
    this.#lengths[slot] = length;
    this.#immediates[slot] = 0;
    this.#outstanding++;
    return slot;
  }

  /** A slot's receive is completed by immediate data, and not by a Send. */
  turnImmediate(slot: number, immediate: number): void {
    this.#opcodes[slot] = Opcode.RECEIVE_IMMEDIATE;
    this.#immediates[slot] = immediate;
  }

  /**
   * What became of a slot's request. One that was never outstanding, or is no longer, stays as it is. Returns how many
   * requests can be taken now that could not be before.
   */
  complete(slot: number, status: Status, length: number): number {
    if (this.#statuses[slot] !== OUTSTANDING) return 0;
    this.#statuses[slot] = status;
    this.#lengths[slot] = length;
    this.#outstanding--;
    const before = this.#ready;
    while (this.#ready < this.#posted && this.#statuses[this.#ready % this.depth] !== OUTSTANDING) this.#ready++;
    return this.#ready - before;
  }

  /** The device will complete no more: whatever is outstanding is flushed. Returns as {@linkcode complete} does. */
  flush(): number {
    const before = this.#ready;
    for (let at = before; at < this.#posted; at++) this.complete(at % this.depth, Status.FLUSHED, 0);
    return this.#ready - before;
  }

  /** Takes the oldest that can be taken. */
  take(into: Completion): void {
    const slot = this.#taken++ % this.depth;
    into.id = this.#ids[slot] as number;
    into.opcode = this.#opcodes[slot] as Opcode;
    into.status = this.#statuses[slot] as Status;
    into.length = this.#lengths[slot] as number;
    into.invalidatedKey = 0;
    into.immediate = this.#immediates[slot] as number;
  }
}

/** Both queues of an endpoint. Their completions are taken in the order in which they came. */
export class EndpointWork {
  /** Sends, Writes, Reads and atomics. */
  readonly sends: WorkSlots;
  /** Receives. */
  readonly receives: WorkSlots;
  readonly #order: Uint8Array<ArrayBuffer>; // a ring: 1 for a receive
  #first = 0;
  #last = 0;

  /** Makes both. */
  constructor(sendDepth: number, receiveDepth: number) {
    this.sends = new WorkSlots(sendDepth);
    this.receives = new WorkSlots(receiveDepth);
    this.#order = new Uint8Array(sendDepth + receiveDepth);
  }

  /** Completions that can be taken. */
  get ready(): number {
    return this.#last - this.#first;
  }

  /** What became of a request. */
  complete(queue: WorkSlots, slot: number, status: Status, length: number): void {
    this.#append(queue, queue.complete(slot, status, length));
  }

  /** The device will complete no more: whatever is outstanding is flushed. */
  flush(): void {
    this.#append(this.sends, this.sends.flush());
    this.#append(this.receives, this.receives.flush());
  }

  /** Fills `out` from `from` on; how many. */
  take(out: Completion[], from: number): number {
    const count = Math.min(out.length - from, this.ready);
    for (let index = 0; index < count; index++) {
      const isReceive = this.#order[this.#first++ % this.#order.length] === 1;
      (isReceive ? this.receives : this.sends).take(out[from + index] as Completion);
    }
    return count;
  }

  #append(queue: WorkSlots, count: number): void {
    const kind = queue === this.receives ? 1 : 0;
    for (; count > 0; count--) this.#order[this.#last++ % this.#order.length] = kind;
  }
}
