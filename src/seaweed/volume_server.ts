/**
 * Reads ranges of needles from SeaweedFS's volume servers over HTTP.
 *
 * @module
 */
import { type FileId, formatFileId } from "./file_id.ts";
import { type HttpAnswer, httpGet, VolumeServerError } from "./http_request.ts";
import type { MasterClient } from "./master_client.ts";
import { mintReadToken } from "./read_token.ts";

/** How volume servers are asked. */
export interface VolumeServerReaderOptions {
  /** `[jwt.signing.read] key` of `security.toml`, where reads need a token. */
  readKey?: string | Uint8Array;
  /** How volume servers are reached; `https` where `[https.volume]` is set up. Default `http`. */
  scheme?: "http" | "https";
  /** The most bytes of one range. Default 64 MiB. */
  largestRange?: number;
}

/** How one range is read. */
export interface RangeOptions {
  /** Ends it; its reason is thrown. */
  signal?: AbortSignal;
  /** How long all of it may take, the lookup included, in milliseconds. Default 30,000. */
  timeout?: number;
}

/** A range that was read. */
export interface NeedleRange {
  /** Exactly the bytes asked for. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Size of the needle's data, uncompressed. */
  readonly needleSize: number;
  /** CRC-32C of the needle's data as stored, which is its ETag; 0 where the server does not tell. */
  readonly checksum: number;
  /** The server they came from, `host:port`. */
  readonly server: string;
}

/** Finds needles through the master and reads ranges of them. Only hosts that the master named are asked. */
export class VolumeServerReader {
  readonly #master: MasterClient;
  #readKey: string | Uint8Array | undefined;
  readonly #scheme: string;
  readonly #largestRange: number;

  /** Takes the master to ask. */
  constructor(master: MasterClient, options: VolumeServerReaderOptions = {}) {
    this.#master = master;
    this.#readKey = options.readKey;
    this.#scheme = options.scheme ?? "http";
    this.#largestRange = options.largestRange ?? 64 * 1024 ** 2;
  }

  /** Signs with another key from now on. */
  replaceReadKey(readKey: string | Uint8Array | undefined): void {
    this.#readKey = readKey;
  }

  /**
   * Reads exactly `size` bytes of the uncompressed data from `offset` on; every replica is tried, and once more when the
   * volume may have moved. Throws VolumeServerError, and the signal's reason when it aborts.
   *
   * @param size At least 1.
   */
  async readRange(id: FileId, offset: number, size: number, options: RangeOptions = {}): Promise<NeedleRange> {
    const whole = Number.isSafeInteger(offset) && offset >= 0 && Number.isSafeInteger(size) && size > 0;
    if (!whole || size > this.#largestRange || !Number.isSafeInteger(offset + size)) {
      const rule = `at least 1 and at most ${this.#largestRange} bytes`;
      throw new VolumeServerError("range", `needle ${formatFileId(id)}: ${size} bytes from ${offset}: ${rule}`);
    }
    const timeout = options.timeout ?? 30_000;
    const late = new VolumeServerError("timeout", `needle ${formatFileId(id)}: not read within ${timeout} ms`);
    const deadline = new AbortController();
    const timer = setTimeout(() => deadline.abort(late), timeout);
    const signal = options.signal === undefined ? deadline.signal : AbortSignal.any([deadline.signal, options.signal]);
    try {
      return await this.#readAnywhere(id, offset, size, signal);
    } finally {
      clearTimeout(timer);
    }
  }

  async #readAnywhere(id: FileId, offset: number, size: number, signal: AbortSignal): Promise<NeedleRange> {
    const remembered = this.#master.remembers(id.volume);
    try {
      return await this.#readReplicas(id, offset, size, signal);
    } catch (error) {
      if (!(error instanceof VolumeServerError) || error.code === "range" || !remembered) throw error;
      this.#master.forget(id.volume); // the volume may have moved since the master was asked
      return await this.#readReplicas(id, offset, size, signal);
    }
  }

  async #readReplicas(id: FileId, offset: number, size: number, signal: AbortSignal): Promise<NeedleRange> {
    let failure: VolumeServerError | undefined;
    for (const server of await this.#master.lookup(id.volume, signal)) {
      try {
        return await this.#readFrom(server, id, offset, size, signal);
      } catch (error) {
        signal.throwIfAborted();
        if (!(error instanceof VolumeServerError) || error.code === "range") throw error;
        // of several failures, the one that is not "I do not have it" says more
        if (failure === undefined || failure.code === "not-found") failure = error;
      }
    }
    throw failure ??
      new VolumeServerError("not-found", `needle ${formatFileId(id)}: no server has volume ${id.volume}`);
  }

  async #readFrom(server: string, id: FileId, offset: number, size: number, signal: AbortSignal): Promise<NeedleRange> {
    const fileId = formatFileId(id);
    const url = new URL(`${this.#scheme}://${server}/${fileId}`);
    const headers: Record<string, string> = { range: `bytes=${offset}-${offset + size - 1}` };
    if (this.#readKey !== undefined) {
      headers.authorization = `Bearer ${mintReadToken(this.#readKey, fileId, Date.now())}`;
    }
    const answer = await httpGet(url, headers, size, signal);
    const needleSize = needleSizeOf(answer, url, offset, size);
    return { bytes: answer.body, needleSize, checksum: checksumOf(answer.headers), server };
  }
}

function checksumOf(headers: Headers): number {
  const etag = /^"([0-9a-f]{8})"$/.exec(headers.get("etag") ?? "");
  return etag === null ? 0 : parseInt(etag[1] as string, 16);
}

/** Checks that the answer is the range asked for, and returns the size of the whole. */
function needleSizeOf({ status, headers, body }: HttpAnswer, url: URL, offset: number, size: number): number {
  if (status === 404) throw new VolumeServerError("not-found", `GET ${url}: no such needle there`);
  if (status === 401) {
    throw new VolumeServerError("unauthorized", `GET ${url}: the token was refused: check the read key`);
  }
  if (status === 416) throw new VolumeServerError("range", `GET ${url}: ${size} bytes from ${offset} are not in it`);
  if (status >= 500 || status === 429) throw new VolumeServerError("unavailable", `GET ${url}: status ${status}`);
  const range = /^bytes ([0-9]{1,15})-([0-9]{1,15})\/([0-9]{1,15})$/.exec(headers.get("content-range") ?? "");
  if (status === 206 && range !== null) {
    const [first, last, total] = range.slice(1).map(Number) as [number, number, number];
    if (first === offset && last === Math.min(offset + size, total) - 1 && last < offset + size - 1) {
      throw new VolumeServerError("range", `GET ${url}: ${size} bytes from ${offset} of ${total}`);
    }
    if (first === offset && last === offset + size - 1 && last < total && body.byteLength === size) return total;
  }
  const wholeBody = status === 200 && headers.get("content-length") === `${size}`;
  if (wholeBody && offset === 0 && body.byteLength === size) return size;
  const got = `status ${status}, ${body.byteLength} bytes, range ${headers.get("content-range") ?? "none"}`;
  throw new VolumeServerError("protocol", `GET ${url}: ${size} bytes from ${offset} were asked for, and came ${got}`);
}
