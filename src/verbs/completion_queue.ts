/**
 * Completion queues.
 *
 * @module
 */
import { errno, type Operations, prepareErrno } from "../../ffi/mod.ts";
import { VerbsError } from "../rdma/errors.ts";
import type { CompletionChannel } from "./completion_channel.ts";
import type { Context } from "./context.ts";
import { checkVerb, verbsFailure } from "./failure.ts";
import { verbs } from "./libraries.ts";
import { Resource } from "./resource.ts";
import type { WorkCompletions } from "./work_completions.ts";

/** How a completion queue is made. */
export interface CompletionQueueOptions {
  /** Completions it must hold: as many as may be outstanding on all queues that use it. More than that break it. */
  entries: number;
  /** Where it announces completions, once armed by {@linkcode CompletionQueue.requestNotification}. */
  channel?: CompletionChannel;
  /** The interrupt vector, below {@linkcode Context.completionVectors}. Default 0. */
  vector?: number;
}

/** A completion queue. */
export class CompletionQueue extends Resource {
  /** The `struct ibv_cq *`. */
  readonly handle: bigint;
  /** The channel it was made with. */
  readonly channel: CompletionChannel | undefined;
  readonly #operations: Operations;

  /** Made by {@linkcode Context.createCompletionQueue}. */
  constructor(
    /** The open device. */ readonly context: Context,
    options: CompletionQueueOptions,
  ) {
    const { entries, channel, vector = 0 } = options;
    super(channel === undefined ? [context] : [context, channel]);
    this.#operations = context.operations;
    this.channel = channel;
    prepareErrno();
    this.handle = verbs().ibv_create_cq(context.handle, entries, 0n, channel?.handle ?? 0n, vector);
    if (this.handle === 0n) {
      const failed = verbsFailure(`ibv_create_cq(${entries} entries)`, errno());
      this[Symbol.dispose]();
      throw failed;
    }
    channel?.attach(this);
  }

  /** Fills `completions` from its start and returns how many came: 0 when none waits. Throws VerbsError. */
  poll(completions: WorkCompletions): number {
    this.ensureAlive("ibv_poll_cq");
    const count = this.#operations.poll_cq(this.handle, completions.capacity, completions.address);
    if (count < 0) throw new VerbsError("ibv_poll_cq", "failed", `it returned ${count}`);
    return count;
  }

  /**
   * Asks for one event on the channel at the next completion, or with `solicitedOnly` at the next that its sender marked
   * as solicited, or that failed. Poll once more after this: what came before it is not announced.
   */
  requestNotification(solicitedOnly = false): void {
    this.ensureAlive("ibv_req_notify_cq");
    checkVerb("ibv_req_notify_cq", this.#operations.req_notify_cq(this.handle, solicitedOnly ? 1 : 0));
  }

  /** Makes it hold another number of completions. Throws VerbsError; few drivers can. */
  resize(entries: number): void {
    this.ensureAlive("ibv_resize_cq");
    checkVerb(`ibv_resize_cq(${entries} entries)`, verbs().ibv_resize_cq(this.handle, entries));
  }

  /** Gives it back. */
  protected override destroy(): void {
    if (this.handle === 0n) return;
    checkVerb("ibv_destroy_cq", verbs().ibv_destroy_cq(this.handle));
    this.channel?.detach(this);
  }
}
