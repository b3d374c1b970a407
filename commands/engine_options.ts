/**
 * What `verbena engine` was asked to do, read from its flags.
 *
 * @module
 */
import { LOG_LEVELS, type LogLevel } from "../routes/log.ts";
import { ENGINE_PORT } from "../src/engine/protocol.ts";
import { ConfigError } from "../src/rdma/errors.ts";
import type { RdmaAddress } from "../src/rdma/provider.ts";
import type { Arguments } from "./command.ts";
import { type ProviderChoice, providerChoice } from "./provider_flags.ts";
import { parseAddress, parseChoice, parseNumber } from "./values.ts";

/** What `verbena engine` was asked to do. Times are milliseconds. */
export interface EngineOptions extends ProviderChoice {
  /** SeaweedFS volume directories, at least one. */
  readonly directories: readonly string[];
  /** Where their `.idx` files are, if not beside the `.dat` files. */
  readonly indexDirectory: string | undefined;
  /** Where it listens for RDMA connections; undefined for nowhere. */
  readonly listen: RdmaAddress | undefined;
  /** The path of its Unix socket; undefined for none. One of the two there is. */
  readonly socket: string | undefined;
  /** Sessions at once. */
  readonly maxSessions: number;
  /** How long sessions under way are waited for when the engine stops. */
  readonly grace: number;
  /** The quietest level of log line that is written. */
  readonly logLevel: LogLevel;
}

/** Reads the flags. Throws ConfigError. */
export function engineOptions(given: Arguments): EngineOptions {
  const directories = given.values("dir");
  if (directories.length === 0) throw new ConfigError("--dir is missing: name a SeaweedFS volume directory, --dir DIR");
  const socket = given.value("socket");
  const listen = given.value("listen") ?? (socket === undefined ? `[::]:${ENGINE_PORT}` : undefined);
  return {
    directories,
    indexDirectory: given.value("index-dir"),
    listen: listen === undefined ? undefined : parseAddress("listen", listen, ENGINE_PORT),
    socket,
    ...providerChoice(given),
    maxSessions: parseNumber("max-sessions", given.value("max-sessions") ?? "1000", 1, 1_000_000),
    grace: parseNumber("grace", given.value("grace") ?? "5000", 0, 3_600_000),
    logLevel: parseChoice("log-level", given.value("log-level") ?? "info", LOG_LEVELS),
  };
}
