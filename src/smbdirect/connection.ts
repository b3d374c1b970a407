/**
 * SMB Direct over an {@linkcode Endpoint}: the loop around {@linkcode SmbDirectMachine} that owns buffers, completions and
 * the one timer.
 *
 * @module
 */
import { type Completion, completions, Opcode, opcodeText, Status, statusText } from "../rdma/completion.ts";
import { Deadline } from "../rdma/deadline.ts";
import { CapabilityError, ConfigError, reasonOf, SystemError, VerbenaError, VerbsError } from "../rdma/errors.ts";
import type { Closure, Endpoint, EndpointOptions, ProtectionDomain, SendWork } from "../rdma/provider.ts";
import { MessageBacklog } from "./message_backlog.ts";
import { SmbDirectMachine } from "./machine.ts";
import type { SmbDirectParameters } from "./negotiation.ts";
import type { Role, SmbDirectSettings } from "./options.ts";
import { NO_KEY } from "./send_queue.ts";
import { Slabs } from "./slabs.ts";
import type { SmbDirectStatistics } from "./statistics.ts";
import { type RdmaWork, TransferQueue } from "./transfers.ts";

/** How long {@linkcode SmbDirectConnection.close} lets queued messages leave where it is not told; milliseconds. */
const DEFAULT_LINGER = 1000;
/** Completions looked at in one call of `poll`. */
const POLL_BATCH = 64;

/** Sets the endpoint up: connects, or accepts. */
export type OpenEndpoint = (options: EndpointOptions) => Promise<Endpoint>;

/** Makes a connection over the endpoint that `open` sets up, and negotiates; `connect.ts` is the way to it. */
export let openConnection: (
  domain: ProtectionDomain,
  role: Role,
  peer: string,
  settings: SmbDirectSettings,
  endpointOptions: EndpointOptions,
  open: OpenEndpoint,
  onMessage: ((message: Uint8Array) => void) | undefined,
) => Promise<SmbDirectConnection>;

/** A negotiated connection; {@linkcode connectSmbDirect} and {@linkcode acceptSmbDirect} make them. */
export class SmbDirectConnection implements AsyncDisposable {
  static {
    openConnection = async (domain, role, peer, settings, endpointOptions, open, onMessage) => {
      const connection = new SmbDirectConnection(domain, role, peer, settings);
      connection.onMessage = onMessage;
      await connection.#open(open, endpointOptions);
      return connection;
    };
  }

  /** What has been sent, received and refused; kept up to date in place. */
  readonly statistics: SmbDirectStatistics;
  /** Fulfilled (never rejected) once the connection is over, every completion is polled and the buffers are given back. */
  readonly closed: Promise<Closure>;
  /** Called with each key that the peer's Send with Invalidate withdrew, before the message it came with. */
  onInvalidate: ((key: number) => void) | undefined;

  readonly #settings: SmbDirectSettings;
  readonly #machine: SmbDirectMachine;
  readonly #slabs: Slabs;
  readonly #transfers: TransferQueue;
  readonly #backlog: MessageBacklog;
  readonly #deadline = new Deadline(() => this.#onDeadline());
  readonly #completions: Completion[] = completions(POLL_BATCH);
  readonly #batch: SendWork[] = [];
  readonly #works: SendWork[];
  readonly #established = Promise.withResolvers<SmbDirectParameters>();
  readonly #closed = Promise.withResolvers<Closure>();
  #readiness: PromiseWithResolvers<void> | undefined;
  #endpoint: Endpoint | undefined;
  #parameters: SmbDirectParameters | undefined;
  #usable = false; // the endpoint's set-up is done
  #closing = false;
  #over = false; // the endpoint is
  #finished = false; // and so is this
  #lingerEnd = Infinity;
  #endpointLinger = Infinity; // finite once the endpoint has been told to close
  #error: VerbenaError | undefined;

