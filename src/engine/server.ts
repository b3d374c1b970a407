/**
 * The storage side: answers the engine's messages, and places needles in the readers' memory by RDMA Write or sends them
 * over a Unix socket.
 *
 * @module
 */
import { reasonOf, type VerbenaError, VerbsError, WireError } from "../rdma/errors.ts";
import { type PoolStatistics, RegisteredPool } from "../rdma/pool.ts";
import type { ProtectionDomain, RdmaAddress } from "../rdma/provider.ts";
import { Counters } from "../rdma/statistics.ts";
import type { Store } from "../seaweed/store.ts";
import type { Arrival, EngineListener } from "./channel.ts";
import type { EngineLog } from "./protocol.ts";
import { RdmaListener } from "./rdma_channel.ts";
import type { EngineConnectionInfo, RegionInfo } from "./reader.ts";
import { Sessions } from "./sessions.ts";
import { Transfers } from "./transfers.ts";
import { SocketListener } from "./socket_way.ts";
import { EnginePeer } from "./peer.ts";

/** How an engine behaves. Sizes are bytes, times milliseconds. */
export interface EngineServerOptions {
  /** Read sessions at once. Default 1,000. */
  maxSessions?: number;
  /** The longest a session lives that nothing ends. Default 300,000. */
  sessionTimeout?: number;
  /** The longest range of one session. Default 8 MiB. */
  maxTransferSize?: number;
  /** Registered memory at most. Default 64 MiB. */
  poolCeiling?: number;
  /** Connections at once; each holds about 3 MiB. Default 64. */
  maxConnections?: number;
  /** What it calls itself. */
  version?: string;
  /** Told of what happens. */
  log?: EngineLog;
}

/** What an engine has done. */
export interface EngineServerStatistics {
  /** Connections now. */
  readonly connections: number;
  /** Connections ever. */
  readonly accepted: number;
  /** Sessions now. */
  readonly sessions: number;
  /** Sessions ever started. */
  readonly started: number;
  /** Sessions whose time was over first. */
  readonly expired: number;
  /** Ranges whose RDMA Write completed: placed, or over iWARP handed to TCP behind all that was before. */
  readonly transfers: number;
  /** Bytes of those. */
  readonly bytes: number;
  /** Requests refused, by code, and connections lost, by reason. */
  readonly errors: Readonly<Record<string, number>>;
  /** Its registered memory. */
  readonly pool: PoolStatistics;
}

/** How often sessions are looked over for expired ones, in milliseconds. */
const SWEEP_INTERVAL = 1_000;

/** The engine, which listens at an address of type `A`: an RDMA address, or a socket's path. */
export class EngineServer<A = RdmaAddress> implements AsyncDisposable {
  readonly #listener: EngineListener<A>;
  readonly #options: Required<EngineServerOptions>;
  readonly #store: Store;
  readonly #sessions: Sessions;
  readonly #pool: RegisteredPool;
  readonly #transfers: Transfers;
  readonly #peers = new Set<EnginePeer>();
  readonly #setUps = new Set<Promise<void>>();
  readonly #errors = new Counters();
  readonly #sweeper: ReturnType<typeof setInterval>;
  readonly #serving: Promise<void>;
  readonly #stopping = new AbortController();
  #accepted = 0;
  #closed: Promise<void> | undefined;

