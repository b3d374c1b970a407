/**
 * `/v1/needles/{file_id}`: a needle's data, whole or one range of it (RFC 9110 §14), streamed in bounded pieces.
 *
 * @module
 */
import { Hono } from "hono";
import { ReadError, type ReadRequest } from "../../src/engine/reader.ts";
import { methodNotAllowed } from "../http_error.ts";
import type { Bindings } from "../guard.ts";
import { checkFileId, needleTarget, SOME_NEEDLE, sourceHeaders } from "../read.ts";
import type { Service } from "../service.ts";
import { type Promised, streamRange } from "../stream.ts";
import { parseRange } from "./range.ts";

/** The needle of a file id. */
type Needle = Pick<ReadRequest, "volume" | "key" | "cookie" | "fallback">;

/** What the first read of a needle told. */
interface Opening extends Promised {
  /** The headers that say where the bytes came from; empty of an empty needle. */
  readonly headers: Readonly<Record<string, string>>;
}

/** The sub-app of `/v1/needles`. */
export function needleRoutes(service: Service): Hono<{ Bindings: Bindings }> {
  const app = new Hono<{ Bindings: Bindings }>();
  app.get("/:file_id", async (c) => {
    const { raw } = c.req;
    const caller = await service.guard.admit(c, SOME_NEEDLE);
    const needle = { ...checkFileId(c.req.param("file_id")), fallback: true };
    service.guard.admitNeedle(caller, needle);
    using held = new DisposableStack();
    const session = held.use(service.sessions.begin(c, needleTarget(needle), caller));
    const opening = await open(service, needle, session.signal);
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
    const status = range.partial ? 206 : 200;
    if (raw.method === "HEAD" || range.length === 0) return new Response(null, { status, headers });
    held.move(); // the stream ends the session
    const body = streamRange(service, { ...needle, offset: range.offset, size: range.length }, opening, session);
    return new Response(body, { status, headers });
  });
  app.all("/:file_id", methodNotAllowed("GET, HEAD"));
  return app;
}

/** Learns a needle's size by reading its first byte; with read-ahead that is the read the stream would have begun with. */
async function open(service: Service, needle: Needle, client: AbortSignal): Promise<Opening> {
  try {
    using result = await service.read({ ...needle, offset: 0, size: 1 }, client);
    const { needleSize, source, checksum } = result;
    // SeaweedFS's own: the checksum in eight digits.
    const headers = { ...sourceHeaders(result), "etag": `"${checksum.toString(16).padStart(8, "0")}"` };
    return { needleSize, source, checksum, headers };
  } catch (error) {
    // The first byte of a needle that is there can lie outside it only if it has none.
    if (error instanceof ReadError && error.code === "range") {
      return { needleSize: 0, source: "rdma", checksum: 0, headers: {} };
    }
    throw error;
  }
}
