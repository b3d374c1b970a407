/**
 * Values as the JSON answers of SeaweedFS's sidecar write them.
 *
 * @module
 */
import { protectedHeaders } from "./headers.ts";
import type { Clock } from "./clock.ts";
import { TextAnswer } from "./text_answer.ts";

/** A duration as Go prints it: `850ns`, `403.2µs`, `2.48ms`, `1.5s`, `1m30s`. */
export function formatDuration(milliseconds: number): string {
  const nanoseconds = Math.max(0, Math.round(milliseconds * 1e6));
  if (nanoseconds === 0) return "0s";
  if (nanoseconds < 1e3) return `${nanoseconds}ns`;
  if (nanoseconds < 1e6) return `${nanoseconds / 1e3}µs`;
  if (nanoseconds < 1e9) return `${nanoseconds / 1e6}ms`;
  const minutes = Math.floor(nanoseconds / 60e9);
  const seconds = `${(nanoseconds - minutes * 60e9) / 1e9}s`;
  if (minutes === 0) return seconds;
  return minutes < 60 ? `${minutes}m${seconds}` : `${Math.floor(minutes / 60)}h${minutes % 60}m${seconds}`;
}

/** Now, as RFC 3339 writes it. */
export function timestamp(clock: Clock): string {
  return new Date(clock.now()).toISOString();
}

declare global {
  interface JSON {
    /** ECMAScript's JSON.rawJSON: text that stringify writes as it is. */
    rawJSON(text: string): unknown;
  }
}

/** An integer that `JSON.stringify` writes digit by digit, however large: needle keys go beyond 2^53. */
export function rawNumber(value: bigint): unknown {
  return JSON.rawJSON(value.toString());
}

/** The headers of an answer in JSON. */
export function jsonHeaders(headers: Readonly<Record<string, string>> = {}): Record<string, string> {
  return protectedHeaders({ "content-type": "application/json", ...headers });
}

/** Compact JSON (scripts search it for `"rdma_enabled":true`) with a status. */
export function json(body: unknown, status = 200, headers: Readonly<Record<string, string>> = {}): Response {
  return new TextAnswer(JSON.stringify(body), status, jsonHeaders(headers));
}
