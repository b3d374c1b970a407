/**
 * Read sessions: from a StartRead to its answer or its CompleteRead, as the reader wants it, or to the end of its time. No
 * I/O; time is a parameter.
 *
 * @module
 */

/** One read that is not over yet. */
export interface Session {
  /** A version-4 UUID. */
  readonly id: string;
  /** Who started it; it dies with its owner. */
  readonly owner: object;
  /** When it ends by itself, milliseconds. */
  readonly expiresAt: number;
  /** CRC-32C announced to the reader. */
  checksum: number;
  /** Bytes sent. */
  bytes: number;
}

/** Why a session could not be completed. */
export type SessionFault = "SessionNotFound" | "SessionExpired";

/** Ids of expired sessions that are remembered, so that a late CompleteRead learns why. */
const MAX_REMEMBERED = 1_024;

/** The sessions of one engine, with a ceiling. */
export class Sessions {
  readonly #active = new Map<string, Session>();
  readonly #expired = new Map<string, object>(); // and whose they were
  #started = 0;
  #expirations = 0;

  /** An empty table. */
  constructor(
    /** Sessions at once. */ readonly ceiling: number,
    /** The longest a session may ask for, milliseconds. */ readonly longest: number,
  ) {}

  /** Sessions now. */
  get active(): number {
    return this.#active.size;
  }

  /** Sessions ever started. */
  get started(): number {
    return this.#started;
  }

  /** Sessions that ended by their time. */
  get expirations(): number {
    return this.#expirations;
  }

  /** The sessions now, oldest first. */
  list(): Session[] {
    return [...this.#active.values()];
  }

  /** Starts one, or gives undefined at the ceiling. Expired ones make room first. */
  start(owner: object, timeout: number, now: number): Session | undefined {
    if (this.#active.size >= this.ceiling) this.expire(now);
    if (this.#active.size >= this.ceiling) return undefined;
    const session: Session = {
      id: crypto.randomUUID(),
      owner,
      expiresAt: now + Math.max(1, Math.min(timeout, this.longest)),
      checksum: 0,
      bytes: 0,
    };
    this.#active.set(session.id, session);
    this.#started++;
    return session;
  }

  /** Ends one that its owner completes. */
  complete(owner: object, id: string, now: number): Session | SessionFault {
    const session = this.#active.get(id);
    if (session === undefined) return this.#expired.get(id) === owner ? "SessionExpired" : "SessionNotFound";
    if (session.owner !== owner) return "SessionNotFound"; // another reader's ids are nobody's business
    this.#active.delete(id);
    if (session.expiresAt > now) return session;
    this.#remember(session);
    return "SessionExpired";
  }

  /** Ends one without a word to its owner. */
  cancel(id: string): boolean {
    return this.#active.delete(id);
  }

  /** Ends those whose time is over; says how many. */
  expire(now: number): number {
    let count = 0;
    for (const session of this.#active.values()) {
      if (session.expiresAt > now) continue;
      this.#active.delete(session.id);
      this.#remember(session);
      count++;
    }
    return count;
  }

  /** Ends all of an owner's: its connection is over. */
  drop(owner: object): void {
    for (const session of this.#active.values()) if (session.owner === owner) this.#active.delete(session.id);
    for (const [id, whose] of this.#expired) if (whose === owner) this.#expired.delete(id);
  }

  #remember({ id, owner }: Session): void {
    this.#expirations++;
    this.#expired.set(id, owner);
    if (this.#expired.size <= MAX_REMEMBERED) return;
    for (const oldest of this.#expired.keys()) {
      this.#expired.delete(oldest);
      break;
    }
  }
}
