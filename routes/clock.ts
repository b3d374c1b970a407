/**
 * Time, as the routes need it: a test has clocks of its own.
 *
 * @module
 */

/** Time, as the routes need it. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  /** Milliseconds that only ever go forward, with a fraction. */
  elapsed(): number;
}

/** The machine's clocks. */
export const systemClock: Clock = { now: () => Date.now(), elapsed: () => performance.now() };
