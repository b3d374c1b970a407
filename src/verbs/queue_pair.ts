/**
 * Queue pairs.
 *
 * @module
 */
import { errno, ibv_qp_type, layout, type Operations, prepareErrno, Struct, viewAt } from "../../ffi/mod.ts";
import { VerbsError } from "../rdma/errors.ts";
import { CompletionQueue } from "./completion_queue.ts";
import { isIwarp } from "./device.ts";
import { checkVerb, postFailure, verbsFailure } from "./failure.ts";
import { verbs } from "./libraries.ts";
import { MulticastMembership } from "./multicast.ts";
import type { ProtectionDomain } from "./protection_domain.ts";
import {
  EVERY_ATTRIBUTE,
  type QueuePairAttributes,
  type QueuePairState,
  type QueuePairStatus,
  readAttributes,
  stateOf,
  writeAttributes,
} from "./queue_pair_attributes.ts";
import { type QueuePairType, transitionFault } from "./queue_pair_transitions.ts";
import type { ReceiveBatch } from "./receive_batch.ts";
import { Resource } from "./resource.ts";
import type { SendBatch } from "./send_batch.ts";
import type { SharedReceiveQueue } from "./shared_receive_queue.ts";

const INIT = layout.ibv_qp_init_attr;
const QP = layout.ibv_qp;

/** How a queue pair is made. */
export interface QueuePairOptions {
  /** The service. Default RC. */
  type?: QueuePairType;
  /** Where sends complete. */
  sendQueue: CompletionQueue;
  /** Where receives complete. Default the same. */
  receiveQueue?: CompletionQueue;
  /** Where its receives come from, instead of a queue of its own. */
  sharedReceiveQueue?: SharedReceiveQueue;
  /** Send-queue requests that may be outstanding. Default 128. */
  sendDepth?: number;
  /** Receives that may be outstanding. Default 128; the shared receive queue's count instead where there is one. */
  receiveDepth?: number;
  /** Pieces of memory of one send-queue request. Default 1. */
  sendEntries?: number;
  /** Pieces of memory of one receive. Default 1. */
  receiveEntries?: number;
  /** Bytes that a request may carry inline. Default 0; the device may give more. */
  inlineSize?: number;
}

/** A queue pair. */
export class QueuePair extends Resource {
  /** The service. */
  readonly type: QueuePairType;
  /** Its number, by which peers know it. */
  readonly number: number;
  /** Where its receives come from, where that is no queue of its own. */
  readonly sharedReceiveQueue: SharedReceiveQueue | undefined;
  readonly #operations: Operations;
  readonly #datagrams: boolean;
  readonly #iwarp: boolean;
  readonly #forget: () => void;

  /** Creates one in a protection domain. Throws VerbsError. */
  static create(domain: ProtectionDomain, options: QueuePairOptions): QueuePair {
    const attributes = initAttributes(domain, options);
    prepareErrno();
    const handle = verbs().ibv_create_qp(domain.handle, attributes.bytes);
    if (handle === 0n) throw verbsFailure(`ibv_create_qp(${options.type ?? "RC"})`, errno());
    return new QueuePair(domain, handle, options);
  }

  /** Takes a `struct ibv_qp *`. */
  protected constructor(
    /** The protection domain. */ readonly domain: ProtectionDomain,
    /** The pointer. */ readonly handle: bigint,
    options: QueuePairOptions,
  ) {
    super([domain, ...parents(options)]);
    const { context } = domain;
    this.#operations = context.operations;
    this.#iwarp = isIwarp(context.device);
    this.#forget = context.events.knowQueuePair(this);
    this.type = options.type ?? "RC";
    this.#datagrams = this.type === "UD";
    this.sharedReceiveQueue = options.sharedReceiveQueue;
    this.number = viewAt(handle, QP.size).getUint32(QP.qp_num, true);
  }

  /** The state it was last brought to or found in; an error may have moved it since, as {@linkcode query} finds out. */
  get state(): QueuePairState {
    this.ensureAlive("ibv_qp.state");
    return stateOf(viewAt(this.handle, QP.size).getInt32(QP.state, true)) ?? "ERR";
  }

