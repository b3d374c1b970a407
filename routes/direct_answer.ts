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
import { protectedHeaders } from "./headers.ts";
import { HttpError } from "./http_error.ts";

/** What a server on `node:http` tells a route beside the request. */
export interface NodeBindings {
  /** The answer. */
  readonly outgoing: ServerResponse;
  /** Aborts when the server ends. Registered memory may then go before a socket does: answers are copied from then on. */
  readonly stop: AbortSignal;
  /** The address of who asks, where it is not the answer's socket that tells. */
  readonly remoteAddress?: string;
}

/** Bytes of registered memory that may wait in sockets at once; an answer beyond them is copied, and waits in the heap. */
export const MAX_DIRECT_BYTES = 32 << 20;
/** What a route hands on whose answer has been, or is being, written already. Never sent itself. */
export const ALREADY_SENT: Response = new Response(null);

/** The answers of one service that are on their way. */
export class DirectAnswers {
  #lent = 0;
  #waiting = 0;

  /** An account with nothing on its way. */
  constructor(
    /** Bytes, lent and copied, that may be on their way at once. */ readonly ceiling: number,
  ) {}

  /** Bytes that wait for sockets now. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Whether a server is there that can send bytes from where they lie. */
  served(bindings: Partial<NodeBindings> | undefined): bindings is NodeBindings {
    return bindings?.outgoing !== undefined && bindings.stop?.aborted === false;
  }

  /** Whether an answer waits for others of its connection to be sent first. */
  waits(bindings: Partial<NodeBindings> | undefined): boolean {
    return bindings?.outgoing?.socket === null;
  }

  /** Throws HttpError 503 where `size` more bytes may not wait for a socket: clients do not take what they asked for. */
  admit(size: number): void {
    if (this.#waiting + size <= this.ceiling) return;
    const reason = `${this.#waiting} bytes of answers wait for clients that do not take them; ask again`;
    throw new HttpError(503, reason, { "retry-after": "1" });
  }

  /** Counts `size` bytes of a stream among those that wait, until the result is disposed. Throws as {@linkcode admit} does. */
  hold(size: number): Disposable {
    this.admit(size);
    this.#waiting += size;
    let held = size;
    return {
      [Symbol.dispose]: () => {
        this.#waiting -= held;
        held = 0;
      },
    };
  }

  /**
   * Answers 200 with the result's bytes, and releases the result, once, when the kernel has them or the connection is
   * closed; at once, where too much is lent already and the bytes are copied. Returns what the route hands on.
   */
  send({ outgoing }: NodeBindings, headers: OutgoingHttpHeaders, result: ReadResult): Response {
    // An answer that waits behind others of a pipeline has no socket of its own yet; the request always has.
    const { socket } = outgoing.req;
    const size = result.bytes.byteLength;
    const lent = this.#lent + size <= MAX_DIRECT_BYTES ? size : 0;
    const bytes = lent === 0 ? result.bytes.slice() : result.bytes;
    if (lent === 0) result[Symbol.dispose]();
    let held = true;
    const release = (): void => {
      if (!held) return;
      held = false;
      socket.off("close", release);
      this.#waiting -= size;
      this.#lent -= lent;
      if (lent > 0) result[Symbol.dispose]();
    };
    this.#waiting += size;
    this.#lent += lent;
    // A socket that is being closed sends nothing any more, and "close" may have been and gone.
    if (socket.destroyed) {
      release();
    } else {
      socket.on("close", release);
      outgoing.writeHead(200, protectedHeaders(headers));
      outgoing.end(bytes, release);
    }
    return ALREADY_SENT;
  }
}
