/**
 * The storage side of one store, over every provider that can be had at its address.
 *
 * @module
 */
import type { Log } from "../routes/log.ts";
import {
  type EngineConnectionInfo,
  EngineServer,
  type EngineServerOptions,
  type RegionInfo,
} from "../src/engine/mod.ts";
import { formatAddress, type ProtectionDomain, type RdmaAddress, SystemError } from "../src/rdma/mod.ts";
import type { Store } from "../src/seaweed/mod.ts";
import { engineLog } from "./providers.ts";

/** Engines that serve one store: at one address and port, each to peers of another kind, and on a Unix socket. */
export class EngineServers implements AsyncDisposable {
  readonly #servers: (EngineServer | EngineServer<string>)[];
  readonly #domains: readonly ProtectionDomain[];
  #closed: Promise<void> | undefined;

  private constructor(
    servers: readonly EngineServer[],
    domains: readonly ProtectionDomain[],
    /** Where they listen for RDMA connections; undefined for nowhere. */ readonly address: RdmaAddress | undefined,
  ) {
    this.#servers = [...servers];
    this.#domains = domains;
  }

  /** None yet: for {@linkcode addSocket}. */
  static none(): EngineServers {
    return new EngineServers([], [], undefined);
  }

  /**
   * Listens in each of `domains`, which become the engines' to dispose. One whose port another has taken is passed over:
   * an iWARP device listens on TCP's ports, so its peers and ours meet there. Throws SystemError when none can listen.
   */
  static async start(
    domains: readonly [ProtectionDomain, ...ProtectionDomain[]],
    address: RdmaAddress,
    store: Store,
    options: EngineServerOptions,
    log: Log,
  ): Promise<EngineServers> {
    await using starting = new AsyncDisposableStack();
    for (const domain of domains) starting.use(domain);
    const servers: EngineServer[] = [];
    let port = address.port;
    for (const domain of domains) {
      try {
        const server = await EngineServer.start(domain, { ...address, port }, store, {
          ...options,
          log: engineLog(log),
        });
        starting.use(server);
        servers.push(server);
        port = server.address.port;
      } catch (error) {
        if (!(error instanceof SystemError) || servers.length === 0) throw error;
        log.write("info", "not listening over this provider too", {
          address: formatAddress({ ...address, port }),
          transport: domain.transport,
          reason: error.message,
        });
      }
    }
    starting.move();
    return new EngineServers(servers, domains, { hostname: address.hostname, port });
  }

  /** Listens on a Unix socket, too. Throws ConfigError and SystemError. */
  async addSocket(path: string, store: Store, options: EngineServerOptions, log: Log): Promise<void> {
    this.#servers.push(await EngineServer.startLocal(path, store, { ...options, log: engineLog(log) }));
  }

  /** Where they listen: `rdma:[::]:18515`, `unix:/run/verbena/engine.sock`. */
  get addresses(): string[] {
    const sockets = this.#servers.flatMap(({ address }) => typeof address === "string" ? `unix:${address}` : []);
    return this.address === undefined ? sockets : [`rdma:${formatAddress(this.address)}`, ...sockets];
  }

  /** `verbs:rxe0, iwarp, local`. */
  get transports(): string {
    return this.#servers.map(({ transport }) => transport).join(", ");
  }

  /** Connections ever, ranges placed, and their bytes, of all together. */
  statistics(): { accepted: number; transfers: number; bytes: number } {
    const sums = { accepted: 0, transfers: 0, bytes: 0 };
    for (const server of this.#servers) {
      const { accepted, transfers, bytes } = server.statistics();
      sums.accepted += accepted;
      sums.transfers += transfers;
      sums.bytes += bytes;
    }
    return sums;
  }

  /** The connections of all together. */
  connections(): readonly EngineConnectionInfo[] {
    return this.#servers.flatMap((server) => server.connections());
  }

  /** Their registered memory. */
  regions(): readonly RegionInfo[] {
    return this.#servers.flatMap((server) => server.regions());
  }

  /** Stops listening, lets transfers under way leave within `grace` milliseconds, and closes every connection. */
  close(grace?: number): Promise<void> {
    return this.#closed ??= this.#close(grace);
  }

  async #close(grace: number | undefined): Promise<void> {
    await Promise.all(this.#servers.map((server) => server.close(grace)));
    for (const domain of this.#domains) domain[Symbol.dispose]();
  }

  /** The same as close(). */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
