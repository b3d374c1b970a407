/**
 * Identifiers of the connection manager: each is what a socket is to TCP, before, during and after its connection.
 *
 * @module
 */
import { type Bytes, layout, prepareErrno, rdma_option, Struct, viewAt } from "../../../ffi/mod.ts";
import { VerbsError } from "../../rdma/errors.ts";
import type { RdmaAddress } from "../../rdma/provider.ts";
import { ConnectedQueuePair } from "./connected_queue_pair.ts";
import type { ConnectionParameters } from "./connection_event.ts";
import type { Context } from "../context.ts";
import type { EventChannel } from "./event_channel.ts";
import { checkCall } from "../failure.ts";
import { connectionManager } from "../libraries.ts";
import { managedContext } from "./managed_contexts.ts";
import type { ProtectionDomain } from "../protection_domain.ts";
import type { QueuePair, QueuePairOptions } from "../queue_pair.ts";
import { Resource } from "../resource.ts";
import { copySocketAddress, readSocketAddress, type SocketAddress, socketAddressText } from "./socket_address.ts";

const ID = layout.rdma_cm_id;
const PARAMETERS = layout.rdma_conn_param;

/** What an identifier's ports are of: reliable connections, or unreliable datagrams. */
export type PortSpace = "TCP" | "UDP";

/** The longest private data there can be, in bytes; what a device can send is less, see {@linkcode privateDataLimits}. */
const MAX_PRIVATE_DATA = 255;

/** An identifier. What its methods begin, an event of its channel ends. */
export class ConnectionId extends Resource {
  #channel: EventChannel;
  readonly #view: DataView<ArrayBuffer>;
  #elsewhere: Promise<number> | undefined; // a call under way in another thread

  /** Takes a `struct rdma_cm_id *`; {@linkcode EventChannel} makes them. */
  constructor(
    channel: EventChannel,
    /** The pointer. */ readonly handle: bigint,
    /** What its ports are of. */ readonly portSpace: PortSpace,
  ) {
    super([channel]);
    this.#channel = channel;
    this.#view = viewAt(handle, ID.size);
    channel.attach(this);
  }

  /** Where its events come. */
  get channel(): EventChannel {
    return this.#channel;
  }

  /** The device it is bound to, once it is bound to one. */
  get context(): Context | undefined {
    this.ensureAlive("rdma_cm_id.verbs");
    const handle = this.#view.getBigUint64(ID.verbs, true);
    return handle === 0n ? undefined : managedContext(handle);
  }

  /** The device's port, from 1; 0 before it is bound. */
  get port(): number {
    this.ensureAlive("rdma_cm_id.port_num");
    return this.#view.getUint8(ID.port_num);
  }

