/**
 * Connection requests that wait for whoever iterates a listener.
 *
 * @module
 */
import type { ConnectionRequest } from "./provider.ts";

/** Requests on their way and not yet taken, at most, of one listener; more are refused at once. */
export const MAX_PENDING_REQUESTS = 256;

/** The queue. */
export class RequestQueue<T extends ConnectionRequest> implements AsyncIterable<T> {
  readonly #ready: T[] = [];
  #news = Promise.withResolvers<void>(); // a request, or the end
  #closed = false;

  /** Requests not yet taken. */
  get length(): number {
    return this.#ready.length;
  }

  /** Adds one. */
  push(request: T): void {
    this.#ready.push(request);
    this.#announce();
  }

  /** Takes one out again, whose peer went away; whether it was still there. */
  remove(request: T): boolean {
    const index = this.#ready.indexOf(request);
    if (index >= 0) this.#ready.splice(index, 1);
    return index >= 0;
  }

  /** Ends the iteration, and returns the requests that nobody took. */
  close(): T[] {
    this.#closed = true;
    this.#announce();
    return this.#ready.splice(0);
  }

  /** The requests, until {@linkcode close}. */
  async *[Symbol.asyncIterator](): AsyncIterator<T> {
    for (;;) {
      const request = this.#ready.shift();
      if (request !== undefined) yield request;
      else if (this.#closed) return;
      else await this.#news.promise;
    }
  }

  // Whoever waits looks again.
  #announce(): void {
    this.#news.resolve();
    this.#news = Promise.withResolvers<void>();
  }
}
