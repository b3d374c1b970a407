/**
 * Requests and answers over a transport: numbers and credits, signatures and encryption, cancelling, deadlines.
 *
 * @module
 */
import { Deadline } from "../../rdma/deadline.ts";
import { reasonOf, SystemError, VerbenaError, WireError } from "../../rdma/errors.ts";
import { isTransformed } from "../security/transform.ts";
import { splitChain } from "../wire/compound.ts";
import { decodeEmpty, encodeEmpty } from "../wire/empty.ts";
import { hasErrorBody } from "../wire/error.ts";
import {
  Command,
  commandName,
  creditChargeOf,
  decodeHeader,
  Header,
  HeaderFlag,
  RELATED_ID,
  UNSOLICITED,
} from "../wire/header.ts";
import { NtStatus, statusName, statusWords } from "../wire/status.ts";
import { type Call, ConnectionLost, CreditsTooFew } from "./call.ts";
import { CreditWindow } from "./credit_window.ts";
import { FrameMaker, type Outgoing } from "./outgoing.ts";
import { type Pending, pendingOf } from "./pending.ts";
import { placementOf } from "./placing.ts";
import type { Security } from "./security.ts";
import type { ResolvedSettings } from "./settings.ts";
import type { SmbStatistics } from "./statistics.ts";
import { NtStatusError } from "./status_error.ts";
import type { SmbTransport } from "./transport.ts";

/** How long a request that was given up may take to be answered before the connection is given up too; milliseconds. */
const CANCEL_TIMEOUT = 2_000;
/** What is answered once the server has forgotten the session, such as when its ticket has expired: another is needed. */
const SESSION_GONE: ReadonlySet<number> = new Set([NtStatus.USER_SESSION_DELETED, NtStatus.NETWORK_SESSION_EXPIRED]);
/** How many times its timeout a request is waited for while other bytes come. */
const MOST_TIMEOUTS = 10;

/** Requests that leave in one message and are answered each by itself. */
interface Chain {
  readonly links: Pending[];
  readonly charge: number;
  readonly since: number;
}

/** One connection's requests. */
export class Exchange {
  /** Credits. */
  readonly window: CreditWindow;
  /** Fulfilled (never rejected) once it is over, with the reason; undefined when {@linkcode close} ended it. */
  readonly closed: Promise<VerbenaError | undefined>;
  /** The session's keys and wishes, once there is one. */
  security: Security | undefined;
  /** Called with each OPLOCK_BREAK that answers no request; views hold during the call. */
  onBreak: ((view: DataView, at: number, length: number) => void) | undefined;

  readonly #pending = new Map<number, Pending>();
  readonly #waiting: Chain[] = [];
  readonly #header = new Header();
  readonly #frames: FrameMaker;
  readonly #deadline = new Deadline(() => this.#onDeadline());
  #heard = performance.now();
  #echoing = false;
  #failure: VerbenaError | undefined;
  #over = false;

