/**
 * From a volume file into registered memory: the ranges an engine serves.
 *
 * @module
 */
import type { PooledBuffer, RegisteredPool } from "../rdma/pool.ts";
import { NeedleError } from "../seaweed/needle_error.ts";
import type { Store } from "../seaweed/store.ts";
import type { MessageData } from "./messages.ts";
import { Refusal } from "./refusal.ts";
import { lendWithin, pause } from "./waiting.ts";

/** Pauses, in milliseconds, before a needle of a volume that is being changed is opened again. */
const CHANGING_PAUSES = [1, 5, 20, 50, 100, 200];

/**
 * Bytes read from a file before they are sent on: the first of a long range are on their way while the rest is read, and
 * are still in the processor's cache when they leave.
 */
const PIECE_SIZE = 256 * 1024;

/** What a reader is told about the range it got. */
export interface Range {
  /** Bytes of the whole needle, uncompressed. */
  readonly needleSize: number;
  /** CRC-32C of its data as stored. */
  readonly checksum: number;
  /** Whether that is the CRC of the range's bytes. */
  readonly coversRange: boolean;
}

/** The range that is wanted. */
type Wanted = Pick<MessageData<"StartRead">, "volume_id" | "needle_id" | "cookie" | "offset" | "size">;

/** Sends `length` bytes at `at` of the buffer to the reader. */
export type Place = (at: number, length: number) => void;

/** Reads ranges for all peers of an engine. */
export class Transfers {
  /** Ranges whose RDMA Write completed: placed, or over iWARP handed to TCP behind all that was before. */
  count = 0;
  /** Bytes of those. */
  bytes = 0;
  readonly #store: Store;
  readonly #pool: RegisteredPool;

  /** Reads from `store` into buffers of `pool`. */
  constructor(store: Store, pool: RegisteredPool) {
    this.#store = store;
    this.#pool = pool;
  }

  /** Lends a buffer, waiting at most `patience` milliseconds and not beyond `signal`. Throws Refusal. */
  async lend(size: number, patience: number, signal: AbortSignal): Promise<PooledBuffer> {
    const buffer = this.#pool.acquire(size) ?? await lendWithin(this.#pool, size, patience, signal);
    if (buffer === undefined) throw new Refusal("ResourceExhausted", "no registered buffer came free in time");
    return buffer;
  }

  /**
   * Reads what a StartRead asks for into `buffer`, which is as long as that, and has each piece placed as it is there. A
   * volume that is just being changed is tried again a few times, from the first piece on. Throws Refusal and NeedleError;
   * what was placed before means nothing then.
   */
  async read(
    request: Wanted,
    buffer: PooledBuffer,
    signal: AbortSignal,
    place: Place,
  ): Promise<Range> {
    for (let attempt = 0;; attempt++) {
      try {
        return await this.#readInto(request, buffer, place);
      } catch (error) {
        const wait = CHANGING_PAUSES[attempt];
        if (!(error instanceof NeedleError) || error.code !== "changing" || wait === undefined) throw error;
        await pause(wait, signal);
        if (signal.aborted) throw error;
      }
    }
  }

  async #readInto(request: Wanted, buffer: PooledBuffer, place: Place): Promise<Range> {
    const { volume_id: volume, needle_id: key, cookie } = request;
    const needle = this.#store.open({ volume, key, cookie }, Date.now());
    const { length } = buffer;
    if (request.offset + request.size > BigInt(needle.dataSize)) {
      const asked = `bytes ${request.offset} to ${request.offset + request.size}`;
      throw new Refusal("RangeNotSatisfiable", `${asked} of a needle that has ${needle.dataSize}`);
    }
    const offset = Number(request.offset);
    // A whole needle is read in one piece, for its checksum; a compressed one is in memory by now.
    const step = needle.compressed || length === needle.dataSize ? length : Math.min(length, PIECE_SIZE);
    for (let at = 0; at < length; at += step) {
      const size = Math.min(step, length - at);
      needle.read(offset + at, buffer.bytes.subarray(at, at + size));
      place(at, size);
      if (at + size < length) await Promise.resolve(); // the provider sends when this turn's code is done
    }
    return {
      needleSize: needle.dataSize,
      checksum: needle.storedChecksum,
      coversRange: !needle.compressed && length === needle.dataSize,
    };
  }
}
