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

/** A range read into a lent buffer, and what the reader is told about it. */
export interface Range {
  /** The bytes; the caller gives it back. */
  readonly buffer: PooledBuffer;
  /** Bytes of the whole needle, uncompressed. */
  readonly needleSize: number;
  /** CRC-32C of its data as stored. */
  readonly checksum: number;
  /** Whether that is the CRC of the range's bytes. */
  readonly coversRange: boolean;
}

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

  /**
   * Reads what a StartRead asks for. A volume that is just being changed is tried again a few times; a buffer is waited
   * for at most `patience` milliseconds, and not beyond `signal`. Throws Refusal and NeedleError.
   */
  async read(request: MessageData<"StartRead">, patience: number, signal: AbortSignal): Promise<Range> {
    const size = Number(request.size);
    const buffer = this.#pool.acquire(size) ?? await lendWithin(this.#pool, size, patience, signal);
    if (buffer === undefined) throw new Refusal("ResourceExhausted", "no registered buffer came free in time");
    try {
      for (let attempt = 0;; attempt++) {
        try {
          return this.#readInto(request, buffer);
        } catch (error) {
          const wait = CHANGING_PAUSES[attempt];
          if (!(error instanceof NeedleError) || error.code !== "changing" || wait === undefined) throw error;
          await pause(wait, signal);
          if (signal.aborted) throw error;
        }
      }
    } catch (error) {
      buffer[Symbol.dispose]();
      throw error;
    }
  }

  #readInto(request: MessageData<"StartRead">, buffer: PooledBuffer): Range {
    const { volume_id: volume, needle_id: key, cookie } = request;
    const needle = this.#store.open({ volume, key, cookie }, Date.now());
    if (request.offset + request.size > BigInt(needle.dataSize)) {
      const asked = `bytes ${request.offset} to ${request.offset + request.size}`;
      throw new Refusal("RangeNotSatisfiable", `${asked} of a needle that has ${needle.dataSize}`);
    }
    needle.read(Number(request.offset), buffer.bytes);
    return {
      buffer,
      needleSize: needle.dataSize,
      checksum: needle.storedChecksum,
      coversRange: !needle.compressed && buffer.length === needle.dataSize,
    };
  }
}
