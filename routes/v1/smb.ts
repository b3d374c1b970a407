/**
 * `/v1/smb/{server}/{share}/{path}`: a file of a configured SMB server, whole or one range of it (RFC 9110 §14), streamed
 * as the client takes it; of a directory its names, for who accepts JSON.
 *
 * @module
 */
import { Hono } from "hono";
import { VerbenaError } from "../../src/rdma/errors.ts";
import { isComponent } from "../../src/smb/wire/names.ts";
import { json } from "../format.ts";
import type { Bindings } from "../guard.ts";
import { HttpError, methodNotAllowed } from "../http_error.ts";
import { quote } from "../query.ts";
import type { Service } from "../service.ts";
import type { Session } from "../sessions.ts";
import { PIECE_SIZE } from "../stream.ts";
import { httpDate, isKnown, rangeHeader } from "./conditions.ts";
import { parseRange } from "./range.ts";
import { smbError } from "./smb_error.ts";
import type { SmbOpenDirectory, SmbOpenFile, SmbSource } from "./smb_source.ts";

/** Names of a directory that are listed; where there are more, the listing says that it is not complete. */
export const MAX_NAMES = 10_000;

/** A place on a server, checked. */
interface Place {
  readonly server: string;
  readonly share: string;
  readonly path: string;
}

/** The sub-app of `/v1/smb`. */
export function smbRoutes(service: Service): Hono<{ Bindings: Bindings }> {
  const app = new Hono<{ Bindings: Bindings }>();
  app.get("/*", async (c) => {
    const { raw } = c.req;
    const caller = await service.guard.admit(c, SOME_PATH);
    const place = placeOf(raw.url);
    service.guard.admitPath(caller, place);
    const { smb } = service;
    if (smb === undefined) throw new HttpError(404, "no SMB server is configured: verbena serve --config FILE");
    await using held = new AsyncDisposableStack();
    const session = held.use(service.sessions.begin(c, { kind: "smb", name: urlOf(place) }, caller));
    const opened = held.use(await open(smb, place, session.signal));
    if (opened.kind === "directory") return await listing(opened, place, raw.headers, session.signal);
    return fileAnswer(service, opened, session, held);
  });
  app.all("/*", methodNotAllowed("GET, HEAD"));
  return app;
}

const SOME_PATH = { kind: "smb", place: undefined } as const;

function urlOf({ server, share, path }: Place): string {
  return `smb://${server}/${share}/${path}`;
}

/** The place that a URL names. Throws HttpError 400 and 404. */
function placeOf(url: string): Place {
  const { pathname } = new URL(url);
  const parts = pathname.split("/").slice(3).map(decode);
  const [server = "", share = "", ...path] = parts;
  const components = path.filter((name) => name !== "");
  if (server === "" || share === "") throw new HttpError(404, "want /v1/smb/SERVER/SHARE/PATH");
  for (const name of [share, ...components]) {
    // A colon would name a stream of a file, the others are SMB's wildcards; and Windows drops dots and blanks at a name's
    // end, so that of ".. " it may be left with what leads out of the prefix that a token allows.
    if (!isComponent(name) || /[:"*?<>|]|^[. ]+$/.test(name)) {
      throw new HttpError(400, `path: ${quote(name)} cannot be a name on an SMB server`);
    }
  }
  return { server, share, path: components.join("/") };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new HttpError(400, `path: ${quote(text)} is not well-formed percent-encoding`);
  }
}

async function open(
  smb: SmbSource,
  { server, share, path }: Place,
  client: AbortSignal,
): ReturnType<SmbSource["open"]> {
  try {
    return await smb.open(server, share, path, client);
  } catch (error) {
    throw smbError(error, client);
  }
}

