/**
 * Registered memory.
 *
 * @module
 */
import { errno, ibv_access_flags, layout, NativeMemory, prepareErrno, viewAt } from "../../ffi/mod.ts";
import type { MemoryRegion as RegionContract } from "../rdma/memory.ts";
import { checkVerb, verbsFailure, withVerbsErrors } from "./failure.ts";
import { verbs } from "./libraries.ts";
import type { ProtectionDomain } from "./protection_domain.ts";
import { Resource } from "./resource.ts";

const { IBV_ACCESS_LOCAL_WRITE, IBV_ACCESS_REMOTE_WRITE, IBV_ACCESS_REMOTE_READ, IBV_ACCESS_REMOTE_ATOMIC } =
  ibv_access_flags;
const IBV_ACCESS_MW_BIND = ibv_access_flags.IBV_ACCESS_MW_BIND;
const REMOTE_WRITING = IBV_ACCESS_REMOTE_WRITE | IBV_ACCESS_REMOTE_ATOMIC;
const REMOTE = REMOTE_WRITING | IBV_ACCESS_REMOTE_READ;
/** The rights that ibv_reg_mr knows, of those that {@linkcode Access} may hold. */
const KNOWN = IBV_ACCESS_LOCAL_WRITE | REMOTE | IBV_ACCESS_MW_BIND;

/** The longest region, in bytes: JavaScript's views of more are slow, and lengths of work requests have 32 bits. */
export const MAX_REGION_SIZE = 0x7fff_ffff;

/** Memory of this process that a device may reach; mapped outside V8, as it must not move. */
export class MemoryRegion extends Resource implements RegionContract {
  /** The address of byte 0 as a number, which is exact. */
  readonly at: number;
  /** Size in bytes. */
  readonly length: number;
  readonly #memory: NativeMemory;
  #handle: bigint;
  #localKey = 0;
  #remoteKey = 0;
  #valid = true;

  /** Maps and registers zeroed memory. Throws VerbsError, and RangeError for a length that is none. */
  static register(domain: ProtectionDomain, length: number, access: number): MemoryRegion {
    if (!Number.isInteger(length) || length < 0 || length > MAX_REGION_SIZE) {
      throw new RangeError(`region of ${length} bytes: 0 to ${MAX_REGION_SIZE} can be registered`);
    }
    const memory = withVerbsErrors(() => new NativeMemory(length));
    try {
      return new MemoryRegion(domain, memory, access, registration(domain, memory, access));
    } catch (error) {
      memory[Symbol.dispose]();
      throw error;
    }
  }

  private constructor(
    /** The protection domain. */ readonly domain: ProtectionDomain,
    memory: NativeMemory,
    /** Rights, as asked for. */ readonly access: number,
    handle: bigint,
  ) {
    super([domain]);
    this.#memory = memory;
    this.at = memory.at;
    this.length = memory.length;
    this.#handle = handle;
    this.#readKeys();
  }

  /** The memory. */
  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#memory.bytes;
  }

  /** The same as a view. */
  get view(): DataView<ArrayBuffer> {
    return this.#memory.view;
  }

  /** The virtual address, which is what peers name. */
  get address(): bigint {
    return this.#memory.address;
  }

  /** The `struct ibv_mr *`. */
  get handle(): bigint {
    return this.#handle;
  }

  /** The key that local work requests show. */
  get localKey(): number {
    return this.#localKey;
  }

  /** The key that peers show. */
  get remoteKey(): number {
    return this.#remoteKey;
  }

  /** Whether the present keys open it. */
  get valid(): boolean {
    return this.#valid;
  }

  /** Notes that a peer withdrew the key. */
  invalidate(): void {
    this.#valid = false;
  }

  /**
   * Withdraws the keys by giving the registration back, and registers anew. Where no right is a peer's the keys open
   * nothing to it, and stay. Work outstanding on the region fails. Throws VerbsError; the region then has no keys until a
   * later call succeeds.
   */
  rotateKey(): void {
    this.ensureAlive("rotateKey");
    if (this.#valid && this.#handle !== 0n && (this.access & REMOTE) === 0) return;
    this.#deregister();
    this.#register();
  }

  /** Withdraws the keys, detaches every view, and unmaps. */
  protected override destroy(): void {
    this.#deregister();
    this.#memory[Symbol.dispose]();
  }

  #register(): void {
    this.#handle = registration(this.domain, this.#memory, this.access);
    this.#readKeys();
    this.#valid = true;
  }

  #readKeys(): void {
    const { ibv_mr: fields } = layout;
    const view = viewAt(this.#handle, fields.size);
    this.#localKey = view.getUint32(fields.lkey, true);
    this.#remoteKey = view.getUint32(fields.rkey, true);
  }

  #deregister(): void {
    if (this.#handle === 0n) return;
    checkVerb("ibv_dereg_mr", verbs().ibv_dereg_mr(this.#handle));
    this.#handle = 0n;
    this.#valid = false;
  }
}

/** Registers memory; the `struct ibv_mr *`. */
function registration(domain: ProtectionDomain, memory: NativeMemory, access: number): bigint {
  const writable = (access & REMOTE_WRITING) !== 0 ? IBV_ACCESS_LOCAL_WRITE : 0; // ibv_reg_mr(3) asks for it
  const length = Math.max(memory.length, 1); // no device registers nothing
  prepareErrno();
  const handle = verbs().ibv_reg_mr(domain.handle, memory.address, BigInt(length), (access & KNOWN) | writable);
  if (handle === 0n) throw verbsFailure(`ibv_reg_mr(${memory.length} bytes)`, errno());
  return handle;
}
