/**
 * Work requests made one by one in the send queue itself, `ibv_wr_post(3)`.
 *
 * @module
 */
import { ibv_send_flags, layout, type RequestBuilders, Struct, viewAt } from "../../ffi/mod.ts";
import { VerbsError } from "../rdma/errors.ts";
import { checkRange } from "../rdma/memory.ts";
import type { AddressHandle } from "./address_handle.ts";
import { postFailure } from "./failure.ts";
import type { MemoryWindow, WindowBinding } from "./memory_window.ts";
import type { QueuePair } from "./queue_pair.ts";
import { checkMemory, type LocalMemory } from "./request_memory.ts";

const QP = layout.ibv_qp_ex;
const SGE = layout.ibv_sge;
const BIND = layout.ibv_mw_bind_info;

/** A piece of registered memory. */
export interface MemoryPiece {
  /** The memory. */
  readonly region: LocalMemory;
  /** First byte within it. */
  readonly offset: number;
  /** Bytes. */
  readonly length: number;
}

// A request that C has not been told of yet.
interface Request {
  readonly id: number;
  readonly flags: number;
  readonly add: () => void;
  address: (() => void) | undefined;
}

/**
 * A list of requests on its way into the send queue of an extended queue pair. A method that names an operation adds a
 * request; the others complete the last one. Nothing is sent before {@linkcode post}; disposing it unposted aborts it.
 * What is wrong with a request {@linkcode post} says, and then none of them is posted.
 */
export class RequestBuilder implements Disposable {
  readonly #view: DataView<ArrayBuffer>;
  readonly #functions: Required<RequestBuilders>;
  #started = false;
  #count = 0;
  #last: Request | undefined;

  /** Takes a `struct ibv_qp_ex *`; made by {@linkcode ExtendedQueuePair}. */
  constructor(
    /** The pointer. */ readonly handle: bigint,
    functions: RequestBuilders,
    /** The queue pair. */ readonly queuePair: QueuePair,
  ) {
    this.#view = viewAt(handle, QP.wr_flags + 4);
    this.#functions = functions as Required<RequestBuilders>; // those that may be missing are looked for in #begin
  }

  /** Whether a list has begun and is neither posted nor aborted. */
  get started(): boolean {
    return this.#started;
  }

  /** Locks the send queue and begins; {@linkcode ExtendedQueuePair.startRequests}. */
  start(): this {
    this.queuePair.ensurePostable("ibv_wr_start");
    this.#functions.wr_start(this.handle);
    this.#started = true;
    this.#count = 0;
    this.#last = undefined;
    return this;
  }

  /** Adds a Send. */
  send(id: number, flags?: number): this {
    return this.#begin("wr_send", id, flags, () => this.#functions.wr_send(this.handle));
  }

