/**
 * The way between readers and engines of one machine: frames on a Unix socket.
 *
 * @module
 */
import { Deadline } from "../rdma/deadline.ts";
import { reasonOf, SystemError, VerbenaError, VerbsError, WireError } from "../rdma/errors.ts";
import type { PooledBuffer } from "../rdma/pool.ts";
import type { Closure } from "../rdma/provider.ts";
import { MessageBacklog } from "../smbdirect/message_backlog.ts";
import type { Channel, Destination, EngineChannel, ReaderChannel } from "./channel.ts";
import { FrameWriter } from "./frame_writer.ts";
import { FrameReader, type FrameSink, MAX_PIECE_SIZE, messageFrame, pieceHeader } from "./frames.ts";
import { MAX_REQUEST_SIZE, type MessageData } from "./messages.ts";
import { PieceBoard } from "./piece_board.ts";
import { Refusal } from "./refusal.ts";

/** The field of StartRead that asks for pieces, as an engine's `extensions` name it. */
export const INLINE = "inline";

/** How long things may take, in milliseconds. */
export interface SocketTimes {
  /** A frame, from its first byte to its last, to come or to leave. Default 10,000. */
  frame?: number;
  /** How long nothing may come. Default Infinity: for ever. */
  idle?: number;
  /** How often a reader that hears nothing asks the engine for a sign of life. Default 30,000. */
  ping?: number;
}

/** Messages that wait for their handler, at most. */
const MAX_KEPT = 256;

/** What errors call the connection: its path is for logs only. */
const LINK = "Unix socket";

/** Which end of a socket. */
export type SocketRole = "reader" | "engine";

/** Either end of a Unix socket. */
export class SocketChannel implements ReaderChannel, EngineChannel, FrameSink {
  /** See {@linkcode Channel.transport}. */
  readonly transport = "local";
  /** See {@linkcode ReaderChannel.pingInterval}. */
  readonly pingInterval: number;
  /** See {@linkcode EngineChannel.extensions}. */
  readonly extensions: readonly string[] = [INLINE];
  /** See {@linkcode Channel.info}: neither end has an address that is anybody's business. */
  readonly info: Channel["info"] = { remote: "unix" };
  /** See {@linkcode Channel.closed}. */
  readonly closed: Promise<Closure>;
  readonly #connection: Deno.Conn;
  readonly #role: SocketRole;
  readonly #times: Required<SocketTimes>;
  readonly #reader = new FrameReader(this);
  readonly #writer: FrameWriter;
  readonly #board = new PieceBoard();
  readonly #deadline = new Deadline(() => this.#look());
  readonly #backlog = new MessageBacklog(MAX_KEPT, (error) => this.#fail(error));
  #frameSince = Infinity; // when the frame that is coming in part began to
  #heardAt = performance.now();
  #closing = false;
  #error: VerbenaError | undefined;

  /** Over a connection that becomes the channel's to close. */
  constructor(connection: Deno.Conn, role: SocketRole, times: SocketTimes = {}) {
    this.#connection = connection;
    this.#role = role;
    this.#times = { frame: 10_000, idle: Infinity, ping: 30_000, ...times };
    this.pingInterval = this.#times.ping;
    this.#writer = new FrameWriter(connection, (error) => this.#fail(error), () => this.#arm());
    this.closed = this.#run();
    this.#arm();
  }

  /** See {@linkcode Channel.onMessage}. */
  get onMessage(): ((message: Uint8Array) => void) | undefined {
    return this.#backlog.handler;
  }

  set onMessage(handler: ((message: Uint8Array) => void) | undefined) {
    this.#backlog.handler = handler;
  }

