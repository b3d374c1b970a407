/**
 * One timer for a deadline that moves: it is set when the deadline comes nearer, and never touched when it recedes.
 *
 * @module
 */

/** The longest delay that `setTimeout` takes. */
const LONGEST_DELAY = 2_147_483_647;

/** Calls back once `performance.now()` has reached the deadline, and perhaps earlier: who is called looks at the clock. */
export class Deadline {
  #timer: ReturnType<typeof setTimeout> | undefined;
  #time = Infinity;

  /** Nothing is due yet. */
  constructor(private readonly expired: () => void) {}

  /** Moves the deadline to `time`; Infinity for none. */
  set(now: number, time: number): void {
    if (time >= this.#time || time === Infinity) return; // when the timer goes off for nothing, it is set anew
    this.clear();
    this.#time = time;
    const delay = Math.min(LONGEST_DELAY, Math.max(0, Math.ceil(time - now)));
    this.#timer = setTimeout(() => {
      this.clear();
      this.expired();
    }, delay);
  }

  /** Calls nothing any more until it is set again. */
  clear(): void {
    if (this.#timer !== undefined) clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#time = Infinity;
  }
}
