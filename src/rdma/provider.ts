/**
 * The contract that every RDMA provider meets: iWARP over TCP, and rdma-core's verbs. What is built on it never asks
 * which one it has. `test/rdma/conformance.ts` is this file as tests.
 *
 * A program opens a {@linkcode ProtectionDomain} for an address, registers memory in it, connects or listens, posts
 * receives, posts sends, and polls completions when the endpoint says there are some.
 *
 * @module
 */
import type { Completion, Opcode } from "./completion.ts";
import type { VerbenaError } from "./errors.ts";
import type { MemoryRegion } from "./memory.ts";
import type { PrivateDataLimits } from "./private_data.ts";
import type { EndpointStatistics } from "./statistics.ts";

/** A host and a port of the RDMA port space; for iWARP that is TCP's. IPv6 without brackets. */
export interface RdmaAddress {
  /** A name or a numeric address. */
  hostname: string;
  /** 0 lets the system choose where listening. */
  port: number;
}

/** What a provider's protection domain can do, so that a caller asks before it tries. */
export interface Capabilities {
  /** The largest message, in bytes, of one Send, Write or Read. */
  readonly maxMessageSize: number;
  /** The largest region, in bytes. */
  readonly maxRegionSize: number;
  /** RDMA Reads one endpoint may have outstanding. */
  readonly maxReadDepth: number;
  /**
   * Whether Send with Invalidate reaches a peer's region, and whether regions here may be offered for it. Where it does
   * not, `postSend` throws CapabilityError for one.
   */
  readonly remoteInvalidate: boolean;
  /**
   * Whether each side learns of a Read or Write of memory that the peer, or this side, refused: the connection then ends
   * with an error, and the Read completes as REMOTE_ACCESS. Where not, the Read completes as FLUSHED, and as a Write may
   * have completed when it left, the end that follows may look graceful on either side.
   */
  readonly reportsRefusals: boolean;
  /** Whether Writes carry immediate data. Where not, `postSend` throws CapabilityError for WRITE_IMMEDIATE. */
  readonly immediate: boolean;
  /**
   * Whether there are atomics. Where not, `postSend` throws CapabilityError for them, and `register` for
   * `Access.REMOTE_ATOMIC`. They are atomic among themselves, over all connections of the domain.
   */
  readonly atomics: boolean;
  /** How long private data may be. */
  readonly privateData: PrivateDataLimits;
  /** Whether its ports are TCP's own, as iWARP's are: a service then takes RDMA at another port than TCP. */
  readonly tcpPorts: boolean;
}

/** How an endpoint is set up. Times are milliseconds. */
export interface EndpointOptions {
  /** Sends, Writes, Reads and atomics that may be posted and not yet completed. Default 256. */
  sendDepth?: number;
  /** Receives that may be posted and not yet completed. Default 256. */
  receiveDepth?: number;
  /** RDMA Reads and atomics outstanding in each direction, at most (ORD and IRD); the peer may lower it. Default 16. */
  readDepth?: number;
  /**
   * Whether the peer's Writes with Immediate are taken, each by a posted receive. Where not, one ends the connection.
   * Default false.
   */
  immediate?: boolean;
  /** Bytes for the peer's set-up, at most {@linkcode Capabilities.privateData}. Some fabrics pad them with zeros. */
  privateData?: Uint8Array;
  /** How long the connection's set-up may take. Default 5,000. */
  setupTimeout?: number;
  /** Abandons the set-up. */
  signal?: AbortSignal;
  /** Called once the endpoint exists and before the peer can send: post the first receives here. */
  prepare?: (endpoint: Endpoint) => void;
}

/** One work request for {@linkcode Endpoint.postSend}. The object may be reused as soon as `postSend` returns. */
export interface SendWork {
  /** Comes back in the completion. */
  id: number;
  /** SEND, SEND_INVALIDATE, WRITE, WRITE_IMMEDIATE, READ, FETCH_ADD or COMPARE_SWAP. */
  opcode: Opcode;
  /**
   * Local memory of the same protection domain: what is sent or written, or the sink of a READ, or where an atomic puts
   * the eight bytes as they were before, in this machine's byte order.
   */
  region: MemoryRegion;
  /** First byte within `region`. */
  offset: number;
  /** Bytes; 0 is a message like any other. 8 of an atomic. */
  length: number;
  /** Where in the peer's address space, of all but Sends. Of an atomic a multiple of eight. */
  remoteAddress?: bigint;
  /** The peer's key, of all but Sends; the key to withdraw, of SEND_INVALIDATE. */
  remoteKey?: number;
  /** What comes with a WRITE_IMMEDIATE, 32 bits. */
  immediate?: number;
  /** What a FETCH_ADD adds, 64 bits; what is carried beyond them is lost. */
  add?: bigint;
  /** What a COMPARE_SWAP expects, 64 bits. */
  compare?: bigint;
  /** What a COMPARE_SWAP puts there. */
  swap?: bigint;
}

