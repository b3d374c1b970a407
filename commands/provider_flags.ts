/**
 * The flags of every command that may choose among the RDMA providers.
 *
 * @module
 */
import type { Arguments, Flag } from "./command.ts";
import {
  CRC_MODES,
  type CrcMode,
  IWARP_PROFILES,
  type IwarpProfile,
  parseChoice,
  parseNumber,
  type ProviderName,
  PROVIDERS,
} from "./values.ts";

/** The flags. */
export const PROVIDER_FLAGS: Readonly<Record<string, Flag>> = {
  "provider": { type: "string", value: "NAME", help: "what moves the bytes: auto, verbs or iwarp (auto)" },
  "crc": { type: "string", value: "MODE", help: "CRCs of iWARP frames: auto, on or off (auto)" },
  "iwarp-profile": { type: "string", value: "NAME", help: "whom iWARP frames suit: software or hardware (software)" },
  "spin": { type: "string", value: "US", help: "how long verbs poll for completions before they sleep (50)" },
};

/** Which provider is asked for, and how the providers are to behave. */
export interface ProviderChoice {
  /** What moves the bytes. */
  readonly provider: ProviderName;
  /** CRCs of iWARP's frames. */
  readonly crc: CrcMode;
  /** Whom iWARP's frames suit. */
  readonly iwarpProfile: IwarpProfile;
  /** How long the verbs provider polls for completions before it sleeps, in microseconds. */
  readonly spin: number;
}

/** Reads the flags. Throws ConfigError. */
export function providerChoice(given: Arguments): ProviderChoice {
  return {
    provider: parseChoice("provider", given.value("provider") ?? "auto", PROVIDERS),
    crc: parseChoice("crc", given.value("crc") ?? "auto", CRC_MODES),
    iwarpProfile: parseChoice("iwarp-profile", given.value("iwarp-profile") ?? "software", IWARP_PROFILES),
    spin: parseNumber("spin", given.value("spin") ?? "50", 0, 1_000_000),
  };
}
