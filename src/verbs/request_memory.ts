/**
 * Memory for lists of work requests: fixed slots, each with its scatter/gather entries, linked as they are used.
 *
 * @module
 */
import { layout, NativeMemory } from "../../ffi/mod.ts";
import { VerbsError } from "../rdma/errors.ts";
import { checkRange } from "../rdma/memory.ts";

const SGE = layout.ibv_sge;
const SGE_WORDS = SGE.size >> 2;
const HIGH = 0x1_0000_0000;
/** Where both kinds of request have the pointer to their scatter/gather entries. */
const LIST = layout.ibv_recv_wr.sg_list;

/** A range that a work request may name: registered memory. */
export interface LocalMemory {
  /** The address of its first byte. */
  readonly at: number;
  /** Its size in bytes. */
  readonly length: number;
  /** The key that local work requests show. */
  readonly localKey: number;
  /** Whether it is gone. */
  readonly disposed?: boolean;
}

/** Throws unless `[offset, offset + length)` lies within memory that is still there. */
export function checkMemory(memory: LocalMemory, offset: number, length: number): void {
  if (memory.disposed === true) throw new VerbsError("work request", "disposed", "it names a disposed MemoryRegion");
  checkRange(offset, length, memory.length);
}

/**
 * The slots of one kind of work request. Offsets are within {@linkcode view}, places within {@linkcode words}; the latter
 * are the faster way, and all machines that Deno runs on have them in the order in which C does.
 */
export class RequestMemory implements Disposable {
  /** The requests. */
  readonly view: DataView<ArrayBuffer>;
  /** Everything, as words of 4 bytes. */
  readonly words: Uint32Array<ArrayBuffer>;
  /** Everything, as bytes. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The first request's address. */
  readonly address: bigint;
  /** The same as a number. */
  readonly at: number;
  /** Where the pointer is that C sets to the first request it refused. */
  readonly refusedAddress: bigint;
  readonly #memory: NativeMemory;
  readonly #entries: number; // offset of the first slot's scatter/gather entries
  readonly #inline: number;
  readonly #refused: number;
  #disposed = false;

  /** Room for `capacity` requests. */
  constructor(
    /** Bytes of one request. */ readonly requestSize: number,
    /** Requests. */ readonly capacity: number,
    /** Scatter/gather entries of each. */ readonly maxEntries: number,
    /** Bytes of each that may be sent inline. */ readonly inlineSize: number,
  ) {
    this.#entries = capacity * requestSize;
    this.#inline = this.#entries + capacity * maxEntries * SGE.size;
    this.#refused = (this.#inline + capacity * inlineSize + 7) & ~7;
    this.#memory = new NativeMemory(this.#refused + 8);
    this.view = this.#memory.view;
    this.bytes = this.#memory.bytes;
    this.words = new Uint32Array(this.bytes.buffer);
    this.address = this.#memory.address;
    this.at = this.#memory.at;
    this.refusedAddress = this.address + BigInt(this.#refused);
    for (let slot = 0; slot < capacity; slot++) {
      this.setWide(slot * requestSize + LIST, this.at + this.#entries + slot * maxEntries * SGE.size);
    }
  }

  /** Writes a number of up to 53 bits as 64. */
  setWide(offset: number, value: number): void {
    const place = offset >> 2;
    this.words[place] = value; // which keeps the lower 32 bits
    this.words[place + 1] = value / HIGH;
  }

  /** Writes one scatter/gather entry. */
  setEntry(slot: number, entry: number, address: number, length: number, key: number): void {
    const { words } = this;
    const place = (this.#entries >> 2) + (slot * this.maxEntries + entry) * SGE_WORDS;
    words[place + (SGE.addr >> 2)] = address;
    words[place + (SGE.addr >> 2) + 1] = address / HIGH;
    words[place + (SGE.length >> 2)] = length;
    words[place + (SGE.lkey >> 2)] = key;
  }

  /** The offset of a slot's inline bytes. */
  inlineOf(slot: number): number {
    return this.#inline + slot * this.inlineSize;
  }

  /** The slot of the first request that C refused in the call just made; undefined where it names none. */
  get refusedSlot(): number | undefined {
    const address = Number(this.view.getBigUint64(this.#refused, true));
    return address === 0 ? undefined : (address - this.at) / this.requestSize;
  }

  /** Throws VerbsError once disposed: C would read what other memory may be by then. */
  ensureAlive(call: string): void {
    if (this.#disposed) throw new VerbsError(call, "disposed", "this batch has been disposed");
  }

  /** Unmaps the memory. */
  [Symbol.dispose](): void {
    this.#disposed = true;
    this.#memory[Symbol.dispose]();
  }
}
