/**
 * The configuration file: `{ "smb": { "servers": { "nas": { "host": "10.0.0.5", … } }, … } }`, read strictly.
 *
 * @module
 */
import { ConfigError, reasonOf } from "../src/rdma/errors.ts";
import { isComponent, resolveSmbSettings, SMB_SETTINGS, type SmbSettings } from "../src/smb/mod.ts";
import { type Logon, LOGONS } from "./smb_flags.ts";

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

/** Keys of a server, beside the settings. */
const SERVER_KEYS = ["host", "port", "user", "domain", "passwordFile", "logon"];

/**
 * Reads a configuration file. Paths in it are relative to its folder.
 *
 * @throws ConfigError that names the file, the key and what is wrong with its value.
 */
export async function readConfig(path: string): Promise<SmbConfig> {
  let text: string;
  try {
    text = await Deno.readTextFile(path);
  } catch (error) {
    throw new ConfigError(`--config ${path}: ${reasonOf(error)}`);
  }
  try {
    return parseConfig(text, (file) => isAbsolute(file) ? file : `${path.replace(/[^/]*$/, "")}${file}`);
  } catch (error) {
    throw error instanceof ConfigError ? new ConfigError(`--config ${path}: ${error.message}`) : error;
  }
}

function isAbsolute(path: string): boolean {
  return /^([a-z]:)?[\\/]/i.test(path);
}

/** Reads a configuration; `locate` finds the files it names. Throws ConfigError that names the key. */
export function parseConfig(text: string, locate: (file: string) => string): SmbConfig {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (error) {
    throw new ConfigError(`it is no JSON: ${reasonOf(error)}`);
  }
  const top = objectOf("the file", document, ["smb"]);
  if (top.smb === undefined) return NO_CONFIG;
  const smb = objectOf("smb", top.smb, ["servers", ...Object.keys(SMB_SETTINGS)]);
  const servers = new Map<string, SmbServerConfig>();
  const settings = settingsOf("smb", smb, ["servers"]);
  for (const [name, value] of Object.entries(smb.servers === undefined ? {} : objectOf("smb.servers", smb.servers))) {
    const key = `smb.servers.${name}`;
    if (!isComponent(name) || /[@:;[\]\s]/.test(name)) throw new ConfigError(`${key}: it cannot be part of a URL`);
    if (servers.has(name.toLowerCase())) throw new ConfigError(`${key}: the name is given twice, case aside`);
    const server = serverOf(key, name, value, locate);
    checked(key, { ...settings, ...server.settings });
    servers.set(name.toLowerCase(), server);
  }
  return { servers, settings };
}

function serverOf(key: string, name: string, value: unknown, locate: (file: string) => string): SmbServerConfig {
  const server = objectOf(key, value, [...SERVER_KEYS, ...Object.keys(SMB_SETTINGS)]);
  const [user, domain, file] = ["user", "domain", "passwordFile"].map((each) => textOf(key, server, each));
  const { port } = server;
  const logon = LOGONS.find((each) => each === server.logon);
  if (port !== undefined && !(Number.isInteger(port) && port as number >= 1 && port as number <= 65_535)) {
    throw new ConfigError(`${key}.port: got ${JSON.stringify(port)}, want a whole number from 1 to 65535`);
  }
  if (server.logon !== logon) {
    throw new ConfigError(`${key}.logon: got ${JSON.stringify(server.logon)}, want one of ${LOGONS.join(", ")}`);
  }
  if (logon !== undefined && (user ?? domain ?? file) !== undefined) {
    throw new ConfigError(`${key}.logon: it goes without user, domain and passwordFile`);
  }
  return {
    host: textOf(key, server, "host") ?? name,
    port: port as number | undefined,
    user,
    domain,
    passwordFile: file === undefined ? undefined : locate(file),
    logon,
    settings: settingsOf(key, server, SERVER_KEYS),
  };
}

/** The settings of an object. Throws ConfigError that names the key. */
function settingsOf(key: string, object: Readonly<Record<string, unknown>>, others: readonly string[]): SmbSettings {
  const settings: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(object)) {
    if (others.includes(name)) continue;
    checked(`${key}.${name}`, { [name]: value });
    settings[name] = value;
  }
  checked(key, settings);
  return settings;
}

function checked(key: string, settings: SmbSettings): void {
  try {
    resolveSmbSettings(settings);
  } catch (error) {
    throw error instanceof ConfigError ? new ConfigError(`${key}: ${error.message}`) : error;
  }
}

function objectOf(key: string, value: unknown, known?: readonly string[]): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new ConfigError(`${key}: got ${JSON.stringify(value)?.slice(0, 64)}, want an object`);
  }
  const unknown = Object.keys(value).find((name) => known !== undefined && !known.includes(name));
  if (unknown !== undefined) {
    throw new ConfigError(`${key}: unknown key ${JSON.stringify(unknown)}, want ${known?.join(", ")}`);
  }
  return value as Record<string, unknown>;
}

function textOf(key: string, object: Readonly<Record<string, unknown>>, name: string): string | undefined {
  const value = object[name];
  if (value === undefined || (typeof value === "string" && value !== "")) return value;
  throw new ConfigError(`${key}.${name}: got ${JSON.stringify(value)?.slice(0, 64)}, want a text that is not empty`);
}

/** The password that a file holds. Throws ConfigError that names the file. */
export async function readPassword(path: string): Promise<string> {
  try {
    return (await Deno.readTextFile(path)).replace(/\r?\n$/, "");
  } catch (error) {
    throw new ConfigError(`passwordFile ${path}: ${reasonOf(error)}`);
  }
}
