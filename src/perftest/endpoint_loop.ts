/**
 * Loops driven by an endpoint's completions.
 *
 * @module
 */
import { clearImmediate, setImmediate } from "node:timers";
import { completions, type Opcode, Status, statusText } from "../rdma/completion.ts";
import { VerbsError } from "../rdma/errors.ts";
import type { Endpoint } from "../rdma/provider.ts";
import type { EndpointMemory } from "./endpoint_memory.ts";
import type { LoopOptions } from "./loop.ts";

/** Completions taken from one poll. */
const BATCH = 64;

/** A loop that posts when completions come. It takes the endpoint's `onCompletions` for itself until it is disposed. */
export abstract class EndpointLoop implements Disposable {
  readonly #batch = completions(BATCH);
  readonly #end = Promise.withResolvers<void>();
  #over = false;
  #immediate: ReturnType<typeof setImmediate> | undefined;

  /** Makes it ready. */
  constructor(protected readonly endpoint: Endpoint, protected readonly memory: EndpointMemory) {}

  /** A number that changes whenever something was achieved. */
  protected abstract get progress(): number;

  /** Takes a success into account. */
  protected abstract completed(opcode: Opcode): void;

  /** Posts what can be posted now; whether all is done. */
  protected abstract advance(): boolean;

  /**
   * Runs it to its end. Throws VerbsError: `timeout` when nothing moved for `timeout` milliseconds, or up to twice as
   * many; the status of what failed; and why the connection ended.
   */
  async run({ call, timeout, signal }: LoopOptions): Promise<void> {
    signal?.throwIfAborted();
    const onAbort = () => this.#fail(signal?.reason);
    signal?.addEventListener("abort", onAbort);
    let progress = this.progress;
    const watch = setInterval(() => {
      if (this.progress === progress) this.#fail(new VerbsError(call, "timeout", `nothing moved for ${timeout} ms`));
      progress = this.progress;
    }, timeout);
    this.endpoint.closed.then(({ error }) => {
      this.#take(); // what came before the end counts
      this.#fail(error ?? new VerbsError(call, "lost", "the peer closed the connection"));
    });
    this.endpoint.onCompletions = this.#take;
    this.#take(); // what came before now was not told
    try {
      await this.#end.promise;
    } finally {
      clearInterval(watch);
      signal?.removeEventListener("abort", onAbort);
    }
  }

  /** Ends it. */
  [Symbol.dispose](): void {
    this.#over = true;
    clearImmediate(this.#immediate);
    this.endpoint.onCompletions = undefined;
  }

  /** Has {@linkcode advance} called again after a turn of the event loop: for what comes without a completion. */
  protected advanceLater(): void {
    this.#immediate ??= setImmediate(this.#turn);
  }

  readonly #turn = (): void => {
    this.#immediate = undefined;
    this.#take();
  };

  readonly #take = (): void => {
    if (this.#over) return;
    try {
      for (let count = BATCH; count === BATCH;) {
        count = this.endpoint.poll(this.#batch);
        for (let index = 0; index < count; index++) this.#takeOne(index);
      }
      if (!this.advance()) return;
      this.#over = true;
      this.#end.resolve();
    } catch (error) {
      this.#fail(error);
    }
  };

  // Of what is flushed the connection's end, which is near, tells why.
  #takeOne(index: number): void {
    const completion = this.#batch[index];
    if (completion?.status === Status.SUCCESS) return this.completed(completion.opcode);
    if (completion === undefined || completion.status === Status.FLUSHED) return;
    const { plan, sizes } = this.memory;
    const detail = `after ${this.progress} steps of ${sizes.iterations}`;
    throw new VerbsError(plan.name, statusText(completion.status), detail);
  }

  #fail(reason: unknown): void {
    this.#over = true;
    this.#end.reject(reason);
  }
}
