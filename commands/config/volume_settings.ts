/**
 * The settings that `verbena serve` and `verbena engine` share: volumes, providers of RDMA, their end and their log.
 *
 * @module
 */
import { LOG_LEVELS } from "../../routes/log.ts";
import type { ProviderChoice } from "../provider_flags.ts";
import { CRC_MODES, IWARP_PROFILES, PROVIDERS } from "../values.ts";
import { choice, number, path } from "./kinds.ts";
import { many, maybe, one, type ValuesOf } from "./settings.ts";

/** An hour in milliseconds: the longest that a service waits for something. */
export const HOUR = 3_600_000;
/** A day: the longest that timers are set to. */
const DAY = 24 * HOUR;

/** The settings, in a section of the file. */
// deno-lint-ignore explicit-module-boundary-types -- the type is the table's
export function volumeSettings<S extends "serve" | "engine">(section: S) {
  return {
    directories: many(`${section}.dir`, path, {
      value: "DIR",
      help: "serve this SeaweedFS volume directory; repeatable",
    }),
    indexDirectory: maybe(`${section}.indexDir`, path, {
      value: "DIR",
      help: "where the .idx files are (beside the .dat files)",
    }),
    provider: one(`${section}.provider`, choice(PROVIDERS), {
      value: "NAME",
      fallback: "auto",
      help: "what moves the bytes: auto, verbs or iwarp",
    }),
    crc: one(`${section}.crc`, choice(CRC_MODES), {
      value: "MODE",
      fallback: "auto",
      help: "CRCs of iWARP frames: auto, on or off",
    }),
    iwarpProfile: one(`${section}.iwarpProfile`, choice(IWARP_PROFILES), {
      value: "NAME",
      fallback: "software",
      help: "whom iWARP frames suit: software or hardware",
    }),
    iwarpKeepalive: one(`${section}.iwarpKeepalive`, number(0, DAY), {
      value: "MS",
      fallback: "30000",
      help: "silence before an iWARP peer is asked for life; 0: never",
    }),
    iwarpTimeout: one(`${section}.iwarpTimeout`, number(0, DAY), {
      value: "MS",
      fallback: "0",
      help: "how long work may stand still over iWARP; 0: for ever",
    }),
    spin: one(`${section}.spin`, number(0, 1_000_000), {
      value: "US",
      fallback: "50",
      help: "how long verbs poll for completions before they sleep",
    }),
    grace: one(`${section}.grace`, number(0, HOUR), {
      value: "MS",
      fallback: "5000",
      help: "how long reads in progress are waited for at the end",
    }),
    logLevel: one(`${section}.logLevel`, choice(LOG_LEVELS), {
      value: "LEVEL",
      fallback: "info",
      help: "debug, info, warn or error",
    }),
  };
}

/** Their values. */
export type VolumeValues = ValuesOf<ReturnType<typeof volumeSettings>>;

/** Settings of iWARP, which {@linkcode withProviderChoice} puts together. */
export type IwarpSetting = "crc" | "iwarpProfile" | "iwarpKeepalive" | "iwarpTimeout";

/** The values, with those of iWARP together. */
export function withProviderChoice<V extends Pick<VolumeValues, IwarpSetting>>(
  { crc, iwarpProfile, iwarpKeepalive, iwarpTimeout, ...values }: V,
): Omit<V, IwarpSetting> & Pick<ProviderChoice, "iwarp"> {
  return {
    ...values,
    iwarp: { crc, profile: iwarpProfile, keepalive: iwarpKeepalive, operationTimeout: iwarpTimeout },
  };
}
