/**
 * The passive side: takes the connection requests that reach the domain's device.
 *
 * @module
 */
import { VerbsError } from "../../rdma/errors.ts";
import { checkPrivateData } from "../../rdma/private_data.ts";
import type { ConnectionRequest, Endpoint, EndpointOptions, Listener, RdmaAddress } from "../../rdma/provider.ts";
import { MAX_PENDING_REQUESTS, RequestQueue } from "../../rdma/request_queue.ts";
import { SetupDeadline } from "../../rdma/setup_deadline.ts";
import { Counters } from "../../rdma/statistics.ts";
import type { ConnectionEvent } from "../connection/connection_event.ts";
import { callOf, connectFailure } from "../connection/connection_failure.ts";
import type { ConnectionId } from "../connection/connection_id.ts";
import { EventQueue } from "../connection/event_dispatcher.ts";
import type { EndpointResources } from "./endpoint_resources.ts";
import { establish } from "./setup.ts";

/** The listener. */
export class VerbsListener implements Listener {
  /** Where it listens. */
  readonly address: RdmaAddress;
  readonly #resources: EndpointResources;
  readonly #ids: readonly ConnectionId[];
  readonly #refused = new Counters();
  readonly #ready = new RequestQueue<VerbsRequest>();
  #closed = false;

  /** Takes the requests of identifiers that listen, all at one port. */
  constructor(resources: EndpointResources, ids: readonly ConnectionId[], address: RdmaAddress) {
    this.#resources = resources;
    this.#ids = ids;
    this.address = { hostname: address.hostname, port: ids[0]?.local?.port ?? address.port };
    for (const id of ids) resources.dispatcher.handle(id, (event) => this.#onEvent(event));
  }

  /** Refusals by reason. */
  get refused(): ReadonlyMap<string, number> {
    return this.#refused.map;
  }

  /** The requests, until {@linkcode close}. */
  [Symbol.asyncIterator](): AsyncIterator<ConnectionRequest> {
    return this.#ready[Symbol.asyncIterator]();
  }

  /** Stops; requests that nobody took are refused. */
  close(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    this.#closed = true;
    for (const request of this.#ready.close()) request.drop();
    for (const id of this.#ids) {
      this.#resources.dispatcher.forget(id);
      id[Symbol.dispose]();
    }
    return Promise.resolve();
  }

  /** The same as close(). */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #onEvent(event: ConnectionEvent): void {
    if (event.type === "DEVICE_REMOVAL") return void this.close();
    if (event.type !== "CONNECT_REQUEST") return;
    const { id } = event;
    if (id.context !== this.#resources.domain.context) return this.#refuse(id, "another device");
    if (this.#ready.length >= MAX_PENDING_REQUESTS) return this.#refuse(id, "too many pending requests");
    const request = new VerbsRequest(this.#resources, event);
    this.#resources.dispatcher.handle(id, () => { // its peer went away
      if (this.#ready.remove(request)) this.#refused.add("lost");
      request.drop();
    });
    this.#ready.push(request);
  }

  // Its end is the refusal.
  #refuse(id: ConnectionId, reason: string): void {
    this.#refused.add(reason);
    id[Symbol.dispose]();
  }
}

/** A request that waits for its answer. */
class VerbsRequest implements ConnectionRequest {
  readonly remote: RdmaAddress;
  readonly privateData: Uint8Array;
  readonly #resources: EndpointResources;
  readonly #event: ConnectionEvent;
  #answered = false;

  constructor(resources: EndpointResources, event: ConnectionEvent) {
    this.#resources = resources;
    this.#event = event;
    this.remote = event.id.remote ?? { hostname: "", port: 0 };
    this.privateData = event.privateData;
  }

  async accept(options: EndpointOptions = {}): Promise<Endpoint> {
    this.#answer();
    const { id } = this.#event;
    const call = callOf("accept", this.remote);
    if (id.disposed) throw new VerbsError(call, "lost", "the peer went away");
    using deadline = new SetupDeadline(options.setupTimeout, options.signal);
    const { dispatcher } = this.#resources;
    try {
      const events = new EventQueue(dispatcher, id);
      const wishes = { place: "reply", call, request: this.#event } as const;
      return await establish(this.#resources, id, events, options, deadline, wishes, (answer) => {
        deadline.signal.throwIfAborted();
        try {
          id.accept(answer);
        } catch (error) {
          throw connectFailure(call, error);
        }
      });
    } catch (error) {
      this.drop();
      throw error;
    }
  }

  reject(privateData: Uint8Array = new Uint8Array(0)): Promise<void> {
    return new Promise((resolve) => {
      checkPrivateData(privateData, "refusal", this.#resources.capabilities.privateData);
      this.#answer();
      try {
        if (!this.#event.id.disposed) this.#event.id.reject(Uint8Array.from(privateData));
      } catch {
        // a peer that is gone by now needs no refusal
      }
      this.drop();
      resolve();
    });
  }

  /** Lets go of the identifier, which refuses the peer where it has no answer yet. */
  drop(): void {
    const { id } = this.#event;
    this.#resources.dispatcher.forget(id);
    id[Symbol.dispose]();
  }

  #answer(): void {
    if (this.#answered) throw new RangeError("the connection request was answered already");
    this.#answered = true;
  }
}
