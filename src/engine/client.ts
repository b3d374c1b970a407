/**
 * The reading side of one engine: keeps a connection, reads ranges through it, and answers at once while it is away.
 *
 * @module
 */
import { crc32c } from "../rdma/crc32c.ts";
import { reasonOf, WireError } from "../rdma/errors.ts";
import { type PooledBuffer, type PoolStatistics, RegisteredPool } from "../rdma/pool.ts";
import type { Destination, EngineWay } from "./channel.ts";
import { Circuit } from "./circuit.ts";
import { type Call, ConnectionLost, EngineConnection } from "./connection.ts";
import { type Ask, listNeedles, listVolumes } from "./listing.ts";
import type { Message, MessageData, MessageType } from "./messages.ts";
import { ENDS_WITH_ANSWER, type EngineLog } from "./protocol.ts";
import {
  type EngineConnectionInfo,
  type EngineHealth,
  type NeedleInfo,
  ReadError,
  type ReadRequest,
  type RegionInfo,
  type VolumeInfo,
} from "./reader.ts";
import { checkRequest, isU32, MAX_KEY } from "./read_request.ts";
import { toReadError } from "./refusal.ts";
import { lendWithin, pause, unlessAborted } from "./waiting.ts";

/** How a client behaves. Times are milliseconds, sizes bytes. */
export interface EngineClientOptions {
  /** How long connecting may take. Default 2,000. */
  setupTimeout?: number;
  /** How long an engine may take to answer a read. Default 4,000: less than `weed mount` waits for its sidecar. */
  answerTimeout?: number;
  /** Registered memory at most. Default 128 MiB. */
  poolCeiling?: number;
  /** The longest range of one read. Default 8 MiB. A power of two. */
  maxReadSize?: number;
  /** Told of what happens. */
  log?: EngineLog;
}

/** A range, in this process's registered memory. */
export interface Fetched {
  /** The bytes. Whoever has it gives it back; the engine can no longer reach it. */
  readonly buffer: PooledBuffer;
  /** Bytes of the whole needle. */
  readonly needleSize: number;
  /** CRC-32C of its stored data: another number is another needle. */
  readonly checksum: number;
  /** The engine's session. */
  readonly sessionId: string;
  /** Whether RDMA placed them. */
  readonly source: "rdma" | "local";
  /** `iwarp`, `verbs:rxe0`, `local`. */
  readonly transport: string;
}

/** A connection that lasts less than this, in milliseconds, counts as one that failed. */
const SHORT_LIFE = 1_000;

/** The longest needle that an engine may claim, in bytes; what weed writes is far shorter. */
const MAX_NEEDLE_SIZE = BigInt(Number.MAX_SAFE_INTEGER);

/** A way to the engine, and the memory that it can place ranges in. */
interface Road {
  readonly way: EngineWay;
  readonly pool: RegisteredPool;
}

/** A StartRead, but for where its range is to go. */
type RangeAsked = Omit<MessageData<"StartRead">, keyof Destination>;

/** The client of one engine. */
export class EngineClient implements AsyncDisposable {
  /** Connections made. */
  connections = 0;
  /** `rdma:127.0.0.1:18515`, or `unix`. */
  readonly name: string;
  readonly #ways: readonly EngineWay[];
  readonly #place: string; // what logs call it
  readonly #options: Required<EngineClientOptions>;
  readonly #circuit = new Circuit();
  readonly #closing = new AbortController();
  readonly #maintaining: Promise<void>;
  #attempt = Promise.withResolvers<void>(); // settled when the present try to connect is over
  #connection: EngineConnection | undefined;
  #road: Road; // what the connection goes over, or the last one went
  #capabilities: MessageData<"GetCapabilitiesResponse"> | undefined;
  #lastError = "";

