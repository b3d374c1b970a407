/**
 * One HTTP GET to a SeaweedFS server, held to account: no redirect is followed, no encoding taken, and no more bytes are
 * read than were asked for.
 *
 * @module
 */
import { reasonOf, VerbenaError } from "../rdma/errors.ts";

/** The kind of a {@linkcode VolumeServerError}. */
export type VolumeServerErrorCode =
  /** No server has the needle, or the volume. */
  | "not-found"
  /** The range does not lie within the needle's data, or is above the ceiling. */
  | "range"
  /** The token was refused, or none was sent. */
  | "unauthorized"
  /** No server could be reached, or each had something else to do. */
  | "unavailable"
  /** It took longer than it may. */
  | "timeout"
  /** The answer is not what was asked for. */
  | "protocol";

/** A request to the master or to volume servers that gave no bytes. */
export class VolumeServerError extends VerbenaError {
  static {
    this.prototype.name = "VolumeServerError";
  }

  /**
   * Names the kind and the reason.
   *
   * @param reason One sentence: what was asked of whom, and what came.
   */
  constructor(
    /** The kind. */ readonly code: VolumeServerErrorCode,
    reason: string,
  ) {
    super(reason);
  }
}

/** What came of a GET. */
export interface HttpAnswer {
  /** The status. */
  readonly status: number;
  /** The header fields. */
  readonly headers: Headers;
  /** The body, whole; empty unless the status is 200 or 206. */
  readonly body: Uint8Array<ArrayBuffer>;
}

/**
 * Asks for `url` and reads the body. Throws VolumeServerError: `unavailable` when the server cannot be reached, `protocol`
 * for a redirect, an encoding or a body above `ceiling` bytes; and the signal's reason when it aborts.
 */
export async function httpGet(
  url: URL,
  headers: Record<string, string>,
  ceiling: number,
  signal: AbortSignal,
): Promise<HttpAnswer> {
  let response: Response;
  try {
    const fields = { ...headers, "accept-encoding": "identity" };
    response = await fetch(url, { headers: fields, signal, redirect: "manual" });
  } catch (error) {
    signal.throwIfAborted();
    throw new VolumeServerError("unavailable", `GET ${url}: ${reasonOf(error)}`);
  }
  const encoding = response.headers.get("content-encoding") ?? "identity";
  const misfit = response.status >= 300 && response.status < 400
    ? `a redirect to ${response.headers.get("location")}`
    : encoding !== "identity"
    ? `content encoding ${encoding}`
    : undefined;
  if (misfit !== undefined) {
    await response.body?.cancel();
    throw new VolumeServerError("protocol", `GET ${url}: ${misfit} is not followed here`);
  }
  const wanted = response.status === 200 || response.status === 206;
  if (!wanted) await response.body?.cancel();
  const body = wanted ? await readBody(url, response, ceiling, signal) : new Uint8Array();
  return { status: response.status, headers: response.headers, body };
}

async function readBody(
  url: URL,
  response: Response,
  ceiling: number,
  signal: AbortSignal,
): Promise<Uint8Array<ArrayBuffer>> {
  const declared = Number(response.headers.get("content-length") ?? 0);
  let bytes = new Uint8Array(Math.min(ceiling, Number.isSafeInteger(declared) && declared > 0 ? declared : 4096));
  let filled = 0;
  try {
    for await (const piece of response.body ?? []) {
      if (filled + piece.byteLength > ceiling) {
        throw new VolumeServerError("protocol", `GET ${url}: a body above ${ceiling} bytes`);
      }
      if (filled + piece.byteLength > bytes.byteLength) {
        const larger = new Uint8Array(Math.min(ceiling, 2 * (filled + piece.byteLength)));
        larger.set(bytes.subarray(0, filled));
        bytes = larger;
      }
      bytes.set(piece, filled);
      filled += piece.byteLength;
    }
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof VolumeServerError) throw error;
    throw new VolumeServerError("unavailable", `GET ${url}: the body broke off: ${reasonOf(error)}`);
  }
  return bytes.subarray(0, filled);
}
