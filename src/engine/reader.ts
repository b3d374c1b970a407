/**
 * What a reader of needles offers to whoever asks for bytes: the engine's client implements it, the HTTP routes use it,
 * and neither has to know the other.
 *
 * @module
 */
import { VerbenaError } from "../rdma/errors.ts";

/** A range of one needle's data, uncompressed as its writer knew it. */
export interface ReadRequest {
  /** Volume id, 1 … 2^32−1. */
  volume: number;
  /** Needle key. */
  key: bigint;
  /** Cookie the needle must bear. */
  cookie: number;
  /** First byte. */
  offset: number;
  /** Bytes, at least 1. */
  size: number;
  /** Whether they may come from a volume server by HTTP where no engine gives them. Default false. */
  fallback?: boolean;
  /** Whether they may be read from their file where this process has the volume itself, and not by RDMA. Default false. */
  local?: boolean;
}

/** Where bytes came from: by RDMA, from this machine itself, or from a volume server by HTTP. */
export type ReadSource = "rdma" | "local" | "http";

/** Bytes read, held until {@linkcode release}. */
export interface ReadResult extends Disposable {
  /** Exactly the `size` bytes asked for. A view that dies with `release`: copy or send before. */
  readonly bytes: Uint8Array;
  /** `rdma` only where RDMA operations placed the bytes in this process; `local` where they never left this machine: by an engine's Unix socket, or from the file. */
  readonly source: ReadSource;
  /** What moved them: `iwarp`, `verbs:rxe0`, `local`, `file`, `http`. */
  readonly transport: string;
  /** The engine's session that read them; empty where none did. */
  readonly sessionId: string;
  /** Size of the whole needle's data, uncompressed. */
  readonly needleSize: number;
  /** CRC-32C of its data as stored: under one file id, another number is other data. */
  readonly checksum: number;
}

/** Why a read gave no bytes; every code is one HTTP status. */
export type ReadErrorCode =
  /** No such volume, needle or cookie, or it is deleted or expired (404). */
  | "not-found"
  /** The range does not lie within the needle (416). */
  | "range"
  /** A chunk manifest, an erasure-coded or remote volume, or a needle kind that is not served (501). */
  | "unsupported"
  /** What is stored fails its checksum or contradicts itself (500). */
  | "corrupt"
  /** Sessions, buffers or queues are at their ceiling (503). */
  | "busy"
  /** The engine is away, or the volume is being changed just now (503). */
  | "unavailable"
  /** It took longer than it may (504). */
  | "timeout"
  /** Anything else (500). */
  | "internal";

/** A read that gave no bytes. */
export class ReadError extends VerbenaError {
  static {
    this.prototype.name = "ReadError";
  }

  /**
   * Names the kind and the reason.
   *
   * @param reason One sentence that says what was asked and why it was refused.
   */
  constructor(
    /** The kind. */ readonly code: ReadErrorCode,
    reason: string,
    /** When it is worth asking again, in seconds, for `busy` and `unavailable`. */ readonly retryAfter?: number,
  ) {
    super(reason);
  }
}

/** How a reader is doing, for `/health` and `/stats`. Times are milliseconds. */
export interface ReaderHealth {
  /** Whether a read would be tried now. False while the circuit breaker is open. */
  readonly ready: boolean;
  /** Each engine it reads through. */
  readonly engines: readonly EngineHealth[];
}

/** One engine, as its client sees it. */
export interface EngineHealth {
  /** `rdma:127.0.0.1:18515`, or `unix` for an engine of this machine: where its socket is, is nobody else's business. */
  readonly address: string;
  /** Whether a connection stands. */
  readonly connected: boolean;
  /** What moves the bytes, `iwarp` or `local`; empty before the first connection. */
  readonly transport: string;
  /** `closed` lets reads through, `open` answers at once, `half-open` tries one. */
  readonly circuit: "closed" | "open" | "half-open";
  /** The last failure, one line; empty when none. */
  readonly lastError: string;
  /** What the engine said of itself; undefined before the first connection. */
  readonly capabilities?: {
    /** The RDMA device, or the provider's name where there is none. */
    readonly deviceName: string;
    /** Its version. */
    readonly version: string;
    /** Sessions it allows at once. */
    readonly maxSessions: number;
    /** The longest range of one session, in bytes. */
    readonly maxTransferSize: number;
    /** True when an RDMA device moves the bytes, false over iWARP in software. */
    readonly realRdma: boolean;
  };
}

