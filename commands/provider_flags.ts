/**
 * The flags of every command that may choose among the RDMA providers.
 *
 * @module
 */
import type { IwarpOptions } from "../src/iwarp/mod.ts";
import type { Arguments, Flag } from "./command.ts";
import { CRC_MODES, IWARP_PROFILES, parseChoice, parseNumber, type ProviderName, PROVIDERS } from "./values.ts";

/** The flags of our iWARP. */
export const IWARP_FLAGS: Readonly<Record<string, Flag>> = {
  "crc": { type: "string", value: "MODE", help: "CRCs of iWARP frames: auto, on or off (auto)" },
  "iwarp-profile": { type: "string", value: "NAME", help: "whom iWARP frames suit: software or hardware (software)" },
  "iwarp-keepalive": {
    type: "string",
    value: "MS",
    help: "silence before an iWARP peer is asked for life; 0: never (30000)",
  },
  "iwarp-timeout": { type: "string", value: "MS", help: "how long work may stand still over iWARP; 0: for ever (0)" },
};

/** The flag of our verbs provider. */
export const SPIN_FLAG: Readonly<Record<string, Flag>> = {
  "spin": { type: "string", value: "US", help: "how long verbs poll for completions before they sleep (50)" },
};

/** The flags. */
export const PROVIDER_FLAGS: Readonly<Record<string, Flag>> = {
  "provider": { type: "string", value: "NAME", help: "what moves the bytes: auto, verbs or iwarp (auto)" },
  ...IWARP_FLAGS,
  ...SPIN_FLAG,
};

/** Which provider is asked for, and how the providers are to behave. */
export interface ProviderChoice {
  /** What moves the bytes. */
  readonly provider: ProviderName;
  /** How our iWARP is to behave. */
  readonly iwarp: IwarpOptions;
  /** How long the verbs provider polls for completions before it sleeps, in microseconds. */
  readonly spin: number;
}

/** Reads the flags of our iWARP. Throws ConfigError. */
export function iwarpChoice(given: Arguments): IwarpOptions {
  return {
    crc: parseChoice("crc", given.value("crc") ?? "auto", CRC_MODES),
    profile: parseChoice("iwarp-profile", given.value("iwarp-profile") ?? "software", IWARP_PROFILES),
    keepalive: parseNumber("iwarp-keepalive", given.value("iwarp-keepalive") ?? "30000", 0, 86_400_000),
    operationTimeout: parseNumber("iwarp-timeout", given.value("iwarp-timeout") ?? "0", 0, 86_400_000),
  };
}

/** Reads the flag of our verbs provider. Throws ConfigError. */
export function spinChoice(given: Arguments): number {
  return parseNumber("spin", given.value("spin") ?? "50", 0, 1_000_000);
}

/** Reads the flags. Throws ConfigError. */
export function providerChoice(given: Arguments): ProviderChoice {
  return {
    provider: parseChoice("provider", given.value("provider") ?? "auto", PROVIDERS),
    iwarp: iwarpChoice(given),
    spin: spinChoice(given),
  };
}
