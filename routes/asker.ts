/**
 * Who waits for an answer, and why they may wait no longer.
 *
 * @module
 */
import type { Asked } from "./guard.ts";
import { clientGone } from "./http_error.ts";

/** Who waits for an answer: a client that may go away, or be given up. */
export class Asker implements Disposable {
  readonly #forget: () => void;
  #controller: AbortController | undefined;
  #reason: unknown; // undefined while the answer is wanted

  /** Waits until it is disposed. */
  constructor(asked: Asked) {
    this.#forget = watchClient(asked, () => this.abort(clientGone()));
  }

  /** Aborts when the answer is not wanted any more. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#reason !== undefined) this.#controller.abort(this.#reason);
    }
    return this.#controller.signal;
  }

  /** The answer is not wanted any more, for this reason; the first one counts. */
  abort(reason: Error): void {
    this.#reason ??= reason;
    this.#controller?.abort(this.#reason);
  }

  /** Throws the reason why the answer is not wanted, where there is one. */
  throwIfAborted(): void {
    if (this.#reason !== undefined) throw this.#reason;
  }

  /** The client is looked after no longer. */
  [Symbol.dispose](): void {
    this.#forget();
  }
}

/** Has `onGone` called when the client goes away; returns what ends that. */
function watchClient({ env, req }: Asked, onGone: () => void): () => void {
  // A socket is at hand, where a signal would first be made. Of an answer that waits behind others it is the request's.
  const socket = env?.outgoing?.req.socket;
  if (socket === undefined) {
    const { signal } = req.raw;
    if (signal.aborted) onGone();
    signal.addEventListener("abort", onGone);
    return () => signal.removeEventListener("abort", onGone);
  }
  if (socket.destroyed) onGone();
  socket.on("close", onGone);
  return () => socket.off("close", onGone);
}
