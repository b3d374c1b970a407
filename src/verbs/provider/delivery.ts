/**
 * Delivery of completions without holding up the program: for all completion queues of a domain, one poller.
 *
 * A queue is *hot* while completions are to be expected: after work was posted, or completions came. Hot queues are
 * polled in slices of microseconds, between which the event loop turns, so that sockets and timers go on. A queue that
 * has given nothing for a while is armed, polled once more, since what came before arming is not announced, and from
 * then on costs nothing until its event wakes the thread that waits for the channel.
 *
 * @module
 */
import { clearImmediate, setImmediate } from "node:timers";
import { CompletionChannel } from "../completion_channel.ts";
import type { CompletionQueue } from "../completion_queue.ts";
import type { Context } from "../context.ts";

/** How long hot queues are polled before the event loop gets its turn, in milliseconds. */
const SLICE = 0.01;

/** Who owns a completion queue. */
export interface QueueOwner {
  /** Made with {@linkcode CompletionDelivery.channel}. */
  readonly queue: CompletionQueue;
  /** Takes all that the queue holds and hands it on; whether there was anything. Never throws. */
  drain(): boolean;
}

interface Entry {
  readonly owner: QueueOwner;
  /** When it is no longer hot, of performance.now(). */
  until: number;
  /** Whether an event will come, or has and was not taken yet. */
  armed: boolean;
}

/** The poller. Waiting ends with the last queue, so that a program may end. */
export class CompletionDelivery implements Disposable {
  /** The channel that the queues are to be made with. */
  readonly channel: CompletionChannel;
  readonly #spin: number;
  readonly #entries = new Map<CompletionQueue, Entry>();
  readonly #hot = new Set<Entry>();
  #immediate: ReturnType<typeof setImmediate> | undefined;
  #sleep: AbortController | undefined;

  /** Polls hot queues for `spin` milliseconds after the last completion; 0 sleeps at once, always. */
  constructor(context: Context, spin: number) {
    this.channel = CompletionChannel.create(context);
    this.#spin = spin;
  }

  /** Delivers for a queue from now on, which is looked at in a later turn of the event loop. */
  add(owner: QueueOwner): void {
    const entry = { owner, until: 0, armed: false };
    this.#entries.set(owner.queue, entry);
    this.#heat(entry);
    if (this.#sleep === undefined) this.#watch(this.#sleep = new AbortController());
  }

  /** Delivers for it no longer. */
  remove(owner: QueueOwner): void {
    const entry = this.#entries.get(owner.queue);
    if (entry === undefined) return;
    this.#entries.delete(owner.queue);
    this.#hot.delete(entry);
    if (this.#hot.size === 0) this.#cease();
    if (this.#entries.size > 0) return;
    this.#sleep?.abort();
    this.#sleep = undefined;
  }

  /** Work was posted whose completion is worth looking out for. */
  expect(owner: QueueOwner): void {
    if (this.#spin === 0) return;
    const entry = this.#entries.get(owner.queue);
    if (entry !== undefined) this.#heat(entry);
  }

  /** Ends all of it; the queues are destroyed along with the channel. */
  [Symbol.dispose](): void {
    for (const { owner } of [...this.#entries.values()]) this.remove(owner);
    this.channel[Symbol.dispose]();
  }

  #heat(entry: Entry): void {
    entry.until = performance.now() + this.#spin;
    this.#hot.add(entry);
    this.#immediate ??= setImmediate(this.#turn);
  }

  #cease(): void {
    clearImmediate(this.#immediate);
    this.#immediate = undefined;
  }

  // One slice. Handlers run within, and may add, remove and heat queues.
  readonly #turn = (): void => {
    this.#immediate = undefined;
    const start = performance.now();
    let now = start;
    do {
      for (const entry of this.#hot) {
        if (entry.owner.drain()) entry.until = performance.now() + this.#spin;
        else if (now >= entry.until) this.#cool(entry);
      }
      now = performance.now();
    } while (this.#hot.size > 0 && now - start < SLICE);
    if (this.#hot.size > 0) this.#immediate ??= setImmediate(this.#turn);
  };

  #cool(entry: Entry): void {
    if (!entry.armed) {
      entry.owner.queue.requestNotification();
      entry.armed = true;
      if (entry.owner.drain()) {
        entry.until = performance.now() + this.#spin;
        return;
      }
    }
    this.#hot.delete(entry);
  }

  // Takes events while there are queues. One of a queue that is hot already says nothing new, but that it must be armed
  // again.
  async #watch(sleep: AbortController): Promise<void> {
    try {
      while (!sleep.signal.aborted) {
        if (this.#takeEvents()) {
          this.#cease();
          this.#turn(); // now, not a turn of the event loop later
        }
        await this.channel.wait(sleep.signal);
      }
    } catch {
      // aborted; or the device is gone, which its connections are told of
    }
  }

  #takeEvents(): boolean {
    let taken = false;
    for (let queue = this.channel.take(); queue !== undefined; queue = this.channel.take()) {
      const entry = this.#entries.get(queue);
      if (entry === undefined) continue;
      entry.armed = false;
      this.#heat(entry);
      taken = true;
    }
    return taken;
  }
}
