/**
 * Send-queue work requests, to be posted as one list.
 *
 * @module
 */
import { ibv_send_flags, ibv_wr_opcode, layout } from "../../ffi/mod.ts";
import { VerbsError } from "../rdma/errors.ts";
import { checkRange } from "../rdma/memory.ts";
import type { AddressHandle } from "./address_handle.ts";
import type { MemoryWindow, WindowBinding } from "./memory_window.ts";
import { checkMemory, type LocalMemory, RequestMemory } from "./request_memory.ts";
import type { Resource } from "./resource.ts";

const WR = layout.ibv_send_wr;
const { IBV_SEND_SIGNALED, IBV_SEND_INLINE } = ibv_send_flags;

/** How a batch is made. */
export interface SendBatchOptions {
  /** Pieces of memory of each request. Default 1. */
  maxEntries?: number;
  /** Bytes of each request that may be sent inline. Default 0. */
  inlineSize?: number;
}

/**
 * A list of `struct ibv_send_wr`, made once and filled again and again; C reads it only while it is posted.
 *
 * A method that names an operation adds a request; the others complete the last one. Requests are signalled unless
 * {@linkcode flags} says otherwise.
 */
export class SendBatch implements Disposable {
  readonly #memory: RequestMemory;
  readonly #view: DataView<ArrayBuffer>;
  readonly #words: Uint32Array<ArrayBuffer>;
  #count = 0;
  #at = 0; // offset of the last request
  #entries = 0;
  #inlined = -1; // bytes inline in the last request; -1 where it has none
  #addressed = 0; // datagrams among them
  #addressedAt = -1;
  readonly #named: Resource[] = []; // whose pointers they hold

  /** Room for `capacity` requests. */
  constructor(/** Requests it holds. */ readonly capacity: number, options: SendBatchOptions = {}) {
    this.#memory = new RequestMemory(WR.size, capacity, options.maxEntries ?? 1, options.inlineSize ?? 0);
    this.#view = this.#memory.view;
    this.#words = this.#memory.words;
  }

  /** Requests in it now. */
  get count(): number {
    return this.#count;
  }

  /** The first one's address, for C. */
  get address(): bigint {
    return this.#memory.address;
  }

  /** Where C says which one it refused. */
  get refusedAddress(): bigint {
    return this.#memory.refusedAddress;
  }

  /** The index of the one that C refused in the call just made: those before it were taken. All were where it names none. */
  get refusedIndex(): number {
    return this.#memory.refusedSlot ?? this.#count;
  }

