/**
 * An open device.
 *
 * @module
 */
import {
  errno,
  errnoName,
  type ExtendedOperations,
  extendedOperations,
  layout,
  link_layer,
  type Operations,
  operations,
  prepareErrno,
  Struct,
  viewAt,
} from "../../ffi/mod.ts";
import { type AsyncEvent, AsyncEvents } from "./async_event.ts";
import { CompletionChannel } from "./completion_channel.ts";
import { CompletionQueue, type CompletionQueueOptions } from "./completion_queue.ts";
import { describeDevice, type Device } from "./device.ts";
import {
  type DeviceAttributes,
  type ExtendedDeviceAttributes,
  readDeviceAttributes,
  readExtendedDeviceAttributes,
} from "./device_attributes.ts";
import { ExtendedCompletionQueue, type ExtendedCompletionQueueOptions } from "./extended_completion_queue.ts";
import { checkVerb, verbsFailure } from "./failure.ts";
import { GID_ENTRY_SIZE, GID_SIZE, type GidEntry, readGidTable } from "./gid.ts";
import { verbs } from "./libraries.ts";
import { PORT_ATTRIBUTES_SIZE, type PortAttributes, readPortAttributes } from "./port_attributes.ts";
import { ProtectionDomain } from "./protection_domain.ts";
import { abandon, readable } from "./readiness.ts";
import { Resource } from "./resource.ts";

/** Entries of the table of GIDs asked for at once: one port's of the software providers. */
const GID_TABLE_ROOM = 1_024;

/** An open device: what everything else is made from. */
export class Context extends Resource {
  /** The device's verbs, which verbs.h calls through its tables. */
  readonly operations: Operations;
  /** Those of later releases, as far as the library and the device have them. */
  readonly extended: ExtendedOperations;
  /** Its asynchronous events: {@linkcode nextAsyncEvent}. */
  readonly events: AsyncEvents;
  readonly #owned: boolean;

  /** Takes a `struct ibv_context *`; `owned` says whether disposing closes it, as librdmacm's are not ours to close. */
  constructor(
    /** The pointer. */ readonly handle: bigint,
    /** The device's name. */ readonly deviceName: string,
    owned: boolean,
  ) {
    super();
    this.#owned = owned;
    this.operations = operations(handle);
    this.extended = extendedOperations(handle);
    this.events = new AsyncEvents(handle);
  }

  /** The device, as it is listed. */
  get device(): Device {
    this.ensureAlive("ibv_get_device_name");
    return describeDevice(viewAt(this.handle, layout.ibv_context.size).getBigUint64(layout.ibv_context.device, true));
  }

  /** Interrupt vectors that completion queues may name. */
  get completionVectors(): number {
    return viewAt(this.handle, layout.ibv_context.size).getInt32(layout.ibv_context.num_comp_vectors, true);
  }

  /** What the device is and how much it can hold. Throws VerbsError. */
  queryDevice(): DeviceAttributes {
    this.ensureAlive("ibv_query_device");
    const struct = new Struct(layout.ibv_device_attr.size);
    checkVerb(`ibv_query_device(${this.deviceName})`, verbs().ibv_query_device(this.handle, struct.bytes));
    return readDeviceAttributes(struct.view);
  }

  /** What the device can beyond that; undefined where the library or the device does not say. Throws VerbsError. */
  queryDeviceExtended(): ExtendedDeviceAttributes | undefined {
    this.ensureAlive("ibv_query_device_ex");
    const { query_device_ex: query } = this.extended;
    if (query === undefined) return undefined;
    const struct = new Struct(layout.ibv_device_attr_ex.size);
    checkVerb(`ibv_query_device_ex(${this.deviceName})`, query(this.handle, 0n, struct.bytes, BigInt(struct.size)));
    return readExtendedDeviceAttributes(struct.view);
  }

  /** What a port is, from 1. Throws VerbsError. */
  queryPort(port: number): PortAttributes {
    this.ensureAlive("ibv_query_port");
    const struct = new Struct(PORT_ATTRIBUTES_SIZE);
    const { query_port: query } = this.extended; // the symbol itself fills but what its first releases had
    const result = query === undefined
      ? verbs().ibv_query_port(this.handle, port, struct.bytes)
      : query(this.handle, port, struct.bytes, BigInt(struct.size));
    checkVerb(`ibv_query_port(${this.deviceName}, ${port})`, result);
    return readPortAttributes(struct.view);
  }

