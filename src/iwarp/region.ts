/**
 * Memory that iWARP peers can reach, and the table of STags that open it.
 *
 * @module
 */
import { type MemoryRegion } from "../rdma/memory.ts";

/** The largest region in bytes: within it a tagged offset's upper half never changes, which keeps checks in 32 bits. */
export const MAX_REGION_SIZE = 0x7fff_ffff;
/** Regions one table holds at most. */
export const MAX_REGIONS = 1 << 20;

/**
 * The STags of one protection domain. STags and addresses are drawn at random, so that a peer cannot reach a region
 * by guessing from another it was shown (RFC 5042 §6.3.1); a withdrawn STag does not come back soon.
 */
export class StagTable {
  readonly #regions = new Map<number, IwarpRegion>();
  readonly #random = new Uint32Array(256);
  #drawn = this.#random.length;
  #bytes = 0;

  /** Regions registered. */
  get size(): number {
    return this.#regions.size;
  }

  /** Bytes registered. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The region that `stag` opens now, if any. */
  lookup(stag: number): IwarpRegion | undefined {
    return this.#regions.get(stag);
  }

  /** Registers zeroed memory. Throws RangeError when `length` or the table's ceiling forbids it. */
  register(length: number, access: number): IwarpRegion {
    if (!Number.isInteger(length) || length < 0 || length > MAX_REGION_SIZE) {
      throw new RangeError(`region of ${length} bytes: 0 to ${MAX_REGION_SIZE} can be registered`);
    }
    if (this.#regions.size >= MAX_REGIONS) throw new RangeError(`${MAX_REGIONS} regions are registered already`);
    // 2^31 possible upper halves, never 0: an address of zero would hide a forgotten field.
    const region = new IwarpRegion(this, length, access, (this.#draw() >>> 1) || 1, this.issue());
    this.#regions.set(region.remoteKey, region);
    this.#bytes += length;
    return region;
  }

  /** A fresh STag: random, not 0, not in use. */
  issue(): number {
    for (;;) {
      const stag = this.#draw();
      if (stag !== 0 && !this.#regions.has(stag)) return stag;
    }
  }

  /** Moves a region to a new STag. */
  replace(region: IwarpRegion, old: number, stag: number): void {
    this.#regions.delete(old);
    this.#regions.set(stag, region);
  }

  /** Forgets a region. */
  remove(region: IwarpRegion): void {
    if (this.#regions.delete(region.remoteKey)) this.#bytes -= region.length;
  }

  /** Disposes every region. */
  clear(): void {
    for (const region of [...this.#regions.values()]) region[Symbol.dispose]();
  }

  #draw(): number {
    if (this.#drawn === this.#random.length) {
      crypto.getRandomValues(this.#random);
      this.#drawn = 0;
    }
    return this.#random[this.#drawn++] ?? 0;
  }
}

/**
 * A registered region. Only this process's JavaScript ever touches it, so its memory can be an ordinary ArrayBuffer;
 * what makes it safe is that disposal detaches the buffer.
 */
export class IwarpRegion implements MemoryRegion {
  readonly #table: StagTable;
  #bytes: Uint8Array<ArrayBuffer>;
  #remoteKey: number;
  #valid = true;

  /** Made by {@linkcode StagTable.register} only. */
  constructor(
    table: StagTable,
    /** Size in bytes. */ readonly length: number,
    /** Rights. */ readonly access: number,
    /** Upper half of the address; the lower half of byte 0's is 0. */ readonly addressHigh: number,
    stag: number,
  ) {
    this.#table = table;
    this.#bytes = new Uint8Array(length);
    this.#remoteKey = stag;
  }

  /** The memory. */
  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes;
  }

  /** The tagged offset of byte 0. */
  get address(): bigint {
    return BigInt(this.addressHigh) << 32n;
  }

  /** The STag. */
  get remoteKey(): number {
    return this.#remoteKey;
  }

  /** Whether the STag opens it. */
  get valid(): boolean {
    return this.#valid;
  }

  /** Whether this region was registered in `table` and not yet disposed. */
  belongsTo(table: StagTable): boolean {
    return this.#table === table && table.lookup(this.#remoteKey) === this;
  }

  /** Makes the STag open nothing until {@linkcode rotateKey}: what a Send with Invalidate does. */
  invalidate(): void {
    this.#valid = false;
  }

  /** Draws another STag. */
  rotateKey(): void {
    if (!this.belongsTo(this.#table)) throw new RangeError("rotateKey of a disposed region");
    const stag = this.#table.issue();
    this.#table.replace(this, this.#remoteKey, stag);
    this.#remoteKey = stag;
    this.#valid = true;
  }

  /** Withdraws the STag, then detaches every view of the memory. */
  [Symbol.dispose](): void {
    if (!this.belongsTo(this.#table)) return;
    this.#table.remove(this);
    this.#valid = false;
    const detached = this.#bytes.buffer;
    this.#bytes = new Uint8Array(0);
    detached.transfer(0);
  }
}
