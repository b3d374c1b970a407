/**
 * `/v1/needles/{file_id}`: a needle's data, whole or one range of it (RFC 9110 §14), streamed in bounded pieces.
 *
 * @module
 */
import { Hono } from "hono";
import { ReadError, type ReadRequest, type ReadResult } from "../../src/engine/reader.ts";
import { HttpError, methodNotAllowed } from "../http_error.ts";
import { checkFileId, sourceHeaders } from "../read.ts";
import type { Environment, Service } from "../service.ts";
import { type ByteRange, parseRange } from "./range.ts";

/** Bytes read, and held, at once for one client. */
export const PIECE_SIZE = 1 << 20;

/** The needle of a file id. */
type Needle = Pick<ReadRequest, "volume" | "key" | "cookie">;

/** What the first read of a needle told. */
interface Opening {
  /** Size of the whole needle. */
  needleSize: number;
  /** The headers that say where the bytes came from; empty of an empty needle. */
  headers: Record<string, string>;
}

/** The sub-app of `/v1/needles`. */
export function needleRoutes(service: Service): Hono<Environment> {
  const app = new Hono<Environment>();
  app.get("/:file_id", async (c) => {
    const { raw } = c.req;
    const needle = checkFileId(c.req.param("file_id"));
    const opening = await open(service, needle, raw.signal);
    const range = parseRange(raw.headers.get("range"), opening.needleSize);
    const headers: Record<string, string> = {
      "content-type": "application/octet-stream",
      "x-content-type-options": "nosniff",
      "accept-ranges": "bytes",
      "content-length": String(range.length),
      ...opening.headers,
      ...(range.partial
        ? { "content-range": `bytes ${range.offset}-${range.offset + range.length - 1}/${opening.needleSize}` }
        : {}),
    };
    const body = raw.method === "HEAD" || range.length === 0 ? null : stream(service, needle, range, raw.signal);
    return new Response(body, { status: range.partial ? 206 : 200, headers });
  });
  app.all("/:file_id", methodNotAllowed("GET, HEAD"));
  return app;
}

/** Learns a needle's size by reading its first byte; with read-ahead that is the read the stream would have begun with. */
async function open(service: Service, needle: Needle, client: AbortSignal): Promise<Opening> {
  service.enter(1);
  try {
    using result = await service.read({ ...needle, offset: 0, size: 1 }, client);
    return { needleSize: result.needleSize, headers: sourceHeaders(result) };
  } catch (error) {
    // The first byte of a needle that is there can lie outside it only if it has none.
    if (error instanceof ReadError && error.code === "range") return { needleSize: 0, headers: {} };
    throw error;
  } finally {
    service.leave(1);
  }
}

/**
 * The bytes of a range, a piece for each pull, so that no more is read than the client takes. A piece that cannot be
 * read breaks the answer off short of its Content-Length, which clients see as an error.
 */
function stream(service: Service, needle: Needle, range: ByteRange, client: AbortSignal): ReadableStream<Uint8Array> {
  let offset = range.offset;
  const end = range.offset + range.length;
  return new ReadableStream<Uint8Array>({
    async pull(controller): Promise<void> {
      const size = Math.min(PIECE_SIZE, end - offset);
      const piece = await readPiece(service, { ...needle, offset, size }, client);
      offset += size;
      controller.enqueue(piece);
      if (offset === end) controller.close();
    },
  }, { highWaterMark: 0 });
}

/** One piece, copied: a stream hands its chunks to the socket as they are, and a released view is not ours any more. */
async function readPiece(service: Service, request: ReadRequest, client: AbortSignal): Promise<Uint8Array> {
  service.enter(request.size);
  try {
    using result: ReadResult = await service.read(request, client);
    return result.bytes.slice();
  } catch (error) {
    service.log.write("warn", "an answer was broken off", {
      reason: error instanceof HttpError || error instanceof ReadError ? error.message : String(error),
    });
    throw error;
  } finally {
    service.leave(request.size);
  }
}
