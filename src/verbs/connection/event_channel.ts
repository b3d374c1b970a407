/**
 * Event channels: where the connection manager tells of identifiers.
 *
 * @module
 */
import { errno, errnoName, layout, prepareErrno, rdma_port_space, viewAt } from "../../../ffi/mod.ts";
import { checkCall, verbsFailure } from "../failure.ts";
import { connectionManager } from "../libraries.ts";
import { abandon, makeNonBlocking, readable } from "../readiness.ts";
import { Resource } from "../resource.ts";
import { type ConnectionEvent, readConnectionEvent } from "./connection_event.ts";
import { ConnectionId, type PortSpace } from "./connection_id.ts";

const EVENT = layout.rdma_cm_event;

/** An event channel. Its identifiers belong to it and go with it. */
export class EventChannel extends Resource {
  /** The `struct rdma_event_channel *`. */
  readonly handle: bigint;
  /** Its descriptor, which is readable while events wait. It does not block. */
  readonly fd: number;
  readonly #ids = new Map<bigint, ConnectionId>();
  readonly #event = new Uint8Array(8);
  readonly #eventView = new DataView(this.#event.buffer);

  /** Creates one. Throws CapabilityError without the libraries, VerbsError above all where /dev/infiniband/rdma_cm is missing. */
  constructor() {
    prepareErrno();
    const handle = connectionManager().rdma_create_event_channel();
    if (handle === 0n) throw connectionManagerFailure(errno());
    super();
    this.handle = handle;
    this.fd = viewAt(handle, layout.rdma_event_channel.size).getInt32(layout.rdma_event_channel.fd, true);
    makeNonBlocking(this.fd);
  }

  /** Creates an identifier, of connections (`TCP`, the default) or datagrams (`UDP`). Throws VerbsError. */
  createId(portSpace: PortSpace = "TCP"): ConnectionId {
    this.ensureAlive("rdma_create_id");
    const created = new Uint8Array(8);
    const space = rdma_port_space[`RDMA_PS_${portSpace}`];
    prepareErrno();
    checkCall(`rdma_create_id(${portSpace})`, connectionManager().rdma_create_id(this.handle, created, 0n, space));
    return new ConnectionId(this, new DataView(created.buffer).getBigUint64(0, true), portSpace);
  }

  /** Knows an identifier from now on, so that {@linkcode take} can name it. */
  attach(id: ConnectionId): void {
    this.#ids.set(id.handle, id);
  }

  /** Forgets an identifier. */
  detach(id: ConnectionId): void {
    this.#ids.delete(id.handle);
  }

  /** Takes one event, copies it and acknowledges it; undefined when none waits. Throws VerbsError. */
  take(): ConnectionEvent | undefined {
    this.ensureAlive("rdma_get_cm_event");
    for (;;) {
      prepareErrno();
      const result = connectionManager().rdma_get_cm_event(this.handle, this.#event);
      if (result === 0) break;
      const code = errno();
      if (errnoName(code) === "EINTR") continue;
      if (errnoName(code) === "EAGAIN") return undefined;
      throw verbsFailure("rdma_get_cm_event", code);
    }
    const address = this.#eventView.getBigUint64(0, true);
    try {
      return this.#copy(address);
    } finally {
      connectionManager().rdma_ack_cm_event(address); // one that is not acknowledged blocks rdma_destroy_id for ever
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

  #copy(address: bigint): ConnectionEvent {
    const view = viewAt(address, EVENT.size);
    const handle = view.getBigUint64(EVENT.id, true);
    const listener = this.#ids.get(view.getBigUint64(EVENT.listen_id, true));
    const known = this.#ids.get(handle);
    const id = known ?? new ConnectionId(this, handle, listener?.portSpace ?? "TCP");
    const event = readConnectionEvent(address, id.portSpace !== "TCP");
    return { ...event, id, ...(listener === undefined ? {} : { listener }) };
  }

  /** Gives it back; whoever waits for it is woken. */
  protected override destroy(): void {
    abandon(this.fd);
    connectionManager().rdma_destroy_event_channel(this.handle);
  }
}

function connectionManagerFailure(code: number): Error {
  const failed = verbsFailure("rdma_create_event_channel", code);
  if (failed.code !== "ENODEV" && failed.code !== "ENOENT") return failed;
  return verbsFailure(failed.call, code, "no /dev/infiniband/rdma_cm: modprobe rdma_ucm");
}
