/**
 * The reader of needles that the HTTP routes use: engines, read-ahead, and the account of it all.
 *
 * @module
 */
import { reasonOf } from "../rdma/errors.ts";
import { Counters } from "../rdma/statistics.ts";
import type { EngineClient, Fetched } from "./client.ts";
import { DEFAULT_READ_AHEAD, type Lent, ReadAhead, type ReadAheadOptions } from "./read_ahead.ts";
import {
  type EngineConnectionInfo,
  type NeedleInfo,
  type NeedleReader,
  type ReaderHealth,
  ReadError,
  type ReaderStatistics,
  type ReadRequest,
  type ReadResult,
  type RegionInfo,
  type VolumeInfo,
} from "./reader.ts";
import { unlessAborted } from "./waiting.ts";

/** Volumes whose engine is remembered, at most. */
const MAX_PLACES = 65_536;

/** How a reader behaves. */
export interface EngineReaderOptions {
  /** Read-ahead; what is not named is {@linkcode DEFAULT_READ_AHEAD}. */
  readAhead?: Partial<ReadAheadOptions>;
}

/** Reads through one engine or several. Each volume is looked for at the engine that had it last, then at the others. */
export class EngineReader implements NeedleReader {
  readonly #engines: readonly EngineClient[];
  readonly #readAhead: ReadAhead;
  readonly #places = new Map<number, EngineClient>();
  readonly #errors = new Counters();
  #requests = 0;
  #reads = 0;
  #localReads = 0;
  #bytes = 0;
  #inFlight = 0;
  #idle: (() => void) | undefined;
  #hits = 0;
  #closed: Promise<void> | undefined;

  /** Reads through `engines`, which become the reader's to close. */
  constructor(engines: readonly EngineClient[], options: EngineReaderOptions = {}) {
    this.#engines = engines;
    this.#readAhead = new ReadAhead((request) => this.#fetch(request), { ...DEFAULT_READ_AHEAD, ...options.readAhead });
  }

