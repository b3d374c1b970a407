/**
 * What is outstanding on one of an endpoint's queues, and what became of it, in slots made once.
 *
 * @module
 */
import type { Completion, Opcode } from "../rdma/completion.ts";
import { Status } from "../rdma/completion.ts";

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
  }

  /** Requests that fit now. */
  get free(): number {
    return this.depth - (this.#posted - this.#taken);
  }

  /** Requests that the device has. */
  get outstanding(): number {
    return this.#outstanding;
  }

  /** Completions that can be taken. */
  get ready(): number {
    return this.#ready - this.#taken;
  }

  /** The opcode of a slot. */
  opcode(slot: number): number {
    return this.#opcodes[slot] as number;
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
    this.#outstanding++;
    return slot;
  }

  /** What became of a slot's request. One that was never outstanding, or is no longer, stays as it is. */
  complete(slot: number, status: Status, length: number): void {
    if (this.#statuses[slot] !== OUTSTANDING) return;
    this.#statuses[slot] = status;
    this.#lengths[slot] = length;
    this.#outstanding--;
    while (this.#ready < this.#posted && this.#statuses[this.#ready % this.depth] !== OUTSTANDING) this.#ready++;
  }

  /** The device will complete no more: whatever is outstanding is flushed. */
  flush(): void {
    for (let at = this.#ready; at < this.#posted; at++) this.complete(at % this.depth, Status.FLUSHED, 0);
  }

  /** Fills `out` from `from` on, in order; how many. */
  take(out: Completion[], from: number): number {
    const count = Math.min(out.length - from, this.#ready - this.#taken);
    for (let index = 0; index < count; index++) {
      const slot = this.#taken++ % this.depth;
      const completion = out[from + index] as Completion;
      completion.id = this.#ids[slot] as number;
      completion.opcode = this.#opcodes[slot] as Opcode;
      completion.status = this.#statuses[slot] as Status;
      completion.length = this.#lengths[slot] as number;
      completion.invalidatedKey = 0;
    }
    return count;
  }
}
