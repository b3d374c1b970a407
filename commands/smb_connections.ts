/**
 * The servers and shares that a command's URLs name: each logged on to once, with flags, environment and configuration
 * file deciding how.
 *
 * @module
 */
import { ConfigError, reasonOf } from "../src/rdma/errors.ts";
import { ProviderRegistry } from "../src/rdma/registry.ts";
import {
  connectSmb,
  resolveSmbSettings,
  type SmbCredentials,
  type SmbOptions,
  type SmbSettings,
  smbSettingsFrom,
} from "../src/smb/mod.ts";
import type { Context } from "./command.ts";
import { readFileOf } from "./config/file.ts";
import { NO_CONFIG, readPassword, type SmbConfig, type SmbServerConfig } from "./config/smb.ts";
import { providers } from "./providers.ts";
import type { Share, ShareServer } from "./share.ts";
import type { SmbChoice } from "./smb_flags.ts";
import { credentialsWithout } from "./smb_logon.ts";
import { SmbTree } from "./smb_tree.ts";
import { formatSmbUrl, type SmbUrl } from "./smb_url.ts";

/** The variable that holds the password of whoever's is not said otherwise. */
export const PASSWORD_VARIABLE = "VERBENA_SMB_PASSWORD";

/** Logs on to a server. */
export type Connect = (hostname: string, options: SmbOptions) => Promise<ShareServer>;

/** Servers that are logged on to, and their shares. */
export class SmbConnections implements AsyncDisposable {
  readonly #choice: SmbChoice;
  readonly #context: Context;
  readonly #config: SmbConfig;
  readonly #environment: SmbSettings;
  readonly #connect: Connect;
  readonly #registry: ProviderRegistry;
  readonly #servers = new Map<string, { name: string; server: Promise<ShareServer> }>();
  readonly #shares = new Map<string, Promise<Share>>();
  readonly #held = new DisposableStack();

  private constructor(choice: SmbChoice, context: Context, config: SmbConfig, connect: Connect) {
    this.#choice = choice;
    this.#context = context;
    this.#config = config;
    this.#environment = smbSettingsFrom(context.environment);
    this.#connect = connect;
    this.#registry = new ProviderRegistry(providers(choice));
  }

  /** Reads the configuration; connects to nothing yet. Throws ConfigError. */
  static async open(choice: SmbChoice, context: Context, connect: Connect = connectSmb): Promise<SmbConnections> {
    const file = await readFileOf(choice.config, context.environment);
    return new SmbConnections(choice, context, file?.smb ?? NO_CONFIG, connect);
  }

  /** The share that a URL names. Throws what logging on and opening it throw. */
  share(url: SmbUrl): Promise<Share> {
    const key = `${this.#key(url)}/${url.share.toLowerCase()}`;
    let share = this.#shares.get(key);
    if (share === undefined) {
      share = this.#server(url).then((server) => server.openShare(url.share, { signal: this.#context.stop }));
      this.#shares.set(key, share);
    }
    return share;
  }

  /** The share that a URL names, as copying needs it. */
  async tree(url: SmbUrl): Promise<SmbTree> {
    const settings = resolveSmbSettings(this.#settings(this.#configured(url)));
    return new SmbTree(await this.share(url), url, settings);
  }

  #key({ host, port, domain, user }: SmbUrl): string {
    return JSON.stringify([host.toLowerCase(), port, domain?.toLowerCase(), user]);
  }

  #configured(url: SmbUrl): SmbServerConfig | undefined {
    return this.#config.servers.get(url.host.toLowerCase());
  }

  #settings(server: SmbServerConfig | undefined): SmbSettings {
    const { rdma } = this.#choice;
    const flags = rdma === undefined ? {} : { rdma };
    return { ...this.#config.settings, ...server?.settings, ...this.#environment, ...flags };
  }

  #server(url: SmbUrl): Promise<ShareServer> {
    const key = this.#key(url);
    let known = this.#servers.get(key);
    if (known === undefined) {
      known = { name: url.host, server: this.#logOn(url) };
      this.#servers.set(key, known);
    }
    return known.server;
  }

  async #logOn(url: SmbUrl): Promise<ShareServer> {
    const configured = this.#configured(url);
    const port = url.port ?? configured?.port;
    const { debug } = this.#choice;
    return await this.#connect(configured?.host ?? url.host, {
      ...this.#settings(configured),
      ...(port === undefined ? {} : { port }),
      credentials: await this.#credentials(url, configured),
      registry: this.#registry,
      signal: this.#context.stop,
      log: (level, message, fields) => {
        if (level === "warn" || debug) this.#context.report(logLine(url.host, message, fields));
      },
    });
  }

  async #credentials(url: SmbUrl, configured: SmbServerConfig | undefined): Promise<SmbCredentials> {
    const { logon, ...flags } = this.#choice;
    const user = url.user ?? flags.user ?? (logon === undefined ? configured?.user : undefined);
    if (logon !== undefined && user !== undefined) {
      throw new ConfigError(`${formatSmbUrl(url)}: it names a user, --${logon} goes without`);
    }
    const without = logon ?? configured?.logon;
    if (user === undefined && without !== undefined) return credentialsWithout(without, this.#held);
    if (user === undefined) {
      const ways = `smb://USER@${url.host}/${url.share}, --user, --kerberos, --guest or --anonymous`;
      throw new ConfigError(`${formatSmbUrl(url)}: who logs on? ${ways}`);
    }
    const domain = url.domain ?? flags.domain ?? configured?.domain;
    return { user, ...(domain === undefined ? {} : { domain }), password: await this.#password(url, user, configured) };
  }

  // The one nearest to the URL; a server's file holds the password of its own user only.
  async #password(url: SmbUrl, user: string, configured: SmbServerConfig | undefined): Promise<string> {
    const file = configured?.user === user ? configured.passwordFile : undefined;
    const password = url.password ?? (file === undefined ? undefined : await readPassword(file)) ??
      this.#context.environment(PASSWORD_VARIABLE) ??
      await this.#context.askSecret(`Password of ${user} at ${url.host}: `);
    if (password !== undefined) return password;
    throw new ConfigError(
      `${formatSmbUrl(url)}: no password: set ${PASSWORD_VARIABLE}, or run this on a terminal to be asked`,
    );
  }

  /** Tells what went over which transport, and why that one; one line for each server. */
  async reportStatistics(): Promise<void> {
    if (!this.#choice.stats) return;
    for (const { name, server } of this.#servers.values()) {
      const known = await server.catch(() => undefined);
      if (known === undefined) continue;
      const { dialect, signing, encryption, transport, passedOver, statistics } = known;
      const told = { server: name, dialect, signing, encryption, passedOver, ...statistics.toJSON(), transport };
      this.#context.report(JSON.stringify(told));
    }
  }

  /** Logs off everywhere. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.reportStatistics();
    for (const { name, server } of this.#servers.values()) {
      try {
        await (await server.catch(() => undefined))?.close();
      } catch (error) {
        this.#context.report(`${name}: log off: ${reasonOf(error)}`);
      }
    }
    this.#held.dispose();
  }
}

function logLine(server: string, message: string, fields: Record<string, string | number>): string {
  const told = Object.entries(fields).map(([name, value]) => `${name} ${value}`).join(", ");
  return `${server}: ${message}${told === "" ? "" : ` (${told})`}`;
}
