/**
 * The deadline over a connection's set-up, joined with the caller's signal.
 *
 * @module
 */
import { reasonOf, VerbenaError, VerbsError, WireError } from "./errors.ts";

/** How long a set-up may take by default, in milliseconds. */
export const SETUP_TIMEOUT = 5_000;

/** A deadline; dispose it once the set-up is over. */
export class SetupDeadline implements Disposable {
  /** Aborts when the time is up, or when the caller's does. */
  readonly signal: AbortSignal;
  readonly #timer: ReturnType<typeof setTimeout>;
  readonly #outer: AbortSignal | undefined;
  readonly #onOuter: () => void;

  /** Starts it. */
  constructor(/** Milliseconds. */ readonly timeout: number = SETUP_TIMEOUT, outer?: AbortSignal) {
    const controller = new AbortController();
    this.signal = controller.signal;
    this.#timer = setTimeout(() => controller.abort("timeout"), timeout);
    this.#outer = outer;
    this.#onOuter = () => controller.abort("aborted");
    if (outer?.aborted) this.#onOuter();
    outer?.addEventListener("abort", this.#onOuter);
  }

  /**
   * The error to throw for one that a step of the set-up met: says timeout or aborted where that was the cause. The
   * caller's own mistakes, RangeError and TypeError, pass as they are.
   */
  explain(call: string, error: unknown): Error {
    if (error instanceof RangeError || error instanceof TypeError) return error;
    if (this.signal.reason === "timeout") {
      return new VerbsError(call, "timeout", `no answer within ${this.timeout} ms`);
    }
    if (this.signal.aborted) return new VerbsError(call, "aborted", "by the caller");
    if (error instanceof WireError) return new VerbsError(call, "protocol", error.message);
    if (error instanceof VerbenaError) return error;
    return new VerbsError(call, "unreachable", reasonOf(error));
  }

  /** Lets go of the timer and of the caller's signal. */
  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#outer?.removeEventListener("abort", this.#onOuter);
  }
}
