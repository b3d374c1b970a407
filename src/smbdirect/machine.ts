/**
 * MS-SMBD without I/O and without a clock: received messages and time go in; messages to send, events and a deadline come
 * out. What carries the messages is {@linkcode SmbDirectConnection}'s business, or a test's.
 *
 * @module
 */
import { type VerbenaError, VerbsError, WireError } from "../rdma/errors.ts";
import { Credits } from "./credits.ts";
import {
  activeParameters,
  negotiateRefusal,
  negotiateRequest,
  negotiateResponse,
  passiveParameters,
  type SmbDirectParameters,
} from "./negotiation.ts";
import type { Role, SmbDirectSettings } from "./options.ts";
import { Reassembly } from "./reassembly.ts";
import { NO_KEY, SendQueue } from "./send_queue.ts";
import { SmbDirectStatistics } from "./statistics.ts";
import { Timers } from "./timers.ts";
import {
  coversVersion,
  DataTransfer,
  decodeDataTransfer,
  decodeNegotiateRequest,
  decodeNegotiateResponse,
  encodeDataTransfer,
  encodeNegotiateRequest,
  encodeNegotiateResponse,
  LEAST_NEGOTIATE_BUFFER,
  NEGOTIATE_RESPONSE_LENGTH,
  type NegotiateRequest,
  type NegotiateResponse,
  NegotiateStatus,
  PAYLOAD_OFFSET,
  RESPONSE_REQUESTED,
} from "./wire.ts";

/**
 * `negotiating` until both sides agree; `established`; `refusing` while the passive side's refusal has not left;
 * `failed` for good: nothing is sent, and what is received is not looked at.
 */
export type MachineState = "negotiating" | "established" | "refusing" | "failed";

/** What a machine tells whoever drives it. Called from within its methods. */
export interface MachineEvents {
  /** The negotiation is done; messages may be sent. */
  established(parameters: SmbDirectParameters): void;
  /** A whole message came; the view holds until this returns. */
  message(message: Uint8Array): void;
  /** The connection is to be ended: at once, or, `answered`, after the refusal that was produced last has left. */
  failed(error: VerbenaError, answered: boolean): void;
}

/** One side of one connection. */
export class SmbDirectMachine {
  /** What it has done, kept up to date in place. */
  readonly statistics: SmbDirectStatistics = new SmbDirectStatistics();
  /** Messages waiting to be sent. */
  readonly queue: SendQueue;
  /** Who may send how much. */
  readonly credits: Credits;
  /** Set by {@linkcode produce}: the key that the message produced is to invalidate, or {@linkcode NO_KEY}. */
  producedKey: number = NO_KEY;

  readonly #timers: Timers;
  readonly #header = new DataTransfer();
  #reassembly: Reassembly;
  #state: MachineState = "negotiating";
  #parameters: SmbDirectParameters | undefined;
  #response: NegotiateResponse | undefined;
  #refusal: WireError | undefined;
  #greeted = false;
  #answerOwed = false;

  /** Starts to negotiate at `now`; an active machine's request is what it produces first. */
  constructor(
    /** Which side. */ readonly role: Role,
    /** The choices. */ readonly settings: SmbDirectSettings,
    private readonly events: MachineEvents,
    now: number,
  ) {
    this.queue = new SendQueue(settings.maxQueuedMessages, settings.maxQueuedBytes);
    this.credits = new Credits(settings.sendCreditTarget, settings.receiveCreditMax);
    this.#reassembly = new Reassembly(settings.maxFragmentedSize);
    this.#timers = new Timers(settings, now);
  }

  /** The state. */
  get state(): MachineState {
    return this.#state;
  }

  /** What was agreed on; undefined before. */
  get parameters(): SmbDirectParameters | undefined {
    return this.#parameters;
  }

  /** Bytes a buffer for one message to send has. */
  get sendBufferSize(): number {
    return align8(Math.max(this.settings.maxSendSize, NEGOTIATE_RESPONSE_LENGTH));
  }

  /** Bytes a buffer for one message to receive has. */
  get receiveBufferSize(): number {
    return align8(Math.max(this.settings.maxReceiveSize, LEAST_NEGOTIATE_BUFFER));
  }

  /** Receive buffers to post before the peer can send: one more than credits, for the message that is being looked at. */
  get receiveBuffers(): number {
    return this.settings.receiveCreditMax + 1;
  }