async function listing(
  directory: SmbOpenDirectory,
  place: Place,
  headers: Headers,
  signal: AbortSignal,
): Promise<Response> {
  if (headers.get("accept")?.includes("application/json") !== true) {
    throw new HttpError(404, `${quote(place.path)} is a directory; Accept: application/json lists it`);
  }
  const entries: unknown[] = [];
  let complete = true;
  try {
    for await (const { name, directory: isDirectory, size, modified } of directory.names(signal)) {
      complete = entries.length < MAX_NAMES;
      if (!complete) break;
      const type = isDirectory ? "directory" : "file";
      entries.push({ name, type, size, modified: new Date(modified).toISOString() });
    }
  } catch (error) {
    throw smbError(error, signal);
  }
  return json({ ...place, complete, entries });
}

/** The answer; the file stays open until its last byte has gone or its client has. */
function fileAnswer(service: Service, file: SmbOpenFile, session: Session, held: AsyncDisposableStack): Response {
  const { size, modified, transport } = file;
  const { request } = session;
  const validators = { etag: `"${file.version}"`, modified };
  const known = { "etag": validators.etag, "last-modified": httpDate(modified), "accept-ranges": "bytes" };
  if (isKnown(request.headers, validators)) return new Response(null, { status: 304, headers: known });
  const { offset, length, partial } = parseRange(rangeHeader(request.headers, validators), size);
  const headers: Record<string, string> = {
    "content-type": "application/octet-stream",
    "x-content-type-options": "nosniff",
    "content-length": String(length),
    ...known,
    "x-transport": transport,
    ...(file.byRdma(length) ? { "x-source": "rdma" } : {}),
    ...(partial ? { "content-range": `bytes ${offset}-${offset + length - 1}/${size}` } : {}),
  };
  const status = partial ? 206 : 200;
  if (request.method === "HEAD" || length === 0) return new Response(null, { status, headers });
  return new Response(streamFile(service, file, offset, length, session, held.move()), { status, headers });
}

/**
 * The bytes, a piece for each pull and the next one read meanwhile: a client that takes nothing holds two, in memory of
 * their own. The last piece is held back until the file is known to be what it was: one that cannot be read, or was
 * changed, breaks the answer off short of its Content-Length, which clients see as an error.
 */
function streamFile(
  service: Service,
  file: SmbOpenFile,
  offset: number,
  length: number,
  session: Session,
  held: AsyncDisposableStack,
): ReadableStream<Uint8Array> {
  const gone = new AbortController();
  const signal = AbortSignal.any([session.signal, gone.signal]);
  const last = offset + length;
  let next: Promise<Uint8Array> | undefined;
  const end = async (): Promise<void> => {
    await next?.catch(() => {}); // its memory is in use until then
    await held.disposeAsync();
  };
  let reading = false;
  return new ReadableStream<Uint8Array>({
    start(controller): void {
      session.signal.addEventListener("abort", () => {
        if (reading) return;
        controller.error(session.signal.reason);
        service.breakOff(session.request, session.signal.reason);
        end().catch(() => {});
      });
    },
    async pull(controller): Promise<void> {
      reading = true;
      try {
        const piece = await (next ?? readPiece(file, offset, last, signal));
        offset += piece.length;
        session.bytes += piece.length;
        next = offset < last ? readPiece(file, offset, last, signal) : undefined;
        next?.catch(() => {}); // told when its turn comes
        if (next !== undefined) return controller.enqueue(piece);
        if (await file.currentVersion() !== file.version) throw new VerbenaError("the file changed during the answer");
        controller.enqueue(piece);
        controller.close();
        await end();
      } catch (error) {
        service.breakOff(session.request, error);
        await end().catch(() => {});
        throw error;
      } finally {
        reading = false;
      }
    },
    async cancel(): Promise<void> {
      gone.abort();
      await end().catch(() => {});
    },
  }, { highWaterMark: 0 });
}

async function readPiece(file: SmbOpenFile, offset: number, last: number, signal: AbortSignal): Promise<Uint8Array> {
  const piece = new Uint8Array(Math.min(PIECE_SIZE, last - offset));
  const count = await file.read(offset, piece, signal);
  if (count < piece.length) throw new VerbenaError(`the file ended ${last - offset - count} bytes early`);
  return piece;
}
