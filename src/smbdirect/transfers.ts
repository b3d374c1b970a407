/**
 * RDMA Reads and Writes on their way through an endpoint: split to the size the peer takes, bounded, in order.
 *
 * @module
 */
import { Opcode, Status } from "../rdma/completion.ts";
import { SystemError } from "../rdma/errors.ts";
import { checkRange, type MemoryRegion } from "../rdma/memory.ts";
import type { SendWork } from "../rdma/provider.ts";

/** An RDMA Read or Write of any length. */
export interface RdmaWork {
  /** WRITE, from `region` to the peer; READ, from the peer to `region`. */
  readonly opcode: typeof Opcode.WRITE | typeof Opcode.READ;
  /** Local memory of the same protection domain. */
  readonly region: MemoryRegion;
  /** First byte within `region`. */
  readonly offset: number;
  /** Bytes. */
  readonly length: number;
  /** First byte in the peer's address space. */
  readonly remoteAddress: bigint;
  /** The peer's key. */
  readonly remoteKey: number;
}

/** One {@linkcode RdmaWork} under way. */
class Transfer {
  posted = 0;
  pending = 0;
  fullyPosted = false;
  status: Status = Status.SUCCESS;
  readonly opcode: typeof Opcode.WRITE | typeof Opcode.READ;
  readonly region: MemoryRegion;
  readonly offset: number;
  readonly length: number;
  readonly remoteAddress: bigint;
  readonly remoteKey: number;

  constructor(work: RdmaWork, readonly done: (status: Status) => void) {
    this.opcode = work.opcode;
    this.region = work.region;
    this.offset = work.offset;
    this.length = work.length;
    this.remoteAddress = work.remoteAddress;
    this.remoteKey = work.remoteKey;
  }
}

/** The transfers of one connection, first in, first out. */
export class TransferQueue {
  /** Transfers taken so far; what {@linkcode postedThrough} is compared with. */
  accepted = 0;
  /** Transfers, from the first on, of which every piece has been posted. */
  postedThrough = 0;

  readonly #waiting: Transfer[] = [];
  readonly #byId: (Transfer | undefined)[];
  readonly #freeIds: number[];
  #unfinished = 0;

  /** Hands out pieces of at most `maxPiece` bytes, `maxOutstanding` at once, of up to `maxTransfers` transfers. */
  constructor(
    /** Pieces the endpoint has at once. */ readonly maxOutstanding: number,
    /** Transfers not yet done. */ readonly maxTransfers: number,
    /** Bytes of a piece. */ public maxPiece: number,
  ) {
    this.#byId = new Array(maxOutstanding);
    this.#freeIds = Array.from({ length: maxOutstanding }, (_, index) => maxOutstanding - 1 - index);
  }

  /** Transfers not yet done. */
  get unfinished(): number {
    return this.#unfinished;
  }

  /** Whether a piece could be posted now. */
  get ready(): boolean {
    return this.#waiting.length > 0 && this.#freeIds.length > 0;
  }

  /** Takes a transfer. Throws RangeError when it leaves its region, SystemError ENOBUFS when too many are under way. */
  push(work: RdmaWork, done: (status: Status) => void): void {
    checkRange(work.offset, work.length, work.region.length);
    if (this.#unfinished >= this.maxTransfers) {
      throw new SystemError(
        `postRdma(${work.length})`,
        "ENOBUFS",
        `${this.#unfinished} transfers are under way: wait for one to be done, or raise maxTransfers`,
      );
    }
    this.#waiting.push(new Transfer(work, done));
    this.#unfinished++;
    this.accepted++;
  }

  /** Makes `work` the next piece; ask {@linkcode ready} first. */
  next(work: SendWork): void {
    const transfer = this.#waiting[0] as Transfer;
    const length = Math.min(transfer.length - transfer.posted, this.maxPiece);
    const id = this.#freeIds.pop() as number;
    this.#byId[id] = transfer;
    work.id = id;
    work.opcode = transfer.opcode;
    work.region = transfer.region;
    work.offset = transfer.offset + transfer.posted;
    work.length = length;
    work.remoteKey = transfer.remoteKey;
    work.remoteAddress = transfer.posted === 0
      ? transfer.remoteAddress
      : transfer.remoteAddress + BigInt(transfer.posted);
    transfer.posted += length;
    transfer.pending++;
    if (transfer.posted < transfer.length) return;
    transfer.fullyPosted = true;
    this.#waiting.shift();
    this.postedThrough++;
  }

  /** A piece completed. Calls its transfer's `done` if that was the last one. */
  complete(id: number, status: Status): void {
    const transfer = this.#byId[id];
    if (transfer === undefined) return;
    this.#byId[id] = undefined;
    this.#freeIds.push(id);
    transfer.pending--;
    if (transfer.status === Status.SUCCESS) transfer.status = status;
    if (transfer.pending === 0 && transfer.fullyPosted) this.#finish(transfer);
  }

  /** The endpoint is gone: whatever is not done is flushed. */
  flush(): void {
    const left = new Set<Transfer>();
    for (const transfer of this.#byId) if (transfer !== undefined) left.add(transfer);
    for (const transfer of this.#waiting) left.add(transfer);
    this.#waiting.length = 0;
    this.#byId.fill(undefined);
    for (const transfer of left) {
      if (transfer.status === Status.SUCCESS) transfer.status = Status.FLUSHED;
      this.#finish(transfer);
    }
  }

  #finish(transfer: Transfer): void {
    this.#unfinished--;
    transfer.done(transfer.status);
  }
}
