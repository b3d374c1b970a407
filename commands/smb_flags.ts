/**
 * The flags of every command that reaches an SMB server.
 *
 * @module
 */
import { ConfigError } from "../src/rdma/errors.ts";
import type { IwarpOptions } from "../src/iwarp/mod.ts";
import type { Arguments, Flag } from "./command.ts";
import { IWARP_FLAGS, iwarpChoice, SPIN_FLAG, spinChoice } from "./provider_flags.ts";
import { parseChoice } from "./values.ts";

/** Which way the bytes go. */
const RDMA_WAYS = ["auto", "verbs", "iwarp", "off"] as const;

/** Ways to log on without a user's name and password. */
export const LOGONS = ["kerberos", "guest", "anonymous"] as const;
/** One of {@linkcode LOGONS}. */
export type Logon = typeof LOGONS[number];

/** The flags. */
export const SMB_FLAGS: Readonly<Record<string, Flag>> = {
  "rdma": { type: "string", value: "WAY", help: "auto, else TCP; verbs or iwarp alone; or off (auto)" },
  "user": { type: "string", value: "NAME", help: "who logs on, where the URL does not say" },
  "domain": { type: "string", value: "NAME", help: "the user's domain, where the URL does not say" },
  "kerberos": { type: "boolean", help: "log on with the tickets that kinit left" },
  "guest": { type: "boolean", help: "log on as guest: nothing is signed or encrypted" },
  "anonymous": { type: "boolean", help: "log on as nobody" },
  "config": { type: "string", value: "FILE", help: "servers and settings, JSON; a URL's host may be a server's name" },
  "stats": { type: "boolean", help: "tell on stderr which transport was taken and why, and what went over it" },
  ...IWARP_FLAGS,
  ...SPIN_FLAG,
};

/** What the flags say of servers and connections. */
export interface SmbChoice {
  /** Which way the bytes go; undefined where the settings say. */
  readonly rdma: typeof RDMA_WAYS[number] | undefined;
  /** Who logs on. */
  readonly user: string | undefined;
  /** The user's domain. */
  readonly domain: string | undefined;
  /** Log on without a user's name. */
  readonly logon: Logon | undefined;
  /** The configuration file. */
  readonly config: string | undefined;
  /** Whether statistics are told. */
  readonly stats: boolean;
  /** Whether everything that a connection logs is told. */
  readonly debug: boolean;
  /** How our iWARP is to behave. */
  readonly iwarp: IwarpOptions;
  /** How long the verbs provider polls for completions before it sleeps, in microseconds. */
  readonly spin: number;
}

/** Reads the flags. Throws ConfigError. */
export function smbChoice(given: Arguments): SmbChoice {
  const rdma = given.value("rdma");
  const [user, domain] = [given.value("user"), given.value("domain")];
  const [logon, other] = LOGONS.filter((flag) => given.has(flag));
  if (other !== undefined) throw new ConfigError(`--${logon} and --${other} exclude each other`);
  if (logon !== undefined && (user ?? domain) !== undefined) {
    throw new ConfigError(`--${logon} goes without ${user === undefined ? "--domain" : "--user"}`);
  }
  return {
    rdma: rdma === undefined ? undefined : parseChoice("rdma", rdma, RDMA_WAYS),
    user,
    domain,
    logon,
    config: given.value("config"),
    stats: given.has("stats"),
    debug: given.has("debug"),
    iwarp: iwarpChoice(given),
    spin: spinChoice(given),
  };
}
