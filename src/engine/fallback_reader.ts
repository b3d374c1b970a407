/**
 * A reader that asks a volume server by HTTP for what no engine gives, where the request allows that.
 *
 * @module
 */
import { Counters } from "../rdma/statistics.ts";
import { VolumeServerError, type VolumeServerErrorCode } from "../seaweed/http_request.ts";
import type { VolumeServerReader } from "../seaweed/volume_server.ts";
import { LayeredReader } from "./layered_reader.ts";
import {
  type NeedleReader,
  ReadError,
  type ReadErrorCode,
  type ReaderStatistics,
  type ReadRequest,
  type ReadResult,
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
export class FallbackReader extends LayeredReader {
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
    super(reader);
    this.#volumeServers = volumeServers;
    this.#timeout = timeout;
  }

  /** See {@linkcode NeedleReader.read}. */
  override async read(request: ReadRequest, signal?: AbortSignal): Promise<ReadResult> {
    try {
      return await this.reader.read(request, signal);
    } catch (error) {
      // Past the end is past the end everywhere.
      if (!request.fallback || !(error instanceof ReadError) || error.code === "range" || signal?.aborted) throw error;
      return await this.#readByHttp(request, signal);
    }
  }

  /** See {@linkcode NeedleReader.statistics}. A read that fell back and gave bytes is no error. */
  override statistics(): ReaderStatistics {
    const inner = this.reader.statistics();
    return {
      ...inner,
      reads: inner.reads + this.#reads,
      bytes: inner.bytes + this.#bytes,
      inFlight: inner.inFlight + this.#inFlight,
      errors: { ...inner.errors, ...prefixed(this.#errors.toJSON()) },
    };
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
