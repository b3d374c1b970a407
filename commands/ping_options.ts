/**
 * What `verbena ping` was asked to do, read from its flags.
 *
 * @module
 */
import { ConfigError } from "../src/rdma/errors.ts";
import type { RdmaAddress } from "../src/rdma/provider.ts";
import { MAX_SIZE, MIN_SIZE, RPING_PORT } from "../src/rping/message.ts";
import type { Arguments } from "./command.ts";
import { type ProviderChoice, providerChoice } from "./provider_flags.ts";
import { parseHost, parseNumber } from "./values.ts";

/** What `verbena ping` was asked to do. Sizes are bytes, times milliseconds. */
export interface PingOptions extends ProviderChoice {
  /** Answer clients instead of being one. */
  readonly server: boolean;
  /** The server to ping; where to listen, of a server. */
  readonly address: RdmaAddress;
  /** A server ends after its first client. */
  readonly once: boolean;
  /** Rounds; Infinity until interrupted. */
  readonly count: number;
  /** Of the text. */
  readonly size: number;
  /** Between two rounds. */
  readonly interval: number;
  /** How long each answer may take. */
  readonly timeout: number;
  /** Print no line for each round. */
  readonly quiet: boolean;
  /** Print JSON. */
  readonly json: boolean;
}

/** Flags that only one of the roles takes. */
const CLIENTS_OWN = ["count", "size", "interval"];

/** Reads the flags. Throws ConfigError. */
export function pingOptions(given: Arguments): PingOptions {
  const server = given.has("server");
  const [host] = given.positionals;
  if (!server && host === undefined) throw new ConfigError("HOST is missing: name the server to ping, or --server");
  if (!server && given.has("once")) throw new ConfigError("--once goes with --server");
  const foreign = CLIENTS_OWN.find((flag) => server && given.has(flag));
  if (foreign !== undefined) throw new ConfigError(`--${foreign} is the client's to choose, not the server's`);
  const count = parseNumber("count", given.value("count") ?? "10", 0, 1_000_000_000);
  const json = given.has("json");
  return {
    server,
    address: {
      hostname: parseHost(host ?? "::"),
      port: parseNumber("port", given.value("port") ?? `${RPING_PORT}`, server ? 0 : 1, 65_535),
    },
    once: given.has("once"),
    count: count === 0 ? Infinity : count,
    size: parseNumber("size", given.value("size") ?? "64", MIN_SIZE, MAX_SIZE),
    interval: parseNumber("interval", given.value("interval") ?? "0", 0, 3_600_000),
    timeout: parseNumber("timeout", given.value("timeout") ?? "5000", 1, 3_600_000),
    ...providerChoice(given),
    quiet: json || given.has("quiet"),
    json,
  };
}