  /**
   * Starts to connect, over the first of `ways` by which the engine answers; each time anew, in this order. They are the
   * client's to dispose, in {@linkcode close}.
   */
  constructor(ways: readonly [EngineWay, ...EngineWay[]], options: EngineClientOptions = {}) {
    this.#ways = ways;
    this.name = ways[0].name;
    this.#place = ways[0].place;
    this.#options = {
      setupTimeout: 2_000,
      answerTimeout: 4_000,
      poolCeiling: 128 << 20,
      maxReadSize: 8 << 20,
      log: () => {},
      ...options,
    };
    this.#road = this.#roadBy(ways[0]);
    this.#maintaining = this.#maintain();
  }

  /** How it is doing. */
  get health(): EngineHealth {
    const capabilities = this.#capabilities;
    return {
      address: this.name,
      connected: this.#connection?.usable === true,
      transport: this.#road.way.transport,
      circuit: this.#connection?.usable ? "closed" : this.#circuit.state(performance.now()),
      lastError: this.#lastError,
      ...(capabilities === undefined ? {} : {
        capabilities: {
          deviceName: capabilities.device_name,
          version: capabilities.version,
          maxSessions: Number(capabilities.max_sessions),
          maxTransferSize: Number(capabilities.max_transfer_size),
          realRdma: capabilities.real_rdma,
        },
      }),
    };
  }

  /** Its registered memory. */
  get pool(): PoolStatistics {
    return this.#road.pool.statistics;
  }

  /** Its connection, where one stands. */
  get connection(): EngineConnectionInfo | undefined {
    return this.#connection?.info;
  }

  /** Its registered memory, region by region. */
  regions(): RegionInfo[] {
    const { way: { transport }, pool } = this.#road;
    const owner = `engine client ${this.name}`;
    return pool.regions().map((region) => ({ owner, transport, ...region }));
  }

  /** The longest range of one read, in bytes. */
  get maxReadSize(): number {
    const engine = this.#capabilities?.max_transfer_size;
    return Math.min(this.#options.maxReadSize, engine === undefined ? Infinity : Number(engine));
  }

  /** Fulfilled when the first try to connect is over, either way. */
  get settled(): Promise<void> {
    return this.#attempt.promise;
  }

  /** Reads a range. Throws ReadError. A connection lost on the way is made good once, on the next. */
  read(request: ReadRequest, signal?: AbortSignal): Promise<Fetched> {
    return this.#twice(() => this.#readOnce(request, signal));
  }

  /** Its volumes, by id. Throws ReadError, `unsupported` where it is too old to tell. */
  async volumes(signal?: AbortSignal): Promise<VolumeInfo[]> {
    return await listVolumes(this.#asking(signal), this.name);
  }

  /** See {@linkcode NeedleReader.needles}. Throws ReadError, `unsupported` where it is too old to tell. */
  async needles(volume: number, after: bigint, limit: number, signal?: AbortSignal): Promise<NeedleInfo[]> {
    if (!isU32(volume)) throw new ReadError("not-found", `no volume can be ${volume}`);
    return after >= MAX_KEY ? [] : await listNeedles(this.#asking(signal), volume, after, limit);
  }

  /** Closes the connection, gives requests under way `grace` milliseconds to leave, and disposes the ways. */
  async close(grace = 1_000): Promise<void> {
    this.#closing.abort();
    await this.#connection?.close(grace);
    await this.#maintaining;
    this.#road.pool[Symbol.dispose]();
    for (const way of this.#ways) way[Symbol.dispose]();
  }

  /** The same as close(). */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #twice<T>(once: () => Promise<T>): Promise<T> {
    return once().catch((error) => {
      if (!(error instanceof ConnectionLost) || this.#closing.signal.aborted) throw error;
      return once();
    });
  }

  #asking(signal: AbortSignal | undefined): Ask {
    return (type, data, wanted, decode) => this.#twice(() => this.#askOnce(type, data, wanted, decode, signal));
  }

  async #askOnce<T extends MessageType, A extends MessageType, R>(
    type: T,
    data: MessageData<T>,
    wanted: A,
    decode: (data: MessageData<A>) => R,
    signal: AbortSignal | undefined,
  ): Promise<R> {
    const connection = this.#standing ?? await this.#connected(signal);
    if (this.#capabilities?.extensions?.includes(type) !== true) {
      throw new ReadError("unsupported", `${this.name} knows no ${type}: it is another engine, or an older one`);
    }
    const answer = await connection.call(type, data, signal).answer;
    if (answer.type === "Error") throw toReadError(answer.data);
    try {
      if (answer.type === wanted) return decode(answer.data as MessageData<A>);
      throw new WireError("engine", `answer to ${type}`, answer.type);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      connection.fail(error);
      throw new ReadError("internal", error.message);
    }
  }

  /** The connection, where it can be used. */
  get #standing(): EngineConnection | undefined {
    return this.#connection?.usable ? this.#connection : undefined;
  }

  async #readOnce(request: ReadRequest, signal: AbortSignal | undefined): Promise<Fetched> {
    checkRequest(request);
    signal?.throwIfAborted();
    const connection = this.#standing ?? await this.#connected(signal);
    const { way, pool } = this.#road; // the connection's: both change together
    const { size } = request;
    if (size > this.maxReadSize) {
      throw new ReadError("internal", `a read of ${size} bytes: one session moves ${this.maxReadSize} at most`);
    }
    const buffer = pool.acquire(size) ?? await lendWithin(pool, size, this.#options.answerTimeout, signal);
    if (buffer === undefined) {
      signal?.throwIfAborted();
      if (pool !== this.#road.pool) throw new ConnectionLost("the engine is reached another way by now");
      throw new ReadError("busy", `all ${this.#options.poolCeiling} bytes of registered memory are in use`, 1);
    }
    const asked = this.#rangeOf(request);
    let call: Call;
    try {
      call = connection.read(asked, buffer, signal);
    } catch (error) {
      buffer[Symbol.dispose]();
      throw error instanceof ReadError ? error : new ConnectionLost(reasonOf(error));
    }
    try {
      const answer = await call.answer;
      return this.#finish(connection, asked, buffer, answer, way);
    } catch (error) {
      // Until the engine has answered, or can no longer reach it, the memory is not free for another read.
      call.whenSettled(() => buffer[Symbol.dispose]());
      throw error;
    }
  }

  #rangeOf(request: ReadRequest): RangeAsked {
    return {
      volume_id: request.volume,
      needle_id: request.key,
      cookie: request.cookie,
      offset: BigInt(request.offset),
      size: BigInt(request.size),
      timeout_secs: BigInt(Math.ceil(this.#options.answerTimeout / 1_000)),
      ...(this.#capabilities?.extensions?.includes(ENDS_WITH_ANSWER) ? { ends_with_answer: true } : {}),
    };
  }

  #finish(
    connection: EngineConnection,
    { offset, size, ends_with_answer }: RangeAsked,
    buffer: PooledBuffer,
    answer: Message,
    { source, transport }: EngineWay,
  ): Fetched {
    if (answer.type === "Error") throw toReadError(answer.data);
    if (answer.type !== "StartReadResponse" || answer.data.transfer_size !== size) {
      const found = answer.type === "StartReadResponse" ? answer.data.transfer_size : answer.type;
      const error = new WireError("engine", `answer to a StartRead of ${size} bytes`, found);
      connection.fail(error);
      throw new ReadError("internal", error.message);
    }
    const { session_id, expected_crc, checksum_covers_range, needle_size = 0n } = answer.data;
    if (needle_size < offset + size || needle_size > MAX_NEEDLE_SIZE) {
      const error = new WireError("engine", `needle_size of ${size} bytes at ${offset}`, needle_size);
      connection.fail(error);
      throw new ReadError("internal", error.message);
    }
    const crc = checksum_covers_range ? crc32c(buffer.bytes) : undefined;
    const success = crc === undefined || crc === expected_crc;
    if (ends_with_answer !== true || !success) {
      const complete = { session_id, success, bytes_transferred: size };
      this.#complete(connection, crc === undefined ? complete : { ...complete, client_crc: crc });
    }
    if (!success) {
      throw new ReadError("corrupt", `the bytes received have CRC-32C ${crc}, the needle has ${expected_crc}`);
    }
    connection.bytes += buffer.length;
    return {
      buffer,
      needleSize: Number(needle_size),
      checksum: expected_crc,
      sessionId: session_id,
      source,
      transport,
    };
  }

  // Nobody waits for the answer: the bytes are here, or spoilt. Should it fail, the session ends by its time.
  #complete(connection: EngineConnection, data: MessageData<"CompleteRead">): void {
    try {
      connection.tell("CompleteRead", data);
    } catch (error) {
      this.#lastError = reasonOf(error);
    }
  }

  // Waits for a connection that is being made for the first time, or anew after a healthy life; fails at once otherwise.
  async #connected(signal: AbortSignal | undefined): Promise<EngineConnection> {
    for (;;) {
      const connection = this.#connection;
      if (this.#closing.signal.aborted) throw new ReadError("unavailable", `the reader of ${this.name} is closed`);
      if (connection?.usable) return connection;
      if (connection !== undefined) {
        await unlessAborted(connection.closed, signal);
        continue;
      }
      if (this.#circuit.failures > 0) {
        const seconds = Math.ceil(this.#circuit.pause(performance.now()) / 1_000);
        throw new ReadError("unavailable", `${this.name} is away: ${this.#lastError}`, Math.max(1, seconds));
      }
      await unlessAborted(this.#attempt.promise, signal);
    }
  }

  async #maintain(): Promise<void> {
    while (!this.#closing.signal.aborted) {
      try {
        await this.#connectAndStay();
      } catch (error) {
        if (this.#closing.signal.aborted) break;
        this.#lastError = reasonOf(error);
        this.#circuit.fail(performance.now());
        this.#options.log("warn", "engine is away", { engine: this.#place, reason: this.#lastError });
      }
      const attempt = this.#attempt;
      this.#attempt = Promise.withResolvers<void>();
      attempt.resolve();
      await pause(this.#circuit.pause(performance.now()), this.#closing.signal);
    }
    this.#attempt.resolve();
  }

  async #connectAndStay(): Promise<void> {
    const { log } = this.#options;
    const signal = this.#closing.signal;
    const { way, connection } = await this.#connectAnyWay();
    if (signal.aborted) return await connection.close(0);
    this.connections++;
    const since = performance.now();
    if (way !== this.#road.way) {
      this.#road.pool[Symbol.dispose]();
      this.#road = this.#roadBy(way);
    }
    this.#connection = connection;
    this.#attempt.resolve();
    log("info", "engine connected", { engine: this.#place, transport: way.transport });
    const closure = await connection.closed;
    this.#connection = undefined;
    // Only now is it known what the connection was worth: an engine that drops each at once is not asked again at once.
    if (performance.now() - since < SHORT_LIFE) this.#circuit.fail(performance.now());
    else this.#circuit.succeed();
    this.#attempt = Promise.withResolvers<void>();
    if (signal.aborted) return;
    this.#lastError = closure.error === undefined ? "the engine closed the connection" : reasonOf(closure.error);
    log("warn", "engine connection lost", { engine: this.#place, reason: this.#lastError });
  }

  // An engine may not speak what this machine would rather: it has no RDMA device, or a path that does not reach it.
  async #connectAnyWay(): Promise<{ way: EngineWay; connection: EngineConnection }> {
    const reasons: string[] = [];
    for (const way of this.#ways) {
      try {
        return { way, connection: await this.#connect(way) };
      } catch (error) {
        if (this.#closing.signal.aborted) throw error;
        reasons.push(`${way.transport}: ${reasonOf(error)}`);
        if (this.#ways.length === 1) throw error;
      }
    }
    throw new ReadError("unavailable", reasons.join("; "));
  }

  async #connect(way: EngineWay): Promise<EngineConnection> {
    const { setupTimeout, answerTimeout } = this.#options;
    const signal = this.#closing.signal;
    const connection = await EngineConnection.open(way, { setupTimeout, answerTimeout, signal });
    try {
      const capabilities = await this.#askCapabilities(connection);
      if (way.extension !== undefined && !capabilities.extensions?.includes(way.extension)) {
        throw new ReadError("unavailable", `another program's engine, which hands no bytes over by ${way.transport}`);
      }
      this.#capabilities = capabilities;
      signal.throwIfAborted(); // close() knows only of a connection that it can see
      return connection;
    } catch (error) {
      await connection.close(0);
      throw error;
    }
  }

  #roadBy(way: EngineWay): Road {
    const { poolCeiling, maxReadSize } = this.#options;
    const { memory, access } = way;
    return { way, pool: new RegisteredPool(memory, { access, ceiling: poolCeiling, largest: maxReadSize }) };
  }

  async #askCapabilities(connection: EngineConnection): Promise<MessageData<"GetCapabilitiesResponse">> {
    const { setupTimeout } = this.#options;
    const over = new AbortController();
    const expire = () => over.abort(new ReadError("timeout", `no answer to GetCapabilities within ${setupTimeout} ms`));
    const timer = setTimeout(expire, setupTimeout);
    const signal = AbortSignal.any([over.signal, this.#closing.signal]);
    try {
      const message = await connection.call("GetCapabilities", { client_id: "verbena" }, signal).answer;
      if (message.type === "GetCapabilitiesResponse") return message.data;
      throw new WireError("engine", "answer to GetCapabilities", message.type);
    } finally {
      clearTimeout(timer);
    }
  }
}
