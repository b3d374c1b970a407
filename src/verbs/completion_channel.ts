/**
 * Completion channels: where completion queues announce that completions came.
 *
 * @module
 */
import { errno, errnoName, layout, prepareErrno, viewAt } from "../../ffi/mod.ts";
import type { CompletionQueue } from "./completion_queue.ts";
import type { Context } from "./context.ts";
import { checkVerb, verbsFailure } from "./failure.ts";
import { verbs } from "./libraries.ts";
import { abandon, makeNonBlocking, readable } from "./readiness.ts";
import { Resource } from "./resource.ts";

/** A completion channel. */
export class CompletionChannel extends Resource {
  /** Its descriptor, which is readable while events wait. It does not block. */
  readonly fd: number;
  readonly #queues = new Map<bigint, CompletionQueue>();
  readonly #queue = new Uint8Array(8);
  readonly #queueView = new DataView(this.#queue.buffer);
  readonly #ignored = new Uint8Array(8);

  /** Creates one. Throws VerbsError. */
  static create(context: Context): CompletionChannel {
    prepareErrno();
    const handle = verbs().ibv_create_comp_channel(context.handle);
    if (handle === 0n) throw verbsFailure(`ibv_create_comp_channel(${context.deviceName})`, errno());
    const channel = new CompletionChannel(context, handle);
    try {
      makeNonBlocking(channel.fd);
    } catch (error) {
      channel[Symbol.dispose]();
      throw error;
    }
    return channel;
  }

  private constructor(context: Context, /** The `struct ibv_comp_channel *`. */ readonly handle: bigint) {
    super([context]);
    this.fd = viewAt(handle, layout.ibv_comp_channel.size).getInt32(layout.ibv_comp_channel.fd, true);
  }

  /** Knows a queue from now on, so that {@linkcode take} can name it. */
  attach(queue: CompletionQueue): void {
    this.#queues.set(queue.handle, queue);
  }

  /** Forgets a queue. */
  detach(queue: CompletionQueue): void {
    this.#queues.delete(queue.handle);
  }

  /**
   * Takes one event and acknowledges it; returns the queue it is of, or undefined when none waits. Destroying a queue
   * takes its events along.
   */
  take(): CompletionQueue | undefined {
    this.ensureAlive("ibv_get_cq_event");
    prepareErrno();
    for (;;) {
      const result = verbs().ibv_get_cq_event(this.handle, this.#queue, this.#ignored);
      if (result !== 0) {
        const code = errno();
        if (errnoName(code) === "EINTR") continue;
        if (errnoName(code) === "EAGAIN") return undefined;
        throw verbsFailure("ibv_get_cq_event", code);
      }
      const handle = this.#queueView.getBigUint64(0, true);
      verbs().ibv_ack_cq_events(handle, 1); // an event that is not acknowledged blocks ibv_destroy_cq for ever
      const queue = this.#queues.get(handle);
      if (queue !== undefined) return queue;
    }
  }

  /**
   * Waits until {@linkcode take} has something to take, or the channel is disposed. Rejects with the signal's reason. One
   * caller may wait at a time.
   */
  async wait(signal?: AbortSignal): Promise<void> {
    this.ensureAlive("poll");
    await readable(this.fd, signal);
  }

  /** Gives it back; whoever waits for it is woken. */
  protected override destroy(): void {
    abandon(this.fd);
    checkVerb("ibv_destroy_comp_channel", verbs().ibv_destroy_comp_channel(this.handle));
  }
}
