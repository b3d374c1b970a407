/**
 * What the configuration file says of SMB servers: `[smb]`, and `[smb.servers.NAME]` of each.
 *
 * @module
 */
import { ConfigError, reasonOf } from "../../src/rdma/errors.ts";
import type { SmbSettings } from "../../src/smb/mod.ts";
import type { Logon } from "../smb_flags.ts";

/** A server by its name. */
export interface SmbServerConfig {
  /** Name or numeric address; the server's own name where it is left out. */
  readonly host: string;
  /** TCP's port. */
  readonly port: number | undefined;
  /** Who logs on; undefined with `logon`. */
  readonly user: string | undefined;
  /** The user's domain. */
  readonly domain: string | undefined;
  /** File that holds the password, and nothing else but a newline at its end. */
  readonly passwordFile: string | undefined;
  /** Log on without a user's name. */
  readonly logon: Logon | undefined;
  /** Settings of this server's connections alone. */
  readonly settings: SmbSettings;
}

/** What a configuration file says. */
export interface SmbConfig {
  /** Servers by name, in lower case. */
  readonly servers: ReadonlyMap<string, SmbServerConfig>;
  /** Settings of every connection. */
  readonly settings: SmbSettings;
}

/** What is known without a file. */
export const NO_CONFIG: SmbConfig = { servers: new Map(), settings: {} };

/** The section, as the schema lets it pass. */
export interface SmbSection extends SmbSettings {
  /** Servers by name. */
  readonly servers?: Readonly<Record<string, ServerSection>>;
}

interface ServerSection extends SmbSettings {
  readonly host?: string;
  readonly port?: number;
  readonly user?: string;
  readonly domain?: string;
  readonly passwordFile?: string;
  readonly logon?: Logon;
}

/** Takes a section that was checked; `locate` finds the files it names. */
export function smbConfigOf(section: SmbSection, locate: (file: string) => string): SmbConfig {
  const { servers = {}, ...settings } = section;
  const entries = Object.entries(servers).map(([name, server]): [string, SmbServerConfig] => {
    const { host = name, port, user, domain, passwordFile, logon, ...own } = server;
    const file = passwordFile === undefined ? undefined : locate(passwordFile);
    return [name.toLowerCase(), { host, port, user, domain, passwordFile: file, logon, settings: own }];
  });
  return { servers: new Map(entries), settings };
}

/** The password that a file holds. Throws ConfigError that names the file. */
export async function readPassword(path: string): Promise<string> {
  try {
    return (await Deno.readTextFile(path)).replace(/\r?\n$/, "");
  } catch (error) {
    throw new ConfigError(`passwordFile ${path}: ${reasonOf(error)}`);
  }
}
