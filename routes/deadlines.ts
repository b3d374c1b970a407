/**
 * One timer for all that must be over within the same time: set and cleared for each, timers cost as much as a good part
 * of what they watch.
 *
 * @module
 */

/** What must be over in time. */
export class Deadline {
  /** The one set before it and the one set after it, of those that are open. */
  before: Deadline | undefined;
  after: Deadline | undefined;
  /** Whether it was met, or missed. */
  over = false;

  /** Made by {@linkcode Deadlines.set}. */
  constructor(
    /** When it is due, on the clock of `performance.now()`. */ readonly at: number,
    /** Called then. */ readonly onLate: () => void,
  ) {}
}

/**
 * Deadlines that lie equally far ahead when they are set. They are in a list, not in a Set: what that forgets outlives V8's
 * short garbage collections.
 */
export class Deadlines {
  readonly #time: number;
  #first: Deadline | undefined; // the next one that is due
  #last: Deadline | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** All of them `time` milliseconds ahead. */
  constructor(time: number) {
    this.#time = time;
  }

  /** Has `onLate` called when the time is over, unless that is {@linkcode meet | met} before. */
  set(onLate: () => void): Deadline {
    const deadline = new Deadline(performance.now() + this.#time, onLate);
    deadline.before = this.#last;
    if (this.#last === undefined) this.#first = deadline;
    else this.#last.after = deadline;
    this.#last = deadline;
    this.#timer ??= setTimeout(() => this.#look(), this.#time);
    return deadline;
  }

  /** It is over in time. */
  meet(deadline: Deadline): void {
    this.#remove(deadline);
    if (this.#first !== undefined) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #remove(deadline: Deadline): void {
    if (deadline.over) return;
    deadline.over = true;
    const { before, after } = deadline;
    if (before === undefined) this.#first = after;
    else before.after = after;
    if (after === undefined) this.#last = before;
    else after.before = before;
    deadline.before = deadline.after = undefined;
  }

  #look(): void {
    this.#timer = undefined;
    for (let next; (next = this.#first) !== undefined;) {
      const left = next.at - performance.now();
      if (left > 0) {
        this.#timer ??= setTimeout(() => this.#look(), Math.ceil(left));
        return;
      }
      this.#remove(next);
      next.onLate();
    }
  }
}
