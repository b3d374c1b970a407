/**
 * One timer for all that must be over within the same time: set and cleared for each, timers cost as much as a good part
 * of what they watch.
 *
 * @module
 */

/** What must be over in time. */
export interface Deadline {
  /** When it is due, on the clock of `performance.now()`. */
  readonly at: number;
  /** Called then. */
  readonly onLate: () => void;
}

/** Deadlines that lie equally far ahead when they are set. */
export class Deadlines {
  readonly #time: number;
  readonly #open = new Set<Deadline>(); // the next one first
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** All of them `time` milliseconds ahead. */
  constructor(time: number) {
    this.#time = time;
  }

  /** Has `onLate` called when the time is over, unless that is {@linkcode meet | met} before. */
  set(onLate: () => void): Deadline {
    const deadline = { at: performance.now() + this.#time, onLate };
    this.#open.add(deadline);
    this.#timer ??= setTimeout(() => this.#look(), this.#time);
    return deadline;
  }

  /** It is over in time. */
  meet(deadline: Deadline): void {
    this.#open.delete(deadline);
    if (this.#open.size > 0) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #look(): void {
    this.#timer = undefined;
    for (const deadline of this.#open) {
      const left = deadline.at - performance.now();
      if (left > 0) {
        this.#timer = setTimeout(() => this.#look(), Math.ceil(left));
        return;
      }
      this.#open.delete(deadline);
      deadline.onLate();
    }
  }
}