/** Counts of a reader's life. */
export interface ReaderStatistics {
  /** Reads asked for. */
  readonly requests: number;
  /** Reads that gave bytes. */
  readonly reads: number;
  /** Of those, the ones whose bytes RDMA placed (read-ahead included). */
  readonly rdmaReads: number;
  /** Of those, the ones that an engine's Unix socket brought (read-ahead included), or that were read from their file. */
  readonly localReads: number;
  /** Of those, the ones answered from bytes that read-ahead had placed. */
  readonly readAheadHits: number;
  /** Bytes given out. */
  readonly bytes: number;
  /** Reads refused, by reason code. */
  readonly errors: Readonly<Record<string, number>>;
  /** Engine connections made. */
  readonly connections: number;
  /** Reads in flight now. */
  readonly inFlight: number;
  /** Registered bytes lent out now, and allocated in all. */
  readonly pool: { readonly lentBytes: number; readonly allocatedBytes: number; readonly ceiling: number };
}

/** A volume that an engine serves. */
export interface VolumeInfo {
  /** Volume id. */
  readonly id: number;
  /** Its collection; empty for the default one. */
  readonly collection: string;
  /** Version of its needles. */
  readonly version: number;
  /** Bytes of its `.dat`. */
  readonly size: number;
  /** Needles that are not deleted. */
  readonly needles: number;
  /** Needles that are, and whose place no vacuum has freed yet. */
  readonly deleted: number;
  /**
   * Whether these two are counts. An engine opens no volume for this question that its ceilings have no room for: then
   * `needles` is the number of index entries, which are never fewer, and `deleted` is 0.
   */
  readonly counted: boolean;
  /** Whether weed takes no writes for it. */
  readonly readOnly: boolean;
  /** The engine that serves it, as {@linkcode EngineHealth.address} names it. */
  readonly engine: string;
}

/** A needle that is there. Its cookie is not told: that is the secret of its file id. */
export interface NeedleInfo {
  /** Its key. */
  readonly key: bigint;
  /** Bytes it takes in its volume, without header and padding. */
  readonly size: number;
}

/** Needles that one question may ask for, at most. */
export const MAX_LISTED_NEEDLES = 10_000;

/** A connection between a reader and an engine. */
export interface EngineConnectionInfo {
  /** Tells it from every other of this process. */
  readonly id: string;
  /** Which side this process is. */
  readonly kind: "engine-client" | "engine-server";
  /** This side's address, where it has one. */
  readonly local?: string;
  /** The other side's; `unix` over a Unix socket. */
  readonly remote: string;
  /** `iwarp`, `verbs:rxe0`, `local`. */
  readonly transport: string;
  /** Since when it stands, milliseconds since 1970. */
  readonly since: number;
  /** Messages this side may send now, where the transport has credits. */
  readonly sendCredits?: number;
  /** Messages the other side may send now, likewise. */
  readonly receiveCredits?: number;
  /** Requests under way. */
  readonly inFlight: number;
  /** Bytes of the ranges that went over it. */
  readonly bytes: number;
}

/** Memory that is held ready for transfers. Its address and its key are told to nobody but the peer it is lent for. */
export interface RegionInfo {
  /** Whose it is: `engine client rdma:127.0.0.1:18515`. */
  readonly owner: string;
  /** `iwarp`, `verbs:rxe0`, `local`. */
  readonly transport: string;
  /** Bytes. */
  readonly length: number;
  /** What may be done to it, in words: `local write`, `remote write`. */
  readonly rights: readonly string[];
  /** Bytes of it that are lent out now. */
  readonly lent: number;
}

/** A source of needle ranges. */
export interface NeedleReader extends AsyncDisposable {
  /** Reads exactly the range. Throws ReadError, and the signal's reason when it aborts. */
  read(request: ReadRequest, signal?: AbortSignal): Promise<ReadResult>;
  /** The volumes of every engine that can be asked, by id. Throws ReadError where none can, or knows how to answer. */
  volumes(signal?: AbortSignal): Promise<readonly VolumeInfo[]>;
  /**
   * The needles of a volume whose keys are greater than `after`, ascending, at most `limit` and at most
   * {@linkcode MAX_LISTED_NEEDLES}; from the first where `after` is below 0. Throws ReadError, `not-found` where no engine
   * has the volume.
   */
  needles(volume: number, after: bigint, limit: number, signal?: AbortSignal): Promise<readonly NeedleInfo[]>;
  /** Its connections now. */
  connections(): readonly EngineConnectionInfo[];
  /** Its memory for transfers. */
  regions(): readonly RegionInfo[];
  /** How it is doing now. */
  health(): ReaderHealth;
  /** What it has done so far. */
  statistics(): ReaderStatistics;
  /** Takes no further reads, lets those in flight finish, at most `grace` milliseconds, and closes. */
  close(grace?: number): Promise<void>;
}
