/**
 * A circuit breaker over something that can be away: lets calls through, answers at once while it is away, and tries
 * again after a pause that grows. No I/O; time is a parameter.
 *
 * @module
 */

/** How a breaker behaves; milliseconds. */
export interface CircuitOptions {
  /** Failures in a row that open it. */
  threshold: number;
  /** The first pause. */
  firstPause: number;
  /** The longest pause. */
  longestPause: number;
  /** A number from 0 up to 1, for jitter. */
  random: () => number;
}

/** Where a breaker stands: `closed` lets calls through, `open` does not, `half-open` means that a try is due or under way. */
export type CircuitState = "closed" | "open" | "half-open";

/** The breaker. */
export class Circuit {
  readonly #options: CircuitOptions;
  #failures = 0;
  #openUntil = 0;

  /** Starts closed. */
  constructor(options: Partial<CircuitOptions> = {}) {
    this.#options = { threshold: 1, firstPause: 100, longestPause: 5_000, random: Math.random, ...options };
  }

  /** Where it stands. */
  state(now: number): CircuitState {
    if (this.#failures < this.#options.threshold) return "closed";
    return now >= this.#openUntil ? "half-open" : "open";
  }

  /** Failures in a row. */
  get failures(): number {
    return this.#failures;
  }

  /** Milliseconds until the next try; 0 when one may be made now. */
  pause(now: number): number {
    return this.state(now) === "open" ? this.#openUntil - now : 0;
  }

  /** A call went well: closes. */
  succeed(): void {
    this.#failures = 0;
  }

  /** A call failed: after the threshold opens, for a pause that doubles each time, jittered between half and whole. */
  fail(now: number): void {
    const { threshold, firstPause, longestPause, random } = this.#options;
    this.#failures++;
    if (this.#failures < threshold) return;
    const whole = Math.min(longestPause, firstPause * 2 ** Math.min(30, this.#failures - threshold));
    this.#openUntil = now + whole * (0.5 + random() / 2);
  }
}
