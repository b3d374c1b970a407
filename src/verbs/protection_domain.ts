/**
 * Protection domains: what may be used together.
 *
 * @module
 */
import { AddressHandle } from "./address_handle.ts";
import type { AddressVector } from "./address_vector.ts";
import type { Context } from "./context.ts";
import { ExtendedQueuePair, type ExtendedQueuePairOptions } from "./extended_queue_pair.ts";
import { checkVerb } from "./failure.ts";
import { verbs } from "./libraries.ts";
import { MemoryRegion } from "./memory_region.ts";
import { MemoryWindow } from "./memory_window.ts";
import { QueuePair, type QueuePairOptions } from "./queue_pair.ts";
import { Resource } from "./resource.ts";
import { SharedReceiveQueue, type SharedReceiveQueueOptions } from "./shared_receive_queue.ts";
import type { WorkCompletions } from "./work_completions.ts";

/** A protection domain. */
export class ProtectionDomain extends Resource {
  /** Made by {@linkcode Context.allocateProtectionDomain}. */
  constructor(
    /** The open device. */ readonly context: Context,
    /** The `struct ibv_pd *`. */ readonly handle: bigint,
  ) {
    super([context]);
  }

  /**
   * Maps and registers zeroed memory. `access` is an or of `ibv_access_flags`, of which {@linkcode Access} has the usual
   * ones. Throws VerbsError, ENOMEM above all, and RangeError for a length that is none.
   */
  register(length: number, access: number): MemoryRegion {
    this.ensureAlive("ibv_reg_mr");
    return MemoryRegion.register(this, length, access);
  }

  /** Creates a queue pair. Throws VerbsError. */
  createQueuePair(options: QueuePairOptions): QueuePair {
    this.ensureAlive("ibv_create_qp");
    return QueuePair.create(this, options);
  }

  /** Creates a queue pair whose send queue is filled request by request. Throws VerbsError, EOPNOTSUPP where there is none. */
  createExtendedQueuePair(options: ExtendedQueuePairOptions): ExtendedQueuePair {
    this.ensureAlive("ibv_create_qp_ex");
    return ExtendedQueuePair.create(this, options);
  }

  /** Creates a queue of receives for several queue pairs. Throws VerbsError. */
  createSharedReceiveQueue(options: SharedReceiveQueueOptions = {}): SharedReceiveQueue {
    this.ensureAlive("ibv_create_srq");
    return SharedReceiveQueue.create(this, options);
  }

  /** Creates an address handle, for datagrams. Throws VerbsError. */
  createAddressHandle(vector: AddressVector): AddressHandle {
    this.ensureAlive("ibv_create_ah");
    return AddressHandle.create(this, vector);
  }

  /** Creates the address handle that answers a datagram: {@linkcode AddressHandle.fromCompletion}. Throws VerbsError. */
  addressHandleFrom(
    completions: WorkCompletions,
    index: number,
    region: MemoryRegion,
    offset: number,
    port: number,
  ): AddressHandle {
    this.ensureAlive("ibv_create_ah_from_wc");
    return AddressHandle.fromCompletion(this, completions, index, region, offset, port);
  }

  /** Allocates a memory window of type 1 or 2. Throws VerbsError. */
  allocateMemoryWindow(type: 1 | 2): MemoryWindow {
    this.ensureAlive("ibv_alloc_mw");
    return MemoryWindow.allocate(this, type);
  }

  /** Gives it back. */
  protected override destroy(): void {
    checkVerb("ibv_dealloc_pd", verbs().ibv_dealloc_pd(this.handle));
  }
}
