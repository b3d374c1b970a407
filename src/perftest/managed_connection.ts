/**
 * Connections of rdma_cm's, each with the queue pair that is used over it.
 *
 * @module
 */
import { formatAddress } from "../rdma/address.ts";
import { VerbsError } from "../rdma/errors.ts";
import type { RdmaAddress } from "../rdma/provider.ts";
import { SetupDeadline } from "../rdma/setup_deadline.ts";
import { callOf, connectFailure, systemError } from "../verbs/connection/connection_failure.ts";
import { type EventDispatcher, EventQueue, expectEvent } from "../verbs/connection/event_dispatcher.ts";
import { findRoute } from "../verbs/connection/find_route.ts";
import { type ConnectionId, type Context, isIwarp, socketAddresses } from "../verbs/mod.ts";
import type { ChannelOptions } from "./channel.ts";

/** Requests that wait to be taken, at most. */
const BACKLOG = 8;

/** How a refused connection is tried again: the server may not listen yet. */
export interface Patience {
  /** How often. */
  readonly retries: number;
  /** Milliseconds before each. */
  readonly pause: number;
}

/** What a connection is for. */
export interface Purpose<T extends Disposable> {
  /** RDMA Reads that either side may have under way. */
  readonly reads: number;
  /** Makes the queue pair, and whatever belongs to it; receives may be posted, too. */
  prepare(id: ConnectionId, context: Context): T;
}

/** A connection that stands. */
export class ManagedConnection<T extends Disposable> implements AsyncDisposable {
  /** The other side. */
  readonly remote: RdmaAddress;
  readonly #dispatcher: EventDispatcher;
  readonly #lost = new AbortController();