  private constructor(listener: EngineListener<A>, store: Store, options: EngineServerOptions) {
    this.#listener = listener;
    this.#store = store;
    this.#options = {
      maxSessions: 1_000,
      sessionTimeout: 300_000,
      maxTransferSize: 8 << 20,
      poolCeiling: 64 << 20,
      maxConnections: 64,
      version: "",
      log: () => {},
      ...options,
    };
    const { maxSessions, sessionTimeout, maxTransferSize, poolCeiling } = this.#options;
    this.#sessions = new Sessions(maxSessions, sessionTimeout);
    const { memory, access } = listener;
    this.#pool = new RegisteredPool(memory, { access, ceiling: poolCeiling, largest: maxTransferSize });
    this.#transfers = new Transfers(store, this.#pool);
    this.#sweeper = setInterval(() => this.#sessions.expire(Date.now()), SWEEP_INTERVAL);
    this.#sweeper.unref();
    this.#serving = this.#serve();
  }

  /** Listens on `address` and serves `store`, which stays the caller's. Throws SystemError when it cannot listen. */
  static async start(
    domain: ProtectionDomain,
    address: RdmaAddress,
    store: Store,
    options: EngineServerOptions = {},
  ): Promise<EngineServer> {
    return new EngineServer(await RdmaListener.open(domain, address), store, options);
  }

  /**
   * Listens on a Unix socket at `path`, which only this user may connect to, and serves `store`, which stays the caller's.
   * Throws ConfigError and SystemError where something else is there.
   */
  static async startLocal(
    path: string,
    store: Store,
    options: EngineServerOptions = {},
  ): Promise<EngineServer<string>> {
    return new EngineServer(await SocketListener.open(path), store, options);
  }

  /** Where it listens. */
  get address(): A {
    return this.#listener.address;
  }

  /** What moves the bytes. */
  get transport(): string {
    return this.#listener.transport;
  }

  /** The account. */
  statistics(): EngineServerStatistics {
    return {
      connections: this.#peers.size,
      accepted: this.#accepted,
      sessions: this.#sessions.active,
      started: this.#sessions.started,
      expired: this.#sessions.expirations,
      transfers: this.#transfers.count,
      bytes: this.#transfers.bytes,
      errors: this.#errors.toJSON(),
      pool: this.#pool.statistics,
    };
  }

  /** The connections now. */
  connections(): EngineConnectionInfo[] {
    return [...this.#peers].map(({ info }) => info);
  }

  /** Its registered memory, region by region. */
  regions(): RegionInfo[] {
    const { transport } = this;
    const owner = `engine server ${this.#listener.name}`;
    return this.#pool.regions().map((region) => ({ owner, transport, ...region }));
  }

  /** Stops listening, lets transfers under way leave within `grace` milliseconds, and closes every connection. */
  close(grace = 1_000): Promise<void> {
    return this.#closed ??= this.#close(grace);
  }

  async #close(grace: number): Promise<void> {
    this.#stopping.abort();
    clearInterval(this.#sweeper);
    await this.#listener.close();
    await this.#serving;
    await Promise.all(this.#setUps); // one of them may have become a peer
    await Promise.all([...this.#peers].map((peer) => peer.close(grace)));
    this.#pool[Symbol.dispose]();
  }

  /** The same as close(). */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #serve(): Promise<void> {
    for await (const arrival of this.#listener) {
      const setUp = this.#accept(arrival);
      this.#setUps.add(setUp);
      setUp.finally(() => this.#setUps.delete(setUp));
    }
  }

  async #accept(arrival: Arrival): Promise<void> {
    const { remote } = arrival;
    const { transport } = this;
    const { log, maxConnections } = this.#options;
    if (this.#peers.size + this.#setUps.size >= maxConnections) {
      this.#errors.add("TooManyConnections");
      log("warn", "connection refused", { remote, reason: `${maxConnections} connections stand already` });
      await arrival.reject("too many connections").catch(() => {});
      return;
    }
    try {
      const channel = await arrival.accept(this.#stopping.signal);
      const peer = new EnginePeer(channel, {
        store: this.#store,
        sessions: this.#sessions,
        transfers: this.#transfers,
        maxTransferSize: this.#options.maxTransferSize,
        version: this.#options.version,
        refused: (code, reason) => {
          this.#errors.add(code);
          log("debug", "request refused", { remote, code, reason });
        },
      });
      this.#peers.add(peer);
      this.#accepted++;
      log("info", "reader connected", { remote, transport });
      channel.closed.then(({ graceful, error }) => {
        this.#peers.delete(peer);
        if (!graceful) this.#errors.add(lossOf(error));
        log(graceful ? "info" : "warn", "reader gone", {
          remote,
          reason: error === undefined ? "closed" : reasonOf(error),
        });
      });
    } catch (error) {
      this.#errors.add("set-up failed");
      log("warn", "connection failed", { remote, reason: reasonOf(error) });
    }
  }
}

/** What the loss of a connection is counted as. */
function lossOf(error: VerbenaError | undefined): string {
  if (error instanceof WireError) return "Malformed";
  const code = error instanceof VerbsError ? error.code : "";
  return code === "idle" || code === "timeout" ? `connection lost: ${code}` : "connection lost";
}
