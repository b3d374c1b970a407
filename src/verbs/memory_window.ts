/**
 * Memory windows: rights to a part of a region, given and withdrawn without registering anew.
 *
 * @module
 */
import { errno, layout, prepareErrno, viewAt } from "../../ffi/mod.ts";
import { checkVerb, verbsFailure } from "./failure.ts";
import type { MemoryRegion } from "./memory_region.ts";
import type { ProtectionDomain } from "./protection_domain.ts";
import { Resource } from "./resource.ts";

/** What a window shows, and which rights it gives. */
export interface WindowBinding {
  /** A region registered with `IBV_ACCESS_MW_BIND`. */
  readonly region: MemoryRegion;
  /** First byte within the region. */
  readonly offset: number;
  /** Bytes; of a type 1 window, 0 withdraws the key. */
  readonly length: number;
  /** An or of `ibv_access_flags`. */
  readonly access: number;
}

/** A memory window: type 1 is bound by a verb of its own, type 2 by a work request. */
export class MemoryWindow extends Resource {
  /** The `struct ibv_mw *`. */
  readonly handle: bigint;

  /** Made by {@linkcode ProtectionDomain.allocateMemoryWindow}. */
  constructor(
    /** The protection domain. */ readonly domain: ProtectionDomain,
    /** 1 or 2. */ readonly type: 1 | 2,
  ) {
    super([domain]);
    prepareErrno();
    this.handle = domain.context.operations.alloc_mw(domain.handle, type);
    if (this.handle === 0n) {
      const failed = verbsFailure(`ibv_alloc_mw(type ${type})`, errno());
      super[Symbol.dispose]();
      throw failed;
    }
  }

  /** The key that the window was last given. */
  get remoteKey(): number {
    return viewAt(this.handle, layout.ibv_mw.size).getUint32(layout.ibv_mw.rkey, true);
  }

  /** Gives it back. */
  protected override destroy(): void {
    if (this.handle !== 0n) checkVerb("ibv_dealloc_mw", this.domain.context.operations.dealloc_mw(this.handle));
  }
}
