/**
 * Completions one at a time, for protocols that take turns: each side waits for the other, and for no longer than a limit.
 *
 * @module
 */
import { type Completion, completions, Status, statusText } from "./completion.ts";
import { Deadline } from "./deadline.ts";
import { VerbsError } from "./errors.ts";
import type { Endpoint } from "./provider.ts";

/** Completions taken from one poll. */
const BATCH = 16;

/** Reads an endpoint's completions. It takes `onCompletions` for itself. */
export class CompletionReader implements Disposable {
  readonly #batch = completions(BATCH);
  #next = 0;
  #count = 0;
  #waiting: PromiseWithResolvers<void> | undefined;
  #limit = 0;
  #end = 0;
  readonly #deadline = new Deadline(() => this.#expire());
  readonly #onAbort: () => void;

  /** Reads from now on; aborting `signal` ends every wait with its reason. */
  constructor(
    /** The endpoint. */ readonly endpoint: Endpoint,
    /** What errors call what was tried: `ping 10.0.0.1:7174`. */ readonly call: string,
    private readonly signal?: AbortSignal,
  ) {
    endpoint.onCompletions = () => this.#waiting?.resolve();
    this.#onAbort = () => this.#waiting?.reject(signal?.reason);
    signal?.addEventListener("abort", this.#onAbort);
  }

  /** The next completion if there is one; the object is filled anew by a later call. */
  take(): Completion | undefined {
    if (this.#next === this.#count) {
      this.#next = 0;
      this.#count = this.endpoint.poll(this.#batch);
    }
    return this.#next < this.#count ? this.#batch[this.#next++] : undefined;
  }

  /**
   * The next completion, waited for `limit` milliseconds, or for ever where that is Infinity. Throws VerbsError with code
   * `timeout`, and the signal's reason.
   */
  async next(limit: number): Promise<Completion> {
    for (;;) {
      const completion = this.take();
      if (completion !== undefined) return completion;
      await this.#wait(limit);
    }
  }

  /**
   * The next completion, which must be a success. Throws VerbsError: its status where it failed, and why the connection
   * ended where it was flushed.
   */
  async success(limit: number): Promise<Completion> {
    const completion = await this.next(limit);
    if (completion.status === Status.SUCCESS) return completion;
    throw await this.failure(completion.status);
  }

  /** The error of a completion that is no success. */
  async failure(status: Status): Promise<VerbsError> {
    if (status !== Status.FLUSHED) return new VerbsError(this.call, statusText(status));
    await this.endpoint.close({ linger: 0 });
    const { error } = await this.endpoint.closed;
    return error instanceof VerbsError
      ? error
      : new VerbsError(this.call, "lost", error?.message ?? "the peer closed the connection");
  }

  /** Ends the waiting and the timer; the endpoint is the caller's to close. */
  [Symbol.dispose](): void {
    this.endpoint.onCompletions = undefined;
    this.signal?.removeEventListener("abort", this.#onAbort);
    this.#deadline.clear();
  }

  async #wait(limit: number): Promise<void> {
    this.signal?.throwIfAborted();
    const waiting = this.#waiting = Promise.withResolvers();
    const now = performance.now();
    this.#limit = limit;
    this.#end = now + limit;
    this.#deadline.set(now, this.#end);
    try {
      await waiting.promise;
    } finally {
      this.#waiting = undefined;
    }
  }

  // The timer is not touched when a wait ends, so that it serves many: it may go off too early, and is then set anew.
  #expire(): void {
    if (this.#waiting === undefined) return;
    const now = performance.now();
    if (now < this.#end) this.#deadline.set(now, this.#end);
    else this.#waiting.reject(new VerbsError(this.call, "timeout", `no answer within ${this.#limit} ms`));
  }
}
