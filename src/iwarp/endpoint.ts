/**
 * An iWARP endpoint: the loops that carry bytes between an {@linkcode IwarpConnection} and a TCP socket.
 *
 * @module
 */
import { formatAddress } from "../rdma/address.ts";
import type { Completion } from "../rdma/completion.ts";
import { reasonOf, type VerbenaError, VerbsError } from "../rdma/errors.ts";
import type { MemoryRegion } from "../rdma/memory.ts";
import type { Closure, Endpoint, RdmaAddress, SendWork } from "../rdma/provider.ts";
import type { EndpointStatistics } from "../rdma/statistics.ts";
import type { IwarpConnection } from "./connection.ts";
import { DirectSocket } from "./direct_socket.ts";
import { FPDU_LENGTH_SIZE, fpduSize, MAX_ULPDU_SIZE, TAGGED_HEADER_SIZE } from "./wire.ts";

/** Bytes one write carries at most unless told: so many that the peer drains the socket while the next is made. */
const WRITE_SIZE = 512 * 1024;
/** Bytes that are sent at once; what is more than that does better where others have their turn. */
const SENT_AT_ONCE = 16 * 1024;
/** Bytes held of the incoming stream: some of the longest FPDUs, so that a half-received one is seldom moved. */
const RECEIVE_BUFFER_SIZE = 256 * 1024;
/** Bytes one read of the socket asks for: what stays in the processor's cache until it is placed. */
const READ_SIZE = 64 * 1024;
/** What one read asks for where the rest of a long segment can be read to its place as soon as it begins to come. */
const WAKING_SIZE = 4 * 1024;
/** Bytes read that way before others have their turn. */
const DIRECT_SIZE = 1024 * 1024;
/** How long a connection that is over waits for its peer, and close() by default, in milliseconds. */
const LINGER = 1_000;

/** What one more long segment begins with; every FPDU is at least as long. */
const NEXT_HEADER_SIZE = FPDU_LENGTH_SIZE + TAGGED_HEADER_SIZE;