  /** Takes what was connected, and watches for its end. */
  constructor(
    dispatcher: EventDispatcher,
    /** The identifier. */ readonly id: ConnectionId,
    /** What it is for. */ readonly use: T,
    events: EventQueue,
  ) {
    this.#dispatcher = dispatcher;
    this.remote = id.remote ?? { hostname: "", port: 0 };
    const reason = new VerbsError(
      `exchange with ${formatAddress(this.remote)}`,
      "lost",
      "the peer ended the connection",
    );
    events.passTo(() => this.#lost.abort(reason)); // no event but the end may come
  }

  /** Aborts when the connection ends, with the error that says so. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /** Ends it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await release(this.#dispatcher, this.id, this.use);
  }
}

/** Connects. Throws VerbsError in the words of the provider's contract. */
export async function connectManaged<T extends Disposable>(
  dispatcher: EventDispatcher,
  address: RdmaAddress,
  purpose: Purpose<T>,
  options: ChannelOptions,
  patience: Patience = { retries: 0, pause: 0 },
): Promise<ManagedConnection<T>> {
  const call = callOf("connect", address);
  using deadline = new SetupDeadline(options.timeout, options.signal);
  for (let attempt = 0;; attempt++) {
    try {
      return await connectOnce(dispatcher, call, address, purpose, deadline);
    } catch (error) {
      options.signal?.throwIfAborted();
      const explained = deadline.explain(call, error);
      if (!(explained instanceof VerbsError) || explained.code !== "refused" || attempt === patience.retries) {
        throw explained;
      }
    }
    await new Promise((resolve) => setTimeout(resolve, patience.pause));
  }
}

async function connectOnce<T extends Disposable>(
  dispatcher: EventDispatcher,
  call: string,
  address: RdmaAddress,
  { reads, prepare }: Purpose<T>,
  deadline: SetupDeadline,
): Promise<ManagedConnection<T>> {
  const [destination] = await socketAddresses(address);
  if (destination === undefined) throw new VerbsError(call, "unreachable", "the name has no address");
  const [id, events] = await findRoute(call, dispatcher, destination, deadline);
  let use: T | undefined;
  try {
    const context = contextOf(id, call);
    use = prepare(id, context);
    const parameters = { responderResources: reads, initiatorDepth: reads };
    if (!isIwarp(context.device)) id.connect(parameters);
    else if (!await id.connectElsewhere(parameters)) {
      throw new VerbsError(call, "refused", "nothing listens there; start the server first");
    }
    await expectEvent(call, events, "ESTABLISHED", deadline.signal);
    return new ManagedConnection(dispatcher, id, use, events);
  } catch (error) {
    await release(dispatcher, id, use);
    throw connectFailure(call, error);
  }
}

// Work goes before the queue pair, and that before the identifier, on which no call may be under way.
async function release(dispatcher: EventDispatcher, id: ConnectionId, use: Disposable | undefined): Promise<void> {
  await id.underWay;
  dispatcher.forget(id);
  use?.[Symbol.dispose]();
  id[Symbol.dispose]();
}

function contextOf(id: ConnectionId, call: string): Context {
  const { context } = id;
  if (context === undefined) {
    throw new VerbsError(call, "unreachable", "no RDMA device of this machine has a route there");
  }
  return context;
}

/** Where connections are asked for. */
export class ManagedListener implements Disposable {
  readonly #dispatcher: EventDispatcher;
  readonly #id: ConnectionId;
  readonly #events: EventQueue;

  /** Listens. Throws SystemError. */
  static async listen(dispatcher: EventDispatcher, address: RdmaAddress): Promise<ManagedListener> {
    const call = callOf("listen", address);
    try {
      const [own] = await socketAddresses(address);
      if (own === undefined) throw new VerbsError(call, "EADDRNOTAVAIL", "the name has no address");
      const id = dispatcher.channel.createId();
      try {
        id.bind(own);
        id.listen(BACKLOG);
        return new ManagedListener(dispatcher, id);
      } catch (error) {
        id[Symbol.dispose]();
        throw error;
      }
    } catch (error) {
      throw systemError(call, error);
    }
  }

  private constructor(dispatcher: EventDispatcher, id: ConnectionId) {
    this.#dispatcher = dispatcher;
    this.#id = id;
    this.#events = new EventQueue(dispatcher, id);
  }

  /**
   * Accepts the next connection, of `from` where that is given; another's is refused. Waits for it until the signal, or
   * with `from` until the time is up. Throws VerbsError.
   */
  async accept<T extends Disposable>(
    { reads, prepare }: Purpose<T>,
    options: ChannelOptions,
    from?: string,
  ): Promise<ManagedConnection<T>> {
    const request = await this.#request(options, from);
    const { id } = request;
    const call = callOf("accept", id.remote ?? { hostname: "", port: 0 });
    using deadline = new SetupDeadline(options.timeout, options.signal);
    let use: T | undefined;
    try {
      const events = new EventQueue(this.#dispatcher, id);
      use = prepare(id, contextOf(id, call));
      const { responderResources, initiatorDepth } = request.parameters;
      id.accept({
        responderResources: Math.min(reads, responderResources),
        initiatorDepth: Math.min(reads, initiatorDepth),
      });
      await expectEvent(call, events, "ESTABLISHED", deadline.signal);
      return new ManagedConnection(this.#dispatcher, id, use, events);
    } catch (error) {
      await release(this.#dispatcher, id, use);
      options.signal?.throwIfAborted();
      throw deadline.explain(call, connectFailure(call, error));
    }
  }

  /** Stops listening. */
  [Symbol.dispose](): void {
    this.#dispatcher.forget(this.#id);
    this.#id[Symbol.dispose]();
  }

  async #request(options: ChannelOptions, from: string | undefined): ReturnType<EventQueue["next"]> {
    const never = new AbortController().signal;
    using deadline = from === undefined ? undefined : new SetupDeadline(options.timeout, options.signal);
    try {
      for (;;) {
        const event = await this.#events.next(deadline?.signal ?? options.signal ?? never);
        if (event.type !== "CONNECT_REQUEST") continue;
        if (from === undefined || event.id.remote?.hostname === from) return event;
        event.id[Symbol.dispose]();
      }
    } catch (error) {
      options.signal?.throwIfAborted();
      throw deadline?.explain("accept", error) ?? error;
    }
  }
}
