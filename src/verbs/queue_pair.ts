/**
 * Queue pairs.
 *
 * @module
 */
import { errno, ibv_qp_type, layout, type Operations, prepareErrno, Struct, viewAt } from "../../ffi/mod.ts";
import type { CompletionQueue } from "./completion_queue.ts";
import { checkVerb, verbsFailure } from "./failure.ts";
import { verbs } from "./libraries.ts";
import type { ProtectionDomain } from "./protection_domain.ts";
import { type QueuePairAttributes, writeAttributes } from "./queue_pair_attributes.ts";
import type { ReceiveBatch } from "./receive_batch.ts";
import { Resource } from "./resource.ts";
import type { SendBatch } from "./send_batch.ts";

const INIT = layout.ibv_qp_init_attr;

/** Reliable connection, unreliable connection, unreliable datagram. */
export type QueuePairType = "RC" | "UC" | "UD";

/** How a queue pair is made. */
export interface QueuePairOptions {
  /** The service. Default RC. */
  type?: QueuePairType;
  /** Where sends complete. */
  sendQueue: CompletionQueue;
  /** Where receives complete. Default the same. */
  receiveQueue?: CompletionQueue;
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
  readonly #operations: Operations;

  /** Creates one in a protection domain. Throws VerbsError. */
  static create(domain: ProtectionDomain, options: QueuePairOptions): QueuePair {
    const attributes = initAttributes(options);
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
    super([domain, options.sendQueue, options.receiveQueue ?? options.sendQueue]);
    this.#operations = domain.context.operations;
    this.type = options.type ?? "RC";
    this.number = viewAt(handle, layout.ibv_qp.size).getUint32(layout.ibv_qp.qp_num, true);
  }

  /** Changes its state or attributes. Throws VerbsError. */
  modify(attributes: QueuePairAttributes): void {
    this.ensureAlive("ibv_modify_qp");
    const struct = new Struct(layout.ibv_qp_attr.size);
    const mask = writeAttributes(struct.view, attributes);
    checkVerb(
      `ibv_modify_qp(${this.type}, ${attributes.state ?? "same state"})`,
      verbs().ibv_modify_qp(this.handle, struct.bytes, mask),
    );
  }

  /**
   * Posts every request of the batch, in order. Throws VerbsError, ENOMEM where the queue is full: the requests before
   * {@linkcode SendBatch.refusedIndex} are then posted, the others not.
   */
  postSend(batch: SendBatch): void {
    this.ensureAlive("ibv_post_send");
    if (batch.count === 0) return;
    const result = this.#operations.post_send(this.handle, batch.address, batch.refusedAddress);
    if (result !== 0) throw verbsFailure(`ibv_post_send(${batch.count} requests)`, result);
  }

  /** Posts every receive of the batch, in order. Throws VerbsError as {@linkcode postSend} does. */
  postReceive(batch: ReceiveBatch): void {
    this.ensureAlive("ibv_post_recv");
    if (batch.count === 0) return;
    const result = this.#operations.post_recv(this.handle, batch.address, batch.refusedAddress);
    if (result !== 0) throw verbsFailure(`ibv_post_recv(${batch.count} receives)`, result);
  }

  /** Gives it back; outstanding requests are gone without a completion. */
  protected override destroy(): void {
    checkVerb("ibv_destroy_qp", verbs().ibv_destroy_qp(this.handle));
  }
}

/** The options as `struct ibv_qp_init_attr`. */
export function initAttributes(options: QueuePairOptions): Struct {
  const { type = "RC", sendQueue, receiveQueue = sendQueue } = options;
  const struct = new Struct(INIT.size);
  const { view } = struct;
  view.setBigUint64(INIT.send_cq, sendQueue.handle, true);
  view.setBigUint64(INIT.recv_cq, receiveQueue.handle, true);
  view.setUint32(INIT.cap_max_send_wr, options.sendDepth ?? 128, true);
  view.setUint32(INIT.cap_max_recv_wr, options.receiveDepth ?? 128, true);
  view.setUint32(INIT.cap_max_send_sge, options.sendEntries ?? 1, true);
  view.setUint32(INIT.cap_max_recv_sge, options.receiveEntries ?? 1, true);
  view.setUint32(INIT.cap_max_inline_data, options.inlineSize ?? 0, true);
  view.setInt32(INIT.qp_type, typeNumber(type), true);
  return struct;
}

function typeNumber(type: QueuePairType): number {
  return { RC: ibv_qp_type.IBV_QPT_RC, UC: ibv_qp_type.IBV_QPT_UC, UD: ibv_qp_type.IBV_QPT_UD }[type];
}
