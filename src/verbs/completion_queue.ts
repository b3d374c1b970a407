/**
 * Completion queues.
 *
 * @module
 */
import { errno, layout, type Operations, prepareErrno, viewAt } from "../../ffi/mod.ts";
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
  readonly #operations: Operations;
  readonly #forget: () => void;

  /** Creates one on an open device. Throws VerbsError. */
  static create(context: Context, options: CompletionQueueOptions): CompletionQueue {
    const { entries, channel, vector = 0 } = options;
    channel?.ensureAlive("ibv_create_cq");
    prepareErrno();
    const handle = verbs().ibv_create_cq(context.handle, entries, 0n, channel?.handle ?? 0n, vector);
    if (handle === 0n) throw verbsFailure(`ibv_create_cq(${entries} entries)`, errno());
    return new CompletionQueue(context, handle, channel);
  }

  /** Takes a `struct ibv_cq *`. */
  protected constructor(
    /** The open device. */ readonly context: Context,
    /** The pointer. */ readonly handle: bigint,
    /** The channel it was made with. */ readonly channel: CompletionChannel | undefined,
  ) {
    super(channel === undefined ? [context] : [context, channel]);
    this.#operations = context.operations;
    this.#forget = context.events.knowCompletionQueue(this);
    channel?.attach(this);
  }

  /** Completions it holds: at least as many as were asked for. */
  get entries(): number {
    this.ensureAlive("ibv_cq.cqe");
    return viewAt(this.handle, layout.ibv_cq.size).getInt32(layout.ibv_cq.cqe, true);
  }

  /** Fills `completions` from its start and returns how many came: 0 when none waits. Throws VerbsError. */
  poll(completions: WorkCompletions): number {
    this.ensureAlive("ibv_poll_cq");
    completions.ensureAlive("ibv_poll_cq");
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

  /** Makes it hold another number of completions, not fewer than are in it. Throws VerbsError; few drivers can. */
  resize(entries: number): void {
    this.ensureAlive("ibv_resize_cq");
    checkVerb(`ibv_resize_cq(${entries} entries)`, verbs().ibv_resize_cq(this.handle, entries));
  }

  /** Gives it back. */
  protected override destroy(): void {
    checkVerb("ibv_destroy_cq", verbs().ibv_destroy_cq(this.handle));
    this.channel?.detach(this);
    this.#forget();
  }
}
