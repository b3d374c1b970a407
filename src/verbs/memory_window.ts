/**
 * Memory windows: rights to a part of a region, given and withdrawn without registering anew.
 *
 * @module
 */
import { errno, ibv_send_flags, layout, prepareErrno, Struct, viewAt } from "../../ffi/mod.ts";
import { VerbsError } from "../rdma/errors.ts";
import { checkRange } from "../rdma/memory.ts";
import { checkVerb, postFailure, verbsFailure } from "./failure.ts";
import type { MemoryRegion } from "./memory_region.ts";
import type { ProtectionDomain } from "./protection_domain.ts";
import type { QueuePair } from "./queue_pair.ts";
import { Resource } from "./resource.ts";

const MW = layout.ibv_mw;
const BIND = layout.ibv_mw_bind;

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
  #region: MemoryRegion | undefined;

  /** Allocates one in a protection domain. Throws VerbsError, EOPNOTSUPP where the device has none. */
  static allocate(domain: ProtectionDomain, type: 1 | 2): MemoryWindow {
    prepareErrno();
    const handle = domain.context.operations.alloc_mw(domain.handle, type);
    if (handle === 0n) throw verbsFailure(`ibv_alloc_mw(type ${type})`, errno());
    return new MemoryWindow(domain, handle, type);
  }

  private constructor(
    /** The protection domain. */ readonly domain: ProtectionDomain,
    /** The `struct ibv_mw *`. */ readonly handle: bigint,
    /** 1 or 2. */ readonly type: 1 | 2,
  ) {
    super([domain]);
  }

  /** The key that the window was last given. */
  get remoteKey(): number {
    this.ensureAlive("ibv_mw.rkey");
    return viewAt(this.handle, MW.size).getUint32(MW.rkey, true);
  }

  /** The key that the next binding may give: its low 8 bits are one higher (`ibv_inc_rkey(3)`). */
  get nextKey(): number {
    const key = this.remoteKey;
    return ((key & ~0xff) | ((key + 1) & 0xff)) >>> 0;
  }

  /** Notes the key of a type 2 window whose binding has completed: C starts the next binding from it. */
  setKey(key: number): void {
    this.ensureAlive("ibv_mw.rkey");
    viewAt(this.handle, MW.size).setUint32(MW.rkey, key, true);
  }

  /**
   * Posts the binding of a type 1 window to a queue pair's send queue. {@linkcode remoteKey} is another at once, and opens
   * what the window shows when the request `id` has completed; where that fails, {@linkcode setKey} brings back the
   * earlier one. Throws VerbsError.
   */
  bind(queuePair: QueuePair, id: number, binding: WindowBinding): void {
    const call = "ibv_bind_mw";
    this.ensureAlive(call);
    queuePair.ensurePostable(call);
    if (this.type !== 1) throw new VerbsError(call, "EINVAL", "a type 2 window is bound by SendBatch.bindWindow");
    const { region, offset, length, access } = binding;
    checkRange(offset, length, region.length);
    region.ensureAlive(call);
    const { bytes, view } = new Struct(BIND.size);
    view.setBigUint64(BIND.wr_id, BigInt(id), true);
    view.setUint32(BIND.send_flags, ibv_send_flags.IBV_SEND_SIGNALED, true);
    view.setBigUint64(BIND.bind_info_mr, region.handle, true);
    view.setBigUint64(BIND.bind_info_addr, region.address + BigInt(offset), true);
    view.setBigUint64(BIND.bind_info_length, BigInt(length), true);
    view.setUint32(BIND.bind_info_mw_access_flags, access, true);
    const result = this.domain.context.operations.bind_mw(queuePair.handle, this.handle, bytes);
    if (result !== 0) throw postFailure(call, result);
    this.belongTo(region);
  }

  /** Belongs to the region it is bound to, and to no other, from now on: it is gone before that is. */
  belongTo(region: MemoryRegion): void {
    this.ensureAlive("ibv_bind_mw");
    region.ensureAlive("ibv_bind_mw");
    if (this.#region === region) return;
    if (this.#region !== undefined) this.removeParent(this.#region);
    this.addParent(region);
    this.#region = region;
  }

  /** Gives it back. */
  protected override destroy(): void {
    checkVerb("ibv_dealloc_mw", this.domain.context.operations.dealloc_mw(this.handle));
  }
}