  /** Throws VerbsError unless it can be posted: C follows the pointers in it. `datagrams` must all be addressed. */
  ensureAlive(call: string, datagrams: boolean): void {
    this.#memory.ensureAlive(call);
    if (this.#named.length > 0) this.#ensureNamed(call);
    if (datagrams && this.#addressed !== this.#count) {
      throw new VerbsError(call, "EINVAL", "a datagram has no address handle: to() gives it one");
    }
  }

  /** Empties it. */
  reset(): this {
    this.#count = 0;
    this.#addressed = 0;
    if (this.#named.length > 0) this.#named.length = 0;
    return this;
  }

  /** Adds a Send. Throws RangeError when the batch is full, as every operation does. */
  send(id: number): this {
    return this.#add(ibv_wr_opcode.IBV_WR_SEND, id);
  }

  /** Adds a Send that carries 32 bits beside its bytes. */
  sendWithImmediate(id: number, immediate: number): this {
    this.#add(ibv_wr_opcode.IBV_WR_SEND_WITH_IMM, id);
    this.#view.setUint32(this.#at + WR.imm_data, immediate); // in network byte order
    return this;
  }

  /** Adds a Send that withdraws the peer's `key`. */
  sendWithInvalidate(id: number, key: number): this {
    this.#add(ibv_wr_opcode.IBV_WR_SEND_WITH_INV, id);
    this.#view.setUint32(this.#at + WR.invalidate_rkey, key, true);
    this.#view.setUint32(this.#at + WR.wr_rdma_rkey, key, true); // where siw's library looks for it
    return this;
  }

  /** Adds an RDMA Write to the peer's `address`. */
  write(id: number, address: bigint, key: number): this {
    return this.#add(ibv_wr_opcode.IBV_WR_RDMA_WRITE, id).#remote(address, key);
  }

  /** Adds an RDMA Write that also completes one of the peer's receives, with 32 bits. */
  writeWithImmediate(id: number, address: bigint, key: number, immediate: number): this {
    this.#add(ibv_wr_opcode.IBV_WR_RDMA_WRITE_WITH_IMM, id).#remote(address, key);
    this.#view.setUint32(this.#at + WR.imm_data, immediate);
    return this;
  }

  /** Adds an RDMA Read of the peer's `address`; {@linkcode from} names where to. */
  read(id: number, address: bigint, key: number): this {
    return this.#add(ibv_wr_opcode.IBV_WR_RDMA_READ, id).#remote(address, key);
  }

  /** Adds an atomic compare and swap of the 8 bytes at the peer's `address`; {@linkcode from} names where their old value goes. */
  compareAndSwap(id: number, address: bigint, key: number, compare: bigint, swap: bigint): this {
    this.#add(ibv_wr_opcode.IBV_WR_ATOMIC_CMP_AND_SWP, id);
    this.#view.setBigUint64(this.#at + WR.wr_atomic_swap, swap, true);
    return this.#atomic(address, key, compare);
  }

  /** Adds an atomic addition to the 8 bytes at the peer's `address`; {@linkcode from} names where their old value goes. */
  fetchAndAdd(id: number, address: bigint, key: number, addend: bigint): this {
    return this.#add(ibv_wr_opcode.IBV_WR_ATOMIC_FETCH_AND_ADD, id).#atomic(address, key, addend);
  }

  /** Adds the withdrawal of a key of this side's. */
  localInvalidate(id: number, key: number): this {
    this.#add(ibv_wr_opcode.IBV_WR_LOCAL_INV, id);
    this.#view.setUint32(this.#at + WR.invalidate_rkey, key, true);
    return this;
  }

  /**
   * Adds the binding of a type 2 window under `key`: {@linkcode MemoryWindow.nextKey}, or one that differs from it in its
   * low 8 bits only. The window belongs to the region from now on; tell it the key once the request has completed.
   */
  bindWindow(id: number, window: MemoryWindow, key: number, binding: WindowBinding): this {
    const { region, offset, length, access } = binding;
    checkRange(offset, length, region.length);
    window.belongTo(region);
    this.#add(ibv_wr_opcode.IBV_WR_BIND_MW, id);
    this.#named.push(window, region);
    this.#view.setUint32(this.#at + WR.imm_data, 0, true); // rxe's library refuses another
    this.#view.setBigUint64(this.#at + WR.bind_mw_mw, window.handle, true);
    this.#view.setUint32(this.#at + WR.bind_mw_rkey, key, true);
    this.#view.setBigUint64(this.#at + WR.bind_mw_bind_info_mr, region.handle, true);
    this.#memory.setWide(this.#at + WR.bind_mw_bind_info_addr, region.at + offset);
    this.#memory.setWide(this.#at + WR.bind_mw_bind_info_length, length);
    this.#view.setUint32(this.#at + WR.bind_mw_bind_info_mw_access_flags, access, true);
    return this;
  }

  /** Gives the last request `length` bytes at `offset` of `region`. Throws RangeError beyond either. */
  from(region: LocalMemory, offset = 0, length: number = region.length - offset): this {
    checkMemory(region, offset, length);
    this.#ensureEntry(this.#inlined < 0);
    this.#memory.setEntry(this.#count - 1, this.#entries++, region.at + offset, length, region.localKey);
    this.#words[(this.#at + WR.num_sge) >> 2] = this.#entries;
    return this;
  }

  /**
   * Copies `bytes` into the last request itself, so that they need no registration. Throws RangeError beyond its room, and
   * where it has bytes of a region already.
   */
  inline(bytes: Uint8Array): this {
    this.#ensureEntry(this.#inlined >= 0 || this.#entries === 0);
    const used = Math.max(this.#inlined, 0);
    const room = this.#memory.inlineSize - used;
    if (bytes.length > room) throw new RangeError(`${bytes.length} inline bytes: this request has room for ${room}`);
    const slot = this.#count - 1;
    const offset = this.#memory.inlineOf(slot) + used;
    this.#memory.bytes.set(bytes, offset);
    this.#inlined = used + bytes.length;
    this.#memory.setEntry(slot, this.#entries++, this.#memory.at + offset, bytes.length, 0);
    this.#view.setInt32(this.#at + WR.num_sge, this.#entries, true);
    const flags = this.#view.getUint32(this.#at + WR.send_flags, true);
    this.#view.setUint32(this.#at + WR.send_flags, flags | IBV_SEND_INLINE, true);
    return this;
  }

  /** Addresses the last request, a Send of an unreliable datagram. Throws RangeError where there is none. */
  to(handle: AddressHandle, queuePair: number, queueKey: number): this {
    this.#ensureRequest();
    this.#named.push(handle);
    if (this.#addressedAt !== this.#at) this.#addressed++;
    this.#addressedAt = this.#at;
    this.#view.setBigUint64(this.#at + WR.wr_ud_ah, handle.handle, true);
    this.#view.setUint32(this.#at + WR.wr_ud_remote_qpn, queuePair, true);
    this.#view.setUint32(this.#at + WR.wr_ud_remote_qkey, queueKey, true);
    return this;
  }

  /** Sets the last request's `ibv_send_flags`: signalled, solicited, fence. Inline stays as it is. */
  flags(flags: number): this {
    this.#ensureRequest();
    const inline = this.#view.getUint32(this.#at + WR.send_flags, true) & IBV_SEND_INLINE;
    this.#view.setUint32(this.#at + WR.send_flags, flags | inline, true);
    return this;
  }

  /** Unmaps the memory. */
  [Symbol.dispose](): void {
    this.#memory[Symbol.dispose]();
    this.#count = this.capacity; // takes no more
  }

  #add(opcode: number, id: number): this {
    const slot = this.#count;
    if (slot >= this.capacity) throw this.#full();
    const at = slot * WR.size;
    if (slot > 0) this.#memory.setWide(at - WR.size + WR.next, this.#memory.at + at);
    const words = this.#words;
    const place = at >> 2;
    words[place + (WR.wr_id >> 2)] = id; // which keeps the lower 32 bits
    words[place + (WR.wr_id >> 2) + 1] = id / 0x1_0000_0000;
    words[place + (WR.next >> 2)] = 0;
    words[place + (WR.next >> 2) + 1] = 0;
    words[place + (WR.num_sge >> 2)] = 0;
    words[place + (WR.opcode >> 2)] = opcode;
    words[place + (WR.send_flags >> 2)] = IBV_SEND_SIGNALED;
    this.#at = at;
    this.#entries = 0;
    this.#inlined = -1;
    this.#addressedAt = -1;
    this.#count++;
    return this;
  }

  #full(): RangeError {
    this.#memory.ensureAlive("work request");
    return new RangeError(`a batch of ${this.capacity} work requests is full`);
  }

  #remote(address: bigint, key: number): this {
    this.#view.setBigUint64(this.#at + WR.wr_rdma_remote_addr, address, true);
    this.#view.setUint32(this.#at + WR.wr_rdma_rkey, key, true);
    return this;
  }

  #atomic(address: bigint, key: number, operand: bigint): this {
    this.#view.setBigUint64(this.#at + WR.wr_atomic_remote_addr, address, true);
    this.#view.setBigUint64(this.#at + WR.wr_atomic_compare_add, operand, true);
    this.#view.setUint32(this.#at + WR.wr_atomic_rkey, key, true);
    return this;
  }

  #ensureNamed(call: string): void {
    for (const named of this.#named) {
      if (named.disposed) {
        throw new VerbsError(call, "disposed", `a request names a disposed ${named.constructor.name}`);
      }
    }
  }

  #ensureRequest(): void {
    if (this.#count === 0) throw new RangeError("a batch without a work request: name an operation first");
  }

  #ensureEntry(ofOneKind: boolean): void {
    if (!ofOneKind) throw new RangeError("a work request has its bytes inline, or from regions, not both");
    if (this.#count > 0 && this.#entries < this.#memory.maxEntries) return;
    throw new RangeError(`a work request of this batch has room for ${this.#memory.maxEntries} pieces of memory`);
  }
}
