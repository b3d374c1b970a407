/**
 * An iWARP endpoint: the loops that carry bytes between an {@linkcode IwarpConnection} and a TCP socket.
 *
 * @module
 */
import type { Completion } from "../rdma/completion.ts";
import { reasonOf, VerbsError } from "../rdma/errors.ts";
import type { MemoryRegion } from "../rdma/memory.ts";
import type { Closure, Endpoint, RdmaAddress, SendWork } from "../rdma/provider.ts";
import type { EndpointStatistics } from "../rdma/statistics.ts";
import type { IwarpConnection } from "./connection.ts";
import { fpduSize, MAX_ULPDU_SIZE } from "./wire.ts";

/** Bytes one write of the socket may carry: long enough that the peer drains the socket while the next is made. */
const SEND_BUFFER_SIZE = 512 * 1024;
/** Bytes held of the incoming stream: some of the longest FPDUs, so that a half-received one is seldom moved. */
const RECEIVE_BUFFER_SIZE = 256 * 1024;
/** Bytes one read of the socket asks for: what stays in the processor's cache until it is placed. */
const READ_SIZE = 64 * 1024;
/** How long a closing connection waits for its peer by default, in milliseconds. */
const LINGER = 1_000;

/** The endpoint. */
export class IwarpEndpoint implements Endpoint {
  /** `iwarp`. */
  readonly transport = "iwarp";
  /** This side. */
  readonly local: RdmaAddress;
  /** The other side. */
  readonly remote: RdmaAddress;
  /** The peer's private data. */
  readonly privateData: Uint8Array;
  /** Fulfilled when the socket is closed and every completion can be polled. */
  readonly closed: Promise<Closure>;
  /** Told when completions wait. */
  onCompletions: (() => void) | undefined;

  readonly #connection: IwarpConnection;
  readonly #socket: Deno.TcpConn;
  readonly #in = new Uint8Array(RECEIVE_BUFFER_SIZE);
  readonly #out = new Uint8Array(SEND_BUFFER_SIZE);
  #buffered = 0; // bytes in #in when the loop starts
  #writing: Promise<void> | undefined;
  #kicked = false;
  #busy = false;
  #drained: (() => void) | undefined;
  #closing: Promise<void> | undefined;
  #finish: (closure: Closure) => void;

  /** Wraps a socket whose set-up is over. `early` are bytes that came behind the peer's reply. */
  constructor(connection: IwarpConnection, socket: Deno.TcpConn, privateData: Uint8Array, early: Uint8Array) {
    this.#connection = connection;
    this.#socket = socket;
    this.privateData = privateData;
    this.local = addressOf(socket.localAddr);
    this.remote = addressOf(socket.remoteAddr);
    this.#in.set(early);
    this.#buffered = early.length;
    const { promise, resolve } = Promise.withResolvers<Closure>();
    this.closed = promise;
    this.#finish = resolve;
  }

  /** Starts both loops; called once, after `prepare`. */
  start(): void {
    this.#kick();
    this.#readLoop().then(() => this.#shutDown());
  }

  /** Counters. */
  get statistics(): EndpointStatistics {
    return this.#connection.statistics;
  }

  /** Free slots of the send queue. */
  get sendSlots(): number {
    return this.#connection.sendSlots;
  }

