/**
 * A burst of work, spread over turns of the event loop: what comes meanwhile waits for a part of it, and not for all.
 *
 * @module
 */
import { setImmediate } from "node:timers";

/** Work that waits for a later turn. */
interface Waiting {
  readonly cost: number;
  readonly begin: () => void;
}

/** Shares turns of the event loop out. */
export class Turns {
  readonly #budget: number;
  readonly #waiting: Waiting[] = []; // first come, first served
  #left: number;
  #ending = false;

  /**
   * Begins with a whole turn.
   *
   * @param budget What the work of one turn may cost, in any unit; what costs more has a turn to itself.
   */
  constructor(budget: number) {
    this.#budget = budget;
    this.#left = budget;
  }

  /** Undefined where this turn has room for work of that cost; else what is fulfilled in the turn that has. */
  take(cost: number): Promise<void> | undefined {
    if (this.#waiting.length === 0 && this.#has(cost)) return undefined;
    return new Promise((begin) => this.#waiting.push({ cost, begin }));
  }

  #has(cost: number): boolean {
    if (cost > this.#left && this.#left < this.#budget) return false;
    this.#left -= cost;
    if (!this.#ending) setImmediate(() => this.#end());
    this.#ending = true;
    return true;
  }

  // Before a timer Deno looks at every socket, and before another setImmediate() it need not: those who wait would be
  // served in a row after all.
  #end(): void {
    if (this.#waiting.length > 0) setTimeout(() => this.#begin(), 0);
    else this.#begin();
  }

  #begin(): void {
    this.#ending = false;
    this.#left = this.#budget;
    for (let next; (next = this.#waiting[0]) !== undefined && this.#has(next.cost);) {
      this.#waiting.shift();
      next.begin();
    }
  }
}
