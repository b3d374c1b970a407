/**
 * `/read` of SeaweedFS's sidecar: for `weed mount` the bytes themselves, for the older form of three numbers a JSON
 * document about them.
 *
 * @module
 */
import { Hono } from "hono";
import { ReadError, type ReadRequest, type ReadResult } from "../src/engine/reader.ts";
import { VerbenaError } from "../src/rdma/errors.ts";
import { parseFileId } from "../src/seaweed/file_id.ts";
import { formatDuration, rawNumber, timestamp } from "./format.ts";
import type { Bindings } from "./guard.ts";
import { HttpError, methodNotAllowed } from "./http_error.ts";
import { parseCookie, parseInteger, parseKey, quote, readQuery } from "./query.ts";
import { describe, type Service } from "./service.ts";
import type { Session, Target } from "./sessions.ts";
import { PIECE_SIZE, streamRange } from "./stream.ts";

/** Bytes of the older form when no size, or size 0, is asked for. */
export const DEFAULT_SIZE = 4096;
/** Bytes of a preview in the JSON document. */
const PREVIEW_SIZE = 32;

// volume_server is what the mount sends of where it would have read. It is never fetched: a sidecar that fetched what
// a request names could be sent to any host.
const PARAMETERS = ["file_id", "offset", "size", "volume", "needle", "cookie", "volume_server"] as const;

/** A `/read` request, checked. */
export interface ParsedRead extends ReadRequest {
  /** Whether it was `file_id=`, which `weed mount` sends, and not the older three numbers. */
  readonly byFileId: boolean;
  /** Whether it is the mount that asks: it alone sends `volume_server` with a file id. */
  readonly byMount: boolean;
}

/**
 * Reads the parameters of `/read` from a URL. Throws {@linkcode HttpError} 400 that names the parameter, and 413 for a
 * size above `maxReadSize`.
 */
export function parseRead(url: string, maxReadSize: number): ParsedRead {
  const [fileId, offset, size, volume, needle, cookie, volumeServer] = readQuery(url, PARAMETERS);
  const byFileId = fileId !== undefined;
  if (byFileId && (volume ?? needle ?? cookie) !== undefined) {
    throw new HttpError(400, "file_id: give it or volume, needle and cookie, not both");
  }
  const name = byFileId ? checkFileId(fileId) : {
    volume: parseInteger("volume", required("volume", volume, "file_id, or volume, needle and cookie"), 1, 0xffff_ffff),
    key: parseKey("needle", required("needle", needle)),
    cookie: parseCookie("cookie", required("cookie", cookie)),
  };
  return {
    volume: name.volume,
    key: name.key,
    cookie: name.cookie,
    offset: offset === undefined ? 0 : parseInteger("offset", offset, 0, Number.MAX_SAFE_INTEGER),
    size: checkSize(
      byFileId ? required("size", size) : size === undefined || size === "0" ? `${DEFAULT_SIZE}` : size,
      maxReadSize,
    ),
    byFileId,
    byMount: byFileId && volumeServer !== undefined,
  };
}

/** Parses a file id. Throws {@linkcode HttpError} 400 with what the format says is wrong. */
export function checkFileId(text: string): { volume: number; key: bigint; cookie: number } {
  try {
    return parseFileId(text);
  } catch (error) {
    if (!(error instanceof VerbenaError)) throw error;
    throw new HttpError(400, `file_id: got ${quote(text)}, want one like 3,01637037d6`);
  }
}

function required(name: string, text: string | undefined, wanted = name): string {
  if (text === undefined || text === "") throw new HttpError(400, `${name}: missing; give ${wanted}`);
  return text;
}

function checkSize(text: string, maxReadSize: number): number {
  const size = parseInteger("size", text, 1, Number.MAX_SAFE_INTEGER);
  if (size > maxReadSize) throw new HttpError(413, `size: got ${size}, at most ${maxReadSize} bytes are read at once`);
  return size;
}

/** What reading any needle at all needs, before it is known which. */
export const SOME_NEEDLE = { kind: "needle", volume: undefined } as const;

/** A needle as lists of sessions name it. */
export function needleTarget({ volume, key }: Pick<ReadRequest, "volume" | "key">): Target {
  return { kind: "needle", name: `volume ${volume}, needle ${key.toString(16)}` };
}