  /** Posts a receive. */
  postReceive(id: number, region: MemoryRegion, offset: number, length: number): void {
    this.#connection.postReceive(id, region, offset, length);
    if (this.#connection.closure !== undefined) this.#kick();
  }

  /** Posts sends. What is posted in one turn of the event loop leaves in one write where it fits. */
  postSend(work: SendWork | readonly SendWork[]): void {
    this.#connection.postSend(work);
    this.#kick();
  }

  /** Polls completions. */
  poll(out: Completion[]): number {
    return this.#connection.poll(out);
  }

  /** Closes: see {@linkcode Endpoint.close}. */
  close(options: { linger?: number } = {}): Promise<void> {
    return this.#closing ??= this.#close(options.linger ?? LINGER);
  }

  /** The same as close(). */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(linger: number): Promise<void> {
    const connection = this.#connection;
    const timer = setTimeout(() => {
      connection.close();
      closeQuietly(this.#socket); // whatever still waits for the socket is rejected, and ends
    }, linger);
    if (connection.closure === undefined && !connection.idle) {
      await new Promise<void>((resolve) => this.#drained = resolve);
    }
    connection.close();
    this.#kick(); // shows the flushed completions
    await this.#writing;
    await this.#socket.closeWrite().catch(() => {}); // the peer may have closed already
    await this.closed;
    clearTimeout(timer);
  }

  // Reads until the stream is over. When this side ended it, what the peer still sends is thrown away up to its FIN:
  // closing over unread bytes would make TCP send a reset that can overtake our last frames.
  async #readLoop(): Promise<void> {
    const connection = this.#connection;
    const buffer = this.#in;
    let from = 0;
    let to = this.#buffered;
    try {
      for (;;) {
        from = connection.receive(buffer, from, to);
        this.#afterReceive();
        if (connection.closure !== undefined && this.#closing === undefined) return;
        if (from === to) from = to = 0;
        else if (buffer.length - from < fpduSize(MAX_ULPDU_SIZE)) {
          buffer.copyWithin(0, from, to);
          to -= from;
          from = 0;
        }
        const count = await this.#socket.read(buffer.subarray(to, to + READ_SIZE));
        if (count === null) return connection.peerClosed(to - from);
        to += count;
      }
    } catch (error) {
      connection.lose(this.#lost(error));
    }
  }

  #afterReceive(): void {
    if (this.#connection.completionCount > 0) this.onCompletions?.();
    if (this.#connection.pending) this.#kick();
    if (this.#connection.idle) this.#drained?.();
  }

  // Writing waits for the end of the present turn: what the user posts in one turn then leaves together.
  #kick(): void {
    if (this.#kicked || this.#busy) return;
    this.#kicked = true;
    queueMicrotask(() => {
      this.#kicked = false;
      this.#busy = true;
      this.#writing = this.#writeLoop();
    });
  }

  async #writeLoop(): Promise<void> {
    const connection = this.#connection;
    try {
      do {
        const size = connection.transmit(this.#out);
        if (connection.completionCount > 0) this.onCompletions?.();
        for (let at = 0; at < size;) at += await this.#socket.write(this.#out.subarray(at, size));
      } while (connection.pending);
      if (connection.idle) this.#drained?.();
    } catch (error) {
      connection.lose(this.#lost(error));
      closeQuietly(this.#socket);
    } finally {
      this.#busy = false; // in the same turn as the last look at `pending`: no kick falls between
    }
  }

  #lost(error: unknown): VerbsError {
    return new VerbsError(`connection with ${this.remote.hostname}:${this.remote.port}`, "lost", reasonOf(error));
  }

  // The stream is over: a Terminate may still have to leave, then the socket closes and the last completions show.
  async #shutDown(): Promise<void> {
    this.#drained?.();
    const timer = setTimeout(() => closeQuietly(this.#socket), LINGER);
    try {
      if (this.#connection.pending) this.#kick();
      await Promise.resolve(); // the kick's microtask
      await this.#writing;
      await this.#socket.closeWrite();
      while (await this.#socket.read(this.#in) !== null);
    } catch {
      // the socket is gone, which is what this was to bring about
    }
    clearTimeout(timer);
    closeQuietly(this.#socket);
    if (this.#connection.completionCount > 0) this.onCompletions?.();
    this.#finish(this.#connection.closure ?? { graceful: true });
  }
}

function addressOf(address: Deno.NetAddr): RdmaAddress {
  return { hostname: address.hostname, port: address.port };
}

/** Closes a socket that may be closed already. */
export function closeQuietly(socket: Disposable & { close(): void }): void {
  try {
    socket.close();
  } catch {
    // BadResource: it was closed already
  }
}
