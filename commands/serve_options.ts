/**
 * What `verbena serve` was asked to do, read from its flags.
 *
 * @module
 */
import { LOG_LEVELS, type LogLevel } from "../routes/log.ts";
import type { RdmaAddress } from "../src/rdma/provider.ts";
import type { Arguments } from "./command.ts";
import { type ProviderChoice, providerChoice } from "./provider_flags.ts";
import { parseAddress, parseChoice, parseEngineAddress, parseNumber } from "./values.ts";

/** What `verbena serve` was asked to do. Sizes are bytes, times milliseconds. */
export interface ServeOptions extends ProviderChoice {
  /** Where the HTTP API listens. */
  readonly listen: RdmaAddress;
  /** SeaweedFS volume directories that an engine in this process serves. */
  readonly directories: readonly string[];
  /** Where their `.idx` files are, if not beside the `.dat` files. */
  readonly indexDirectory: string | undefined;
  /** Engines elsewhere. With none, and no directory, a sample volume is served. */
  readonly engines: readonly RdmaAddress[];
  /** Masters to find volume servers through, for `/v1` reads that no engine answers; `host:port` or a URL. */
  readonly masters: readonly string[];
  /** File that holds SeaweedFS's `jwt.signing.read.key`. */
  readonly readKeyFile: string | undefined;
  /** The configuration file, which names SMB servers. */
  readonly config: string | undefined;
  /** Bytes read ahead of a sequential reader; 0 turns it off. */
  readonly readAhead: number;
  /** Reads in progress at once. */
  readonly maxSessions: number;
  /** How long one read may take. */
  readonly timeout: number;
  /** How long reads in progress are waited for when the service stops. */
  readonly grace: number;
  /** The quietest level of log line that is written. */
  readonly logLevel: LogLevel;
}

/** Reads the flags. Throws ConfigError. */
export function serveOptions(given: Arguments): ServeOptions {
  return {
    listen: parseAddress("listen", given.value("listen") ?? "127.0.0.1:8081"),
    directories: given.values("dir"),
    indexDirectory: given.value("index-dir"),
    engines: given.values("engine").map((text) => parseEngineAddress("engine", text)),
    masters: given.values("master"),
    readKeyFile: given.value("read-key-file"),
    config: given.value("config"),
    ...providerChoice(given),
    readAhead: parseNumber("read-ahead", given.value("read-ahead") ?? "1048576", 0, 1 << 30),
    maxSessions: parseNumber("max-sessions", given.value("max-sessions") ?? "1000", 1, 1_000_000),
    timeout: parseNumber("timeout", given.value("timeout") ?? "4500", 1, 3_600_000),
    grace: parseNumber("grace", given.value("grace") ?? "5000", 0, 3_600_000),
    logLevel: parseChoice("log-level", given.value("log-level") ?? "info", LOG_LEVELS),
  };
}