  /** Fulfilled when each engine has been tried once. */
  async settled(): Promise<void> {
    await Promise.all(this.#engines.map((engine) => engine.settled));
  }

  /** See {@linkcode NeedleReader.read}. */
  async read(request: ReadRequest, signal?: AbortSignal): Promise<ReadResult> {
    this.#requests++;
    this.#inFlight++;
    try {
      if (this.#closed !== undefined) throw new ReadError("unavailable", "the reader is closed");
      const ahead = this.#readAhead.read(request, performance.now());
      const lent = ahead instanceof Promise ? await whenLoaded(ahead, signal) : ahead;
      const result = lent === undefined
        ? await this.#readThrough(request, signal)
        : resultOf(lent.bytes, lent.fetched, () => lent.release());
      this.#reads++;
      if (result.source === "local") this.#localReads++;
      if (lent !== undefined) this.#hits++;
      this.#bytes += request.size;
      return result;
    } catch (error) {
      this.#errors.add(error instanceof ReadError ? error.code : "aborted");
      throw error;
    } finally {
      if (--this.#inFlight === 0) this.#idle?.();
    }
  }

  /** See {@linkcode NeedleReader.volumes}. */
  async volumes(signal?: AbortSignal): Promise<readonly VolumeInfo[]> {
    const answers = await Promise.allSettled(this.#engines.map((engine) => engine.volumes(signal)));
    signal?.throwIfAborted();
    const told = answers.filter((answer) => answer.status === "fulfilled");
    const [silent] = answers.filter((answer) => answer.status === "rejected");
    if (told.length === 0) throw silent?.reason ?? noEngine();
    return told.flatMap(({ value }) => value).sort((a, b) => a.id - b.id);
  }

  /** See {@linkcode NeedleReader.needles}. */
  async needles(
    volume: number,
    after: bigint,
    limit: number,
    signal?: AbortSignal,
  ): Promise<readonly NeedleInfo[]> {
    return await this.#ask(volume, (engine) => engine.needles(volume, after, limit, signal), signal);
  }

  /** See {@linkcode NeedleReader.connections}. */
  connections(): readonly EngineConnectionInfo[] {
    return this.#engines.flatMap((engine) => engine.connection ?? []);
  }

  /** See {@linkcode NeedleReader.regions}. */
  regions(): readonly RegionInfo[] {
    return this.#engines.flatMap((engine) => engine.regions());
  }

  /** See {@linkcode NeedleReader.health}. */
  health(): ReaderHealth {
    const engines = this.#engines.map(({ health }) => health);
    return { ready: engines.some(({ connected }) => connected), engines };
  }

  /** See {@linkcode NeedleReader.statistics}. */
  statistics(): ReaderStatistics {
    const pool = { lentBytes: 0, allocatedBytes: 0, ceiling: 0 };
    let connections = 0;
    for (const engine of this.#engines) {
      pool.lentBytes += engine.pool.lentBytes;
      pool.allocatedBytes += engine.pool.allocatedBytes;
      pool.ceiling += engine.pool.ceiling;
      connections += engine.connections;
    }
    return {
      requests: this.#requests,
      reads: this.#reads,
      rdmaReads: this.#reads - this.#localReads,
      localReads: this.#localReads,
      readAheadHits: this.#hits,
      bytes: this.#bytes,
      errors: this.#errors.toJSON(),
      connections,
      inFlight: this.#inFlight,
      pool,
    };
  }

  /** See {@linkcode NeedleReader.close}. */
  close(grace = 1_000): Promise<void> {
    return this.#closed ??= this.#close(grace);
  }

  async #close(grace: number): Promise<void> {
    if (this.#inFlight > 0) {
      const timer = setTimeout(() => this.#idle?.(), grace);
      await new Promise<void>((resolve) => this.#idle = resolve);
      clearTimeout(timer);
    }
    this.#readAhead.clear();
    await Promise.all(this.#engines.map((engine) => engine.close(grace)));
  }

  /** The same as close(). */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #readThrough(request: ReadRequest, signal: AbortSignal | undefined): Promise<ReadResult> {
    const fetched = await this.#fetch(request, signal);
    this.#readAhead.learn(request, fetched);
    return resultOf(fetched.buffer.bytes, fetched, () => fetched.buffer[Symbol.dispose]());
  }

  #fetch(request: ReadRequest, signal?: AbortSignal): Promise<Fetched> {
    return this.#ask(request.volume, (engine) => engine.read(request, signal), signal);
  }

  async #ask<T>(
    volume: number,
    ask: (engine: EngineClient) => Promise<T>,
    signal: AbortSignal | undefined,
  ): Promise<T> {
    let worst: ReadError | undefined;
    for (const engine of this.#candidates(volume)) {
      try {
        const answer = await ask(engine);
        this.#remember(volume, engine);
        return answer;
      } catch (error) {
        if (signal?.aborted) throw error;
        if (!(error instanceof ReadError)) throw new ReadError("internal", reasonOf(error));
        // "Not there" counts only where every engine could be asked; any other answer is about the needle itself.
        if (error.code !== "not-found" && error.code !== "unavailable" && error.code !== "busy") throw error;
        if (worst === undefined || worst.code === "not-found") worst = error;
      }
    }
    throw worst ?? noEngine();
  }

  #candidates(volume: number): readonly EngineClient[] {
    const place = this.#places.get(volume);
    if (place === undefined || this.#engines.length === 1) return this.#engines;
    return [place, ...this.#engines.filter((engine) => engine !== place)];
  }

  #remember(volume: number, engine: EngineClient): void {
    if (this.#places.get(volume) === engine) return;
    if (this.#places.size >= MAX_PLACES) this.#places.clear();
    this.#places.set(volume, engine);
  }
}

function noEngine(): ReadError {
  return new ReadError("unavailable", "no engine is configured", 1);
}

async function whenLoaded(
  ahead: Promise<Lent | undefined>,
  signal: AbortSignal | undefined,
): Promise<Lent | undefined> {
  try {
    return await unlessAborted(ahead, signal);
  } catch (error) {
    ahead.then((lent) => lent?.release());
    throw error;
  }
}

function resultOf(bytes: Uint8Array, fetched: Fetched, release: () => void): ReadResult {
  const { source, transport, sessionId, needleSize, checksum } = fetched;
  return { bytes, source, transport, sessionId, needleSize, checksum, [Symbol.dispose]: release };
}
