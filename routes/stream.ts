/**
 * A range of a needle as a stream of bounded pieces, for what is too long to be held whole for a client that may be slow.
 *
 * A server pulls a stream only as the socket drains: what one connection holds is a piece or two.
 *
 * @module
 */
import { ReadError, type ReadRequest, type ReadResult } from "../src/engine/reader.ts";
import { describe, type Service } from "./service.ts";
import type { Session } from "./sessions.ts";

/** Bytes read, and held, at once for one client. All that `weed mount` asks for in one read is within it. */
export const PIECE_SIZE = 1 << 20;

/** What the headers have promised: the later pieces must be of the same needle, moved in the same way. */
export interface Promised {
  /** Where the bytes come from. */
  readonly source: ReadResult["source"];
  /** Size of the whole needle. */
  readonly needleSize: number;
  /** CRC-32C of its data. */
  readonly checksum: number;
}

/**
 * The bytes of `request`, a piece for each pull, so that no more is read than the client takes. A piece that cannot be
 * read, or does not keep the promise, breaks the answer off short of its Content-Length, which clients see as an error.
 *
 * A piece of it counts among the bytes that wait for clients: throws HttpError 503 where there are too many.
 *
 * @param session What it is an answer of; over when the stream is.
 * @param first The bytes the range begins with, where they have been read already.
 */
export function streamRange(
  service: Service,
  request: ReadRequest,
  promised: Promised,
  session: Session,
  first?: Uint8Array,
): ReadableStream<Uint8Array> {
  const end = request.offset + request.size;
  let { offset } = request;
  session.hold(service.direct.hold(Math.min(PIECE_SIZE, request.size)));
  let reading = false;
  return new ReadableStream<Uint8Array>({
    start(controller): void {
      // One whose client takes nothing would not hear of its end before its client does.
      session.signal.addEventListener("abort", () => {
        if (reading) return;
        session[Symbol.dispose]();
        service.breakOff(session.request, session.signal.reason);
        controller.error(session.signal.reason);
      });
    },
    async pull(controller): Promise<void> {
      reading = true;
      const piece = first ??
        await readPiece(service, { ...request, offset, size: Math.min(PIECE_SIZE, end - offset) }, promised, session);
      reading = false;
      first = undefined;
      offset += piece.byteLength;
      session.bytes += piece.byteLength;
      controller.enqueue(piece);
      if (offset < end) return;
      controller.close();
      session[Symbol.dispose]();
    },
    cancel(): void {
      session[Symbol.dispose]();
    },
  }, { highWaterMark: 0 });
}

/** One piece, copied: a stream hands its chunks to the socket as they are, and a released view is not ours any more. */
async function readPiece(
  service: Service,
  request: ReadRequest,
  promised: Promised,
  session: Session,
): Promise<Uint8Array> {
  try {
    using result = await service.read(request, session);
    const { source, needleSize, checksum } = result;
    if (source !== promised.source || needleSize !== promised.needleSize || checksum !== promised.checksum) {
      throw new ReadError("corrupt", `the needle or its source changed during the answer: ${describe(request)}`);
    }
    return result.bytes.slice();
  } catch (error) {
    session[Symbol.dispose]();
    service.breakOff(session.request, error);
    throw error;
  }
}
