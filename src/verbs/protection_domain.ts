/**
 * Protection domains: what may be used together.
 *
 * @module
 */
import type { Context } from "./context.ts";
import { checkVerb } from "./failure.ts";
import { verbs } from "./libraries.ts";
import { MemoryRegion } from "./memory_region.ts";
import { QueuePair, type QueuePairOptions } from "./queue_pair.ts";
import { Resource } from "./resource.ts";

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
    return new MemoryRegion(this, length, access);
  }

  /** Creates a queue pair. Throws VerbsError. */
  createQueuePair(options: QueuePairOptions): QueuePair {
    this.ensureAlive("ibv_create_qp");
    return QueuePair.create(this, options);
  }

  /** Gives it back. */
  protected override destroy(): void {
    checkVerb("ibv_dealloc_pd", verbs().ibv_dealloc_pd(this.handle));
  }
}
