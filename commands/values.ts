/**
 * The values that flags take, read strictly.
 *
 * @module
 */
import { ENGINE_PORT } from "../src/engine/protocol.ts";
import { ConfigError } from "../src/rdma/errors.ts";
import type { IwarpProfile } from "../src/iwarp/mod.ts";
import type { RdmaAddress } from "../src/rdma/provider.ts";

/**
 * Reads `HOST:PORT`, IPv6 in brackets; the port may be left out where `defaultPort` is given. Throws ConfigError that
 * names the flag.
 */
export function parseAddress(flag: string, text: string, defaultPort?: number): RdmaAddress {
  const match = /^(?:\[([0-9a-fA-F:.%\w]+)\]|([^\s:[\]/@]+))(?::(\d{1,5}))?$/.exec(text);
  const hostname = match?.[1] ?? match?.[2];
  const port = match?.[3] === undefined ? defaultPort : Number(match[3]);
  if (hostname === undefined || port === undefined || port > 65535) {
    const form = defaultPort === undefined ? "HOST:PORT" : "HOST or HOST:PORT";
    throw new ConfigError(`--${flag}: got ${JSON.stringify(text)}, want ${form}, as in 127.0.0.1:8081 or [::1]:8081`);
  }
  return { hostname, port };
}

/** Reads a host: a name, or a numeric address; IPv6 with brackets or without. Throws ConfigError. */
export function parseHost(text: string): string {
  const match = /^(?:\[([0-9a-fA-F:.%\w]+)\]|([0-9a-fA-F]*:[0-9a-fA-F:.%\w]+)|([^\s:[\]/@]+))$/.exec(text);
  const host = match?.[1] ?? match?.[2] ?? match?.[3];
  if (host === undefined) throw new ConfigError(`HOST: got ${JSON.stringify(text)}, want a name or a numeric address`);
  return host;
}

/** Where an engine is: at an RDMA address, or at the Unix socket with this path. */
export type EngineAddress = RdmaAddress | { readonly path: string };

/** Reads `rdma:HOST[:PORT]` or `unix:PATH`. Throws ConfigError that names the flag. */
export function parseEngineAddress(flag: string, text: string): EngineAddress {
  if (text.startsWith("rdma:")) return parseAddress(flag, text.slice("rdma:".length), ENGINE_PORT);
  if (/^unix:[^\0]+$/.test(text)) return { path: text.slice("unix:".length) };
  const form = `rdma:HOST[:${ENGINE_PORT}] or unix:PATH, as in rdma:10.0.0.1`;
  throw new ConfigError(`--${flag}: got ${JSON.stringify(text)}, want ${form}`);
}

/** Reads a whole number from `minimum` to `maximum`. Throws ConfigError that names the flag. */
export function parseNumber(flag: string, text: string, minimum: number, maximum: number): number {
  const value = /^\d{1,15}$/.test(text) ? Number(text) : NaN;
  if (!(value >= minimum && value <= maximum)) {
    throw new ConfigError(`--${flag}: got ${JSON.stringify(text)}, want a whole number from ${minimum} to ${maximum}`);
  }
  return value;
}

/** Reads one of a few words. Throws ConfigError that names the flag. */
export function parseChoice<T extends string>(flag: string, text: string, choices: readonly T[]): T {
  const choice = choices.find((word) => word === text);
  if (choice === undefined) {
    throw new ConfigError(
      `--${flag}: got ${JSON.stringify(text)}, want ${choices.slice(0, -1).join(", ")} or ${choices.at(-1)}`,
    );
  }
  return choice;
}

/** Which provider moves the bytes; `auto` takes the first that reaches the other side. */
export const PROVIDERS = ["auto", "verbs", "iwarp"] as const;
/** One of {@linkcode PROVIDERS}. */
export type ProviderName = typeof PROVIDERS[number];

/** Whether iWARP's frames carry a CRC: always, never, or as the peer wishes. */
export const CRC_MODES = ["auto", "on", "off"] as const;
/** Whom iWARP's frames suit. */
export const IWARP_PROFILES: readonly IwarpProfile[] = ["software", "hardware"];
