/**
 * Messages on their way to a handler that may not have been set yet.
 *
 * @module
 */
import { VerbsError } from "../rdma/errors.ts";

/** Hands messages on in order; copies those that come too early and hands them on once there is a handler. */
export class MessageBacklog {
  readonly #kept: Uint8Array[] = [];
  #handler: ((message: Uint8Array) => void) | undefined;
  #scheduled = false;

  /** Keeps up to `ceiling` messages; more of them, and whatever the handler throws, go to `failed`. */
  constructor(
    /** Messages kept. */ readonly ceiling: number,
    private readonly failed: (error: unknown) => void,
  ) {}

  /** Who gets the messages. Kept ones follow in a microtask of their own. */
  get handler(): ((message: Uint8Array) => void) | undefined {
    return this.#handler;
  }

  set handler(handler: ((message: Uint8Array) => void) | undefined) {
    this.#handler = handler;
    if (this.#kept.length === 0 || this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => this.#deliverKept());
  }

  /** Hands on or keeps `message`, whose bytes may be overwritten once this returns. */
  deliver(message: Uint8Array): void {
    if (this.#handler !== undefined && this.#kept.length === 0) this.#call(message);
    else if (this.#kept.length < this.ceiling) this.#kept.push(message.slice());
    else this.failed(new VerbsError("receive", "no handler", `${this.ceiling} messages are kept: set onMessage`));
  }

  #deliverKept(): void {
    this.#scheduled = false;
    while (this.#handler !== undefined && this.#kept.length > 0) this.#call(this.#kept.shift() as Uint8Array);
  }

  #call(message: Uint8Array): void {
    try {
      this.#handler?.(message);
    } catch (error) {
      this.failed(error);
    }
  }
}
