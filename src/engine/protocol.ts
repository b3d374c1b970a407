/**
 * What readers and engines agree on beside the messages.
 *
 * @module
 */
import type { SmbDirectOptions } from "../smbdirect/mod.ts";

/** The port an engine listens on. */
export const ENGINE_PORT = 18_515;

/**
 * How both sides set SMB Direct up: engine messages are a few hundred bytes, so buffers of the smallest usual size do,
 * and a peer that is silent is noticed sooner than SMB would.
 */
export const ENGINE_MESSAGES: SmbDirectOptions = {
  maxReceiveSize: 1_364,
  negotiateTimeout: 5_000,
  idleTimeout: 30_000,
  creditTimeout: 5_000,
};

/** The field of StartRead that spares the CompleteRead, as an engine's `extensions` name it. */
export const ENDS_WITH_ANSWER = "ends_with_answer";

/** Nanoseconds since 1970, as the messages tell time. */
export function toNanoseconds(milliseconds: number): bigint {
  return BigInt(Math.round(milliseconds)) * 1_000_000n;
}

/** Where readers and engines tell what happens: a connection made or lost, a request refused. */
export type EngineLog = (
  level: "debug" | "info" | "warn",
  message: string,
  fields: Readonly<Record<string, string | number | boolean | undefined>>,
) => void;
