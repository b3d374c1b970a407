/**
 * Times to live, as superblocks and needles store them: a count and a unit.
 *
 * @module
 */
import { WireError } from "../rdma/errors.ts";

/** A time to live; a count of 0 means none. */
export interface TimeToLive {
  /** 0 … 255. */
  count: number;
  /** 0 none, 1 minute, 2 hour, 3 day, 4 week, 5 month of 30 days, 6 year of 365 days. */
  unit: number;
}

const LETTERS = "mhdwMy";
const MINUTES = [0, 1, 60, 1440, 10_080, 43_200, 525_600];

/** The minutes a needle lives; 0 is for ever, which an unknown unit means too, as for the volume server. */
export function timeToLiveMinutes(count: number, unit: number): number {
  return count * (MINUTES[unit] ?? 0);
}

/** Parses `3d`: m, h, d, w, M, y; a number alone is minutes, nothing is none. Throws WireError. */
export function parseTimeToLive(text: string): TimeToLive {
  if (text === "") return { count: 0, unit: 0 };
  const match = /^([0-9]{1,3})([mhdwMy]?)$/.exec(text);
  const count = Number(match?.[1]);
  if (match === null || count > 255) {
    throw new WireError("ttl", "0 to 255 and one of m h d w M y", JSON.stringify(text.slice(0, 16)));
  }
  return count === 0 ? { count: 0, unit: 0 } : { count, unit: LETTERS.indexOf(match[2] || "m") + 1 };
}

/** The inverse of {@linkcode parseTimeToLive}; empty for none. */
export function formatTimeToLive(ttl: TimeToLive): string {
  return timeToLiveMinutes(ttl.count, ttl.unit) === 0 ? "" : `${ttl.count}${LETTERS[ttl.unit - 1]}`;
}
