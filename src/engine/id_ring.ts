/**
 * What is under way, each by its id.
 *
 * It stands where a Map would: but one that loses an entry for each it gains has its table made anew every few dozen, and
 * each old table leads to the next, so that what they held outlives the garbage collector's short rounds.
 *
 * @module
 */

/** Places at first. A power of two. */
const FIRST_PLACES = 64;
/** The largest id. */
const LARGEST = 0xffff_ffff;

/** The ids. At least half of the places are free: whatever stays for long, there is an id for the next. */
export class IdRing<T> {
  #ids = new Uint32Array(FIRST_PLACES); // 0 where the place is free
  #entries: (T | undefined)[] = new Array(FIRST_PLACES).fill(undefined);
  #size = 0;
  #drawn = 0;

  /** How many there are. */
  get size(): number {
    return this.#size;
  }

  /** An id that no entry bears, 1 to 2^32−1. It comes again only when all others have been drawn. */
  draw(): number {
    if (this.#size * 2 >= this.#ids.length) this.#grow();
    do this.#drawn = this.#drawn % LARGEST + 1; while (this.#ids[this.#placeOf(this.#drawn)] !== 0);
    return this.#drawn;
  }

  /** Adds an entry under the id that was drawn last. */
  add(id: number, entry: T): void {
    const place = this.#placeOf(id);
    this.#ids[place] = id;
    this.#entries[place] = entry;
    this.#size++;
  }

  /** The entry that bears `id`. */
  get(id: number): T | undefined {
    const place = this.#placeOf(id);
    return this.#ids[place] === id ? this.#entries[place] : undefined;
  }

  /** Forgets it. */
  delete(id: number): void {
    if (this.get(id) === undefined) return;
    const place = this.#placeOf(id);
    this.#ids[place] = 0;
    this.#entries[place] = undefined;
    this.#size--;
  }

  /** All entries, in no order. */
  values(): T[] {
    return this.#entries.filter((entry) => entry !== undefined);
  }

  #placeOf(id: number): number {
    return id & this.#ids.length - 1;
  }

  // Ids whose places differed in half the ring differ in the whole of it.
  #grow(): void {
    const [ids, entries] = [this.#ids, this.#entries];
    this.#ids = new Uint32Array(ids.length * 2);
    this.#entries = new Array(ids.length * 2).fill(undefined);
    for (let at = 0; at < ids.length; at++) {
      const id = ids[at] as number;
      if (id === 0) continue;
      this.#ids[this.#placeOf(id)] = id;
      this.#entries[this.#placeOf(id)] = entries[at];
    }
  }
}
