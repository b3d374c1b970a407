/**
 * Keeps a session to a server: makes it, and makes it again when its connection was lost.
 *
 * @module
 */
import { randomBytes } from "node:crypto";
import { reasonOf, SystemError, VerbenaError, VerbsError } from "../../rdma/errors.ts";
import type { PassedOver } from "../../rdma/registry.ts";
import { SetupDeadline } from "../../rdma/setup_deadline.ts";
import { ConnectionLost } from "./call.ts";
import { chooseTransport, type Destination, nameOfDestination } from "./choose_transport.ts";
import type { SmbCredentials } from "./credentials.ts";
import { Session } from "./session.ts";
import { dialectName, type ResolvedSettings } from "./settings.ts";
import type { SmbStatistics } from "./statistics.ts";

/** How often a request is tried on new connections, the first time included: RDMA, RDMA again, TCP. */
const ATTEMPTS = 3;
/** A session that lived this long did not fail for RDMA's sake; milliseconds. */
const HEALTHY = 60_000;
/** Pauses between attempts to connect again, in milliseconds; each twice the one before. */
const FIRST_PAUSE = 100;
const LONGEST_PAUSE = 2_000;

/** A line of a log. */
export type SmbLog = (
  level: "debug" | "info" | "warn",
  message: string,
  fields: Record<string, string | number>,
) => void;

/** The keeper. */
export class SessionKeeper {
  /** What would have been preferred to the transport there is, and why it was not taken. */
  passedOver: readonly PassedOver[] = [];
  /** `server`, or `server:port` of an unusual one, for errors. */
  readonly name: string;
  readonly #clientGuid = randomBytes(16);
  readonly #stop = new AbortController();
  #session: Session | undefined;
  #opening: Promise<Session> | undefined;
  #rdmaFailures = 0;

  /** Connects to nothing yet. */
  constructor(
    private readonly destination: Destination,
    private readonly credentials: SmbCredentials,
    private readonly settings: ResolvedSettings,
    private readonly statistics: SmbStatistics,
    private readonly log: SmbLog,
  ) {
    this.name = nameOfDestination(destination);
  }

  /** The session there was last; its connection may be lost. */
  get current(): Session | undefined {
    return this.#session;
  }