  /** See {@linkcode Channel.send}. */
  send(message: Uint8Array): void {
    const call = `send ${message.length} bytes over a Unix socket`;
    if (this.#closing) throw new VerbsError(call, "closed", "the connection is over; make another");
    if (message.length > MAX_REQUEST_SIZE) throw new WireError("engine", "message length", message.length);
    if (!this.#writer.hasRoom) throw new SystemError(call, "ENOBUFS", "too many messages wait to be sent");
    this.#writer.push(messageFrame(message));
    this.#arm();
  }

  /** See {@linkcode Channel.close}. */
  async close({ linger }: { linger: number }): Promise<void> {
    this.#closing = true;
    if (linger > 0 && this.#error === undefined) await this.#writer.drained(linger);
    this.#end();
    await this.closed;
  }

  /** See {@linkcode ReaderChannel.lend}. */
  lend(id: number, buffer: PooledBuffer): Destination {
    this.#board.await(id, buffer.bytes);
    return { remote_addr: 0n, remote_key: 0, inline: true };
  }

  /** See {@linkcode ReaderChannel.withdraw}. */
  withdraw(id: number): number {
    return this.#board.forget(id);
  }

  /** See {@linkcode EngineChannel.check}. */
  check({ inline }: MessageData<"StartRead">, id: number | undefined): void {
    if (inline !== true) {
      const reason = "nothing is placed in a reader's memory over a Unix socket: ask with inline, or over RDMA";
      throw new Refusal("InvalidRequest", reason);
    }
    if (id === undefined) throw new Refusal("InvalidRequest", "a range that is sent inline needs an id to go by");
  }

  /** See {@linkcode EngineChannel.place}. */
  place(
    _request: MessageData<"StartRead">,
    id: number | undefined,
    { bytes }: PooledBuffer,
    at: number,
    length: number,
    done: (placed: boolean) => void,
  ): void {
    if (this.#closing) throw new VerbsError("send a range over a Unix socket", "closed", "the connection is over");
    for (let sent = 0; sent < length;) {
      const size = Math.min(MAX_PIECE_SIZE, length - sent);
      const from = at + sent;
      sent += size;
      const piece = bytes.subarray(from, from + size);
      this.#writer.pushPiece(pieceHeader(id ?? 0, from, size), piece, sent < length ? undefined : done);
    }
    this.#arm();
  }

  /** See {@linkcode FrameSink.message}. */
  message(bytes: Uint8Array): void {
    if (!this.#closing) this.#backlog.deliver(bytes);
  }

  /** See {@linkcode FrameSink.piece}. */
  piece(id: number, at: number, length: number): Uint8Array {
    if (this.#role === "engine") throw new WireError("engine", "piece of a range, from a reader, request", id);
    return this.#board.place(id, at, length);
  }

  async #run(): Promise<Closure> {
    try {
      for (;;) {
        const count = await this.#connection.read(this.#reader.space());
        if (count === null) break;
        const now = performance.now();
        this.#heardAt = now;
        const { whole } = this.#reader;
        this.#reader.filled(count);
        if (!this.#reader.midFrame) this.#frameSince = Infinity;
        else this.#frameSince = this.#reader.whole > whole ? now : Math.min(this.#frameSince, now);
        if (this.#reader.midFrame) this.#arm();
      }
      if (!this.#closing && this.#reader.midFrame) this.#fail(new VerbsError(LINK, "lost", "a frame had come in part"));
    } catch (error) {
      if (!this.#closing) this.#fail(error);
    }
    this.#end();
    this.#deadline.clear();
    const halfDone = await this.#writer.ended;
    const error = this.#error ??
      (halfDone && !this.#closing ? new VerbsError(LINK, "lost", "not all was sent") : undefined);
    this.#closing = true;
    return error === undefined ? { graceful: true } : { graceful: false, error };
  }

  #fail(error: unknown): void {
    this.#error ??= error instanceof VerbenaError ? error : new VerbsError(LINK, "lost", reasonOf(error));
    this.#end();
  }

  #end(): void {
    this.#closing = true;
    this.#writer.end();
    try {
      this.#connection.close();
    } catch {
      // it was closed before
    }
  }

  #arm(): void {
    if (this.#closing) return;
    this.#deadline.set(performance.now(), this.#due);
  }

  get #due(): number {
    const { frame, idle } = this.#times;
    return Math.min(Math.min(this.#frameSince, this.#writer.since) + frame, this.#heardAt + idle);
  }

  #look(): void {
    if (this.#closing) return;
    const { frame, idle } = this.#times;
    const now = performance.now();
    if (now >= this.#frameSince + frame) {
      this.#fail(new VerbsError(LINK, "timeout", `a frame came only in part within ${frame} ms`));
    } else if (now >= this.#writer.since + frame) {
      this.#fail(new VerbsError(LINK, "timeout", `the other side took nothing for ${frame} ms`));
    } else if (now >= this.#heardAt + idle) {
      this.#fail(new VerbsError(LINK, "idle", `nothing came for ${idle} ms`));
    } else this.#arm();
  }
}