  /** A port's GIDs, without the empty places of its table. Throws VerbsError. */
  gids(port: number): GidEntry[] {
    this.ensureAlive("ibv_query_gid_table");
    const table = this.#gidTable();
    return table === undefined ? this.#gidsOneByOne(port) : table.filter((entry) => entry.port === port);
  }

  /** A port's partition keys, by their places. Throws VerbsError. */
  partitionKeys(port: number): number[] {
    const { partitionKeyCount } = this.queryPort(port);
    const key = new Struct(2);
    return Array.from({ length: partitionKeyCount }, (_, index) => {
      prepareErrno();
      if (verbs().ibv_query_pkey(this.handle, port, index, key.bytes) !== 0) {
        throw verbsFailure(`ibv_query_pkey(${this.deviceName}, ${port}, ${index})`, errno());
      }
      return key.view.getUint16(0); // in network byte order
    });
  }

  /** Allocates a protection domain. Throws VerbsError. */
  allocateProtectionDomain(): ProtectionDomain {
    this.ensureAlive("ibv_alloc_pd");
    prepareErrno();
    const handle = verbs().ibv_alloc_pd(this.handle);
    if (handle === 0n) throw verbsFailure(`ibv_alloc_pd(${this.deviceName})`, errno());
    return new ProtectionDomain(this, handle);
  }

  /** Creates a completion channel, on which completion queues announce completions. Throws VerbsError. */
  createCompletionChannel(): CompletionChannel {
    this.ensureAlive("ibv_create_comp_channel");
    return CompletionChannel.create(this);
  }

  /** Creates a completion queue. Throws VerbsError. */
  createCompletionQueue(options: CompletionQueueOptions): CompletionQueue {
    this.ensureAlive("ibv_create_cq");
    return CompletionQueue.create(this, options);
  }

  /**
   * Creates a completion queue that is polled one completion at a time, and reads only what is asked for. Throws VerbsError,
   * EOPNOTSUPP where the device has none: poll the plain kind there.
   */
  createExtendedCompletionQueue(options: ExtendedCompletionQueueOptions): ExtendedCompletionQueue {
    this.ensureAlive("ibv_create_cq_ex");
    return ExtendedCompletionQueue.create(this, options);
  }

  /** Takes an asynchronous event; undefined when none waits. Throws VerbsError. */
  takeAsyncEvent(): AsyncEvent | undefined {
    this.ensureAlive("ibv_get_async_event");
    return this.events.take();
  }

  /**
   * The next asynchronous event. Rejects with the signal's reason, and with VerbsError when the device is closed
   * meanwhile. One caller may wait at a time.
   */
  async nextAsyncEvent(signal?: AbortSignal): Promise<AsyncEvent> {
    for (;;) {
      const event = this.takeAsyncEvent();
      if (event !== undefined) return event;
      await readable(this.events.fd, signal);
    }
  }

  // Every port's GIDs; undefined where the library does not have the call yet.
  #gidTable(): GidEntry[] | undefined {
    const { _ibv_query_gid_table: query } = verbs();
    if (query === null) return undefined;
    for (let room = GID_TABLE_ROOM;; room *= 4) {
      const entries = new Struct(room * GID_ENTRY_SIZE);
      const count = Number(query(this.handle, entries.bytes, BigInt(room), 0, BigInt(GID_ENTRY_SIZE)));
      if (count >= 0) return readGidTable(entries.view, count);
      if (errnoName(count) !== "EINVAL" || room > 65_536) {
        throw verbsFailure(`ibv_query_gid_table(${this.deviceName})`, count);
      }
    }
  }

  #gidsOneByOne(port: number): GidEntry[] {
    const { gidCount, linkLayer } = this.queryPort(port);
    const type = linkLayer === link_layer.IBV_LINK_LAYER_ETHERNET ? undefined : "IB";
    const entries: GidEntry[] = [];
    for (let index = 0; index < gidCount; index++) {
      const gid = new Uint8Array(GID_SIZE);
      prepareErrno();
      if (verbs().ibv_query_gid(this.handle, port, index, gid) !== 0) {
        throw verbsFailure(`ibv_query_gid(${this.deviceName}, ${port}, ${index})`, errno());
      }
      if (gid.some((byte) => byte !== 0)) entries.push({ index, port, gid, type, interfaceIndex: 0 });
    }
    return entries;
  }

  /** Closes the device where it is ours. */
  protected override destroy(): void {
    abandon(this.events.fd);
    if (this.#owned) checkVerb(`ibv_close_device(${this.deviceName})`, verbs().ibv_close_device(this.handle));
  }
}
