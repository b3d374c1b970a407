/**
 * A reader that asks a volume server by HTTP for what no engine gives, where the request allows that.
 *
 * @module
 */
import { Counters } from "../rdma/statistics.ts";
import { VolumeServerError, type VolumeServerErrorCode } from "../seaweed/http_request.ts";
import type { VolumeServerReader } from "../seaweed/volume_server.ts";
import {
  type EngineConnectionInfo,
  type NeedleInfo,
  type NeedleReader,
  type ReaderHealth,
  ReadError,
  type ReadErrorCode,
  type ReaderStatistics,
  type ReadRequest,
  type ReadResult,
  type RegionInfo,
  type VolumeInfo,
} from "./reader.ts";

const CODES: Record<VolumeServerErrorCode, ReadErrorCode> = {
  "not-found": "not-found",
  range: "range",
  unauthorized: "unavailable",
  unavailable: "unavailable",
  timeout: "timeout",
  protocol: "internal",
};

/** The reader. */
export class FallbackReader implements NeedleReader {
  readonly #reader: NeedleReader;
  readonly #volumeServers: VolumeServerReader;
  readonly #timeout: number;
  readonly #errors = new Counters();
  #reads = 0;
  #bytes = 0;
  #inFlight = 0;

  /**
   * Reads through `reader`, which becomes this one's to close, and where that fails through `volumeServers`.
   *
   * @param timeout How long a volume server may take, in milliseconds.
   */
  constructor(reader: NeedleReader, volumeServers: VolumeServerReader, timeout: number) {
    this.#reader = reader;
    this.#volumeServers = volumeServers;
    this.#timeout = timeout;
  }

  /** See {@linkcode NeedleReader.read}. */
  async read(request: ReadRequest, signal?: AbortSignal): Promise<ReadResult> {
    try {
      return await this.#reader.read(request, signal);
    } catch (error) {
      // Past the end is past the end everywhere.
      if (!request.fallback || !(error instanceof ReadError) || error.code === "range" || signal?.aborted) throw error;
      return await this.#readByHttp(request, signal);
    }
  }

  /** See {@linkcode NeedleReader.volumes}: the engines' only. */
  volumes(signal?: AbortSignal): Promise<readonly VolumeInfo[]> {
    return this.#reader.volumes(signal);
  }

  /** See {@linkcode NeedleReader.needles}: the engines' only. */
  needles(volume: number, after: bigint, limit: number, signal?: AbortSignal): Promise<readonly NeedleInfo[]> {
    return this.#reader.needles(volume, after, limit, signal);
  }

  /** See {@linkcode NeedleReader.connections}: to volume servers none is kept. */
  connections(): readonly EngineConnectionInfo[] {
    return this.#reader.connections();
  }

  /** See {@linkcode NeedleReader.regions}. */
  regions(): readonly RegionInfo[] {
    return this.#reader.regions();
  }

  /** See {@linkcode NeedleReader.health}. */
  health(): ReaderHealth {
    return this.#reader.health();
  }

  /** See {@linkcode NeedleReader.statistics}. A read that fell back and gave bytes is no error. */
  statistics(): ReaderStatistics {
    const inner = this.#reader.statistics();
    return {
      ...inner,
      reads: inner.reads + this.#reads,
      bytes: inner.bytes + this.#bytes,
      inFlight: inner.inFlight + this.#inFlight,
      errors: { ...inner.errors, ...prefixed(this.#errors.toJSON()) },
    };
  }

  /** See {@linkcode NeedleReader.close}. */
  close(grace?: number): Promise<void> {
    return this.#reader.close(grace);
  }

  /** The same as close(). */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #readByHttp(request: ReadRequest, signal: AbortSignal | undefined): Promise<ReadResult> {
    this.#inFlight++;
    try {
      const { volume, key, cookie, offset, size } = request;
      const options = signal === undefined ? { timeout: this.#timeout } : { timeout: this.#timeout, signal };
      const range = await this.#volumeServers.readRange({ volume, key, cookie }, offset, size, options);
      this.#reads++;
      this.#bytes += size;
      const { bytes, needleSize, checksum } = range;
      return {
        bytes,
        source: "http",
        transport: "http",
        sessionId: "",
        needleSize,
        checksum,
        [Symbol.dispose]: () => {},
      };
    } catch (error) {
      const refused = error instanceof VolumeServerError
        ? new ReadError(CODES[error.code], error.message, error.code === "unavailable" ? 1 : undefined)
        : error;
      this.#errors.add(refused instanceof ReadError ? refused.code : "aborted");
      throw refused;
    } finally {
      this.#inFlight--;
    }
  }
}

function prefixed(counts: Record<string, number>): Record<string, number> {
  return Object.fromEntries(Object.entries(counts).map(([code, count]) => [`http-${code}`, count]));
}