/** The sub-app of `/read`. */
export function readRoutes(service: Service): Hono<{ Bindings: Bindings }> {
  const app = new Hono<{ Bindings: Bindings }>();
  const refuseMethod = methodNotAllowed("GET");
  app.get("/", async (c) => {
    const { raw } = c.req;
    if (raw.method !== "GET") refuseMethod(); // Hono hands HEAD on as GET
    const caller = await service.guard.admit(c, SOME_NEEDLE);
    const request = parseRead(raw.url, service.limits.maxReadSize);
    service.guard.admitNeedle(caller, request);
    const asJson = !request.byFileId || raw.headers.get("accept")?.includes("application/json") === true;
    const started = service.clock.elapsed();
    using held = new DisposableStack();
    const session = held.use(service.sessions.begin(c, needleTarget(request), caller));
    // Of what is long, an answer that waits behind others holds nothing: a byte tells whether there is as much.
    const piece = service.direct.waits(c.env) ? 1 : PIECE_SIZE;
    const result = held.use(await readFirst(service, request, session, piece));
    if (request.byMount) refuseEnd(request, result);
    if (asJson) return documentAnswer(service, request, result, service.clock.elapsed() - started);
    if (request.size > PIECE_SIZE) {
      const answer = streamAnswer(service, request, result, session);
      held.move(); // the stream ends the session
      result[Symbol.dispose]();
      return answer;
    }
    if (!service.direct.served(c.env)) return bytesAnswer(request, result);
    service.direct.admit(request.size);
    session[Symbol.dispose]();
    held.move(); // the answer releases the result
    return service.direct.send(c.env, bytesHeaders(request, result), result);
  });
  app.all("/", refuseMethod);
  return app;
}

/**
 * Throws {@linkcode HttpError} 422 for a range that ends where the needle ends.
 *
 * A FUSE read that crosses from one chunk of a file into the next is asked of us as what is left of the first, and the
 * mount hands the kernel that much and no more: the kernel takes it for the end of the file (SeaweedFS 3.97 to 4.45; an
 * 8 MiB file then ends at 4 MiB). Nothing tells such a read from one that truly ends there, and a refusal makes the mount
 * read the range by itself, rightly.
 */
function refuseEnd(request: ReadRequest, result: ReadResult): void {
  if (request.offset + request.size !== result.needleSize) return;
  throw new HttpError(
    422,
    "the range ends at the needle's end, where weed mount would cut the file short; read it from the volume server",
  );
}

/** Reads what is asked, or the first bytes of what is longer than a piece, once it is certain that there is as much. */
async function readFirst(service: Service, request: ReadRequest, session: Session, first: number): Promise<ReadResult> {
  const { offset, size } = request;
  const result = await service.read(size > PIECE_SIZE ? { ...request, size: first } : request, session);
  if (offset + size <= result.needleSize) return result;
  result[Symbol.dispose]();
  throw new ReadError("range", `the needle has ${result.needleSize} bytes: ${describe(request)}`);
}

/**
 * The bytes as the mount takes them, copied: where the server cannot send them from registered memory, or too much of it
 * waits for sockets already. `new Response(view)` copies the view there and then (the specification asks for it,
 * and test/routes/read_test.ts holds Deno to it), so the result may be released as soon as this returns, and a slow or
 * vanished client never holds registered memory.
 */
function bytesAnswer(request: ReadRequest, result: ReadResult): Response {
  return new Response(result.bytes as Uint8Array<ArrayBuffer>, { headers: bytesHeaders(request, result) });
}

/** Likewise what is longer than a piece, of which `result` is the first, or else one byte that the answer does without. */
function streamAnswer(service: Service, request: ReadRequest, result: ReadResult, session: Session): Response {
  const { source, needleSize, checksum } = result;
  const first = result.bytes.length === PIECE_SIZE ? result.bytes.slice() : undefined;
  const body = streamRange(service, request, { source, needleSize, checksum }, session, first);
  return new Response(body, { headers: bytesHeaders(request, result) });
}

function bytesHeaders(request: ReadRequest, result: ReadResult): Record<string, string> {
  return {
    "content-type": "application/octet-stream",
    "content-length": String(request.size),
    ...sourceHeaders(result),
  };
}

/** What moved the bytes, as headers. The mount believes them only where they say RDMA, so they say it only where it is so. */
export function sourceHeaders(result: ReadResult): Record<string, string> {
  return {
    "x-source": result.source,
    "x-rdma-used": result.source === "rdma" ? "true" : "false",
    "x-transport": result.transport,
    "x-session-id": result.sessionId,
  };
}

function documentAnswer(service: Service, request: ReadRequest, result: ReadResult, milliseconds: number): Response {
  const preview = result.bytes.subarray(0, PREVIEW_SIZE);
  const body = JSON.stringify({
    success: true,
    volume_id: request.volume,
    needle_id: rawNumber(request.key),
    cookie: `0x${request.cookie.toString(16)}`,
    is_rdma: result.source === "rdma",
    source: result.source,
    transport: result.transport,
    session_id: result.sessionId,
    duration: formatDuration(milliseconds),
    data_size: request.size,
    timestamp: timestamp(service.clock),
    use_temp_file: false,
    temp_file: "",
    data_preview: preview.toHex(),
  });
  return new Response(body, { headers: { "content-type": "application/json", ...sourceHeaders(result) } });
}
