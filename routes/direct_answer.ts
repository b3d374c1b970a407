/**
 * An answer whose bytes go from registered memory to the socket with no copy in between, where `node:http` serves.
 *
 * Deno's `node:http` hands the kernel a buffer from where it lies, on this thread, in the call itself or as the socket
 * drains. It looks at the buffer no more once the write's callback has run or the socket has closed, whichever is first:
 * a socket is closed only after the writes queued on it are dropped (test/routes/direct_answer_test.ts holds Deno to it).
 *
 * @module
 */
import type { OutgoingHttpHeaders, ServerResponse } from "node:http";
import type { ReadResult } from "../src/engine/reader.ts";

/** What a server on `node:http` tells a route beside the request. */
export interface NodeBindings {
  /** The answer. */
  readonly outgoing: ServerResponse;
  /** Aborts when the server ends. Registered memory may then go before a socket does: answers are copied from then on. */
  readonly stop: AbortSignal;
}

/** Bytes of registered memory that may wait in sockets at once; an answer beyond them is copied, and waits in the heap. */
export const MAX_DIRECT_BYTES = 32 << 20;

/** What tells `@hono/node-server` that an answer has been, or is being, written without it. Never sent itself. */
export const ALREADY_SENT: Response = new Response(null, { headers: { "x-hono-already-sent": "true" } });

/** The answers of one service that are on their way. */
export class DirectAnswers {
  #bytes = 0;

  /** An account with nothing on its way. */
  constructor(
    /** Bytes that may be on their way at once. */ readonly ceiling: number = MAX_DIRECT_BYTES,
  ) {}

  /** Bytes whose results are held for sockets now. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Whether a server is there that can send `size` bytes from where they lie, and they may wait for its socket. */
  admits(bindings: Partial<NodeBindings> | undefined, size: number): bindings is NodeBindings {
    return bindings?.outgoing !== undefined && bindings.stop?.aborted === false && this.#bytes + size <= this.ceiling;
  }

  /**
   * Answers 200 with the result's bytes, and releases the result, once, when the kernel has them or the connection is
   * closed. Returns what the route hands on.
   */
  send({ outgoing }: NodeBindings, headers: OutgoingHttpHeaders, result: ReadResult): Response {
    // An answer that waits behind others of a pipeline has no socket of its own yet; the request always has.
    const { socket } = outgoing.req;
    const size = result.bytes.byteLength;
    let held = true;
    const release = (): void => {
      if (!held) return;
      held = false;
      socket.off("close", release);
      this.#bytes -= size;
      result[Symbol.dispose]();
    };
    this.#bytes += size;
    // A socket that is being closed sends nothing any more, and "close" may have been and gone.
    if (socket.destroyed) {
      release();
    } else {
      socket.on("close", release);
      outgoing.writeHead(200, headers);
      outgoing.end(result.bytes, release);
    }
    return ALREADY_SENT;
  }
}