  /** Takes a transport that nobody else uses, and starts it. */
  constructor(
    /** What carries it. */ readonly transport: SmbTransport,
    private readonly settings: ResolvedSettings,
    private readonly statistics: SmbStatistics,
  ) {
    this.window = new CreditWindow(settings.credits);
    this.#frames = new FrameMaker(transport.headroom, this.window);
    this.closed = transport.closed.then((error) => {
      const reason = this.#failure ?? error;
      this.#end(reason);
      return reason;
    });
    transport.start({
      message: (message, elsewhere) => this.#onMessage(message, elsewhere),
      heard: () => void (this.#heard = performance.now()),
      place: (head, length) => this.#over ? undefined : placementOf(head, length, (id) => this.#pending.get(id)),
    });
  }

  /** Whether a request may cost several credits: from 2.1 on, where the server can. */
  get multiCredit(): boolean {
    return this.#frames.multiCredit;
  }

  set multiCredit(can: boolean) {
    this.#frames.multiCredit = can;
  }

  /** Whether it takes no more requests. */
  get over(): boolean {
    return this.#over;
  }

  /** The most bytes of payload that the credits there are pay for. */
  get mostPayload(): number {
    return this.multiCredit ? Math.max(1, this.window.total) * 65_536 : 65_536;
  }

  /**
   * Sends a request and reads its answer.
   *
   * @throws NtStatusError, ConnectionLost, CreditsTooFew, the signal's reason, and what `decode` throws.
   */
  call<T>(call: Call<T>): Promise<T> {
    const [answer] = this.chain([call as Call<unknown>]);
    return answer as Promise<T>;
  }

  /** Sends requests in one message, each but the first related to the one before; an answer for each. */
  chain(calls: readonly Call<unknown>[]): Promise<unknown>[] {
    const requests = calls.map((call, index) =>
      pendingOf(call, this.multiCredit ? creditChargeOf(call.bytes ?? 1) : 1, index > 0)
    );
    const links = requests.map(({ link }) => link);
    const now = performance.now();
    const chain = { links, charge: links.reduce((sum, { charge }) => sum + charge, 0), since: now };
    this.#waiting.push(chain);
    for (const link of links) this.#watch(link, chain); // which takes it out again where it was given up already
    this.#pump(now);
    return requests.map(({ answer }) => answer);
  }

  /** Asks the server for a sign of life (MS-SMB2 3.2.4.24). */
  echo(signal?: AbortSignal): Promise<void> {
    return this.call<void>({
      command: Command.ECHO,
      what: "echo",
      sessionless: true,
      signal,
      encode: encodeEmpty,
      decode: decodeEmpty,
    });
  }

  /** Ends it for a reason that whoever waits is told. */
  fail(error: VerbenaError): void {
    if (this.#over) return;
    this.#failure = error;
    this.statistics.errors.add(error instanceof WireError ? error.field : error.name);
    this.#end(error);
    this.transport.close();
  }

  /** Ends it. */
  async close(): Promise<void> {
    this.#end(undefined);
    await this.transport.close();
    await this.closed;
  }

  /** Follows the call's signal until it is answered. */
  #watch(link: Pending, chain: Chain): void {
    const { signal } = link.call;
    if (signal === undefined) return;
    const abort = (): void => this.#abort(link, chain);
    signal.addEventListener("abort", abort, { once: true });
    link.unhook = () => signal.removeEventListener("abort", abort);
    if (signal.aborted) abort();
  }

  /** A request that has not left leaves no more; of one that has the answer is waited for, as its memory may be in use. */
  #abort(link: Pending, chain: Chain): void {
    if (link.messageId < 0) {
      const index = this.#waiting.indexOf(chain);
      if (index >= 0) this.#waiting.splice(index, 1);
      for (const each of chain.links) this.#settle(each, each.reject, link.call.signal?.reason);
      this.#pump(performance.now()); // those behind it may cost less
      return;
    }
    if (link.cancelled || this.#over) return;
    link.cancelled = true;
    const now = performance.now();
    link.deadline = Math.min(link.deadline, now + CANCEL_TIMEOUT);
    this.#deadline.set(now, link.deadline);
    this.#transmit(this.#frames.cancelOf(link, this.security));
  }

  #settle(link: Pending, outcome: (value: unknown) => void, value: unknown): void {
    link.unhook?.();
    link.unhook = undefined;
    outcome(value);
  }

