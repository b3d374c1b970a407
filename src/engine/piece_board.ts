/**
 * Ranges that a reader has asked for and whose pieces are to come, on a Unix socket. No I/O.
 *
 * @module
 */
import { WireError } from "../rdma/errors.ts";

class Awaited {
  /** Bytes that have come from the beginning on. */
  here = 0;

  constructor(readonly bytes: Uint8Array) {}
}

/** The ranges, by request. */
export class PieceBoard {
  readonly #awaited = new Map<number, Awaited>();

  /** Awaits the range of request `id`, as long as `bytes`. */
  await(id: number, bytes: Uint8Array): void {
    this.#awaited.set(id, new Awaited(bytes));
  }

  /** Awaits it no more; says how many bytes have come, from the first on without a gap. */
  forget(id: number): number {
    const here = this.#awaited.get(id)?.here ?? 0;
    this.#awaited.delete(id);
    return here;
  }

  /** Where a piece is to go. Throws WireError for one that nobody awaits, that leaves the range or a gap before it. */
  place(id: number, at: number, length: number): Uint8Array {
    const awaited = this.#awaited.get(id);
    if (awaited === undefined) throw new WireError("engine", "piece of no request", id);
    if (at !== 0 && at !== awaited.here) throw new WireError("engine", `piece behind byte ${awaited.here}`, at);
    if (length > awaited.bytes.length - at) {
      throw new WireError("engine", `piece at ${at} of a range of ${awaited.bytes.length} bytes, length`, length);
    }
    awaited.here = at + length;
    return awaited.bytes.subarray(at, at + length);
  }
}