  /**
   * Carries `task` out on the session there is. Where the connection is lost before it is done, it is carried out again on
   * another, if it did not reach the server or is `replayable`: carried out twice as good as once.
   */
  async run<T>(
    task: (session: Session) => Promise<T>,
    options: { replayable: boolean; signal?: AbortSignal | undefined },
  ): Promise<T> {
    for (let attempt = 1;; attempt++) {
      const session = await this.session(options.signal);
      try {
        return await task(session);
      } catch (error) {
        const again = error instanceof ConnectionLost && (options.replayable || !error.sent);
        if (!again || attempt === ATTEMPTS || !this.settings.reconnect || this.#stop.signal.aborted) throw error;
      }
    }
  }

  /** The session, made again if it was lost; all who wait for it share one attempt. */
  async session(signal?: AbortSignal): Promise<Session> {
    if (this.#stop.signal.aborted) throw new SystemError(`SMB server ${this.name}`, "ENOTCONN", "it was closed");
    signal?.throwIfAborted();
    const session = this.#session;
    if (session !== undefined && !session.over) return session;
    this.#opening ??= this.#open(session).finally(() => this.#opening = undefined);
    return await abortable(this.#opening, signal);
  }

  async #open(lost: Session | undefined): Promise<Session> {
    if (lost !== undefined && !this.settings.reconnect) {
      throw new ConnectionLost(`reach ${this.name}`, "ENOTCONN", "the connection was lost", false);
    }
    using deadline = new SetupDeadline(this.settings.connectTimeout, this.#stop.signal);
    try {
      if (lost === undefined) return await this.#openOnce(0n, deadline.signal);
      return await this.#openAgain(lost, deadline.signal);
    } catch (error) {
      if (!deadline.signal.aborted) throw error;
      const call = `connect and log on to ${this.name}`;
      if (deadline.signal.reason !== "timeout") throw new SystemError(call, "ENOTCONN", "the server was closed here");
      throw new SystemError(call, "ETIMEDOUT", `not within ${this.settings.connectTimeout} ms`);
    }
  }

  /** Tries until it succeeds, it cannot, or the time is up. */
  async #openAgain(lost: Session, signal: AbortSignal): Promise<Session> {
    for (let pause = FIRST_PAUSE;; pause = Math.min(2 * pause, LONGEST_PAUSE)) {
      try {
        const session = await this.#openOnce(lost.id, signal);
        this.statistics.reconnects++;
        return session;
      } catch (error) {
        if (!isPassing(error) || signal.aborted) throw error;
        this.log("debug", "SMB server not reached again yet", { server: this.name, reason: reasonOf(error) });
        if (await aborted(signal, pause)) throw error;
      }
    }
  }

  async #openOnce(previousSessionId: bigint, signal: AbortSignal): Promise<Session> {
    const { hostname } = this.destination;
    const forced = this.settings.rdma === "verbs" || this.settings.rdma === "iwarp";
    const rdma = forced || this.#rdmaFailures < 2;
    const { transport, passedOver } = await chooseTransport(this.destination, this.settings, rdma, signal);
    const request = { hostname, credentials: this.credentials, previousSessionId };
    const began = performance.now();
    let session: Session;
    try {
      session = await Session.open(transport, this.settings, this.statistics, this.#clientGuid, request, signal);
    } catch (error) {
      if (transport.domain !== undefined && error instanceof ConnectionLost) this.#rdmaFailures++;
      throw error;
    }
    this.#session = session;
    this.passedOver = passedOver;
    this.statistics.transport = transport.name;
    const reasons = passedOver.map((each) => `${each.name}: ${each.reason}`).join("; ");
    this.statistics.reason = reasons === "" ? "the first choice" : reasons;
    this.log("info", "SMB server connected", {
      server: this.name,
      transport: transport.name,
      dialect: dialectName(session.agreement.dialect),
      passed_over: reasons,
    });
    session.exchange.closed.then((error) => this.#onLost(transport.domain !== undefined, began, error));
    return session;
  }

  #onLost(rdma: boolean, began: number, error: VerbenaError | undefined): void {
    if (error === undefined) return;
    if (!rdma || performance.now() - began > HEALTHY) this.#rdmaFailures = 0;
    if (rdma) this.#rdmaFailures++;
    const fields = { server: this.name, transport: this.statistics.transport, reason: reasonOf(error) };
    this.log("warn", "SMB connection lost", fields);
  }

  /** Logs off and disconnects, for good. Idempotent. */
  async close(): Promise<void> {
    this.#stop.abort();
    await this.#opening?.catch(() => {});
    const session = this.#session;
    this.#session = undefined;
    await session?.close();
  }
}

/** Whether connecting again may yet succeed: the server is away, not against it. */
function isPassing(error: unknown): boolean {
  return error instanceof SystemError || error instanceof VerbsError;
}

/** Waits; whether `signal` aborted meanwhile. */
function aborted(signal: AbortSignal, milliseconds: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const stop = (): void => resolve(true);
  const timer = setTimeout(() => resolve(false), milliseconds);
  signal.addEventListener("abort", stop, { once: true });
  if (signal.aborted) stop();
  return promise.finally(() => {
    clearTimeout(timer);
    signal.removeEventListener("abort", stop);
  });
}

/** `promise`, or the signal's reason if that comes first; others may go on to wait for it. */
async function abortable<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return await promise;
  const { promise: stopped, reject } = Promise.withResolvers<never>();
  const stop = (): void => reject(signal.reason);
  signal.addEventListener("abort", stop, { once: true });
  stopped.catch(() => {});
  try {
    return await Promise.race([promise, stopped]);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}
