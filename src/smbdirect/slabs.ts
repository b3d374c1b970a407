/**
 * The registered buffers of one connection: one slab to receive in, one to send from, cut into slots.
 *
 * @module
 */
import { Access, type MemoryRegion } from "../rdma/memory.ts";
import type { Endpoint, ProtectionDomain } from "../rdma/provider.ts";
import type { SmbDirectMachine } from "./machine.ts";

/** Two slabs and the list of free send slots. Disposing it withdraws both: only once the endpoint is over. */
export class Slabs implements Disposable {
  /** The send slab. */
  readonly sendRegion: MemoryRegion;
  /** Its bytes. */
  readonly sendBytes: Uint8Array;
  /** And again, for numbers. */
  readonly sendView: DataView;
  /** The receive slab's bytes. */
  readonly receiveBytes: Uint8Array;
  /** And again, for numbers. */
  readonly receiveView: DataView;

  readonly #receiveRegion: MemoryRegion;
  readonly #sendStride: number;
  readonly #receiveStride: number;
  readonly #free: Int32Array;
  #freeCount: number;

  /** Registers room for what `machine` receives, and for `sendSlots` messages it sends. Throws SystemError. */
  constructor(domain: ProtectionDomain, machine: SmbDirectMachine, sendSlots: number) {
    this.#sendStride = machine.sendBufferSize;
    this.#receiveStride = machine.receiveBufferSize;
    this.#receiveRegion = domain.register(this.#receiveStride * machine.receiveBuffers, Access.LOCAL_WRITE);
    try {
      this.sendRegion = domain.register(this.#sendStride * sendSlots, 0);
    } catch (error) {
      this.#receiveRegion[Symbol.dispose]();
      throw error;
    }
    this.sendBytes = this.sendRegion.bytes;
    this.sendView = viewOf(this.sendBytes);
    this.receiveBytes = this.#receiveRegion.bytes;
    this.receiveView = viewOf(this.receiveBytes);
    this.#free = Int32Array.from({ length: sendSlots }, (_, index) => sendSlots - 1 - index);
    this.#freeCount = sendSlots;
  }

  /** A free send slot, or -1. */
  takeSend(): number {
    return this.#freeCount === 0 ? -1 : this.#free[--this.#freeCount] as number;
  }

  /** Takes a send slot back. */
  releaseSend(slot: number): void {
    this.#free[this.#freeCount++] = slot;
  }

  /** Where send slot `slot` starts. */
  sendOffset(slot: number): number {
    return slot * this.#sendStride;
  }

  /** Where receive slot `slot` starts. */
  receiveOffset(slot: number): number {
    return slot * this.#receiveStride;
  }

  /** Lends receive slot `slot` to the peer's next message; its completion's id is `slot`. */
  postReceive(endpoint: Endpoint, slot: number): void {
    endpoint.postReceive(slot, this.#receiveRegion, slot * this.#receiveStride, this.#receiveStride);
  }

  /** Withdraws both slabs and detaches their views. */
  [Symbol.dispose](): void {
    this.#receiveRegion[Symbol.dispose]();
    this.sendRegion[Symbol.dispose]();
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
