/**
 * The SMB servers of a configuration file, for many readers: each logged on to when it is first asked for, and let go of
 * when nobody has read from it for a while.
 *
 * @module
 */
import type { ConnectionView } from "../routes/observed.ts";
import { HttpError } from "../routes/http_error.ts";
import type { SmbName, SmbOpenDirectory, SmbOpenFile, SmbSource } from "../routes/v1/smb_source.ts";
import { ConfigError } from "../src/rdma/errors.ts";
import type { ProviderRegistry } from "../src/rdma/registry.ts";
import {
  connectSmb,
  NtStatus,
  NtStatusError,
  resolveSmbSettings,
  type SmbCredentials,
  type SmbSettings,
  smbSettingsFrom,
} from "../src/smb/mod.ts";
import { readPassword, type SmbConfig, type SmbServerConfig } from "./config/smb.ts";
import type { Share, ShareFile, ShareServer, ShareStat } from "./share.ts";
import type { Connect } from "./smb_connections.ts";
import { credentialsWithout } from "./smb_logon.ts";

/** Files that may be open at once; beyond them a reader gets 503. */
export const MAX_OPEN = 256;
/** Milliseconds after which a server that nobody reads from is let go of. */
export const IDLE = 60_000;

/** What a pool stands on. */
export interface PoolOptions {
  /** The servers. */
  readonly config: SmbConfig;
  /** Settings that come before the configuration's. */
  readonly settings: SmbSettings;
  /** RDMA providers. */
  readonly registry: ProviderRegistry;
  /** Logs on. */
  readonly connect: Connect;
  /** Hears of connections. */
  readonly log: NonNullable<Parameters<Connect>[1]["log"]>;
  /** Default {@linkcode IDLE}. */
  readonly idle?: number;
  /** Default {@linkcode MAX_OPEN}. */
  readonly maxOpen?: number;
}

/** A server that is logged on to, or about to be. */
interface Entry {
  readonly server: Promise<ShareServer>;
  readonly shares: Map<string, Promise<Share>>;
  readonly held: DisposableStack;
  uses: number;
  timer: ReturnType<typeof setTimeout> | undefined;
  connected?: { readonly server: ShareServer; readonly since: number };
}

/** The servers. */
export class SmbPool implements SmbSource, AsyncDisposable {
  readonly #options: Omit<PoolOptions, "config">;
  readonly #entries = new Map<string, Entry>();
  #config: SmbConfig;
  #open = 0;

  /** Connects to nothing yet. */
  constructor(options: PoolOptions) {
    this.#options = options;
    this.#config = options.config;
  }

