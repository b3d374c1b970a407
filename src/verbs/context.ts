/**
 * An open device.
 *
 * @module
 */
import {
  errno,
  type ExtendedOperations,
  extendedOperations,
  layout,
  type Operations,
  operations,
  prepareErrno,
  viewAt,
} from "../../ffi/mod.ts";
import { CompletionChannel } from "./completion_channel.ts";
import { CompletionQueue, type CompletionQueueOptions } from "./completion_queue.ts";
import { checkVerb, verbsFailure } from "./failure.ts";
import { verbs } from "./libraries.ts";
import { ProtectionDomain } from "./protection_domain.ts";
import { Resource } from "./resource.ts";

/** An open device: what everything else is made from. */
export class Context extends Resource {
  /** The device's verbs, which verbs.h calls through its tables. */
  readonly operations: Operations;
  /** Those of later releases, as far as the library and the device have them. */
  readonly extended: ExtendedOperations;
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
  }

  /** Interrupt vectors that completion queues may name. */
  get completionVectors(): number {
    return viewAt(this.handle, layout.ibv_context.size).getInt32(layout.ibv_context.num_comp_vectors, true);
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
    return new CompletionChannel(this);
  }

  /** Creates a completion queue. Throws VerbsError. */
  createCompletionQueue(options: CompletionQueueOptions): CompletionQueue {
    this.ensureAlive("ibv_create_cq");
    return new CompletionQueue(this, options);
  }

  /** Closes the device where it is ours. */
  protected override destroy(): void {
    if (this.#owned) checkVerb(`ibv_close_device(${this.deviceName})`, verbs().ibv_close_device(this.handle));
  }
}