  /** Adds a Send that carries 32 bits beside its bytes. */
  sendWithImmediate(id: number, immediate: number, flags?: number): this {
    return this.#begin(
      "wr_send_imm",
      id,
      flags,
      () => this.#functions.wr_send_imm(this.handle, networkOrder(immediate)),
    );
  }

  /** Adds a Send that withdraws the peer's `key`. */
  sendWithInvalidate(id: number, key: number, flags?: number): this {
    return this.#begin("wr_send_inv", id, flags, () => this.#functions.wr_send_inv(this.handle, key));
  }

  /** Adds an RDMA Write to the peer's `address`. */
  write(id: number, address: bigint, key: number, flags?: number): this {
    return this.#begin("wr_rdma_write", id, flags, () => this.#functions.wr_rdma_write(this.handle, key, address));
  }

  /** Adds an RDMA Write that also completes one of the peer's receives, with 32 bits. */
  writeWithImmediate(id: number, address: bigint, key: number, immediate: number, flags?: number): this {
    return this.#begin(
      "wr_rdma_write_imm",
      id,
      flags,
      () => this.#functions.wr_rdma_write_imm(this.handle, key, address, networkOrder(immediate)),
    );
  }

  /** Adds an RDMA Read of the peer's `address`. */
  read(id: number, address: bigint, key: number, flags?: number): this {
    return this.#begin("wr_rdma_read", id, flags, () => this.#functions.wr_rdma_read(this.handle, key, address));
  }

  /** Adds an atomic compare and swap of the 8 bytes at the peer's `address`. */
  compareAndSwap(id: number, address: bigint, key: number, compare: bigint, swap: bigint, flags?: number): this {
    return this.#begin(
      "wr_atomic_cmp_swp",
      id,
      flags,
      () => this.#functions.wr_atomic_cmp_swp(this.handle, key, address, compare, swap),
    );
  }

  /** Adds an atomic addition to the 8 bytes at the peer's `address`. */
  fetchAndAdd(id: number, address: bigint, key: number, addend: bigint, flags?: number): this {
    return this.#begin(
      "wr_atomic_fetch_add",
      id,
      flags,
      () => this.#functions.wr_atomic_fetch_add(this.handle, key, address, addend),
    );
  }

  /** Adds an atomic write of `bytes`, 8 of them, to the peer's `address`. Throws RangeError for another number. */
  atomicWrite(id: number, address: bigint, key: number, bytes: Uint8Array<ArrayBuffer>, flags?: number): this {
    if (bytes.length !== 8) throw new RangeError(`an atomic write of ${bytes.length} bytes: 8 are wanted`);
    this.#begin("wr_atomic_write", id, flags, () => this.#functions.wr_atomic_write(this.handle, key, address, bytes));
    this.#tell();
    return this;
  }

  /** Adds the withdrawal of a key of this side's. */
  localInvalidate(id: number, key: number, flags?: number): this {
    return this.#begin("wr_local_inv", id, flags, () => this.#functions.wr_local_inv(this.handle, key));
  }

  /** Adds the binding of a type 2 window, as {@linkcode SendBatch.bindWindow} does. */
  bindWindow(id: number, window: MemoryWindow, key: number, binding: WindowBinding, flags?: number): this {
    const { region, offset, length, access } = binding;
    checkRange(offset, length, region.length);
    window.belongTo(region);
    const { bytes, view } = new Struct(BIND.size);
    view.setBigUint64(BIND.mr, region.handle, true);
    view.setBigUint64(BIND.addr, region.address + BigInt(offset), true);
    view.setBigUint64(BIND.length, BigInt(length), true);
    view.setUint32(BIND.mw_access_flags, access, true);
    return this.#begin(
      "wr_bind_mw",
      id,
      flags,
      () => this.#functions.wr_bind_mw(this.handle, window.handle, key, bytes),
    );
  }

  /** Gives the last request `length` bytes at `offset` of `region`. Throws RangeError beyond either. */
  from(region: LocalMemory, offset = 0, length: number = region.length - offset): this {
    checkMemory(region, offset, length);
    this.#tell("ibv_wr_set_sge");
    this.#functions.wr_set_sge(this.handle, region.localKey, BigInt(region.at + offset), length);
    return this;
  }

  /** Gives the last request several pieces of memory. */
  fromPieces(pieces: readonly MemoryPiece[]): this {
    const list = new Struct(pieces.length * SGE.size);
    for (const [index, { region, offset, length }] of pieces.entries()) {
      checkMemory(region, offset, length);
      const at = index * SGE.size;
      list.view.setBigUint64(at + SGE.addr, BigInt(region.at + offset), true);
      list.view.setUint32(at + SGE.length, length, true);
      list.view.setUint32(at + SGE.lkey, region.localKey, true);
    }
    this.#tell("ibv_wr_set_sge_list");
    this.#functions.wr_set_sge_list(this.handle, BigInt(pieces.length), list.bytes);
    return this;
  }

  /** Copies `bytes` into the last request itself. */
  inline(bytes: Uint8Array<ArrayBuffer>): this {
    this.#tell("ibv_wr_set_inline_data", ibv_send_flags.IBV_SEND_INLINE);
    this.#functions.wr_set_inline_data(this.handle, bytes, BigInt(bytes.length));
    return this;
  }

  /** Addresses the last request, a Send of an unreliable datagram, before it is given its bytes. */
  to(handle: AddressHandle, queuePair: number, queueKey: number): this {
    const call = "ibv_wr_set_ud_addr";
    const request = this.#request(call);
    if (handle.disposed) throw new VerbsError(call, "disposed", "this AddressHandle has been disposed");
    request.address = () => this.#functions.wr_set_ud_addr(this.handle, handle.handle, queuePair, queueKey);
    return this;
  }

  /** Posts every request, in order. Throws VerbsError, and then none is posted. */
  post(): void {
    this.#ensureStarted("ibv_wr_complete");
    if (this.#last !== undefined) this.#tell();
    this.#started = false;
    const result = this.#functions.wr_complete(this.handle);
    if (result !== 0) throw postFailure(`ibv_wr_complete(${this.#count} requests)`, result);
  }

  /** Drops every request. */
  abort(): void {
    this.#ensureStarted("ibv_wr_abort");
    this.#started = false;
    this.#functions.wr_abort(this.handle);
  }

  /** Drops every request that is not posted. */
  [Symbol.dispose](): void {
    if (this.#started) this.abort();
  }

  #begin(
    name: keyof RequestBuilders,
    id: number,
    flags: number = ibv_send_flags.IBV_SEND_SIGNALED,
    add: () => void,
  ): this {
    this.#ensureStarted(`ibv_${name}`);
    if (this.#functions[name] === undefined) {
      throw new VerbsError(`ibv_${name}`, "EOPNOTSUPP", "ask for the operation when the queue pair is made");
    }
    if (this.#last !== undefined) this.#tell();
    this.#last = { id, flags, add, address: undefined };
    this.#count++;
    return this;
  }

  // Tells C of the last request. The identifier and the flags are fields of the queue pair's, which the function for the
  // operation reads; rxe's library wants to know by then whether the bytes are inline, and so nothing is told earlier.
  #tell(call = "ibv_wr_complete", inline = 0): void {
    const { id, flags, add, address } = this.#request(call);
    if (address === undefined && this.queuePair.type === "UD") {
      throw new VerbsError(call, "EINVAL", "a datagram has no address handle: to() gives it one, before its bytes");
    }
    this.#view.setUint32(QP.wr_id, id >>> 0, true);
    this.#view.setUint32(QP.wr_id + 4, Math.floor(id / 0x1_0000_0000), true);
    this.#view.setUint32(QP.wr_flags, flags | inline, true);
    add();
    address?.();
    this.#last = undefined;
  }

  #request(call: string): Request {
    this.#ensureStarted(call);
    if (this.#last !== undefined) return this.#last;
    const fault = this.#count === 0 ? "name an operation first" : "this request has its bytes already";
    throw new VerbsError(call, "EINVAL", fault);
  }

  #ensureStarted(call: string): void {
    if (!this.#started) throw new VerbsError(call, "EINVAL", "no list of requests has begun: startRequests()");
  }
}

/** Four bytes turned round: immediate data is in network byte order. */
export function networkOrder(value: number): number {
  return (((value & 0xff) << 24) | ((value & 0xff00) << 8) | ((value >>> 8) & 0xff00) | (value >>> 24)) >>> 0;
}
