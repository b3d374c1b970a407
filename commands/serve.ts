/**
 * `verbena serve`: its flags.
 *
 * @module
 */
import { LOG_LEVELS, type LogLevel } from "../routes/log.ts";
import type { RdmaAddress } from "../src/rdma/provider.ts";
import type { Arguments, Command } from "./command.ts";
import {
  CRC_MODES,
  type CrcMode,
  parseAddress,
  parseChoice,
  parseEngineAddress,
  parseNumber,
  type ProviderName,
  PROVIDERS,
} from "./values.ts";

/** What `verbena serve` was asked to do. Sizes are bytes, times milliseconds. */
export interface ServeOptions {
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
  /** What moves the bytes. */
  readonly provider: ProviderName;
  /** CRCs of iWARP's frames. */
  readonly crc: CrcMode;
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
    provider: parseChoice("provider", given.value("provider") ?? "auto", PROVIDERS),
    crc: parseChoice("crc", given.value("crc") ?? "auto", CRC_MODES),
    readAhead: parseNumber("read-ahead", given.value("read-ahead") ?? "1048576", 0, 1 << 30),
    maxSessions: parseNumber("max-sessions", given.value("max-sessions") ?? "1000", 1, 1_000_000),
    timeout: parseNumber("timeout", given.value("timeout") ?? "4500", 1, 3_600_000),
    grace: parseNumber("grace", given.value("grace") ?? "5000", 0, 3_600_000),
    logLevel: parseChoice("log-level", given.value("log-level") ?? "info", LOG_LEVELS),
  };
}

/** `verbena serve`. */
export const serveCommand: Command = {
  name: "serve",
  summary:
    "Serves SeaweedFS needles, read over RDMA, to weed mount and other HTTP clients. Without --dir and --engine: a\n" +
    "sample volume.",
  usage: "[--listen HOST:PORT] [--dir DIR]… [--engine rdma:HOST]… [FLAG]…",
  role: "serve",
  positionals: { minimum: 0, maximum: 0 },
  flags: {
    "listen": { type: "string", value: "HOST:PORT", help: "where HTTP listens; port 0: any (127.0.0.1:8081)" },
    "dir": { type: "string", value: "DIR", multiple: true, help: "serve this SeaweedFS volume directory; repeatable" },
    "index-dir": { type: "string", value: "DIR", help: "where the .idx files are (beside the .dat files)" },
    "engine": { type: "string", value: "ADDRESS", multiple: true, help: "read through this engine; repeatable" },
    "master": {
      type: "string",
      value: "HOST:PORT",
      multiple: true,
      help: "for /v1 reads that no engine answers: find a volume server through this master; repeatable",
    },
    "read-key-file": { type: "string", value: "FILE", help: "SeaweedFS's jwt.signing.read.key, for those reads" },
    "provider": { type: "string", value: "NAME", help: "what moves the bytes: auto, verbs or iwarp (auto)" },
    "crc": { type: "string", value: "MODE", help: "CRCs of iWARP frames: auto, on or off (auto)" },
    "read-ahead": { type: "string", value: "BYTES", help: "read ahead of sequential readers; 0: off (1048576)" },
    "max-sessions": { type: "string", value: "COUNT", help: "reads in progress at once (1000)" },
    "timeout": { type: "string", value: "MS", help: "how long one read may take (4500)" },
    "grace": { type: "string", value: "MS", help: "how long reads in progress are waited for at the end (5000)" },
    "log-level": { type: "string", value: "LEVEL", help: "debug, info, warn or error (info)" },
  },
  async run(given, context): Promise<void> {
    const options = serveOptions(given);
    const { serve } = await import("./run_serve.ts");
    await serve(options, context);
  },
};
