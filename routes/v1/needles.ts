/**
 * `/v1/needles/{file_id}`: a needle's data, whole or one range of it (RFC 9110 §14), streamed in bounded pieces.
 *
 * @module
 */
import { type Context, Hono } from "hono";
import { ReadError, type ReadRequest, type ReadResult } from "../../src/engine/reader.ts";
import { methodNotAllowed } from "../http_error.ts";
import type { Bindings } from "../guard.ts";
import { checkFileId, needleTarget, SOME_NEEDLE, sourceHeaders } from "../read.ts";
import type { Service } from "../service.ts";
import type { Session } from "../sessions.ts";
import { type Promised, streamRange } from "../stream.ts";
import { isKnown, rangeHeader } from "./conditions.ts";
import { NeedleSizes } from "./needle_sizes.ts";
import { parseRange } from "./range.ts";

/** The needle of a file id. */
type Needle = Pick<ReadRequest, "volume" | "key" | "cookie" | "fallback" | "local">;

/** What the first read of a needle told. */
interface Opening extends Promised {
  /** The headers that say where the bytes came from; empty of an empty needle. */
  readonly headers: Readonly<Record<string, string>>;
}

/** A request, as this route looks at it. */
type Asked = Pick<Context<{ Bindings: Bindings }>, "env" | "req">;

/** Headers that ask for something else than all of a needle, whatever it is. */
const SELECTIVE = ["range", "if-match", "if-none-match", "if-modified-since", "if-unmodified-since", "if-range"];

/** The sub-app of `/v1/needles`. */
export function needleRoutes(service: Service): Hono<{ Bindings: Bindings }> {
  const app = new Hono<{ Bindings: Bindings }>();
  const sizes = new NeedleSizes();
  app.get("/:file_id", async (c) => {
    const { raw } = c.req;
    const fileId = c.req.param("file_id");
    const caller = await service.guard.admit(c, SOME_NEEDLE);
    const needle = { ...checkFileId(fileId), fallback: true, local: true };
    service.guard.admitNeedle(caller, needle);
    using held = new DisposableStack();
    const session = held.use(service.sessions.begin(c, needleTarget(needle), caller));
    const size = asksForAll(c) ? sizes.get(fileId) : undefined;
    const whole = size === undefined ? undefined : await readWhole(service, { ...needle, offset: 0, size }, session);
    if (whole !== undefined) return wholeAnswer(service, c, whole);
    sizes.forget(fileId);
    const opening = await open(service, needle, session);
    sizes.set(fileId, opening.needleSize);
    const validators = { etag: opening.headers["etag"] ?? "", modified: NaN }; // when it was written is not told
    if (isKnown(raw.headers, validators)) {
      return new Response(null, { status: 304, headers: { etag: validators.etag } });
    }
    const range = parseRange(rangeHeader(raw.headers, validators), opening.needleSize);
    const headers: Record<string, string> = {
      ...needleHeaders(range.length),
      ...opening.headers,
      ...(range.partial
        ? { "content-range": `bytes ${range.offset}-${range.offset + range.length - 1}/${opening.needleSize}` }
        : {}),
    };
    const status = range.partial ? 206 : 200;
    if (raw.method === "HEAD" || range.length === 0) return new Response(null, { status, headers });
    const body = streamRange(service, { ...needle, offset: range.offset, size: range.length }, opening, session);
    held.move(); // the stream ends the session
    return new Response(body, { status, headers });
  });
  app.all("/:file_id", methodNotAllowed("GET, HEAD"));
  return app;
}

function asksForAll({ env, req: { raw } }: Asked): boolean {
  if (raw.method !== "GET") return false;
  const headers = env?.outgoing?.req.headers; // node:http has them at hand, where a Request would first make all of them
  return SELECTIVE.every((name) => headers === undefined ? !raw.headers.has(name) : headers[name] === undefined);
}

function needleHeaders(length: number): Record<string, string> {
  return {
    "content-type": "application/octet-stream",
    "x-content-type-options": "nosniff",
    "accept-ranges": "bytes",
    "content-length": String(length),
  };
}

/** All of a needle that had this size before; undefined where it has another one now. */
async function readWhole(service: Service, request: ReadRequest, session: Session): Promise<ReadResult | undefined> {
  try {
    const result = await service.read(request, session);
    if (result.needleSize === request.size) return result;
    result[Symbol.dispose]();
  } catch (error) {
    if (!(error instanceof ReadError) || error.code !== "range") throw error;
  }
  return undefined;
}

/** Answers with a result, which is released once its bytes are out of it. */
function wholeAnswer(service: Service, { env }: Asked, result: ReadResult): Response {
  using held = new DisposableStack();
  held.use(result);
  const headers = { ...needleHeaders(result.needleSize), ...sourceHeaders(result), "etag": etagOf(result) };
  if (!service.direct.served(env)) return new Response(result.bytes.slice(), { headers });
  service.direct.admit(result.needleSize);
  held.move(); // the answer releases it
  return service.direct.send(env, headers, result);
}

/** SeaweedFS's own: the checksum in eight digits. */
function etagOf({ checksum }: Pick<ReadResult, "checksum">): string {
  return `"${checksum.toString(16).padStart(8, "0")}"`;
}

/** Learns a needle's size by reading its first byte; with read-ahead that is the read the stream would have begun with. */
async function open(service: Service, needle: Needle, session: Session): Promise<Opening> {
  try {
    using result = await service.read({ ...needle, offset: 0, size: 1 }, session);
    const { needleSize, source, checksum } = result;
    const headers = { ...sourceHeaders(result), "etag": etagOf(result) };
    return { needleSize, source, checksum, headers };
  } catch (error) {
    // The first byte of a needle that is there can lie outside it only if it has none.
    if (error instanceof ReadError && error.code === "range") {
      return { needleSize: 0, source: "rdma", checksum: 0, headers: {} };
    }
    throw error;
  }
}