  /**
   * Goes by another configuration from now on: whoever asks next logs on anew, as another user or with another password
   * where that is so; what is being read is read to its end as before.
   */
  replace(config: SmbConfig): void {
    this.#config = config;
    for (const [name, entry] of [...this.#entries]) this.#drop(name, entry);
  }

  /** Opens what a path of a share names. */
  async open(
    name: string,
    share: string,
    path: string,
    signal: AbortSignal,
  ): Promise<SmbOpenFile | SmbOpenDirectory> {
    const { maxOpen = MAX_OPEN } = this.#options;
    const configured = this.#config.servers.get(name.toLowerCase());
    if (configured === undefined) {
      throw new HttpError(404, `no SMB server is configured as ${JSON.stringify(name.slice(0, 64))}`);
    }
    if (this.#open >= maxOpen) {
      throw new HttpError(503, `${maxOpen} files are open, the most there may be`, { "retry-after": "1" });
    }
    await using held = new AsyncDisposableStack();
    const entry = this.#use(name.toLowerCase(), configured);
    held.defer(() => this.#release(name.toLowerCase(), entry));
    try {
      const server = await entry.server;
      const opened = await openPath(await this.#share(entry, server, share), path, signal);
      if (opened instanceof Directory) return opened.heldBy(held.move());
      held.use(opened);
      const { rdmaThreshold } = resolveSmbSettings(this.#settings(configured));
      return new File(server, opened, rdmaThreshold, held.move());
    } catch (error) {
      // what the server itself says leaves the connection as it was
      if (!(error instanceof NtStatusError) && !signal.aborted) this.#drop(name.toLowerCase(), entry);
      throw error;
    }
  }

  /** The connections that stand, by their configured names. */
  connections(): ConnectionView[] {
    return [...this.#entries].flatMap(([name, { connected, uses }]) => {
      if (connected === undefined) return [];
      const { server, since } = connected;
      const { readBytes } = server.statistics.toJSON();
      const bytes = typeof readBytes === "number" ? readBytes : 0;
      return [{
        id: `smb-${name}`,
        kind: "smb",
        remote: name,
        transport: server.transport,
        since,
        inFlight: uses,
        bytes,
      }];
    });
  }

  #settings(configured: SmbServerConfig): SmbSettings {
    return { ...this.#config.settings, ...configured.settings, ...this.#options.settings };
  }

  #use(name: string, configured: SmbServerConfig): Entry {
    let entry = this.#entries.get(name);
    if (entry === undefined) {
      const held = new DisposableStack();
      const server = this.#logOn(name, configured, held);
      entry = { server, shares: new Map(), held, uses: 0, timer: undefined };
      this.#entries.set(name, entry);
      const opening = entry;
      server.then(
        (connected) => opening.connected = { server: connected, since: Date.now() },
        () => this.#drop(name, opening), // the next one who asks tries anew
      );
    }
    clearTimeout(entry.timer);
    entry.uses++;
    this.#open++;
    return entry;
  }

  async #logOn(name: string, configured: SmbServerConfig, held: DisposableStack): Promise<ShareServer> {
    const { connect, registry, log } = this.#options;
    const { host, port } = configured;
    const credentials = await credentialsOf(name, configured, held);
    const options = {
      ...this.#settings(configured),
      ...(port === undefined ? {} : { port }),
      credentials,
      registry,
      log,
    };
    return await connect(host, options);
  }

  async #share(entry: Entry, server: ShareServer, name: string): Promise<Share> {
    const key = name.toLowerCase();
    let share = entry.shares.get(key);
    if (share === undefined) {
      share = server.openShare(name);
      entry.shares.set(key, share);
      share.catch(() => entry.shares.delete(key));
    }
    return await share;
  }

  #release(name: string, entry: Entry): void {
    this.#open--;
    if (--entry.uses > 0) return;
    if (this.#entries.get(name) !== entry) return void close(entry);
    const { idle = IDLE } = this.#options;
    entry.timer = setTimeout(() => this.#drop(name, entry), idle);
  }

  /** The next one who asks connects anew; those who still read end first. */
  #drop(name: string, entry: Entry): void {
    clearTimeout(entry.timer);
    if (this.#entries.get(name) === entry) this.#entries.delete(name);
    if (entry.uses === 0) void close(entry);
  }

  /** Logs off everywhere; what is still read breaks off. */
  async [Symbol.asyncDispose](): Promise<void> {
    const entries = [...this.#entries.values()];
    this.#entries.clear();
    for (const { timer } of entries) clearTimeout(timer);
    await Promise.all(entries.map(close));
  }
}

/** Logs off, as well as that can be done. */
async function close({ server, held }: Entry): Promise<void> {
  try {
    await (await server).close();
  } catch {
    // It never came to be, or has gone already.
  } finally {
    held.dispose();
  }
}

/** The servers of a configuration, as the environment and the file have them. Throws ConfigError. */
export async function openPool(
  config: SmbConfig,
  environment: (variable: string) => string | undefined,
  registry: ProviderRegistry,
  log: PoolOptions["log"],
): Promise<SmbPool> {
  const settings = smbSettingsFrom(environment);
  await checkServers(config);
  return new SmbPool({ config, settings, registry, connect: connectSmb, log });
}

/** Throws ConfigError that names the server of which not everything is said that logging on will need. */
export async function checkServers({ servers }: SmbConfig): Promise<void> {
  using held = new DisposableStack();
  for (const [name, server] of servers) await credentialsOf(name, server, held);
}

async function credentialsOf(
  name: string,
  configured: SmbServerConfig,
  held: DisposableStack,
): Promise<SmbCredentials> {
  const { user, domain, passwordFile, logon } = configured;
  if (logon !== undefined) return credentialsWithout(logon, held);
  if (user === undefined) throw new ConfigError(`smb.servers.${name}: who logs on? user or logon is missing`);
  if (passwordFile === undefined) {
    throw new ConfigError(`smb.servers.${name}: passwordFile is missing: nobody can be asked`);
  }
  return { user, ...(domain === undefined ? {} : { domain }), password: await readPassword(passwordFile) };
}

async function openPath(share: Share, path: string, signal: AbortSignal): Promise<ShareFile | Directory> {
  if (path === "") return new Directory(share, path);
  try {
    return await share.open(path, { signal });
  } catch (error) {
    if (!(error instanceof NtStatusError) || error.status !== NtStatus.FILE_IS_A_DIRECTORY) throw error;
    return new Directory(share, path);
  }
}

/** An open file. */
class File implements SmbOpenFile {
  readonly kind = "file";
  readonly #server: ShareServer;
  readonly #file: ShareFile;
  readonly #threshold: number;
  readonly #held: AsyncDisposableStack;

  constructor(server: ShareServer, file: ShareFile, threshold: number, held: AsyncDisposableStack) {
    this.#server = server;
    this.#file = file;
    this.#threshold = threshold;
    this.#held = held;
  }

  get size(): number {
    return this.#file.size;
  }

  get modified(): number {
    return this.#file.stat.modified;
  }

  get version(): string {
    return versionOf(this.#file.stat);
  }

  get transport(): string {
    return this.#server.transport;
  }

  // Signed and encrypted messages carry their data, and so do short ones.
  byRdma(length: number): boolean {
    const { transport, signing, encryption } = this.#server;
    return transport !== "tcp" && signing === "none" && encryption === "none" && length >= this.#threshold;
  }

  async read(offset: number, into: Uint8Array, signal: AbortSignal): Promise<number> {
    return await this.#file.read(offset, into, { signal });
  }

  async currentVersion(): Promise<string> {
    // of the same handle: its own number says nothing new, and servers may number files otherwise as they open them
    return versionOf({ ...await this.#file.refresh(), fileId: this.#file.stat.fileId });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#held.disposeAsync();
  }
}

function versionOf({ fileId, size, modifiedTime }: ShareStat): string {
  return `${fileId.toString(16)}-${size.toString(16)}-${modifiedTime.toString(16)}`;
}

/** A directory. */
class Directory implements SmbOpenDirectory {
  readonly kind = "directory";
  #held = new AsyncDisposableStack();

  constructor(readonly share: Share, readonly path: string) {}

  heldBy(held: AsyncDisposableStack): this {
    this.#held = held;
    return this;
  }

  async *names(signal: AbortSignal): AsyncIterable<SmbName> {
    for await (const { name, stat } of this.share.readDir(this.path, { signal })) {
      yield { name, directory: stat.directory, size: stat.size, modified: stat.modified };
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#held.disposeAsync();
  }
}