  /** Whether a message of several fragments is half received. */
  get midMessage(): boolean {
    return this.#reassembly.remaining > 0;
  }

  /** When {@linkcode expire} is to be called though nothing comes; Infinity for never. Ask after {@linkcode produce} has returned 0. */
  deadline(now: number): number {
    if (this.#state === "failed" || this.#state === "refusing") return Infinity;
    const deadline = this.#timers.deadline;
    const grant = this.#timers.grantTime;
    const waits = grant > now && this.#state === "established" && this.credits.grantDue && this.credits.maySend;
    return waits ? Math.min(grant, deadline) : deadline;
  }

  /** Does what is due at `now`; then {@linkcode produce}. */
  expire(now: number): void {
    if (this.#state === "failed" || this.#state === "refusing") return;
    const error = this.#timers.expire(now);
    if (error !== undefined) this.#fail(error, `${error.call}: ${error.code}`);
  }

  /** `count` more receives are posted. Call before {@linkcode produce} may grant them. */
  receivesPosted(count: number): void {
    this.credits.receivesPosted += count;
  }

  /**
   * Queues a message of at least one byte, borrowed until `queue.own()`. It does not leave before `produce` is told that
   * `barrier` has passed. Ask `queue.hasRoom` and compare with `parameters.maxFragmentedSendSize` first.
   */
  enqueue(message: Uint8Array, invalidateKey: number = NO_KEY, barrier: number = 0): void {
    this.queue.push(message, invalidateKey, barrier);
  }

  /**
   * Takes the received message that lies at `at`, `length` bytes, of `bytes` and of `view`, which are the same memory. It
   * consumes one posted receive; the caller posts it again after this returns.
   */
  receive(now: number, bytes: Uint8Array, view: DataView, at: number, length: number): void {
    this.credits.receivesPosted--;
    if (this.#state === "failed" || this.#state === "refusing") return;
    let message: Uint8Array | undefined;
    try {
      if (this.#state === "established") message = this.#receiveData(now, bytes, view, at, length);
      else if (this.role === "active") this.#receiveResponse(now, view, at, length);
      else this.#receiveRequest(now, view, at, length);
    } catch (error) {
      if (error instanceof WireError) this.#fail(error, error.field);
      else if (error instanceof VerbsError) this.#fail(error, `${error.call}: ${error.code}`);
      else throw error;
    }
    if (message !== undefined) {
      this.statistics.messagesReceived++;
      this.events.message(message);
    }
  }

  /**
   * Writes the next message to send at `at` of `bytes` and of `view`, which are the same memory with room for
   * {@linkcode sendBufferSize}, and returns its length; 0 when nothing is to be sent now.
   *
   * @param passed What has happened: messages whose barrier is beyond it stay.
   */
  produce(now: number, bytes: Uint8Array, view: DataView, at: number, passed: number = 0): number {
    this.producedKey = NO_KEY;
    if (!this.#greeted && this.#state !== "failed") {
      const length = this.#produceGreeting(view, at);
      if (length > 0) return length;
    }
    if (this.#state !== "established") return 0;
    const waiting = this.queue.messages > 0 && this.queue.barrier <= passed;
    if (!waiting && (this.queue.midMessage || !this.#emptyDue(now))) return 0;
    if (!this.credits.maySend) {
      if (waiting && this.#timers.waiting(now)) this.statistics.creditWaits++;
      return 0;
    }
    this.statistics.creditWaitTime += this.#timers.notWaiting(now);
    return waiting ? this.#produceFragment(now, bytes, view, at) : this.#produceMessage(view, at, 0, 0);
  }

  /** The negotiate message that is owed, if one is; else 0. */
  #produceGreeting(view: DataView, at: number): number {
    if (this.role === "active") {
      this.#greeted = true;
      return encodeNegotiateRequest(view, at, negotiateRequest(this.settings));
    }
    if (this.#response === undefined) return 0;
    this.#greeted = true;
    const length = encodeNegotiateResponse(view, at, this.#response);
    if (this.#refusal !== undefined) this.#fail(this.#refusal, this.#refusal.field, true);
    return length;
  }

  /** Whether a message without payload has something to say at `now`. */
  #emptyDue(now: number): boolean {
    return this.#answerOwed || this.#timers.keepalivePending ||
      (this.credits.grantDue && now >= this.#timers.grantTime);
  }

  /** The next fragment of the first queued message. */
  #produceFragment(now: number, bytes: Uint8Array, view: DataView, at: number): number {
    const { queue, statistics } = this;
    const most = (this.#parameters as SmbDirectParameters).maxSendSize - PAYLOAD_OFFSET;
    const length = Math.min(queue.headRemaining, most);
    const remaining = queue.headRemaining - length;
    this.producedKey = queue.invalidateKey;
    queue.take(bytes, at + PAYLOAD_OFFSET, length);
    this.#timers.busy(now);
    statistics.fragmentsSent++;
    statistics.bytesSent += length;
    if (remaining === 0) statistics.messagesSent++;
    return this.#produceMessage(view, at, length, remaining);
  }

  /** The header of a data transfer message, with the credits and the flag of the moment. */
  #produceMessage(view: DataView, at: number, dataLength: number, remaining: number): number {
    const { credits, statistics } = this;
    const granted = credits.spend();
    let flags = 0;
    if (this.#timers.keepalivePending) {
      flags = RESPONSE_REQUESTED;
      this.#timers.keepaliveSent();
      statistics.keepalivesSent++;
    }
    this.#answerOwed = false; // any message answers, and the answer asks nothing: else keepalives would go on for ever
    if (dataLength === 0) statistics.emptySent++;
    statistics.creditsGranted += granted;
    this.#showCredits();
    return encodeDataTransfer(view, at, credits.sendCreditTarget, granted, flags, dataLength, remaining);
  }

  #receiveRequest(now: number, view: DataView, at: number, length: number): void {
    const request: NegotiateRequest = decodeNegotiateRequest(view, at, length);
    if (!coversVersion(request)) {
      this.#response = negotiateRefusal(NegotiateStatus.NOT_SUPPORTED);
      this.#refusal = new WireError(
        "smbd",
        "version range of a negotiate request covers 0x0100",
        `0x${request.minVersion.toString(16)} to 0x${request.maxVersion.toString(16)}`,
      );
      this.#state = "refusing";
      return;
    }
    const parameters = passiveParameters(request, this.settings, this.credits.receivesPosted);
    this.#response = negotiateResponse(parameters, this.settings);
    this.#establish(now, parameters);
  }

  #receiveResponse(now: number, view: DataView, at: number, length: number): void {
    if (!this.#greeted) throw new WireError("smbd", "negotiate response before the request", length);
    const response = decodeNegotiateResponse(view, at, length, this.settings.maxReceiveSize);
    this.#establish(now, activeParameters(response, this.settings));
  }

  #establish(now: number, parameters: SmbDirectParameters): void {
    this.#parameters = parameters;
    this.#state = "established";
    this.credits.begin(parameters.sendCredits, parameters.receiveCredits, parameters.receiveCreditTarget);
    this.statistics.creditsGranted = parameters.receiveCredits;
    this.statistics.creditsReceived = parameters.sendCredits;
    this.#showCredits();
    this.#timers.established(now);
    this.events.established(parameters);
  }

  #receiveData(now: number, bytes: Uint8Array, view: DataView, at: number, length: number): Uint8Array | undefined {
    const { credits, statistics } = this;
    const parameters = this.#parameters as SmbDirectParameters;
    const header = this.#header;
    if (length > parameters.maxReceiveSize) {
      throw new WireError(
        "smbd",
        "length of a message is at most MaxReceiveSize",
        `${length}, not ${parameters.maxReceiveSize}`,
      );
    }
    decodeDataTransfer(view, at, length, parameters.maxFragmentedReceiveSize, header);
    credits.received(header.creditsRequested, header.creditsGranted);
    const message = this.#reassembly.add(header, bytes, at);
    statistics.creditsReceived += header.creditsGranted;
    this.#showCredits();
    if (header.dataLength === 0) statistics.emptyReceived++;
    else statistics.fragmentsReceived++;
    statistics.bytesReceived += header.dataLength;
    this.#timers.received(now, header.dataLength === 0 && credits.scarce);
    if ((header.flags & RESPONSE_REQUESTED) !== 0) {
      this.#answerOwed = true;
      statistics.keepalivesReceived++;
    }
    return message;
  }

  #showCredits(): void {
    this.statistics.sendCredits = this.credits.sendCredits;
    this.statistics.receiveCredits = this.credits.receiveCredits;
  }

  #fail(error: VerbenaError, reason: string, answered = false): void {
    this.#state = "failed";
    this.statistics.errors.add(reason);
    this.events.failed(error, answered);
  }
}

function align8(size: number): number {
  return (size + 7) & ~7;
}
