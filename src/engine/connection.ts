/**
 * A reader's connection to an engine: requests out, each answer to the one who asked.
 *
 * @module
 */
import { reasonOf, SystemError, VerbenaError, WireError } from "../rdma/errors.ts";
import type { PooledBuffer } from "../rdma/pool.ts";
import type { Closure } from "../rdma/provider.ts";
import type { Destination, EngineWay, ReaderChannel } from "./channel.ts";
import { IdRing } from "./id_ring.ts";
import { decodeMessage, encodeMessage, type Message, type MessageData, type MessageType } from "./messages.ts";
import { toNanoseconds } from "./protocol.ts";
import { type EngineConnectionInfo, ReadError } from "./reader.ts";

/** How a connection is made; milliseconds. */
export interface EngineConnectionOptions {
  /** How long set-up and negotiation may each take. */
  setupTimeout: number;
  /** How long an answer may take. */
  answerTimeout: number;
  /** Abandons the set-up. */
  signal: AbortSignal;
}

/** A request under way. */
export interface Call {
  /**
   * The answer. Rejected with ReadError `timeout`, or `unavailable` when the connection is lost, and with the signal's
   * reason when it aborts.
   */
  readonly answer: Promise<Message>;
  /** Calls `then` once the engine can no longer act on the request: it answered, or the connection is over. */
  whenSettled(then: () => void): void;
}

class Pending implements Call {
  expired = false;
  readonly #answer = Promise.withResolvers<Message>();
  #settled = false;
  #then: (() => void) | undefined;

  constructor(
    readonly what: string,
    readonly at: number,
    readonly buffer: PooledBuffer | undefined,
    readonly signal: AbortSignal | undefined,
  ) {
    if (signal?.aborted) this.reject(signal.reason);
    else signal?.addEventListener("abort", this);
  }

  get answer(): Promise<Message> {
    return this.#answer.promise;
  }

  whenSettled(then: () => void): void {
    if (this.#settled) then();
    else this.#then = then;
  }

  /** The signal's event. */
  handleEvent(): void {
    this.reject(this.signal?.reason);
  }

  reject(reason: unknown): void {
    this.signal?.removeEventListener("abort", this);
    this.#answer.reject(reason);
  }

  /** It is over: with this answer, unless it was given up before. */
  settle(answer: Message | ReadError): void {
    if (answer instanceof ReadError) this.reject(answer);
    else {
      this.signal?.removeEventListener("abort", this);
      this.#answer.resolve(answer);
    }
    this.#settled = true;
    this.#then?.();
  }
}

/** Answer timeouts after which a request without an answer takes the connection with it, and its memory comes back. */
const TIMEOUTS_PER_ANSWER = 2;

/** How often answers are looked over for late ones, as a part of the answer timeout. */
const WATCHES_PER_TIMEOUT = 8;

/** A connection lost under a request: worth another try on the next. */
export class ConnectionLost extends ReadError {
  static {
    this.prototype.name = "ConnectionLost";
  }

  /** Names the reason. */
  constructor(reason: string) {
    super("unavailable", reason, 1);
  }
}

let made = 0;

/** The connection. */
export class EngineConnection {
  /** Bytes of the ranges that came over it. */
  bytes = 0;
  /** Fulfilled once it is over and every call is settled. */
  readonly closed: Promise<Closure>;
  readonly #channel: ReaderChannel;
  readonly #options: EngineConnectionOptions;
  #pending = new IdRing<Pending>();
  readonly #name = `engine-client-${++made}`;
  readonly #since = Date.now();
  #heardAt = performance.now();
  #watch: ReturnType<typeof setTimeout> | undefined;
  readonly #pinger: ReturnType<typeof setInterval> | undefined;
  #fault: VerbenaError | undefined;
  #usable = true;