/** How an endpoint uses its socket. */
export interface IwarpEndpointOptions {
  /** Bytes one write carries at most: the longest FPDU, or more. */
  readonly writeSize?: number;
  /** See {@linkcode IwarpOptions.keepalive}. */
  readonly keepalive: number;
  /** See {@linkcode IwarpOptions.operationTimeout}. */
  readonly operationTimeout: number;
}

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
  #direct: DirectSocket | null | undefined; // null: there is none, or not any more
  readonly #in = new Uint8Array(RECEIVE_BUFFER_SIZE);
  readonly #out: Uint8Array<ArrayBuffer>;
  #buffered = 0; // bytes in #in when the loop starts
  #writing: Promise<void> | undefined;
  #kicked = false;
  #busy = false;
  #drained: (() => void) | undefined;
  #closing: Promise<void> | undefined;
  #broken: VerbsError | undefined; // why nothing can be written any more
  #hangUpTimer: ReturnType<typeof setTimeout> | undefined;
  readonly #options: IwarpEndpointOptions;
  #keepaliveTimer: ReturnType<typeof setInterval> | undefined;
  #operationTimer: ReturnType<typeof setInterval> | undefined;
  #bytesIn = 0;
  #bytesOut = 0;
  #seenIn = 0; // when it was last looked whether the peer lives
  #seenOut = 0;
  #asked = false; // for a sign of life
  #stuck = false; // bytes waited for the peer, and it took none, when it was last looked
  #finished = false;
  #finish: (closure: Closure) => void;

  /**
   * Wraps a socket whose set-up is over. `early` are bytes that came behind the peer's reply.
   */
  constructor(
    connection: IwarpConnection,
    socket: Deno.TcpConn,
    privateData: Uint8Array,
    early: Uint8Array,
    options: IwarpEndpointOptions,
  ) {
    this.#out = new Uint8Array(options.writeSize ?? WRITE_SIZE);
    this.#options = options;
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
    const { keepalive, operationTimeout } = this.#options;
    if (keepalive > 0) this.#keepaliveTimer = setInterval(() => this.#lookForLife(), keepalive);
    if (operationTimeout > 0) this.#operationTimer = setInterval(() => this.#lookForProgress(), operationTimeout);
    this.#readLoop().then(() => this.#shutDown());
  }

  /** Ends an endpoint whose set-up failed before {@linkcode start}. */
  abandon(error: VerbenaError): void {
    this.#connection.lose(error);
    this.#finish({ graceful: false, error });
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

  /** See {@linkcode Endpoint.peerReady}. */
  peerReady(): void {
    this.#connection.release();
    if (this.#connection.pending) this.#kick();
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
      this.#giveUp("timeout", `what was posted did not leave within ${linger} ms`);
    }, linger);
    if (connection.closure === undefined && !this.#settled) {
      await new Promise<void>((resolve) => this.#drained = resolve);
    }
    connection.close();
    this.#kick(); // shows the flushed completions
    await this.#written();
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
        if (from === to) {
          from = 0;
          to = this.#receiveDirectly();
        }
        if (connection.closure !== undefined && this.#closing === undefined) return;
        if (buffer.length - from < fpduSize(MAX_ULPDU_SIZE)) {
          buffer.copyWithin(0, from, to);
          to -= from;
          from = 0;
        }
        const size = this.#direct && connection.window !== undefined ? WAKING_SIZE : READ_SIZE;
        const count = await this.#socket.read(buffer.subarray(to, to + size));
        if (count === null) return await this.#peerClosed(to - from);
        to += count;
        this.#bytesIn += count;
      }
    } catch (error) {
      connection.lose(this.#broken ?? this.#lost(error));
    }
  }

  // Reads what is left of long segments to where it belongs, as far as it has come; then what is behind them, whose end
  // that nothing could be made of yet lies at the start of the buffer: so many bytes.
  #receiveDirectly(): number {
    const connection = this.#connection;
    const buffer = this.#in;
    for (let size = 0; size < DIRECT_SIZE;) {
      const { window } = connection;
      if (window === undefined) return 0;
      const count = this.#directSocket()?.receive(window) ?? 0;
      if (count <= 0) return 0;
      size += count;
      this.#bytesIn += count;
      connection.placed(count);
      if (count < window.length) return 0;
      const more = this.#directSocket()?.receive(buffer.subarray(0, connection.trailer + NEXT_HEADER_SIZE)) ?? 0;
      if (more > 0) this.#bytesIn += more;
      const rest = connection.receive(buffer, 0, Math.max(0, more));
      this.#afterReceive();
      if (rest < more) {
        buffer.copyWithin(0, rest, more);
        return more - rest;
      }
    }
    return 0;
  }

  // What is being written may still reach a peer that closed its own half only.
  async #peerClosed(remainder: number): Promise<void> {
    this.#hangUp();
    await this.#written();
    if (this.#broken === undefined) this.#connection.peerClosed(remainder);
    else this.#connection.lose(this.#broken);
  }

  #afterReceive(): void {
    this.#notify();
    if (this.#connection.pending) this.#kick();
    if (this.#settled) this.#drained?.();
  }

  // All that was posted has been answered, or handed to the socket.
  get #settled(): boolean {
    return this.#connection.idle && !this.#busy && !this.#kicked;
  }

  #notify(): void {
    if (this.#connection.completionCount === 0) return;
    try {
      this.onCompletions?.();
    } catch (error) {
      this.#giveUp("handler", `onCompletions threw: ${reasonOf(error)}`);
    }
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
    let left = SENT_AT_ONCE;
    try {
      do {
        const size = this.#broken === undefined ? connection.transmit(this.#out) : 0;
        this.#notify();
        left -= size;
        for (let at = left < 0 ? 0 : this.#sendAtOnce(size); at < size;) {
          const count = await this.#socket.write(this.#out.subarray(at, size));
          at += count;
          this.#bytesOut += count;
        }
      } while (connection.pending && this.#broken === undefined);
      if (connection.idle) this.#drained?.();
      if (connection.closure !== undefined) this.#hangUp(); // a fault met while sending: the read loop may wait for ever
    } catch (error) {
      // The read loop ends the stream: the peer's Terminate, which says more than this error, may wait to be read.
      this.#broken = this.#lost(error);
      this.#hangUp();
    } finally {
      this.#busy = false; // in the same turn as the last look at `pending`: no kick falls between
    }
  }

  // A few bytes that the socket takes at once need no promise; how many it took.
  #sendAtOnce(size: number): number {
    if (size === 0) return 0;
    const count = Math.max(0, this.#directSocket()?.send(this.#out.subarray(0, size)) ?? 0);
    this.#bytesOut += count;
    return count;
  }

  // Waits until what the kick of this turn or an earlier one writes has left.
  async #written(): Promise<void> {
    await Promise.resolve(); // the kick's microtask
    await this.#writing;
  }

  // The stream ends now, whatever the peer does: its socket closes at the latest after LINGER, or close()'s own.
  #hangUp(): void {
    if (this.#finished || this.#closing !== undefined) return;
    this.#hangUpTimer ??= setTimeout(() => this.#closeSocket(), LINGER);
  }

  // A peer from which nothing comes, and which takes nothing, is asked for a sign of life; if by the next look it gave
  // none, though it owes an answer or has bytes waiting for it, it is gone. So is one that talks but does not listen.
  #lookForLife(): void {
    const received = this.#bytesIn !== this.#seenIn;
    const taken = this.#bytesOut !== this.#seenOut;
    this.#seenIn = this.#bytesIn;
    this.#seenOut = this.#bytesOut;
    const stuck = this.#busy && !taken;
    if (received && stuck && this.#stuck) {
      return this.#giveUp("lost", `the peer took nothing of what waits for it for ${this.#options.keepalive} ms`);
    }
    this.#stuck = stuck;
    if (received || (taken && !this.#asked)) this.#asked = false;
    else if (this.#connection.closure !== undefined) return;
    else if (!this.#asked) {
      this.#asked = true;
      this.#connection.probe();
      if (this.#connection.pending) this.#kick();
    } else if (this.#connection.owed || this.#busy) {
      this.#giveUp(
        "lost",
        `the peer gave no sign of life for ${this.#options.keepalive} ms after it was asked for one`,
      );
    }
  }

  // Whatever still waits for the socket is rejected, and ends.
  #giveUp(code: string, reason: string): void {
    this.#connection.lose(new VerbsError(this.#call, code, reason));
    this.#closeSocket();
  }

  #lookForProgress(): void {
    if (!this.#connection.stalled()) return;
    this.#giveUp("timeout", `posted work did not move for ${this.#options.operationTimeout} ms`);
  }

  // Found out when it is first of use.
  readonly #directSocket = (): DirectSocket | undefined => {
    if (this.#direct === undefined) this.#direct = DirectSocket.of(this.#socket) ?? null;
    return this.#direct ?? undefined;
  };

  #closeSocket(): void {
    this.#direct = null;
    closeQuietly(this.#socket);
  }

  get #call(): string {
    return `connection with ${formatAddress(this.remote)}`;
  }

  #lost(error: unknown): VerbsError {
    return new VerbsError(this.#call, "lost", reasonOf(error));
  }

  // The stream is over: a Terminate may still have to leave, then the socket closes and the last completions show.
  async #shutDown(): Promise<void> {
    this.#drained?.();
    this.#hangUp();
    this.#notify();
    try {
      if (this.#connection.pending) this.#kick();
      await this.#written();
      await this.#socket.closeWrite();
      while (await this.#socket.read(this.#in) !== null);
    } catch {
      // the socket is gone, which is what this was to bring about
    }
    this.#closeSocket();
    this.#notify();
    this.#finished = true;
    clearInterval(this.#keepaliveTimer);
    clearInterval(this.#operationTimer);
    clearTimeout(this.#hangUpTimer);
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
