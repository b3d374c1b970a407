/**
 * What the routes stand on, and the one way they read: bounded, timed, and never more or less than was asked.
 *
 * @module
 */
import { type NeedleReader, ReadError, type ReadRequest, type ReadResult } from "../src/engine/reader.ts";
import { Access } from "../src/access/mod.ts";
import { reasonOf } from "../src/rdma/errors.ts";
import type { Asker } from "./asker.ts";
import { type Clock, systemClock } from "./clock.ts";
import { Deadlines } from "./deadlines.ts";
import { DirectAnswers } from "./direct_answer.ts";
import { Failures } from "./failures.ts";
import { Guard } from "./guard.ts";
import { Cors } from "./headers.ts";
import { HttpError } from "./http_error.ts";
import { LatencyBoard } from "./latency.ts";
import { ClientLimits } from "./limits.ts";
import type { Log } from "./log.ts";
import { type Observed, UNOBSERVED } from "./observed.ts";
import { Sessions } from "./sessions.ts";
import { Telemetry, type TelemetryApi } from "./telemetry.ts";
import { Traffic } from "./traffic.ts";
import { Turns } from "./turns.ts";
import type { SmbSource } from "./v1/smb_source.ts";

/** Ceilings of the HTTP side. Sizes are bytes, times milliseconds. */
export interface Limits {
  /**
   * The largest `size` of one `/read`; more is refused with 413. `weed mount` asks for at most what the kernel asks of
   * it, 1 MiB; what is longer than a piece is streamed, so that this bounds time and not memory.
   */
  readonly maxReadSize: number;
  /** Reads in progress at once, each of at most a piece; beyond it a read gets 503. */
  readonly maxReads: number;
  /** Bytes of answers that may wait at once for clients to take them; beyond it a read gets 503. */
  readonly maxWaitingBytes: number;
  /** How long one read may take before it gets 504. `weed mount` itself gives up after 5,000 unless told otherwise. */
  readonly readTimeout: number;
  /** Reads of one `/benchmark`. */
  readonly maxBenchmarkIterations: number;
  /** How long one `/benchmark` may run; it then answers with what it has. */
  readonly benchmarkTimeout: number;
}

/** The ceilings where nothing else is said. */
export const DEFAULT_LIMITS: Limits = {
  maxReadSize: 64 << 20,
  maxReads: 1024,
  maxWaitingBytes: 256 << 20,
  readTimeout: 4500,
  maxBenchmarkIterations: 10_000,
  benchmarkTimeout: 60_000,
};

/** Reads in progress that are begun as they come; those beyond them are spread over turns of the event loop. */
const READS_AT_ONCE = 16;
/** Bytes that these may begin to read in one turn. */
const BYTES_EACH_TURN = 4 << 20;
/** What a read costs beside its bytes, in bytes that could be read meanwhile. */
const READ_COST = 128 << 10;

/** A needle that is known to be there: the page shows it, and `/benchmark` reads it when told no other. */
export interface Sample {
  /** Its file id, `1,01637037d6`. */
  readonly fileId: string;
  /** Size of its data in bytes. */
  readonly size: number;
}

/** What {@linkcode createApp} is given. */
export interface Dependencies {
  /** Where bytes come from. */
  readonly reader: NeedleReader;
  /** Verbena's version. */
  readonly version: string;
  /** Where events are told. */
  readonly log: Log;
  /** Ceilings; those not named are {@linkcode DEFAULT_LIMITS}. */
  readonly limits?: Partial<Limits>;
  /** Time. Default {@linkcode systemClock}. */
  readonly clock?: Clock;
  /** Needles known to be there, the first of them for `/benchmark`. */
  readonly samples?: readonly Sample[];
  /** SMB servers that are configured. */
  readonly smb?: SmbSource | undefined;
  /** Who may do what. Default: `/health` and `/read` from this machine, and nothing else. */
  readonly access?: Access;
  /** What the process can tell of itself. Default {@linkcode UNOBSERVED}. */
  readonly observed?: Observed;
  /** What clients may ask at once and in a second; its server counts requests and connections. Default: its defaults. */
  readonly clients?: ClientLimits;
  /** Origins whose pages may read answers. Default: none. */
  readonly cors?: Cors;
  /** What hears of reads and counters beside `/metrics`. Default: nothing. */
  readonly telemetry?: TelemetryApi | undefined;
}

