/**
 * A server that somebody is logged on to; its connection is made again when it is lost.
 *
 * @module
 */
import { ConfigError } from "../../rdma/errors.ts";
import type { PassedOver, ProviderRegistry } from "../../rdma/registry.ts";
import { Cipher, SigningAlgorithm } from "../wire/negotiate_contexts.ts";
import { SMB_PORT } from "./choose_transport.ts";
import type { SmbCredentials } from "./credentials.ts";
import { SessionKeeper, type SmbLog } from "./session_keeper.ts";
import {
  CIPHERS,
  dialectName,
  type ResolvedSettings,
  resolveSmbSettings,
  SIGNING_ALGORITHMS,
  type SmbSettings,
} from "./settings.ts";
import { SmbShare } from "./share.ts";
import { SmbStatistics } from "./statistics.ts";

/** How to connect. */
export interface SmbOptions extends SmbSettings {
  /** The port of TCP; default 445. */
  port?: number;
  /** Who logs on. */
  credentials?: SmbCredentials;
  /** RDMA providers; TCP alone unless said. */
  registry?: ProviderRegistry;
  /** Hears which transport was taken and why, and of connections that are lost and made again. */
  log?: SmbLog;
  /** Abandons connecting. */
  signal?: AbortSignal;
}

/** What of one request may be given up. */
export interface SmbCallOptions {
  /** Gives it up; the promise is then rejected with the signal's reason. */
  signal?: AbortSignal | undefined;
}

/**
 * Connects to an SMB server and logs on.
 *
 * @throws ConfigError for options that make no sense; NtStatusError when the server refuses the user; SystemError when it
 * cannot be reached; CapabilityError when it has not got what the options ask for; WireError when it breaks the protocol.
 */
export async function connectSmb(hostname: string, options: SmbOptions = {}): Promise<SmbServer> {
  const server = new SmbServer(hostname, options);
  try {
    await keeperOf(server).session(options.signal);
    return server;
  } catch (error) {
    await server.close();
    throw error;
  }
}

/** A server's sessions, for its shares and files. */
export let keeperOf: (server: SmbServer) => SessionKeeper;

/** The server; {@linkcode connectSmb} makes it. */
export class SmbServer implements AsyncDisposable {
  static {
    keeperOf = (server) => server.#keeper;
  }

  /** What has been done, over every connection. */
  readonly statistics: SmbStatistics = new SmbStatistics();
  /** What was chosen. */
  readonly settings: ResolvedSettings;
  readonly #keeper: SessionKeeper;

  /** Connects to nothing yet. Throws ConfigError. */
  constructor(/** Its name or address. */ readonly hostname: string, options: SmbOptions) {
    const { port = SMB_PORT, registry, credentials, log } = options;
    if (hostname === "") throw new ConfigError("SMB server: its name is empty");
    if (credentials === undefined) {
      throw new ConfigError(
        `SMB server ${hostname}: no credentials; give user and password, or ask for guest or anonymous`,
      );
    }
    this.settings = resolveSmbSettings(options);
    const destination = { hostname, port, registry };
    this.#keeper = new SessionKeeper(destination, credentials, this.settings, this.statistics, log ?? (() => {}));
  }

  /** What moves the bytes now: `tcp`, `iwarp`, `verbs:rxe0`. */
  get transport(): string {
    return this.statistics.transport;
  }

  /** What would have been preferred to it, and why it was not taken. */
  get passedOver(): readonly PassedOver[] {
    return this.#keeper.passedOver;
  }

  /** The dialect spoken, `3.1.1`. */
  get dialect(): string {
    return dialectName(this.#keeper.current?.agreement.dialect ?? 0);
  }

  /** What signs messages, `aes-gmac`; `none` where nothing does. */
  get signing(): string {
    const security = this.#keeper.current?.exchange.security;
    if (security?.signer === undefined || !security.signs || security.encrypts) return "none";
    const algorithm = this.#keeper.current?.agreement.signingAlgorithm ?? SigningAlgorithm.HMAC_SHA256;
    return Object.entries(SIGNING_ALGORITHMS).find(([, id]) => id === algorithm)?.[0] ?? "none";
  }

  /** What encrypts messages, `aes-128-gcm`; `none` where nothing does. A share may ask for it by itself. */
  get encryption(): string {
    if (this.#keeper.current?.exchange.security?.encrypts !== true) return "none";
    const cipher = this.#keeper.current?.agreement.cipher ?? Cipher.NONE;
    return Object.entries(CIPHERS).find(([, id]) => id === cipher)?.[0] ?? "none";
  }

  /**
   * Reaches a share.
   *
   * @throws NtStatusError BAD_NETWORK_NAME, ACCESS_DENIED; CapabilityError when it wants encryption that is not there.
   */
  async openShare(name: string, options: SmbCallOptions = {}): Promise<SmbShare> {
    if (name === "" || /[\\/\0]/.test(name)) {
      throw new ConfigError(`SMB share ${JSON.stringify(name)}: a share's name is not empty and has no separators`);
    }
    await this.#keeper.run((session) => session.tree(name), { replayable: true, signal: options.signal });
    return new SmbShare(this, name);
  }

  /** Asks for a sign of life. */
  async echo(options: SmbCallOptions = {}): Promise<void> {
    await this.#keeper.run((session) => session.exchange.echo(options.signal), {
      replayable: true,
      signal: options.signal,
    });
  }

  /** Logs off and disconnects. Idempotent. */
  async close(): Promise<void> {
    await this.#keeper.close();
  }

  /** {@linkcode close}. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Whether there is a connection now. */
  get connected(): boolean {
    return this.#keeper.current?.over === false;
  }

  /** `server`, or `server:port` of an unusual one, for errors. */
  get name(): string {
    return this.#keeper.name;
  }
}