  /** This side's address, once it has one. */
  get local(): RdmaAddress | undefined {
    this.ensureAlive("rdma_get_local_addr");
    return readSocketAddress(this.#view, ID.route_addr_src_addr);
  }

  /** The same as C has it. */
  get localSocketAddress(): SocketAddress | undefined {
    this.ensureAlive("rdma_get_local_addr");
    return copySocketAddress(this.#view, ID.route_addr_src_addr);
  }

  /** The other side's, once it is known. */
  get remote(): RdmaAddress | undefined {
    this.ensureAlive("rdma_get_peer_addr");
    return readSocketAddress(this.#view, ID.route_addr_dst_addr);
  }

  /** Binds it to an address of this machine, and so to the device that has it; not to one, by the wildcard. */
  bind(address: SocketAddress): void {
    const call = this.#begin(`rdma_bind_addr(${socketAddressText(address)})`);
    checkCall(call, connectionManager().rdma_bind_addr(this.handle, padded(address)));
  }

  /** Looks for the device that reaches `destination`, for `timeout` milliseconds: ADDR_RESOLVED, or ADDR_ERROR. */
  resolveAddress(destination: SocketAddress, options: { source?: SocketAddress; timeout: number }): void {
    const call = this.#begin(`rdma_resolve_addr(${socketAddressText(destination)})`);
    const source = options.source === undefined ? null : padded(options.source);
    const { rdma_resolve_addr } = connectionManager();
    checkCall(call, rdma_resolve_addr(this.handle, source, padded(destination), options.timeout));
  }

  /** Looks for the path there, for `timeout` milliseconds: ROUTE_RESOLVED, or ROUTE_ERROR. */
  resolveRoute(timeout: number): void {
    const call = this.#beginBound("rdma_resolve_route");
    checkCall(call, connectionManager().rdma_resolve_route(this.handle, timeout));
  }

  /** Listens: CONNECT_REQUEST for each peer. The kernel keeps `backlog` requests until they are taken from the channel. */
  listen(backlog: number): void {
    const call = this.#begin(`rdma_listen(${backlog})`);
    checkCall(call, connectionManager().rdma_listen(this.handle, backlog));
  }

  /** Asks the peer for a connection: ESTABLISHED, or REJECTED, UNREACHABLE, CONNECT_ERROR. CONNECT_RESPONSE where the queue pair is not rdma_cm's. */
  connect(parameters: ConnectionParameters = {}): void {
    const bytes = parameterBytes(parameters);
    const call = this.#beginBound("rdma_connect");
    checkCall(call, connectionManager().rdma_connect(this.handle, bytes));
  }

  /** A call of {@linkcode connectElsewhere} that is still under way; it never rejects. */
  get underWay(): Promise<unknown> | undefined {
    return this.#elsewhere;
  }

  /**
   * The same in another thread, for iWARP devices, some of which connect their socket before the call returns. Whether it
   * worked; why not is lost. Until then the identifier cannot be disposed.
   */
  async connectElsewhere(parameters: ConnectionParameters = {}): Promise<boolean> {
    const bytes = parameterBytes(parameters);
    this.#beginBound("rdma_connect");
    this.#elsewhere = connectionManager().rdma_connect_elsewhere(this.handle, bytes);
    const result = await this.#elsewhere;
    this.#elsewhere = undefined;
    return result === 0;
  }

  /** Goes on after CONNECT_RESPONSE, once the queue pair that is not rdma_cm's is ready to send. */
  establish(): void {
    const call = this.#begin("rdma_establish");
    const { rdma_establish } = connectionManager();
    if (rdma_establish === null) throw new VerbsError(call, "EOPNOTSUPP", "librdmacm 23 or newer has it");
    checkCall(call, rdma_establish(this.handle));
  }

  /** Accepts a peer's request: ESTABLISHED. */
  accept(parameters: ConnectionParameters = {}): void {
    const bytes = parameterBytes(parameters);
    const call = this.#beginBound("rdma_accept");
    checkCall(call, connectionManager().rdma_accept(this.handle, bytes));
  }

  /** Refuses a peer's request, with a few bytes that say why. */
  reject(privateData: Bytes = new Uint8Array(0)): void {
    checkPrivateData(privateData);
    const call = this.#begin("rdma_reject");
    checkCall(call, connectionManager().rdma_reject(this.handle, privateData, privateData.length));
  }

  /** Ends the connection: DISCONNECTED on both sides. The queue pair's outstanding work is flushed. */
  disconnect(): void {
    const call = this.#beginBound("rdma_disconnect");
    checkCall(call, connectionManager().rdma_disconnect(this.handle));
  }

  /** Makes the queue pair, in a protection domain of this identifier's own device. rdma_cm sees to its states. */
  createQueuePair(domain: ProtectionDomain, options: QueuePairOptions): QueuePair {
    this.#beginBound("rdma_create_qp");
    return ConnectedQueuePair.createFor(this, domain, options);
  }

  /** Sets the type of service of the packets: IP's DSCP and ECN. Before the address is resolved. */
  setTypeOfService(value: number): void {
    this.#setOption("RDMA_OPTION_ID_TOS", value, 1);
  }

  /** Lets another identifier be bound to the same address. Before binding. */
  setReuseAddress(value: boolean): void {
    this.#setOption("RDMA_OPTION_ID_REUSEADDR", value ? 1 : 0, 4);
  }

  /** Keeps an IPv6 wildcard from taking IPv4, too. Before binding. */
  setAddressFamilyOnly(value: boolean): void {
    this.#setOption("RDMA_OPTION_ID_AFONLY", value ? 1 : 0, 4);
  }

  /** Sets how long an acknowledgement may take: 4.096 µs × 2^value, up to 31. Before connecting; of InfiniBand and RoCE. */
  setAcknowledgeTimeout(value: number): void {
    this.#setOption("RDMA_OPTION_ID_ACK_TIMEOUT", value, 1);
  }

  /** Joins a multicast group: MULTICAST_JOIN with the way to it, or MULTICAST_ERROR. Of datagrams, once bound. */
  joinMulticast(group: SocketAddress): void {
    const call = this.#begin(`rdma_join_multicast(${socketAddressText(group)})`);
    checkCall(call, connectionManager().rdma_join_multicast(this.handle, padded(group), 0n));
  }

  /** Leaves it. */
  leaveMulticast(group: SocketAddress): void {
    const call = this.#begin(`rdma_leave_multicast(${socketAddressText(group)})`);
    checkCall(call, connectionManager().rdma_leave_multicast(this.handle, padded(group)));
  }

  /** Has its events come on another channel from now on, those that wait included. */
  migrate(channel: EventChannel): void {
    const call = this.#begin("rdma_migrate_id");
    checkCall(call, connectionManager().rdma_migrate_id(this.handle, channel.handle));
    this.#channel.detach(this);
    channel.attach(this);
    this.moveParent(this.#channel, channel);
    this.#channel = channel;
  }

  // Says what is called, and makes ready for its errno.
  #begin(call: string): string {
    this.ensureAlive(call);
    if (this.#elsewhere !== undefined) {
      throw new VerbsError(call, "EBUSY", "a call on this identifier is still under way");
    }
    prepareErrno();
    return call;
  }

  // Of calls for which librdmacm looks at the device, without asking whether there is one.
  #beginBound(call: string): string {
    this.ensureAlive(call);
    if (this.#view.getBigUint64(ID.verbs, true) !== 0n) return this.#begin(call);
    throw new VerbsError(
      call,
      "EINVAL",
      "not bound to a device yet: resolve an address, or bind one of its own, first",
    );
  }

  #setOption(name: keyof typeof rdma_option, value: number, size: 1 | 4): void {
    const struct = new Struct(size);
    if (size === 1) struct.view.setUint8(0, value);
    else struct.view.setInt32(0, value, true);
    const call = this.#begin(`rdma_set_option(${name}, ${value})`);
    const { rdma_set_option } = connectionManager();
    checkCall(
      call,
      rdma_set_option(this.handle, rdma_option.RDMA_OPTION_ID, rdma_option[name], struct.bytes, BigInt(size)),
    );
  }

  /** Gives it back; a connection is ended, a request refused. */
  protected override destroy(): void {
    const call = this.#begin("rdma_destroy_id");
    this.#channel.detach(this);
    checkCall(call, connectionManager().rdma_destroy_id(this.handle));
  }
}

// The parameters as C wants them, with the private data behind the struct that points to them.
function parameterBytes(parameters: ConnectionParameters): Bytes {
  const { privateData = new Uint8Array(0), retryCount = 7, rnrRetryCount = 7 } = parameters;
  checkPrivateData(privateData);
  const { bytes, view, address } = new Struct(PARAMETERS.size + privateData.length);
  bytes.set(privateData, PARAMETERS.size);
  view.setBigUint64(PARAMETERS.private_data, address + BigInt(PARAMETERS.size), true);
  view.setUint8(PARAMETERS.private_data_len, privateData.length);
  view.setUint8(PARAMETERS.responder_resources, parameters.responderResources ?? 0);
  view.setUint8(PARAMETERS.initiator_depth, parameters.initiatorDepth ?? 0);
  view.setUint8(PARAMETERS.flow_control, parameters.flowControl === false ? 0 : 1);
  view.setUint8(PARAMETERS.retry_count, retryCount);
  view.setUint8(PARAMETERS.rnr_retry_count, rnrRetryCount);
  view.setUint8(PARAMETERS.srq, parameters.sharedReceiveQueue === true ? 1 : 0);
  view.setUint32(PARAMETERS.qp_num, parameters.queuePair ?? 0, true);
  return bytes;
}

function checkPrivateData(bytes: Uint8Array): void {
  if (bytes.length <= MAX_PRIVATE_DATA) return;
  throw new RangeError(`${bytes.length} bytes of private data: ${MAX_PRIVATE_DATA} are the most`);
}

// librdmacm copies as much as the address's family has; the pointer's target must be as long as the longest.
function padded(address: SocketAddress): Bytes {
  const bytes = new Uint8Array(layout.sockaddr_in6.size);
  bytes.set(address);
  return bytes;
}
