/**
 * A reader that takes ranges from the volumes of its own process, where the request allows that: no bytes need to travel
 * to where they are.
 *
 * @module
 */
import { type PooledBuffer, RegisteredPool } from "../rdma/pool.ts";
import { Counters } from "../rdma/statistics.ts";
import type { Store } from "../seaweed/store.ts";
import { LOCAL_MEMORY } from "./local_memory.ts";
import { LayeredReader } from "./layered_reader.ts";
import {
  type NeedleReader,
  ReadError,
  type ReaderStatistics,
  type ReadRequest,
  type ReadResult,
  type RegionInfo,
} from "./reader.ts";
import { checkRequest } from "./read_request.ts";
import { Refusal, toReadError } from "./refusal.ts";
import { Transfers } from "./transfers.ts";

/** How a store reader behaves. */
export interface StoreReaderOptions {
  /** How long a range may wait for memory, in milliseconds. Default 4,000. */
  timeout?: number;
  /** Bytes of memory at most. Default 128 MiB. */
  poolCeiling?: number;
  /** The longest range, in bytes: longer ones go to the other reader. Default 8 MiB. A power of two. */
  maxReadSize?: number;
}

/** What moves the bytes: nothing but the file's system. */
const TRANSPORT = "file";

/** The reader. */
export class StoreReader extends LayeredReader {
  readonly #store: Store;
  readonly #timeout: number;
  readonly #pool: RegisteredPool;
  readonly #transfers: Transfers;
  readonly #errors = new Counters();
  readonly #closing = new AbortController();
  #reads = 0;
  #bytes = 0;
  #inFlight = 0;

  /** Reads from `store`, which stays the caller's; all else through `reader`, which becomes this one's to close. */
  constructor(reader: NeedleReader, store: Store, options: StoreReaderOptions = {}) {
    super(reader);
    const { timeout = 4_000, poolCeiling = 128 << 20, maxReadSize = 8 << 20 } = options;
    this.#store = store;
    this.#timeout = timeout;
    this.#pool = new RegisteredPool(LOCAL_MEMORY, { access: 0, ceiling: poolCeiling, largest: maxReadSize });
    this.#transfers = new Transfers(store, this.#pool);
  }

  /** See {@linkcode NeedleReader.read}. What is not in the store, or cannot be had there now, others are asked for. */
  override async read(request: ReadRequest, signal?: AbortSignal): Promise<ReadResult> {
    if (request.local !== true || request.size > this.#pool.largest) return await this.reader.read(request, signal);
    signal?.throwIfAborted();
    this.#inFlight++;
    try {
      checkRequest(request);
      const result = await this.#readFile(request, signal ?? this.#closing.signal);
      this.#reads++;
      this.#bytes += request.size;
      return result;
    } catch (error) {
      signal?.throwIfAborted();
      const refused = this.#readErrorOf(error);
      if (isElsewhere(refused) && !this.#closing.signal.aborted) return await this.reader.read(request, signal);
      this.#errors.add(refused.code);
      throw refused;
    } finally {
      this.#inFlight--;
    }
  }

  /** See {@linkcode NeedleReader.regions}. */
  override regions(): readonly RegionInfo[] {
    const own = this.#pool.regions().map((region) => ({ owner: "store reader", transport: TRANSPORT, ...region }));
    return [...this.reader.regions(), ...own];
  }

  /** See {@linkcode NeedleReader.statistics}. A read that another reader was asked for is that one's. */
  override statistics(): ReaderStatistics {
    const inner = this.reader.statistics();
    const errors: Record<string, number> = { ...inner.errors };
    let failed = 0;
    for (const [code, count] of Object.entries(this.#errors.toJSON())) {
      errors[code] = (errors[code] ?? 0) + count;
      failed += count;
    }
    const { lentBytes, allocatedBytes, ceiling } = this.#pool.statistics;
    return {
      ...inner,
      requests: inner.requests + this.#reads + failed,
      reads: inner.reads + this.#reads,
      localReads: inner.localReads + this.#reads,
      bytes: inner.bytes + this.#bytes,
      inFlight: inner.inFlight + this.#inFlight,
      errors,
      pool: {
        lentBytes: inner.pool.lentBytes + lentBytes,
        allocatedBytes: inner.pool.allocatedBytes + allocatedBytes,
        ceiling: inner.pool.ceiling + ceiling,
      },
    };
  }

  /** See {@linkcode NeedleReader.close}. */
  override async close(grace?: number): Promise<void> {
    this.#closing.abort(new ReadError("unavailable", "the reader is closed"));
    await this.reader.close(grace);
    this.#pool[Symbol.dispose]();
  }

  async #readFile(request: ReadRequest, signal: AbortSignal): Promise<ReadResult> {
    this.#closing.signal.throwIfAborted();
    const { volume, key, cookie, offset, size } = request;
    const buffer = await this.#transfers.lend(size, this.#timeout, signal);
    try {
      const range = { volume_id: volume, needle_id: key, cookie, offset: BigInt(offset), size: BigInt(size) };
      const { needleSize, checksum } = await this.#transfers.read(range, buffer, signal, () => {});
      signal.throwIfAborted();
      return resultOf(buffer, needleSize, checksum);
    } catch (error) {
      buffer[Symbol.dispose]();
      throw error;
    }
  }

  #readErrorOf(error: unknown): ReadError {
    if (error instanceof ReadError) return error;
    const refusal = Refusal.from(error).toMessage();
    return toReadError({ ...refusal, message: this.#store.withoutDirectories(refusal.message) });
  }
}

// As between engines: what one does not have, or not now, another may.
function isElsewhere({ code }: ReadError): boolean {
  return code === "not-found" || code === "unavailable" || code === "busy";
}

function resultOf(buffer: PooledBuffer, needleSize: number, checksum: number): ReadResult {
  return {
    bytes: buffer.bytes,
    source: "local",
    transport: TRANSPORT,
    sessionId: "",
    needleSize,
    checksum,
    [Symbol.dispose]: () => buffer[Symbol.dispose](),
  };
}
