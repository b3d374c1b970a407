/**
 * The events of a domain's identifiers, each to the one who is concerned.
 *
 * @module
 */
import type { ConnectionEvent, ConnectionEventType } from "./connection_event.ts";
import { setupFailure } from "./connection_failure.ts";
import type { ConnectionId } from "./connection_id.ts";
import { EventChannel } from "./event_channel.ts";

/** Is told of events, never from within a call of its own. Must not throw. */
export type EventHandler = (event: ConnectionEvent) => void;

/** Reads one event channel while somebody wants its events, and no longer, so that a program may end. */
export class EventDispatcher implements Disposable {
  /** The channel to create identifiers on. */
  readonly channel: EventChannel = new EventChannel();
  readonly #handlers = new Map<ConnectionId, EventHandler>();
  #reading: AbortController | undefined;

  /** Hands an identifier's events, and the requests that come to it, to `handler` from now on, instead of who had them. */
  handle(id: ConnectionId, handler: EventHandler): void {
    this.#handlers.set(id, handler);
    if (this.#reading === undefined) this.#read(this.#reading = new AbortController());
  }

  /** Hands them to nobody. */
  forget(id: ConnectionId): void {
    this.#handlers.delete(id);
    if (this.#handlers.size > 0) return;
    this.#reading?.abort();
    this.#reading = undefined;
  }

  /** Ends all of it; the channel's identifiers go with it. */
  [Symbol.dispose](): void {
    for (const id of [...this.#handlers.keys()]) this.forget(id);
    this.channel[Symbol.dispose]();
  }

  async #read(reading: AbortController): Promise<void> {
    const { signal } = reading;
    try {
      while (!signal.aborted) {
        await this.channel.wait(signal);
        for (let event = this.#take(signal); event !== undefined; event = this.#take(signal)) this.#dispatch(event);
      }
    } catch {
      // aborted
    }
  }

  #take(signal: AbortSignal): ConnectionEvent | undefined {
    return signal.aborted ? undefined : this.channel.take();
  }

  #dispatch(event: ConnectionEvent): void {
    const handler = this.#handlers.get(event.listener ?? event.id);
    if (handler !== undefined) handler(event);
    else if (event.listener !== undefined) event.id[Symbol.dispose](); // nobody listens any more
  }
}

/** One identifier's events, to wait for one after the other. */
export class EventQueue {
  readonly #dispatcher: EventDispatcher;
  readonly #id: ConnectionId;
  readonly #events: ConnectionEvent[] = [];
  #news = Promise.withResolvers<void>();

  /** Takes the identifier's events from now on. */
  constructor(dispatcher: EventDispatcher, id: ConnectionId) {
    this.#dispatcher = dispatcher;
    this.#id = id;
    dispatcher.handle(id, (event) => {
      this.#events.push(event);
      this.#news.resolve();
    });
  }

  /** The next event. Rejects with the signal's reason. */
  async next(signal: AbortSignal): Promise<ConnectionEvent> {
    for (;;) {
      signal.throwIfAborted();
      const event = this.#events.shift();
      if (event !== undefined) return event;
      this.#news = Promise.withResolvers<void>();
      const onAbort = (): void => this.#news.resolve();
      signal.addEventListener("abort", onAbort);
      await this.#news.promise;
      signal.removeEventListener("abort", onAbort);
    }
  }

  /** Hands what came meanwhile, and all that comes, to `handler`. */
  passTo(handler: EventHandler): void {
    this.#dispatcher.handle(this.#id, handler);
    for (const event of this.#events.splice(0)) handler(event);
  }
}

/** The next event, which must be of `type`. Throws VerbsError for another, and the signal's reason. */
export async function expectEvent(
  call: string,
  events: EventQueue,
  type: ConnectionEventType,
  signal: AbortSignal,
): Promise<ConnectionEvent> {
  const event = await events.next(signal);
  if (event.type !== type || event.status !== 0) throw setupFailure(call, event);
  return event;
}
