/**
 * Extended queue pairs: their send queue is filled request by request, through functions of the queue pair's own. Deno
 * pays for each call, so a {@linkcode SendBatch} is the faster way; this one has what that has not, atomic writes above all.
 *
 * @module
 */
import {
  errno,
  ibv_qp_create_send_ops_flags,
  ibv_qp_init_attr_mask,
  layout,
  prepareErrno,
  REQUEST_BUILDERS,
  requestBuilders,
  Struct,
} from "../../ffi/mod.ts";
import { VerbsError } from "../rdma/errors.ts";
import { verbsFailure } from "./failure.ts";
import { verbs } from "./libraries.ts";
import type { ProtectionDomain } from "./protection_domain.ts";
import { initAttributes, QueuePair, type QueuePairOptions } from "./queue_pair.ts";
import type { QueuePairType } from "./queue_pair_transitions.ts";
import { RequestBuilder } from "./request_builder.ts";

const INIT = layout.ibv_qp_init_attr_ex;
const OPS = ibv_qp_create_send_ops_flags;
const SENDS = OPS.IBV_QP_EX_WITH_SEND | OPS.IBV_QP_EX_WITH_SEND_WITH_IMM;
const WRITES = OPS.IBV_QP_EX_WITH_RDMA_WRITE | OPS.IBV_QP_EX_WITH_RDMA_WRITE_WITH_IMM;
const ATOMICS = OPS.IBV_QP_EX_WITH_ATOMIC_CMP_AND_SWP | OPS.IBV_QP_EX_WITH_ATOMIC_FETCH_AND_ADD;

/** The operations that each service has, without those that few devices know. */
const OPERATIONS: Readonly<Record<QueuePairType, number>> = {
  RC: SENDS | WRITES | ATOMICS | OPS.IBV_QP_EX_WITH_RDMA_READ | OPS.IBV_QP_EX_WITH_LOCAL_INV |
    OPS.IBV_QP_EX_WITH_BIND_MW | OPS.IBV_QP_EX_WITH_SEND_WITH_INV,
  UC: SENDS | WRITES,
  UD: SENDS,
};

/** How an extended queue pair is made. */
export interface ExtendedQueuePairOptions extends QueuePairOptions {
  /** The operations that will be used, an or of `ibv_qp_create_send_ops_flags`. Default: the usual ones of the service. */
  operations?: number;
}

/** An extended queue pair. It takes plain batches as well. */
export class ExtendedQueuePair extends QueuePair {
  readonly #builder: RequestBuilder;

  /** Creates one in a protection domain. Throws VerbsError. */
  static override create(domain: ProtectionDomain, options: ExtendedQueuePairOptions): ExtendedQueuePair {
    const { type = "RC", operations = OPERATIONS[type] } = options;
    const { context } = domain;
    const call = `ibv_create_qp_ex(${context.deviceName}, ${type})`;
    const unsupported = new VerbsError(call, "EOPNOTSUPP", "this device has none: make a plain one");
    const { create_qp_ex: create } = context.extended;
    const { ibv_qp_to_qp_ex: extend } = verbs();
    if (create === undefined || extend === null) throw unsupported;
    const attributes = initAttributes(domain, options, new Struct(INIT.size));
    const mask = ibv_qp_init_attr_mask.IBV_QP_INIT_ATTR_PD | ibv_qp_init_attr_mask.IBV_QP_INIT_ATTR_SEND_OPS_FLAGS;
    attributes.view.setUint32(INIT.comp_mask, mask, true);
    attributes.view.setBigUint64(INIT.pd, domain.handle, true);
    attributes.view.setBigUint64(INIT.send_ops_flags, BigInt(operations), true);
    prepareErrno();
    const handle = create(context.handle, attributes.bytes);
    if (handle === 0n) throw verbsFailure(call, errno());
    const extended = extend(handle);
    if (extended !== 0n) return new ExtendedQueuePair(domain, handle, extended, options, operations);
    verbs().ibv_destroy_qp(handle);
    throw unsupported;
  }

  private constructor(
    domain: ProtectionDomain,
    handle: bigint,
    extended: bigint,
    options: ExtendedQueuePairOptions,
    operations: number,
  ) {
    super(domain, handle, options);
    const last = "wr_atomic_write"; // where the struct has no more in libraries that do not know the operation
    const names = (Object.keys(REQUEST_BUILDERS) as (keyof typeof REQUEST_BUILDERS)[])
      .filter((name) => name !== last || (operations & OPS.IBV_QP_EX_WITH_ATOMIC_WRITE) !== 0);
    this.#builder = new RequestBuilder(extended, requestBuilders(extended, names), this);
  }

  /**
   * Begins a list of requests. Until it is posted or aborted the send queue is locked, and nothing else may be done with it.
   * Throws VerbsError when one has begun already.
   */
  startRequests(): RequestBuilder {
    return this.#builder.start();
  }

  /** Throws unless its send queue takes requests now: whoever asks for its lock a second time on a thread spins for ever. */
  override ensurePostable(call: string): void {
    super.ensurePostable(call);
    if (this.#builder.started) {
      throw new VerbsError(call, "EBUSY", "a list of requests is being made: post() or abort() it");
    }
  }

  /** Gives it back. */
  protected override destroyHandle(): void {
    this.#builder[Symbol.dispose]();
    super.destroyHandle();
  }
}