  /**
   * Changes its state or attributes. Throws VerbsError; for a change that there is not, for attributes that are missing and
   * for those that have no place in it, before the kernel is asked.
   */
  modify(attributes: QueuePairAttributes): void {
    const from = attributes.currentState ?? this.state;
    const to = attributes.state ?? from;
    const call = `ibv_modify_qp(${this.type}, ${from} to ${to})`;
    const fault = this.#iwarp ? iwarpFault(to) : transitionFault(this.type, from, attributes);
    if (fault !== undefined) throw new VerbsError(call, this.#iwarp ? "EOPNOTSUPP" : "EINVAL", fault);
    const struct = new Struct(layout.ibv_qp_attr.size);
    const mask = writeAttributes(struct.view, attributes);
    checkVerb(call, verbs().ibv_modify_qp(this.handle, struct.bytes, mask));
  }

  /** What it is like now. Throws VerbsError. */
  query(): QueuePairStatus {
    this.ensureAlive("ibv_query_qp");
    const attributes = new Struct(layout.ibv_qp_attr.size);
    const initial = new Struct(INIT.size);
    checkVerb("ibv_query_qp", verbs().ibv_query_qp(this.handle, attributes.bytes, EVERY_ATTRIBUTE, initial.bytes));
    return readAttributes(attributes.view);
  }

  /**
   * Posts every request of the batch, in order. Throws VerbsError, ENOMEM where the queue is full: the requests before
   * {@linkcode SendBatch.refusedIndex} are then posted, the others not.
   */
  postSend(batch: SendBatch): void {
    this.ensurePostable("ibv_post_send");
    batch.ensureAlive("ibv_post_send", this.#datagrams);
    if (batch.count === 0) return;
    const result = this.#operations.post_send(this.handle, batch.address, batch.refusedAddress);
    if (result !== 0) throw postFailure(`ibv_post_send(${batch.count} requests)`, result);
  }

  /** Posts every receive of the batch, in order. Throws VerbsError as {@linkcode postSend} does. */
  postReceive(batch: ReceiveBatch): void {
    this.ensureAlive("ibv_post_recv");
    batch.ensureAlive("ibv_post_recv");
    if (batch.count === 0) return;
    if (this.sharedReceiveQueue !== undefined) {
      throw new VerbsError("ibv_post_recv", "EINVAL", "its receives are posted to its shared receive queue");
    }
    const result = this.#operations.post_recv(this.handle, batch.address, batch.refusedAddress);
    if (result !== 0) throw postFailure(`ibv_post_recv(${batch.count} receives)`, result);
  }

  /** Receives what is sent to a multicast group from now on, where it is of datagrams. Throws VerbsError. */
  attachMulticast(gid: Uint8Array, lid = 0): MulticastMembership {
    this.ensureAlive("ibv_attach_mcast");
    return MulticastMembership.attach(this, gid, lid);
  }

  /** Throws unless its send queue takes requests by {@linkcode postSend} now. */
  ensurePostable(call: string): void {
    this.ensureAlive(call);
  }

  /** Gives it back; outstanding requests are gone without a completion. */
  protected override destroy(): void {
    this.destroyHandle();
    this.#forget();
  }

  /** Gives the pointer back to the library it came from. */
  protected destroyHandle(): void {
    checkVerb("ibv_destroy_qp", verbs().ibv_destroy_qp(this.handle));
  }
}

/**
 * The options as `struct ibv_qp_init_attr`, in the front of `struct`, which is one unless told. Throws VerbsError where a
 * queue it names is gone, or of another device.
 */
export function initAttributes(
  domain: ProtectionDomain,
  options: QueuePairOptions,
  struct: Struct = new Struct(INIT.size),
): Struct {
  const { type = "RC", sendQueue, receiveQueue = sendQueue, sharedReceiveQueue } = options;
  const { view } = struct;
  for (const each of parents(options)) {
    each.ensureAlive("ibv_create_qp");
    const context = each instanceof CompletionQueue ? each.context : each.domain.context;
    if (context !== domain.context) {
      throw new VerbsError("ibv_create_qp", "EINVAL", `its ${each.constructor.name} is of another open device`);
    }
  }
  view.setBigUint64(INIT.send_cq, sendQueue.handle, true);
  view.setBigUint64(INIT.recv_cq, receiveQueue.handle, true);
  view.setBigUint64(INIT.srq, sharedReceiveQueue?.handle ?? 0n, true);
  view.setUint32(INIT.cap_max_send_wr, options.sendDepth ?? 128, true);
  view.setUint32(INIT.cap_max_recv_wr, Math.max(options.receiveDepth ?? 128, 1), true); // siw maps no queue of 0
  view.setUint32(INIT.cap_max_send_sge, options.sendEntries ?? 1, true);
  view.setUint32(INIT.cap_max_recv_sge, options.receiveEntries ?? 1, true);
  view.setUint32(INIT.cap_max_inline_data, options.inlineSize ?? 0, true);
  view.setInt32(INIT.qp_type, typeNumber(type), true);
  return struct;
}

function parents(options: QueuePairOptions): (CompletionQueue | SharedReceiveQueue)[] {
  const { sendQueue, receiveQueue = sendQueue, sharedReceiveQueue } = options;
  return [sendQueue, receiveQueue, ...(sharedReceiveQueue === undefined ? [] : [sharedReceiveQueue])];
}

// The peer's address and the socket are the connection manager's; it alone can bring an iWARP queue pair to life.
function iwarpFault(to: QueuePairState): string | undefined {
  if (to !== "RTR" && to !== "RTS") return undefined;
  return "queue pairs of iWARP devices are connected by rdma_cm alone: ConnectionId.connect or accept";
}

function typeNumber(type: QueuePairType): number {
  return { RC: ibv_qp_type.IBV_QPT_RC, UC: ibv_qp_type.IBV_QPT_UC, UD: ibv_qp_type.IBV_QPT_UD }[type];
}
