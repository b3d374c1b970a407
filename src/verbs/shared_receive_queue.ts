/**
 * Shared receive queues: receives that whichever of several queue pairs a message comes for may use.
 *
 * @module
 */
import { errno, ibv_srq_attr_mask, layout, type Operations, prepareErrno, Struct } from "../../ffi/mod.ts";
import { checkVerb, postFailure, verbsFailure } from "./failure.ts";
import { verbs } from "./libraries.ts";
import type { ProtectionDomain } from "./protection_domain.ts";
import type { ReceiveBatch } from "./receive_batch.ts";
import { Resource } from "./resource.ts";

const INIT = layout.ibv_srq_init_attr;
const ATTR = layout.ibv_srq_attr;

/** How a shared receive queue is made. */
export interface SharedReceiveQueueOptions {
  /** Receives that may be outstanding. Default 128. */
  depth?: number;
  /** Pieces of memory of one receive. Default 1. */
  entries?: number;
}

/** A shared receive queue, as it is. */
export interface SharedReceiveQueueAttributes {
  /** Receives that may be outstanding. */
  readonly depth: number;
  /** Pieces of memory of one receive. */
  readonly entries: number;
  /** Below how many receives it says so, once; 0 is never. */
  readonly limit: number;
}

/**
 * A shared receive queue; queue pairs are given it when they are made. Its receives' memory is of its own protection
 * domain; rxe takes the queue pair's for it, so let them be the same.
 */
export class SharedReceiveQueue extends Resource {
  readonly #operations: Operations;
  readonly #forget: () => void;

  /** Creates one in a protection domain. Throws VerbsError. */
  static create(domain: ProtectionDomain, options: SharedReceiveQueueOptions): SharedReceiveQueue {
    const { depth = 128, entries = 1 } = options;
    const attributes = new Struct(INIT.size);
    attributes.view.setUint32(INIT.attr_max_wr, depth, true);
    attributes.view.setUint32(INIT.attr_max_sge, entries, true);
    prepareErrno();
    const handle = verbs().ibv_create_srq(domain.handle, attributes.bytes);
    if (handle === 0n) throw verbsFailure(`ibv_create_srq(${depth} receives)`, errno());
    return new SharedReceiveQueue(domain, handle);
  }

  private constructor(
    /** The protection domain. */ readonly domain: ProtectionDomain,
    /** The `struct ibv_srq *`. */ readonly handle: bigint,
  ) {
    super([domain]);
    this.#operations = domain.context.operations;
    this.#forget = domain.context.events.knowSharedReceiveQueue(this);
  }

  /** Posts every receive of the batch, in order. Throws VerbsError as {@linkcode QueuePair.postReceive} does. */
  postReceive(batch: ReceiveBatch): void {
    this.ensureAlive("ibv_post_srq_recv");
    batch.ensureAlive("ibv_post_srq_recv");
    if (batch.count === 0) return;
    const result = this.#operations.post_srq_recv(this.handle, batch.address, batch.refusedAddress);
    if (result !== 0) throw postFailure(`ibv_post_srq_recv(${batch.count} receives)`, result);
  }

  /**
   * Asks for one asynchronous event when fewer than `receives` are left; 0 takes that back. Throws VerbsError.
   */
  setLimit(receives: number): void {
    this.#modify(`limit ${receives}`, ATTR.srq_limit, receives, ibv_srq_attr_mask.IBV_SRQ_LIMIT);
  }

  /** Makes room for another number of receives, not fewer than are in it. Throws VerbsError; not every device can. */
  resize(receives: number): void {
    this.#modify(`${receives} receives`, ATTR.max_wr, receives, ibv_srq_attr_mask.IBV_SRQ_MAX_WR);
  }

  /** How it is now. Throws VerbsError, EOPNOTSUPP where the driver cannot say. */
  query(): SharedReceiveQueueAttributes {
    this.ensureAlive("ibv_query_srq");
    const { bytes, view } = new Struct(ATTR.size);
    checkVerb("ibv_query_srq", verbs().ibv_query_srq(this.handle, bytes));
    return {
      depth: view.getUint32(ATTR.max_wr, true),
      entries: view.getUint32(ATTR.max_sge, true),
      limit: view.getUint32(ATTR.srq_limit, true),
    };
  }

  /** Gives it back, and before that every queue pair that uses it. */
  protected override destroy(): void {
    checkVerb("ibv_destroy_srq", verbs().ibv_destroy_srq(this.handle));
    this.#forget();
  }

  #modify(what: string, field: number, value: number, mask: number): void {
    this.ensureAlive("ibv_modify_srq");
    const { bytes, view } = new Struct(ATTR.size);
    view.setUint32(field, value, true);
    checkVerb(`ibv_modify_srq(${what})`, verbs().ibv_modify_srq(this.handle, bytes, mask));
  }
}