  private constructor(channel: ReaderChannel, options: EngineConnectionOptions) {
    this.#channel = channel;
    this.#options = options;
    channel.onMessage = (bytes) => this.#receive(bytes);
    this.closed = channel.closed.then((closure) => this.#lost(closure));
    if (channel.pingInterval > 0) this.#pinger = setInterval(() => this.#ping(), channel.pingInterval);
  }

  /** Connects. Throws what {@linkcode EngineWay.connect} throws. */
  static async open(way: EngineWay, options: EngineConnectionOptions): Promise<EngineConnection> {
    return new EngineConnection(await way.connect(options.setupTimeout, options.signal), options);
  }

  /** False once it is known to end, while {@linkcode closed} may still be some way off. */
  get usable(): boolean {
    return this.#usable;
  }

  /** What there is to tell of it. */
  get info(): EngineConnectionInfo {
    const { info, transport } = this.#channel;
    return {
      ...info,
      id: this.#name,
      kind: "engine-client",
      transport,
      since: this.#since,
      inFlight: this.#pending.size,
      bytes: this.bytes,
    };
  }

  /** Sends a request. Throws ReadError `busy` when the queue is full, ConnectionLost when the connection is over. */
  call<T extends MessageType>(type: T, data: MessageData<T>, signal?: AbortSignal): Call {
    return this.#send(type, () => data, undefined, signal);
  }

  /** The same, where nobody waits for the answer. */
  tell<T extends MessageType>(type: T, data: MessageData<T>): void {
    this.call(type, data).answer.catch(() => {});
  }

  /**
   * Asks for a range, into `buffer`, which is as long and stays the engine's until the call is settled. A range that did
   * not come whole, as far as that can be told, is an answer that breaks the protocol. Throws as {@linkcode call} does.
   */
  read(
    range: Omit<MessageData<"StartRead">, keyof Destination>,
    buffer: PooledBuffer,
    signal: AbortSignal | undefined,
  ): Call {
    return this.#send("StartRead", (id) => ({ ...range, ...this.#channel.lend(id, buffer) }), buffer, signal);
  }

  /** Ends it. */
  close(linger: number): Promise<void> {
    this.#usable = false;
    return this.#channel.close({ linger });
  }

  #send<T extends MessageType>(
    type: T,
    dataOf: (id: number) => MessageData<T>,
    buffer: PooledBuffer | undefined,
    signal: AbortSignal | undefined,
  ): Call {
    const id = this.#pending.draw();
    const at = performance.now();
    try {
      this.#channel.send(encodeMessage(type, dataOf(id), id));
    } catch (error) {
      if (buffer !== undefined) this.#channel.withdraw(id, buffer);
      if (error instanceof SystemError) throw new ReadError("busy", "the engine takes no further requests just now", 1);
      this.fail(error instanceof VerbenaError ? error : new WireError("engine", type, reasonOf(error)));
      throw new ConnectionLost(reasonOf(error));
    }
    const pending = new Pending(type, at, buffer, signal);
    this.#pending.add(id, pending);
    this.#watch ??= setTimeout(() => this.#look(), this.#options.answerTimeout / WATCHES_PER_TIMEOUT);
    return pending;
  }

  #ping(): void {
    if (!this.#usable || performance.now() - this.#heardAt < this.#channel.pingInterval / 2) return;
    try {
      this.tell("Ping", { timestamp_ns: toNanoseconds(Date.now()) });
    } catch {
      // it is busy, or over: then that shows otherwise
    }
  }

  #receive(bytes: Uint8Array): void {
    this.#heardAt = performance.now();
    try {
      const message = decodeMessage(bytes);
      const id = message.id ?? 0;
      const pending = this.#pending.get(id);
      if (pending === undefined) throw new WireError("engine", "answer to no request", message.id ?? "no id");
      if (pending.buffer !== undefined) this.#takeBack(id, pending.buffer, message.type);
      this.#pending.delete(id);
      pending.settle(message);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      this.fail(error);
    }
  }

  #takeBack(id: number, buffer: PooledBuffer, answer: MessageType): void {
    const here = this.#channel.withdraw(id, buffer);
    if (answer !== "StartReadResponse" || here === undefined || here === buffer.length) return;
    throw new WireError("engine", `bytes before the answer that all ${buffer.length} came`, here);
  }

  /** Ends it because the engine broke the protocol. */
  fail(error: VerbenaError): void {
    this.#fault ??= error;
    this.#usable = false;
    this.#channel.close({ linger: 0 });
  }

  // An answer that is late is given up; an engine from which nothing at all was heard since, or that owes an answer for
  // too long, is given up as a whole.
  #look(): void {
    this.#watch = undefined;
    const now = performance.now();
    const { answerTimeout } = this.#options;
    for (const pending of this.#pending.values()) {
      const age = now - pending.at;
      if (age < answerTimeout) continue;
      if (pending.expired && age < answerTimeout * TIMEOUTS_PER_ANSWER) continue;
      pending.expired = true;
      const error = new ReadError("timeout", `no answer to ${pending.what} within ${answerTimeout} ms`);
      pending.reject(error);
      if (this.#heardAt < pending.at || age >= answerTimeout * TIMEOUTS_PER_ANSWER) return this.fail(error);
    }
    if (this.#pending.size > 0) this.#watch = setTimeout(() => this.#look(), answerTimeout / WATCHES_PER_TIMEOUT);
  }

  #lost(closure: Closure): Closure {
    this.#usable = false;
    clearTimeout(this.#watch);
    clearInterval(this.#pinger);
    const error = this.#fault ?? closure.error;
    const reason = error === undefined ? "the engine closed the connection" : reasonOf(error);
    for (const pending of this.#pending.values()) pending.settle(new ConnectionLost(reason));
    this.#pending = new IdRing();
    return this.#fault === undefined ? closure : { graceful: false, error: this.#fault };
  }
}
