/**
 * A protection domain of the verbs provider: memory, and connections of one device.
 *
 * @module
 */
import { ibv_atomic_cap } from "../../../ffi/mod.ts";
import { CapabilityError, SystemError, VerbsError } from "../../rdma/errors.ts";
import { Access } from "../../rdma/memory.ts";
import type { PrivateDataLimits } from "../../rdma/private_data.ts";
import type {
  Capabilities,
  Endpoint,
  EndpointOptions,
  Listener,
  ProtectionDomain as DomainContract,
  RdmaAddress,
} from "../../rdma/provider.ts";
import { MAX_PENDING_REQUESTS } from "../../rdma/request_queue.ts";
import { SetupDeadline } from "../../rdma/setup_deadline.ts";
import type { ConnectionParameters } from "../connection/connection_event.ts";
import { callOf, connectFailure, systemError } from "../connection/connection_failure.ts";
import type { ConnectionId } from "../connection/connection_id.ts";
import { EventDispatcher, type EventQueue } from "../connection/event_dispatcher.ts";
import { findRoute, PORTS, portTaken } from "../connection/find_route.ts";
import { ipv4Wildcard, type SocketAddress, socketAddresses, withPort } from "../connection/socket_address.ts";
import type { Context } from "../context.ts";
import { isIwarp } from "../device.ts";
import { MAX_REGION_SIZE, type MemoryRegion } from "../memory_region.ts";
import type { ProtectionDomain } from "../protection_domain.ts";
import { ReceiveBatch } from "../receive_batch.ts";
import { SendBatch } from "../send_batch.ts";
import { WorkCompletions } from "../work_completions.ts";
import { CompletionDelivery } from "./delivery.ts";
import type { EndpointResources } from "./endpoint_resources.ts";
import { VerbsListener } from "./listener.ts";
import { establish, unlessAborted } from "./setup.ts";

/** Completions taken from a queue by one call. */
const COMPLETIONS = 64;
/** Sends that there is room for from the beginning; lists that are longer make room. */
const SENDS = 64;
/** Regions that may be gone and still be looked through when the living are counted. */
const REGION_SLACK = 64;
/** How long an iWARP peer's refusal of a TCP connection takes at most, in milliseconds; what takes longer is silence. */
const REFUSAL_TIME = 1_000;

/**
 * What the connection manager leaves of its messages to private data: of InfiniBand's and RoCE's REQ 92 bytes, less the 36
 * of the IP addressing annex (IBTA A11); of REP 196, of REJ 148.
 */
const INFINIBAND_PRIVATE_DATA: PrivateDataLimits = { request: 56, reply: 196, refusal: 148 };
/** What MPA peers of Linux take, siw above all, whose length field of 8 bits counts four bytes of its own. */
const IWARP_PRIVATE_DATA: PrivateDataLimits = { request: 248, reply: 248, refusal: 248 };

/** The domain. */
export class VerbsDomain implements DomainContract, EndpointResources {
  /** `verbs:rxe0`. */
  readonly transport: string;
  /** What the device can do. */
  readonly capabilities: Capabilities;
  /** See {@linkcode EndpointResources}. */
  readonly domain: ProtectionDomain;
  /** See {@linkcode EndpointResources}. */
  readonly iwarp: boolean;
  /** See {@linkcode EndpointResources}. */
  readonly delivery: CompletionDelivery;
  /** See {@linkcode EndpointResources}. */
  readonly dispatcher: EventDispatcher;
  /** See {@linkcode EndpointResources}. */
  readonly completions: WorkCompletions = new WorkCompletions(COMPLETIONS);
  /** See {@linkcode EndpointResources}. */
  readonly receiveBatch: ReceiveBatch = new ReceiveBatch(1);
  readonly #context: Context;
  readonly #regions = new Set<MemoryRegion>();
  readonly #busy = new Set<Promise<unknown>>();
  #sends = new SendBatch(SENDS);
  #countAt = REGION_SLACK; // regions in the set at which the dead are removed
  #disposed = false;