  private constructor(
    private readonly domain: ProtectionDomain,
    role: Role,
    private readonly peer: string,
    settings: SmbDirectSettings,
  ) {
    const { maxMessageSize } = domain.capabilities;
    this.#settings = {
      ...settings,
      maxSendSize: Math.min(settings.maxSendSize, maxMessageSize),
      maxReadWriteSize: Math.min(settings.maxReadWriteSize, maxMessageSize),
    };
    this.#machine = new SmbDirectMachine(role, this.#settings, {
      established: (parameters) => this.#onEstablished(parameters),
      message: (message) => this.#backlog.deliver(message),
      failed: (error, answered) => this.#fail(error, answered ? DEFAULT_LINGER : 0),
    }, performance.now());
    this.statistics = this.#machine.statistics;
    this.closed = this.#closed.promise;
    this.#backlog = new MessageBacklog(
      settings.receiveCreditMax,
      (error) => this.#failLocally("message handler", error),
    );
    const { maxOutstandingTransfers, maxTransfers } = settings;
    this.#transfers = new TransferQueue(maxOutstandingTransfers, maxTransfers, this.#settings.maxReadWriteSize);
    this.#slabs = new Slabs(domain, this.#machine, settings.sendCreditTarget);
    this.#works = Array.from({ length: this.#sendDepth }, () => ({
      id: 0,
      opcode: Opcode.SEND,
      region: this.#slabs.sendRegion,
      offset: 0,
      length: 0,
      remoteAddress: 0n,
      remoteKey: 0,
    }));
    this.#established.promise.catch(() => {}); // who waits for it has a handler; nobody may be waiting
  }

  /** `iwarp`, `verbs:rxe0`: what moves the bytes. */
  get transport(): string {
    return this.domain.transport;
  }

  /** The endpoint it rides on: addresses, private data, counters. Do not post to it or poll it. */
  get endpoint(): Endpoint {
    return this.#endpoint as Endpoint;
  }

  /** What was negotiated. */
  get parameters(): SmbDirectParameters {
    return this.#parameters as SmbDirectParameters;
  }

  /**
   * Called with each whole message. The view holds during the call only. Messages that come while it is undefined are kept,
   * as many as `receiveCreditMax`, and delivered once it is set.
   */
  get onMessage(): ((message: Uint8Array) => void) | undefined {
    return this.#backlog.handler;
  }

  set onMessage(handler: ((message: Uint8Array) => void) | undefined) {
    this.#backlog.handler = handler;
  }

  /** Whether {@linkcode send} takes a message now; false while the queue is full, and for good once closing. */
  get writable(): boolean {
    return !this.#closing && this.#machine.queue.hasRoom;
  }

  /** Messages, and bytes of those, that wait to be sent. */
  get queued(): { readonly messages: number; readonly bytes: number } {
    return { messages: this.#machine.queue.messages, bytes: this.#machine.queue.bytes };
  }

  /** Fulfilled when the queue has room; also when the connection ends, which {@linkcode send} then says. */
  ready(): Promise<void> {
    if (this.#closing || this.#machine.queue.hasRoom) return Promise.resolve();
    this.#readiness ??= Promise.withResolvers<void>();
    return this.#readiness.promise;
  }

  /**
   * Sends a message of at least one byte, in order; its bytes are the caller's again when this returns. It reaches the peer
   * after every RDMA Write posted before it has been placed.
   *
   * @param options `invalidateKey`: a key of the peer's that the message's first fragment withdraws.
   * @throws ConfigError for a message that is empty or longer than the peer takes; CapabilityError for `invalidateKey` where
   * the provider has no Send with Invalidate; SystemError ENOBUFS while the queue is full; VerbsError `closed`.
   */
  send(message: Uint8Array, options?: { invalidateKey?: number }): void {
    const call = `send ${message.length} bytes to ${this.peer}`;
    if (this.#closing) throw new VerbsError(call, "closed", "the connection is over; make another");
    const most = this.parameters.maxFragmentedSendSize;
    if (message.length === 0 || message.length > most) {
      throw new ConfigError(`${call}: a message has 1 to ${most} bytes, which is what the peer takes; split it`);
    }
    const invalidateKey = options?.invalidateKey;
    if (invalidateKey !== undefined && !this.domain.capabilities.remoteInvalidate) {
      throw new CapabilityError(`${call}: ${this.transport} has no Send with Invalidate; leave invalidateKey out`);
    }
    const { queue } = this.#machine;
    if (!queue.hasRoom) {
      throw new SystemError(call, "ENOBUFS", `${queue.messages} messages wait: await ready() first`);
    }
    this.#machine.enqueue(message, invalidateKey ?? NO_KEY, this.#transfers.accepted);
    this.#pump(performance.now());
    queue.own();
  }

  /**
   * Posts an RDMA Read or Write, in pieces of at most `parameters.maxReadWriteSize`; one that must wait, waits. `done` is
   * called once, with the first status that is not SUCCESS if there is one, FLUSHED when the connection ended first.
   *
   * @throws RangeError when it leaves its region; SystemError ENOBUFS when `maxTransfers` are under way; VerbsError `closed`.
   */
  postRdma(work: RdmaWork, done: (status: Status) => void): void {
    if (this.#closing) {
      throw new VerbsError(`RDMA of ${work.length} bytes with ${this.peer}`, "closed", "the connection is over");
    }
    this.#transfers.push(work, (status) => this.#call("RDMA handler", done, status));
    this.#pump(performance.now());
  }

  /**
   * Ends the connection: what is queued is given `linger` milliseconds (default 1,000) to leave; messages that come meanwhile
   * are still delivered. Idempotent.
   */
  async close(options?: { linger?: number }): Promise<void> {
    const linger = options?.linger ?? DEFAULT_LINGER;
    const now = performance.now();
    this.#lingerEnd = Math.min(this.#lingerEnd, now + linger);
    if (!this.#closing) this.#beginClosing();
    if (linger <= 0) this.#closeEndpoint(0);
    this.#pump(now);
    await this.closed;
  }

  /** {@linkcode close}. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  get #sendDepth(): number {
    return this.#settings.sendCreditTarget + this.#settings.maxOutstandingTransfers;
  }

  /** Whether nothing is left to hand to the endpoint, or to wait for. */
  get #drained(): boolean {
    return this.#machine.queue.messages === 0 && this.#transfers.unfinished === 0;
  }

  /** Sets the endpoint up and negotiates; gives everything back if that fails. */
  async #open(open: OpenEndpoint, endpointOptions: EndpointOptions): Promise<void> {
    let endpoint: Endpoint;
    try {
      endpoint = await open({
        ...endpointOptions,
        sendDepth: this.#sendDepth,
        receiveDepth: this.#machine.receiveBuffers,
        prepare: (endpoint) => this.#prepare(endpoint),
      });
    } catch (error) {
      this.#finished = true;
      this.#slabs[Symbol.dispose]();
      throw error;
    }
    this.#endpoint = endpoint;
    endpoint.closed.then((closure) => this.#finish(closure));
    const abort = () => this.#fail(new VerbsError(`negotiate SMB Direct with ${this.peer}`, "aborted"), 0);
    const { signal } = endpointOptions;
    signal?.addEventListener("abort", abort, { once: true });
    if (signal?.aborted) abort();
    this.#usable = true;
    this.#onCompletions();
    try {
      this.#parameters = await this.#established.promise;
    } catch (error) {
      await this.closed;
      throw error;
    } finally {
      signal?.removeEventListener("abort", abort);
    }
  }

  #prepare(endpoint: Endpoint): void {
    this.#endpoint = endpoint;
    endpoint.onCompletions = () => this.#onCompletions();
    for (let slot = 0; slot < this.#machine.receiveBuffers; slot++) this.#slabs.postReceive(endpoint, slot);
    this.#machine.receivesPosted(this.#machine.receiveBuffers);
  }

  #onEstablished(parameters: SmbDirectParameters): void {
    this.#parameters = parameters;
    this.#transfers.maxPiece = parameters.maxReadWriteSize;
    this.#established.resolve(parameters);
  }

  #onDeadline(): void {
    if (this.#finished) return;
    const now = performance.now();
    if (now >= this.#lingerEnd) this.#closeEndpoint(0);
    this.#machine.expire(now);
    this.#pump(now);
  }

  /** Polls until there is nothing left. Completions that come before the set-up is done wait for its end. */
  #onCompletions(): void {
    if (!this.#usable || this.#finished) return;
    const now = performance.now();
    const endpoint = this.#endpoint as Endpoint;
    for (let count = endpoint.poll(this.#completions); count > 0; count = endpoint.poll(this.#completions)) {
      for (let i = 0; i < count; i++) this.#onCompletion(now, this.#completions[i] as Completion);
    }
    this.#pump(now);
  }

  #onCompletion(now: number, completion: Completion): void {
    const { id, opcode, status } = completion;
    if (status !== Status.SUCCESS && status !== Status.FLUSHED) {
      const call = `${opcodeText(opcode)} with ${this.peer}`;
      const text = statusText(status);
      this.statistics.errors.add(`${opcodeText(opcode)}: ${text}`);
      this.#fail(new VerbsError(call, text, "the provider ended the connection"), 0);
    }
    if (opcode === Opcode.RECEIVE) {
      if (status === Status.SUCCESS) this.#onReceive(now, id, completion.length, completion.invalidatedKey);
    } else if (opcode === Opcode.WRITE || opcode === Opcode.READ) {
      this.#transfers.complete(id, status);
    } else this.#slabs.releaseSend(id);
  }

  #onReceive(now: number, slot: number, length: number, invalidatedKey: number): void {
    if (invalidatedKey !== 0) {
      this.statistics.invalidatedKeys++;
      this.#call("invalidate handler", this.onInvalidate, invalidatedKey);
    }
    if (this.#error !== undefined) return;
    const slabs = this.#slabs;
    this.#machine.receive(now, slabs.receiveBytes, slabs.receiveView, slabs.receiveOffset(slot), length);
    if (this.#error !== undefined || this.#over) return;
    try {
      slabs.postReceive(this.#endpoint as Endpoint, slot);
      this.#machine.receivesPosted(1);
    } catch (error) {
      this.#failLocally("post a receive", error);
    }
  }

  /** Hands the endpoint what it can take now, and sets the timer for what cannot leave yet. */
  #pump(now: number): void {
    if (!this.#usable || this.#over) return;
    const endpoint = this.#endpoint as Endpoint;
    const batch = this.#batch;
    let slots = Math.min(endpoint.sendSlots, this.#works.length);
    try {
      for (; slots > 0 && this.#transfers.ready; slots--) {
        const work = this.#works[batch.length] as SendWork;
        this.#transfers.next(work);
        batch.push(work);
      }
      for (; slots > 0 && this.#error === undefined && this.#produce(now); slots--);
      if (batch.length > 0) endpoint.postSend(batch);
    } catch (error) {
      this.#failLocally("post a send", error);
    } finally {
      batch.length = 0;
    }
    if (this.#readiness !== undefined && this.#machine.queue.hasRoom) this.#wakeSenders();
    if (this.#closing && this.#drained && this.#endpointLinger === Infinity) this.#closeEndpoint(this.#lingerEnd - now);
    this.#deadline.set(now, Math.min(this.#machine.deadline(now), this.#closing ? this.#lingerEnd : Infinity));
  }

  /** Puts the machine's next message into the batch, if it has one and there is a buffer. */
  #produce(now: number): boolean {
    const slabs = this.#slabs;
    const slot = slabs.takeSend();
    if (slot < 0) return false;
    const offset = slabs.sendOffset(slot);
    const length = this.#machine.produce(now, slabs.sendBytes, slabs.sendView, offset, this.#transfers.postedThrough);
    if (length === 0) {
      slabs.releaseSend(slot);
      return false;
    }
    const work = this.#works[this.#batch.length] as SendWork;
    const key = this.#machine.producedKey;
    work.id = slot;
    work.opcode = key === NO_KEY ? Opcode.SEND : Opcode.SEND_INVALIDATE;
    work.region = slabs.sendRegion;
    work.offset = offset;
    work.length = length;
    work.remoteKey = key === NO_KEY ? 0 : key;
    this.#batch.push(work);
    return true;
  }

  /** A defect on this side, or a user's handler that threw: ends this connection and no other. */
  #failLocally(what: string, error: unknown): void {
    this.statistics.errors.add(what);
    const cause = error instanceof VerbenaError ? error : new VerbsError(what, "failed", reasonOf(error));
    this.#fail(cause, 0);
  }

  #fail(error: VerbenaError, linger: number): void {
    if (this.#finished) return;
    this.#error ??= error;
    this.#established.reject(error);
    this.#beginClosing();
    this.#closeEndpoint(linger);
  }

  #beginClosing(): void {
    this.#closing = true;
    this.#wakeSenders();
    this.#established.reject(new VerbsError(`negotiate SMB Direct with ${this.peer}`, "closed"));
  }

  #wakeSenders(): void {
    this.#readiness?.resolve();
    this.#readiness = undefined;
  }

  #closeEndpoint(linger: number): void {
    this.#lingerEnd = Infinity;
    if (linger >= this.#endpointLinger) return;
    this.#endpointLinger = Math.max(0, linger);
    // A refusal that has just been produced is still in the batch: the endpoint is closed after it is posted.
    queueMicrotask(() => void this.#endpoint?.close({ linger: this.#endpointLinger }));
  }

  /** The endpoint is over: polls what is left, flushes what never got there, gives the buffers back. */
  #finish(closure: Closure): void {
    this.#over = true; // nothing is posted any more
    this.#onCompletions();
    this.#finished = true;
    const halfDone = !this.#drained || this.#machine.midMessage;
    const unexpected = halfDone || this.#parameters === undefined
      ? new VerbsError(`SMB Direct with ${this.peer}`, "closed", this.#whatWasLeft())
      : undefined;
    const error = this.#error ?? closure.error ?? unexpected;
    this.#deadline.clear();
    this.#established.reject(error ?? new VerbsError(`SMB Direct with ${this.peer}`, "closed"));
    this.#beginClosing();
    this.#transfers.flush();
    this.#slabs[Symbol.dispose]();
    const graceful = closure.graceful && error === undefined;
    this.#closed.resolve(error === undefined ? { graceful } : { graceful, error });
  }

  #whatWasLeft(): string {
    if (this.#parameters === undefined) return "the peer disconnected during the negotiation";
    const { messages } = this.#machine.queue;
    const half = this.#machine.midMessage ? "; a message had come in part" : "";
    return `${messages} messages and ${this.#transfers.unfinished} RDMA transfers were not done${half}`;
  }

  /** Calls a user's handler; what it throws ends this connection and no other. */
  #call<T>(what: string, handler: ((argument: T) => void) | undefined, argument: T): void {
    try {
      handler?.(argument);
    } catch (error) {
      this.#failLocally(what, error);
    }
  }
}
