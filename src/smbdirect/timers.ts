/**
 * The deadlines of one connection (MS-SMBD 3.1.2, 3.1.6, 3.2.2). Times are milliseconds of a clock that only goes forward;
 * nothing here reads it.
 *
 * @module
 */
import { VerbsError } from "../rdma/errors.ts";
import type { SmbDirectSettings } from "./options.ts";

/** How long a grant for its own sake is put off at first, when a peer's message without payload made it due. */
const FIRST_GRANT_DELAY = 1;
/** And at the most, as such grants go to and fro. */
const LONGEST_GRANT_DELAY = 128;
/** How long the active side's first grant waits for a message to ride on. */
const OPENING_GRANT_DELAY = 10;

/** Where a keepalive stands. */
type Keepalive = "none" | "pending" | "sent";

/** All timers of a connection; the next deadline is what {@linkcode deadline} says. */
export class Timers {
  #negotiateDeadline: number;
  #lastReceived = Infinity;
  #keepalive: Keepalive = "none";
  #keepaliveDeadline = Infinity;
  #waitingSince = Infinity;
  #grantTime = 0;
  #grantDelay = FIRST_GRANT_DELAY;

  /** Starts the negotiation's timer. */
  constructor(
    /** The times. */ readonly settings: SmbDirectSettings,
    now: number,
  ) {
    this.#negotiateDeadline = now + settings.negotiateTimeout;
  }

  /** When {@linkcode expire} is to be called; Infinity when there is nothing to wait for. */
  get deadline(): number {
    const idle = this.#keepalive === "none" ? this.#lastReceived + this.settings.idleTimeout : this.#keepaliveDeadline;
    const credit = this.#waitingSince + this.settings.creditTimeout;
    return Math.min(this.#negotiateDeadline, idle, credit);
  }

  /** Whether the peer is to be asked for a sign of life with the next message. */
  get keepalivePending(): boolean {
    return this.#keepalive === "pending";
  }

  /** From when on a grant may go for its own sake. */
  get grantTime(): number {
    return this.#grantTime;
  }

  /** The negotiation is over. */
  established(now: number): void {
    this.#negotiateDeadline = Infinity;
    this.#lastReceived = now;
    this.#grantTime = now + OPENING_GRANT_DELAY;
  }

  /**
   * A message came: the peer lives. One with payload makes a grant due at once; one without (`putOffGrant`) does so the
   * later, the longer nothing else is said, so that two sides of very few credits do not play ping-pong.
   */
  received(now: number, putOffGrant: boolean): void {
    this.#lastReceived = now;
    this.#keepalive = "none";
    if (!putOffGrant) return this.busy(now);
    this.#grantTime = now + this.#grantDelay;
    this.#grantDelay = Math.min(this.#grantDelay * 2, LONGEST_GRANT_DELAY);
  }

  /** Payload moves: grants need not be put off. */
  busy(now: number): void {
    this.#grantTime = now;
    this.#grantDelay = FIRST_GRANT_DELAY;
  }

  /** A message with the keepalive's flag has left. */
  keepaliveSent(): void {
    this.#keepalive = "sent";
  }

  /** A message waits for credits; returns true when this is news. */
  waiting(now: number): boolean {
    if (this.#waitingSince !== Infinity) return false;
    this.#waitingSince = now;
    return true;
  }

  /** Nothing waits for credits any longer; returns for how long something did. */
  notWaiting(now: number): number {
    if (this.#waitingSince === Infinity) return 0;
    const waited = now - this.#waitingSince;
    this.#waitingSince = Infinity;
    return waited;
  }

  /** Does what is due at `now`. Returns the error that ends the connection, if one does. */
  expire(now: number): VerbsError | undefined {
    const { negotiateTimeout, keepaliveTimeout, creditTimeout, idleTimeout } = this.settings;
    if (now >= this.#negotiateDeadline) return timeout("negotiation", negotiateTimeout);
    if (now >= this.#waitingSince + creditTimeout) return timeout("wait for send credits", creditTimeout);
    if (this.#keepalive !== "none") {
      return now >= this.#keepaliveDeadline ? timeout("keepalive", keepaliveTimeout) : undefined;
    }
    if (now >= this.#lastReceived + idleTimeout) {
      this.#keepalive = "pending";
      this.#keepaliveDeadline = now + keepaliveTimeout;
    }
    return undefined;
  }
}

function timeout(what: string, milliseconds: number): VerbsError {
  return new VerbsError(`SMB Direct ${what}`, "timeout", `nothing came from the peer within ${milliseconds} ms`);
}