  /** Sends what there are credits for, in order. */
  #pump(now: number): void {
    for (let chain = this.#waiting[0]; chain !== undefined; chain = this.#waiting[0]) {
      if (this.#over) {
        this.#waiting.shift();
        for (const link of chain.links) this.#lose(link, this.#failure, false);
        continue;
      }
      const first = this.window.take(chain.charge);
      if (first < 0 && this.window.expecting) return;
      this.#waiting.shift();
      if (first < 0) {
        const { available } = this.window;
        for (const link of chain.links) {
          this.#settle(link, link.reject, new CreditsTooFew(link.call.what, chain.charge, available));
        }
        continue;
      }
      if (now > chain.since) {
        this.statistics.creditWaits++;
        this.statistics.creditWaitTime += now - chain.since;
      }
      this.#send(chain, first, now);
    }
  }

  #send(chain: Chain, first: number, now: number): void {
    const { links } = chain;
    let id = first;
    for (const link of links) {
      link.messageId = id;
      id += link.charge;
    }
    let outgoing: Outgoing;
    try {
      outgoing = this.#frames.frameOf(links, this.security);
    } catch (error) { // what was asked for cannot be said in this protocol, or no nonce is left
      this.window.giveBack(first, chain.charge);
      for (const link of links) this.#settle(link, link.reject, error);
      return;
    }
    for (const link of links) {
      link.deadline = now + (link.call.timeout ?? this.settings.timeout);
      this.#deadline.set(now, link.deadline);
      this.#pending.set(link.messageId, link);
    }
    if (this.settings.echoInterval > 0) this.#deadline.set(now, this.#heard + this.settings.echoInterval);
    const sending = this.#transmit(outgoing.frame, outgoing.payload);
    if (outgoing.payload !== undefined) hold(links[0] as Pending, sending);
  }

  async #transmit(frame: Uint8Array<ArrayBuffer>, payload?: Uint8Array): Promise<void> {
    this.statistics.sends++;
    this.statistics.sendBytes += frame.length - this.transport.headroom + (payload?.length ?? 0);
    try {
      await this.transport.send(frame, payload);
    } catch (error) {
      this.fail(error instanceof VerbenaError ? error : new SystemError("send over SMB", "EIO", reasonOf(error)));
    }
  }

  #onMessage(message: Uint8Array, elsewhere: number): void {
    if (this.#over) return;
    const now = this.#heard = performance.now();
    this.statistics.receives++;
    this.statistics.receiveBytes += message.length + elsewhere;
    try {
      this.#takeMessage(message, elsewhere);
    } catch (error) {
      if (!(error instanceof VerbenaError)) throw error;
      this.fail(error);
    }
    this.#pump(now);
  }

  #takeMessage(message: Uint8Array, elsewhere: number): void {
    let encrypted = false;
    if (isTransformed(message)) {
      const opener = this.security?.opener;
      if (opener === undefined) throw new WireError("smb2", "an encrypted message comes in a session with keys", "one");
      message = opener.open(message);
      encrypted = true;
    }
    const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
    for (const { at, length } of splitChain(view, 0, message.length)) {
      this.#takeAnswer(message, view, at, length, encrypted, elsewhere);
    }
  }

  #takeAnswer(
    bytes: Uint8Array,
    view: DataView,
    at: number,
    length: number,
    encrypted: boolean,
    elsewhere: number,
  ): void {
    const header = this.#header;
    decodeHeader(view, at, view.byteLength - at, header);
    if ((header.flags & HeaderFlag.RESPONSE) === 0) {
      throw new WireError("smb2", "what a server sends has the flag RESPONSE", commandName(header.command));
    }
    if (header.messageId === UNSOLICITED) {
      if (header.command !== Command.OPLOCK_BREAK) {
        throw new WireError("smb2", "what answers no request is OPLOCK_BREAK", commandName(header.command));
      }
      this.onBreak?.(view, at, length);
      return;
    }
    this.window.grant(header.credits);
    const link = this.#pending.get(header.messageId);
    if (link === undefined) { // MS-SMB2 3.2.5.1.2: to be discarded
      this.statistics.errors.add("an answer to no request");
      return;
    }
    if (header.command !== link.call.command) {
      throw new WireError(
        "smb2",
        `the answer to ${commandName(link.call.command)} is one`,
        commandName(header.command),
      );
    }
    const interim = header.status === NtStatus.PENDING && (header.flags & HeaderFlag.ASYNC) !== 0;
    const message = bytes.subarray(at, at + length);
    this.#check(link, message, header, encrypted, interim);
    if (interim) {
      this.#takeBack(link, header.credits);
      link.asyncId = header.asyncId;
      if (!link.cancelled) link.deadline = this.#heard + (link.call.timeout ?? this.settings.timeout);
      return;
    }
    this.#pending.delete(link.messageId);
    this.#takeBack(link, link.owed);
    this.#answer(link, message, view, at, length, elsewhere);
  }

  /** Of what a request cost, `count` credits are not expected of its further answers: an interim one may bring them all. */
  #takeBack(link: Pending, count: number): void {
    const back = Math.min(link.owed, count);
    link.owed -= back;
    this.window.finished(back);
  }

  /** Refuses an answer that is not protected as its request was (MS-SMB2 3.2.5.1.1, 3.2.5.1.3). */
  #check(link: Pending, message: Uint8Array, header: Header, encrypted: boolean, interim: boolean): void {
    const { security } = this;
    if (security === undefined || link.call.sessionless || link.call.received !== undefined) return;
    // servers give a related request's answer what it had
    if (header.sessionId !== security.sessionId && !(link.related && header.sessionId === RELATED_ID)) {
      throw new WireError("smb2", "SessionId of an answer is its request's", header.sessionId);
    }
    if (encrypted) return;
    if (link.encrypted) {
      throw new WireError("smb2", "the answer to an encrypted request is encrypted", statusName(header.status));
    }
    const signed = (header.flags & HeaderFlag.SIGNED) !== 0;
    if (interim && !signed) return;
    if (signed || link.signed) security.signer?.verify(message);
  }

  #answer(link: Pending, message: Uint8Array, view: DataView, at: number, length: number, elsewhere: number): void {
    const { call } = link;
    const header = this.#header;
    const { status } = header;
    if (link.cancelled) {
      this.#settle(link, link.reject, call.signal?.reason);
      if (call.undo !== undefined && !hasErrorBody(call.command, status)) {
        call.undo(call.decode(view, at, length, header, elsewhere));
      }
      return;
    }
    try {
      call.received?.(message, header);
      if (!hasErrorBody(call.command, status)) {
        this.#settle(link, link.resolve, call.decode(view, at, length, header, elsewhere));
        return;
      }
    } catch (error) {
      this.#settle(link, link.reject, error);
      throw error; // a server that breaks the protocol is not talked to any more
    }
    const value = call.otherwise?.(status);
    if (value !== undefined) {
      this.#settle(link, link.resolve, value);
      return;
    }
    this.statistics.errors.add(statusName(status));
    if (SESSION_GONE.has(status) && !call.sessionless && call.received === undefined) {
      const gone = new SystemError(call.what, "ECONNRESET", statusWords(status));
      this.#settle(link, link.reject, new ConnectionLost(call.what, gone.code, statusWords(status), false));
      this.fail(gone);
      return;
    }
    this.#settle(link, link.reject, new NtStatusError(call.what, status));
  }

  /** Gives up on a server that is late, and asks one that is silent for a sign of life. */
  #onDeadline(): void {
    if (this.#over) return;
    const now = performance.now();
    let next = Infinity;
    for (const link of this.#pending.values()) {
      const deadline = this.#deadlineOf(link);
      if (deadline <= now) {
        const { call, cancelled } = link;
        const took = cancelled
          ? `${CANCEL_TIMEOUT} ms after it was cancelled`
          : `${call.timeout ?? this.settings.timeout} ms`;
        this.fail(new SystemError(call.what, "ETIMEDOUT", `no answer within ${took}`));
        return;
      }
      next = Math.min(next, deadline);
    }
    next = Math.min(next, this.#idle(now));
    this.#deadline.set(now, next);
  }

  /** A slow link is no silent server: while bytes come, an answer is waited for longer, though not for ever. */
  #deadlineOf({ call, cancelled, deadline }: Pending): number {
    if (cancelled) return deadline;
    const timeout = call.timeout ?? this.settings.timeout;
    return Math.min(Math.max(deadline, this.#heard + timeout), deadline + (MOST_TIMEOUTS - 1) * timeout);
  }

  /** When to look for silence again. */
  #idle(now: number): number {
    const { echoInterval } = this.settings;
    if (echoInterval === 0 || this.security === undefined) return Infinity;
    if (now < this.#heard + echoInterval) return this.#heard + echoInterval;
    if (!this.#echoing && this.window.available > 0) {
      this.#echoing = true;
      this.echo().catch(() => {}).finally(() => this.#echoing = false); // a failure has ended the connection
    }
    return now + echoInterval;
  }

  /** Tells who waits for an answer that none will come: a server that broke the protocol is not asked again. */
  #lose(link: Pending, reason: VerbenaError | undefined, sent: boolean): void {
    const code = reason instanceof SystemError ? reason.code : "ECONNRESET";
    const words = reason?.message ?? "the connection was closed";
    const error = link.cancelled
      ? link.call.signal?.reason
      : reason instanceof WireError
      ? reason
      : new ConnectionLost(link.call.what, code, words, sent);
    this.#settle(link, link.reject, error);
  }

  #end(reason: VerbenaError | undefined): void {
    if (this.#over) return;
    this.#over = true;
    this.#failure ??= reason;
    this.#deadline.clear();
    const lost = [...this.#pending.values()];
    this.#pending.clear();
    // their memory is theirs again once the transport is down
    this.transport.closed.then(() => {
      for (const link of lost) this.#lose(link, reason, true);
      this.#pump(performance.now());
    });
  }
}

/** The payload lies in the caller's memory until it has left: an answer that is there before then waits. */
function hold(link: Pending, sending: Promise<void>): void {
  const { resolve, reject } = link;
  link.resolve = (value) => void sending.then(() => resolve(value));
  link.reject = (error) => void sending.then(() => reject(error));
}
