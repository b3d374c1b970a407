/**
 * Memory for ranges that no device reaches: what pools lend where bytes go over a Unix socket.
 *
 * @module
 */
import type { MemoryRegion, MemorySource } from "../rdma/memory.ts";

/** Memory of this process, and nobody else's. */
class LocalRegion implements MemoryRegion {
  readonly address = 0n;
  readonly remoteKey = 0;
  readonly valid = true;
  bytes: Uint8Array<ArrayBuffer>;

  constructor(readonly length: number, readonly access: number) {
    this.bytes = new Uint8Array(length);
  }

  rotateKey(): void {}

  [Symbol.dispose](): void {
    if (this.bytes.length === 0) return;
    const { buffer } = this.bytes;
    this.bytes = new Uint8Array(0);
    buffer.transfer(0); // every view of it is detached, as of any region
  }
}

/** Gives regions that have no key. */
export const LOCAL_MEMORY: MemorySource = {
  register: (length, access) => new LocalRegion(length, access),
};