  /** Made by the provider's `open`, on a device of rdma_cm's. `spin` is {@linkcode VerbsOptions.spin} in milliseconds. */
  constructor(context: Context, spin: number) {
    this.#context = context;
    this.transport = `verbs:${context.deviceName}`;
    this.iwarp = isIwarp(context.device);
    this.capabilities = capabilitiesOf(context, this.iwarp);
    using made = new DisposableStack();
    this.domain = made.use(context.allocateProtectionDomain());
    this.delivery = made.use(new CompletionDelivery(context, spin));
    this.dispatcher = made.use(new EventDispatcher());
    made.move();
  }

  /** Bytes registered now. */
  get registeredBytes(): number {
    this.#forgetDead();
    let bytes = 0;
    for (const region of this.#regions) bytes += region.length;
    return bytes;
  }

  /** Regions registered now. */
  get regionCount(): number {
    this.#forgetDead();
    return this.#regions.size;
  }

  /** Registers zeroed memory. */
  register(length: number, access: number): MemoryRegion {
    if ((access & Access.REMOTE_INVALIDATE) !== 0) {
      throw new CapabilityError(`register ${length} bytes: ${this.transport} has no REMOTE_INVALIDATE; rotate keys`);
    }
    if ((access & Access.REMOTE_ATOMIC) !== 0 && !this.capabilities.atomics) {
      throw new CapabilityError(`register ${length} bytes: ${this.transport} has no atomics`);
    }
    try {
      const region = this.domain.register(length, access);
      if (this.#regions.size >= this.#countAt) this.#forgetDead();
      this.#regions.add(region);
      return region;
    } catch (error) {
      throw systemError(`register ${length} bytes`, error);
    }
  }

  /** Connects. */
  async connect(address: RdmaAddress, options: EndpointOptions = {}): Promise<Endpoint> {
    const call = callOf("connect", address);
    using deadline = new SetupDeadline(options.setupTimeout, options.signal);
    try {
      const destinations = await unlessAborted(socketAddresses(address), deadline.signal);
      const [id, events] = await this.#reach(call, destinations, deadline);
      try {
        const begin = (parameters: ConnectionParameters): Promise<void> => this.#ask(call, id, parameters, deadline);
        return await establish(this, id, events, options, deadline, { place: "request", call }, begin);
      } catch (error) {
        this.whenIdle(id, () => this.#release(id));
        throw error;
      }
    } catch (error) {
      throw deadline.explain(call, error);
    }
  }

  /** Listens. */
  async listen(address: RdmaAddress): Promise<Listener> {
    const call = callOf("listen", address);
    try {
      const [own] = await socketAddresses(address);
      if (own === undefined) throw new SystemError(call, "EADDRNOTAVAIL", "the name has no address");
      for (let port = 1;; port++) {
        using bound = new DisposableStack();
        const ids = this.#bind(bound, own);
        for (const id of ids) this.#checkDevice(call, id);
        if (address.port === 0 && port < PORTS && ids.some(portTaken)) continue;
        for (const id of ids) id.listen(MAX_PENDING_REQUESTS);
        bound.move();
        return new VerbsListener(this, ids, address);
      }
    } catch (error) {
      throw systemError(call, error);
    }
  }

  /** See {@linkcode EndpointResources}. */
  sendBatch(count: number): SendBatch {
    if (count <= this.#sends.capacity) return this.#sends;
    this.#sends[Symbol.dispose]();
    return this.#sends = new SendBatch(2 ** Math.ceil(Math.log2(count)));
  }

  /** See {@linkcode EndpointResources}. */
  whenIdle(id: ConnectionId, run: () => void): void {
    if (id.underWay === undefined) return run();
    const done = id.underWay.then(run);
    this.#busy.add(done);
    done.finally(() => this.#busy.delete(done));
  }

  /** Disposes every region, and whatever endpoints and listeners there still are. */
  [Symbol.dispose](): void {
    if (this.#disposed) return;
    this.#disposed = true;
    for (const region of this.#regions) region[Symbol.dispose]();
    if (this.#busy.size === 0) this.#destroy();
    else Promise.allSettled(this.#busy).then(() => this.#destroy());
  }

  #destroy(): void {
    this.dispatcher[Symbol.dispose]();
    this.delivery[Symbol.dispose]();
    this.domain[Symbol.dispose]();
    for (const memory of [this.completions, this.receiveBatch, this.#sends]) memory[Symbol.dispose]();
  }

  #forgetDead(): void {
    for (const region of this.#regions) {
      if (region.disposed) this.#regions.delete(region);
    }
    this.#countAt = 2 * this.#regions.size + REGION_SLACK;
  }

  // An identifier that has found its way to one of the addresses.
  async #reach(
    call: string,
    destinations: SocketAddress[],
    deadline: SetupDeadline,
  ): Promise<[ConnectionId, EventQueue]> {
    let failure: unknown = new VerbsError(call, "unreachable", "the name has no address");
    for (const destination of destinations) {
      try {
        return await findRoute(call, this.dispatcher, destination, deadline, (id) => this.#checkDevice(call, id));
      } catch (error) {
        if (deadline.signal.aborted) throw error;
        failure = connectFailure(call, error);
      }
    }
    throw failure;
  }

  // To some devices IPv6's wildcard is IPv4's, too, and to some it is not: each is bound for itself.
  #bind(bound: DisposableStack, address: SocketAddress): [ConnectionId, ...ConnectionId[]] {
    const id = bound.use(this.dispatcher.channel.createId());
    const ipv4 = ipv4Wildcard(address);
    if (ipv4 === undefined) {
      id.bind(address);
      return [id];
    }
    id.setAddressFamilyOnly(true);
    id.bind(address);
    const other = bound.use(this.dispatcher.channel.createId());
    other.bind(withPort(ipv4, id.local?.port ?? 0));
    return [id, other];
  }

  #checkDevice(call: string, id: ConnectionId): void {
    const { context } = id;
    if (context === undefined || context === this.#context) return;
    const detail = `the address is ${context.deviceName}'s, and this domain is of ${this.#context.deviceName}`;
    throw new VerbsError(call, "unreachable", detail);
  }

  // iWARP devices may connect their socket while they are asked, which takes as long as the peer likes.
  async #ask(call: string, id: ConnectionId, parameters: ConnectionParameters, deadline: SetupDeadline): Promise<void> {
    deadline.signal.throwIfAborted();
    try {
      if (!this.iwarp) return id.connect(parameters);
      const start = performance.now();
      if (await unlessAborted(id.connectElsewhere(parameters), deadline.signal)) return;
      throw performance.now() - start < REFUSAL_TIME
        ? new VerbsError(call, "refused", "nothing listens there; start the peer or check the address")
        : new VerbsError(call, "unreachable", "the peer's host does not answer");
    } catch (error) {
      throw connectFailure(call, error);
    }
  }

  #release(id: ConnectionId): void {
    this.dispatcher.forget(id);
    id[Symbol.dispose]();
  }
}

function capabilitiesOf(context: Context, iwarp: boolean): Capabilities {
  const device = context.queryDevice();
  const port = context.queryPort(1);
  const { maxReadAtomic, maxReadAtomicDestination, maxRegionSize } = device;
  return {
    maxMessageSize: Math.min(port.maxMessageSize, MAX_REGION_SIZE),
    maxRegionSize: maxRegionSize < MAX_REGION_SIZE ? Number(maxRegionSize) : MAX_REGION_SIZE,
    maxReadDepth: Math.min(maxReadAtomic, maxReadAtomicDestination, 254), // 255 stands for all there are
    // The software devices have regions that no peer can invalidate, or do not tell which key a peer withdrew.
    remoteInvalidate: false,
    immediate: !iwarp, // of RFC 7306 no device here has been seen to have anything
    atomics: device.atomics !== ibv_atomic_cap.IBV_ATOMIC_NONE,
    reportsRefusals: !iwarp,
    privateData: iwarp ? IWARP_PRIVATE_DATA : INFINIBAND_PRIVATE_DATA,
    tcpPorts: iwarp,
  };
}