/** Why and how a connection ended. */
export interface Closure {
  /** True when one side closed it in the ordinary way with nothing left half-done. */
  readonly graceful: boolean;
  /** What broke it, else undefined. */
  readonly error?: VerbenaError;
}

/**
 * One side of a reliable, ordered, message-boundaried RDMA connection.
 *
 * Work completes in the order it was posted, per queue. After the connection ends every outstanding request still gets
 * its completion, with status FLUSHED where it was not carried out; no buffer is touched after that.
 */
export interface Endpoint extends AsyncDisposable {
  /** `iwarp`, `verbs:rxe0`: what truly moves the bytes, as `X-Transport` says it. */
  readonly transport: string;
  /** This side's address. */
  readonly local: RdmaAddress;
  /** The other side's. */
  readonly remote: RdmaAddress;
  /** What the peer sent along with its request or its acceptance. */
  readonly privateData: Uint8Array;
  /** Counters, kept up to date in place. */
  readonly statistics: EndpointStatistics;
  /** Requests that may still be posted to the send queue now. */
  readonly sendSlots: number;
  /** Fulfilled (never rejected) once the connection is over and every completion is there to be polled. */
  readonly closed: Promise<Closure>;
  /** Called, never from within a call into the endpoint, when completions wait; poll until it returns 0. */
  onCompletions: (() => void) | undefined;
  /** Lends `length` bytes at `offset` of `region` to the peer's next Send, or to its next Write with Immediate, which leaves them alone. Throws SystemError ENOMEM when the queue is full. */
  postReceive(id: number, region: MemoryRegion, offset: number, length: number): void;
  /** Queues one request, or a list in order; a list is taken whole or not at all. Throws SystemError ENOMEM when it does not fit. */
  postSend(work: SendWork | readonly SendWork[]): void;
  /**
   * Tells that the peer is known, by other means than this connection, to have it set up. The side that accepted may then
   * send before it has heard from the peer, which over iWARP it may not otherwise: what it posts waits for the peer's
   * first message (RFC 5044 §7.1.2). Idempotent; without effect where nothing waits.
   */
  peerReady(): void;
  /** Fills `out` from its start and returns how many. */
  poll(out: Completion[]): number;
  /** Ends the connection: queued sends are given `linger` milliseconds (default 1,000) to leave, the rest are flushed. Idempotent. */
  close(options?: { linger?: number }): Promise<void>;
}

/** A peer that wants to connect; answer with {@linkcode accept} or {@linkcode reject}, once. */
export interface ConnectionRequest {
  /** Where it comes from. */
  readonly remote: RdmaAddress;
  /** What it sent along. */
  readonly privateData: Uint8Array;
  /** Completes the set-up. Throws VerbsError when the peer went away or broke the protocol. */
  accept(options?: EndpointOptions): Promise<Endpoint>;
  /** Refuses, with a few bytes that say why, at most {@linkcode Capabilities.privateData}. */
  reject(privateData?: Uint8Array): Promise<void>;
}

/** A listening address; iterate for the requests that arrive. Peers that break the protocol before a request stands are dropped and counted. */
export interface Listener extends AsyncDisposable, AsyncIterable<ConnectionRequest> {
  /** Where it listens, with the port the system chose. */
  readonly address: RdmaAddress;
  /** Set-ups that never became a request, by reason. */
  readonly refused: ReadonlyMap<string, number>;
  /** Stops listening and ends the iteration; endpoints already accepted live on. */
  close(): Promise<void>;
}

/** Memory and connections that may use each other. Disposing it disposes its regions; close its endpoints first. */
export interface ProtectionDomain extends Disposable {
  /** `iwarp`, `verbs:rxe0`. */
  readonly transport: string;
  /** What it can do. */
  readonly capabilities: Capabilities;
  /** Bytes registered now. */
  readonly registeredBytes: number;
  /** Regions registered now. */
  readonly regionCount: number;
  /**
   * Allocates and registers zeroed memory. `access` is an or of {@linkcode Access}: ask for the least. Throws RangeError,
   * SystemError, and CapabilityError for a right that the {@linkcode Capabilities} do not have.
   */
  register(length: number, access: number): MemoryRegion;
  /** Connects. Throws VerbsError with code `refused`, `unreachable`, `rejected`, `timeout`, `aborted`, `lost` or `protocol`. */
  connect(address: RdmaAddress, options?: EndpointOptions): Promise<Endpoint>;
  /** Listens. Throws SystemError when the address cannot be had. */
  listen(address: RdmaAddress): Promise<Listener>;
}

/** A way to speak RDMA from this machine. */
export interface Provider {
  /** `iwarp` or `verbs`. */
  readonly name: string;
  /** Why it cannot reach (or listen on) `address` from here, in a sentence with what to do; undefined when it can. */
  unavailable(address: RdmaAddress): Promise<string | undefined>;
  /** Opens a protection domain on whatever reaches, or owns, `address`. Throws CapabilityError. */
  open(address: RdmaAddress): Promise<ProtectionDomain>;
}
