/**
 * Completion channels: where completion queues announce that completions came.
 *
 * @module
 */
import { errno, errnoName, fcntl_command, layout, libc, prepareErrno, viewAt } from "../../ffi/mod.ts";
import type { CompletionQueue } from "./completion_queue.ts";
import type { Context } from "./context.ts";
import { checkVerb, verbsFailure } from "./failure.ts";
import { verbs } from "./libraries.ts";
import { readable } from "./readiness.ts";
import { Resource } from "./resource.ts";

/** A completion channel. */
export class CompletionChannel extends Resource {
  /** The `struct ibv_comp_channel *`. */
  readonly handle: bigint;
  /** Its descriptor, which is readable while events wait. It does not block. */
  readonly fd: number;
  readonly #queues = new Map<bigint, CompletionQueue>();
  readonly #queue = new Uint8Array(8);
  readonly #queueView = new DataView(this.#queue.buffer);
  readonly #ignored = new Uint8Array(8);

  /** Made by {@linkcode Context.createCompletionChannel}. */
  constructor(context: Context) {
    super([context]);
    prepareErrno();
    this.handle = verbs().ibv_create_comp_channel(context.handle);
    if (this.handle === 0n) {
      const failed = verbsFailure(`ibv_create_comp_channel(${context.deviceName})`, errno());
      this[Symbol.dispose]();
      throw failed;
    }
    this.fd = viewAt(this.handle, layout.ibv_comp_channel.size).getInt32(layout.ibv_comp_channel.fd, true);
    makeNonBlocking(this.fd);
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

  /** Waits until {@linkcode take} has something to take. Rejects with the signal's reason. */
  async wait(signal?: AbortSignal): Promise<void> {
    this.ensureAlive("poll");
    await readable(this.fd, signal);
  }

  /** Gives it back. */
  protected override destroy(): void {
    if (this.handle !== 0n) checkVerb("ibv_destroy_comp_channel", verbs().ibv_destroy_comp_channel(this.handle));
  }
}

/** Makes reads of a descriptor return EAGAIN instead of waiting. Throws VerbsError. */
export function makeNonBlocking(fd: number): void {
  prepareErrno();
  const flags = libc().fcntl(fd, fcntl_command.F_GETFL, 0);
  if (flags < 0 || libc().fcntl(fd, fcntl_command.F_SETFL, flags | fcntl_command.O_NONBLOCK) < 0) {
    throw verbsFailure(`fcntl(${fd}, O_NONBLOCK)`, errno());
  }
}