/** The dependencies, completed, and the one way to read. */
export class Service {
  /** Where bytes come from. */
  readonly reader: NeedleReader;
  /** Verbena's version. */
  readonly version: string;
  /** Where events are told. */
  readonly log: Log;
  /** Ceilings. */
  readonly limits: Limits;
  /** Time. */
  readonly clock: Clock;
  /** Needles known to be there. */
  readonly samples: readonly Sample[];
  /** SMB servers that are configured; undefined where none is. */
  readonly smb: SmbSource | undefined;
  /** Answers whose bytes wait for their sockets. */
  readonly direct: DirectAnswers;
  /** What the process can tell of itself. */
  readonly observed: Observed;
  /** Who may do what. */
  readonly guard: Guard;
  /** What clients may ask at once and in a second. */
  readonly clients: ClientLimits;
  /** Origins whose pages may read answers. */
  readonly cors: Cors;
  /** Answers in progress. */
  readonly sessions: Sessions;
  /** What failed, and who was denied. */
  readonly failures: Failures;
  /** How long reads take. */
  readonly latency: LatencyBoard;
  /** What hears of reads and counters beside `/metrics`. */
  readonly telemetry: Telemetry | undefined;
  /** Requests by the status of their answers. */
  readonly traffic: Traffic = new Traffic();
  /** When it began, on the clock that only goes forward. */
  readonly started: number;
  /** Reads in progress. */
  reads = 0;
  /** Bytes that RDMA placed and that were given out. */
  rdmaBytes = 0;
  readonly #deadlines: Deadlines;
  readonly #turns = new Turns(BYTES_EACH_TURN);

  /** Completes what was given with what is usual. */
  constructor(dependencies: Dependencies) {
    this.reader = dependencies.reader;
    this.version = dependencies.version;
    this.log = dependencies.log;
    this.limits = { ...DEFAULT_LIMITS, ...dependencies.limits };
    this.direct = new DirectAnswers(this.limits.maxWaitingBytes);
    this.#deadlines = new Deadlines(this.limits.readTimeout);
    this.clock = dependencies.clock ?? systemClock;
    this.samples = dependencies.samples ?? [];
    this.smb = dependencies.smb;
    this.observed = dependencies.observed ?? UNOBSERVED;
    this.guard = new Guard(dependencies.access ?? new Access(), this.clock);
    this.clients = dependencies.clients ?? new ClientLimits();
    this.cors = dependencies.cors ?? new Cors([]);
    this.sessions = new Sessions(this.clock);
    this.failures = new Failures(this.log, this.clock);
    this.latency = new LatencyBoard(this.clock);
    const { telemetry } = dependencies;
    this.telemetry = telemetry === undefined ? undefined : new Telemetry(telemetry, this.version);
    this.started = this.clock.elapsed();
  }

  /** Tells of an answer that had begun and cannot be gone on with. That its client is gone is nobody's fault. */
  breakOff(request: Request, error: unknown): void {
    const reason = reasonOf(error);
    const gone = request.signal.aborted;
    this.log.write(gone ? "debug" : "warn", "an answer was broken off", { reason });
    if (!gone) this.failures.addBroken(request, 200, reason);
  }

  /**
   * Reads within the time a read may take, and only for as long as the answer is wanted. Throws ReadError;
   * whatever comes back has exactly the size asked for.
   */
  async read(request: ReadRequest, asker: Asker): Promise<ReadResult> {
    const began = this.clock.elapsed();
    let outcome = "abandoned";
    let transport = "none";
    try {
      const result = await this.within(asker, (signal) => this.reader.read(request, signal), request);
      if (result.bytes.byteLength !== request.size) {
        const length = result.bytes.byteLength;
        result[Symbol.dispose]();
        throw new ReadError("internal", `the reader gave ${length} bytes: ${describe(request)}`);
      }
      outcome = "success";
      transport = result.transport;
      if (result.source === "rdma") this.rdmaBytes += request.size;
      return result;
    } catch (error) {
      if (!(error instanceof HttpError)) outcome = error instanceof ReadError ? error.code : "internal";
      throw error;
    } finally {
      const seconds = (this.clock.elapsed() - began) / 1000;
      const bytes = outcome === "success" ? request.size : 0;
      this.latency.record(transport, outcome, seconds);
      this.telemetry?.record(transport, outcome, seconds, bytes, this.clock.now());
    }
  }

  /**
   * Has a reader asked for something, for `request` where that is a read, within the time it may take and only for as long
   * as the answer is wanted. A burst of reads is begun over several turns of the event loop. Throws ReadError, and
   * HttpError where the answer is not wanted any more.
   */
  async within<T>(asker: Asker, ask: (signal: AbortSignal) => Promise<T>, request?: ReadRequest): Promise<T> {
    const { maxReads, readTimeout } = this.limits;
    if (this.reads >= maxReads) throw new ReadError("busy", `${maxReads} reads are in progress, the most there may be`);
    asker.throwIfAborted();
    const deadline = this.#deadlines.set(() => {
      const late = request === undefined
        ? "no answer in time"
        : `no bytes within ${readTimeout} ms: ${describe(request)}`;
      asker.abort(new ReadError("timeout", late));
    });
    this.reads++;
    try {
      const turn = this.reads > READS_AT_ONCE ? this.#turns.take(READ_COST + (request?.size ?? 0)) : undefined;
      if (turn !== undefined) {
        await turn;
        asker.throwIfAborted();
      }
      return await ask(asker.signal);
    } finally {
      this.reads--;
      this.#deadlines.meet(deadline);
    }
  }
}

/** A read in words, for errors and logs. */
export function describe(request: ReadRequest): string {
  return `volume ${request.volume}, needle ${request.key.toString(16)}, ${request.size} bytes at ${request.offset}`;
}
