/**
 * Receives, to be posted as one list.
 *
 * @module
 */
import { layout } from "../../ffi/mod.ts";
import { checkMemory, type LocalMemory, RequestMemory } from "./request_memory.ts";

const WR = layout.ibv_recv_wr;

/** A list of `struct ibv_recv_wr`, made once and filled again and again; C reads it only while it is posted. */
export class ReceiveBatch implements Disposable {
  readonly #memory: RequestMemory;
  #count = 0;
  #entries = 0;

  /** Room for `capacity` receives of up to `maxEntries` pieces of memory each. */
  constructor(
    /** Receives it holds. */ readonly capacity: number,
    /** Pieces of memory of each. */ readonly maxEntries: number = 1,
  ) {
    this.#memory = new RequestMemory(WR.size, capacity, maxEntries, 0);
  }

  /** Receives in it now. */
  get count(): number {
    return this.#count;
  }

  /** The first one's address, for C. */
  get address(): bigint {
    return this.#memory.address;
  }

  /** Where C says which one it refused. */
  get refusedAddress(): bigint {
    return this.#memory.refusedAddress;
  }

  /** The index of the one that C refused in the call just made: those before it were taken. All were where it names none. */
  get refusedIndex(): number {
    return this.#memory.refusedSlot ?? this.#count;
  }

  /** Throws VerbsError unless it can be posted. */
  ensureAlive(call: string): void {
    this.#memory.ensureAlive(call);
  }

  /** Empties it. */
  reset(): this {
    this.#count = 0;
    return this;
  }

  /**
   * Adds a receive; {@linkcode into} gives it memory, and siw wants that done even for no bytes. Throws RangeError when the
   * batch is full.
   */
  receive(id: number): this {
    const slot = this.#count;
    if (slot >= this.capacity) throw this.#full();
    const at = slot * WR.size;
    if (slot > 0) this.#memory.setWide(at - WR.size + WR.next, this.#memory.at + at);
    const { words } = this.#memory;
    const place = at >> 2;
    words[place + (WR.wr_id >> 2)] = id; // which keeps the lower 32 bits
    words[place + (WR.wr_id >> 2) + 1] = id / 0x1_0000_0000;
    words[place + (WR.next >> 2)] = 0;
    words[place + (WR.next >> 2) + 1] = 0;
    words[place + (WR.num_sge >> 2)] = 0;
    this.#entries = 0;
    this.#count++;
    return this;
  }

  /** Gives the last receive `length` bytes at `offset` of `region` to fill. Throws RangeError beyond either. */
  into(region: LocalMemory, offset = 0, length = region.length - offset): this {
    checkMemory(region, offset, length);
    const slot = this.#count - 1;
    if (slot < 0 || this.#entries >= this.maxEntries) {
      throw new RangeError(`a receive of this batch has room for ${this.maxEntries} pieces of memory`);
    }
    this.#memory.setEntry(slot, this.#entries++, region.at + offset, length, region.localKey);
    this.#memory.words[(slot * WR.size + WR.num_sge) >> 2] = this.#entries;
    return this;
  }

  /** Unmaps the memory. */
  [Symbol.dispose](): void {
    this.#memory[Symbol.dispose]();
    this.#count = this.capacity; // takes no more
  }

  #full(): RangeError {
    this.#memory.ensureAlive("work request");
    return new RangeError(`a batch of ${this.capacity} receives is full`);
  }
}
