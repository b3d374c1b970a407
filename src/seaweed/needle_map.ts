/**
 * The needle map: where each needle of a volume lies. Millions of needles at about 22 bytes each, and a look-up that
 * allocates nothing.
 *
 * @module
 */

import type { NeedlePage } from "./needle_page.ts";

/** Words of a slot: upper and lower half of the key, lower half of the offset in units of eight bytes, size. */
const WORDS = 4;
const FILL = 0.75;
const GROWTH = 1.5;
const LEAST_CAPACITY = 64;

// Keys can be chosen by whoever may write to a volume; they cannot choose this, and so not what collides.
const [SEED_LOW = 0, SEED_HIGH = 0] = crypto.getRandomValues(new Int32Array(2));

type Words = { [index: number]: number }; // indices are computed within bounds: never undefined

/** An open-addressed table from needle keys to offset and size. Sizes below 0 are tombstones, which stay in it. */
export class NeedleMap {
  #slots: Int32Array;
  #offsetHigh: Uint8Array | undefined;
  #capacity: number;
  #used = 0;
  #live = 0;

  /**
   * Makes an empty map.
   *
   * @param entries How many keys to have room for at once; it grows beyond.
   * @param wide Whether offsets have 40 bits, as in indices of 17-byte entries.
   */
  constructor(entries: number, /** Whether offsets have 40 bits. */ readonly wide: boolean) {
    this.#capacity = capacityFor(entries);
    this.#slots = new Int32Array(this.#capacity * WORDS);
    this.#offsetHigh = wide ? new Uint8Array(this.#capacity) : undefined;
  }

  /** Bytes a new map with room for `entries` takes. */
  static bytesFor(entries: number, wide: boolean): number {
    return capacityFor(entries) * (WORDS * 4 + (wide ? 1 : 0));
  }

  /** Bytes it takes now. */
  get byteLength(): number {
    return this.#slots.byteLength + (this.#offsetHigh?.byteLength ?? 0);
  }

  /** Slots, free ones included. Another number than before: the needles have other places. */
  get slots(): number {
    return this.#capacity;
  }

  /** Needles that are not deleted. */
  get live(): number {
    return this.#live;
  }

  /** Keys that bear a tombstone. */
  get deleted(): number {
    return this.#used - this.#live;
  }

  /** The slot of a key, for {@linkcode offset} and {@linkcode size}; -1 when the index never named it. */
  find(keyHigh: number, keyLow: number): number {
    const slot = this.#probe(keyHigh | 0, keyLow | 0);
    return this.#isEmpty(slot) ? -1 : slot;
  }

  /** Where the needle in a slot begins, in bytes. */
  offset(slot: number): number {
    const low = (this.#slots as Words)[slot * WORDS + 2] as number >>> 0;
    return (this.#high(slot) * 0x1_0000_0000 + low) * 8;
  }

  /** The size of the needle in a slot, as its header must say it; below 0 when it is deleted. */
  size(slot: number): number {
    return (this.#slots as Words)[slot * WORDS + 3] as number;
  }

  /**
   * Takes an entry of the index; the last one of a key counts. One that bears no offset, or a size below 0, is a
   * tombstone.
   *
   * @param offsetLow Lower 32 bits of the offset in units of eight bytes.
   * @param offsetHigh The eight bits above; 0 unless the map is wide.
   */
  set(keyHigh: number, keyLow: number, offsetLow: number, offsetHigh: number, size: number): void {
    const slot = this.#probe(keyHigh | 0, keyLow | 0);
    const words = this.#slots as Words;
    const at = slot * WORDS;
    const alive = size >= 0 && (offsetLow !== 0 || offsetHigh !== 0);
    const fresh = this.#isEmpty(slot);
    if (alive) this.#live++;
    if (!fresh && words[at + 3] as number >= 0) this.#live--;
    words[at] = keyHigh | 0;
    words[at + 1] = keyLow | 0;
    words[at + 2] = offsetLow | 0;
    words[at + 3] = alive ? size : -1; // which also tells a slot from an empty one
    if (this.#offsetHigh !== undefined) this.#offsetHigh[slot] = offsetHigh;
    if (fresh && ++this.#used > this.#capacity * FILL) this.#grow();
  }

  /** Offers the needles in `count` slots from `first` on to `page`, deleted ones left out. */
  gather(page: NeedlePage, first: number, count: number): void {
    const words = this.#slots as Words;
    const end = Math.min(this.#capacity, first + count);
    for (let slot = first; slot < end; slot++) {
      const at = slot * WORDS;
      const size = words[at + 3] as number;
      if (size < 0 || size === 0 && this.#isEmpty(slot)) continue;
      page.offer((words[at] as number) >>> 0, (words[at + 1] as number) >>> 0, size);
    }
  }

  #high(slot: number): number {
    return this.#offsetHigh === undefined ? 0 : this.#offsetHigh[slot] as number;
  }

  #isEmpty(slot: number): boolean {
    const words = this.#slots as Words;
    const at = slot * WORDS;
    return words[at + 3] === 0 && words[at + 2] === 0 && this.#high(slot) === 0;
  }

  /** The slot that holds the key, or the empty one where it would go. There always is one: the table is never full. */
  #probe(keyHigh: number, keyLow: number): number {
    const words = this.#slots as Words;
    let slot = Math.floor(hash(keyHigh, keyLow) * this.#capacity / 0x1_0000_0000);
    for (;;) {
      const at = slot * WORDS;
      if (words[at + 1] === keyLow && words[at] === keyHigh || this.#isEmpty(slot)) return slot;
      if (++slot === this.#capacity) slot = 0;
    }
  }

  #grow(): void {
    const slots = this.#slots as Words;
    const high = this.#offsetHigh;
    const count = this.#capacity;
    this.#capacity = Math.ceil(count * GROWTH);
    this.#slots = new Int32Array(this.#capacity * WORDS);
    this.#offsetHigh = this.wide ? new Uint8Array(this.#capacity) : undefined;
    for (let from = 0; from < count; from++) {
      const at = from * WORDS;
      const upper = high === undefined ? 0 : high[from] as number;
      if (slots[at + 3] === 0 && slots[at + 2] === 0 && upper === 0) continue;
      const to = this.#probe(slots[at] as number, slots[at + 1] as number);
      for (let word = 0; word < WORDS; word++) this.#slots[to * WORDS + word] = slots[at + word] as number;
      if (this.#offsetHigh !== undefined) this.#offsetHigh[to] = upper;
    }
  }
}

function capacityFor(entries: number): number {
  return Math.max(LEAST_CAPACITY, Math.ceil(entries / FILL) + 1);
}

function hash(keyHigh: number, keyLow: number): number {
  let h = Math.imul(keyLow ^ SEED_LOW, 0x85ebca6b);
  h = Math.imul(h ^ h >>> 15 ^ keyHigh ^ SEED_HIGH, 0xc2b2ae35);
  h = Math.imul(h ^ h >>> 13, 0x27d4eb2f);
  return (h ^ h >>> 16) >>> 0;
}
