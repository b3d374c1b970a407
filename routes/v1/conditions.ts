/**
 * Requests that depend on what the client has already (RFC 9110 §13).
 *
 * @module
 */
import { HttpError } from "../http_error.ts";

/** What tells one state of a resource from another. */
export interface Validators {
  /** A strong entity tag, with its quotes. */
  readonly etag: string;
  /** When it last changed, milliseconds since 1970; NaN where nobody knows. */
  readonly modified: number;
}

/**
 * Whether the client has what it asks for already: 304. `If-None-Match` counts before `If-Modified-Since`. Throws
 * {@linkcode HttpError} 412 where it asks for a state that is no more.
 */
export function isKnown(headers: Headers, { etag, modified }: Validators): boolean {
  const wanted = headers.get("if-match");
  if (wanted !== null && !lists(wanted, etag, false)) {
    throw new HttpError(412, `If-Match: got ${wanted.slice(0, 256)}, it is ${etag}`);
  }
  const since = dateOf(headers.get("if-unmodified-since"));
  if (wanted === null && since !== undefined && seconds(modified) > since) {
    throw new HttpError(412, `If-Unmodified-Since: it was modified at ${httpDate(modified)}`);
  }
  const known = headers.get("if-none-match");
  if (known !== null) return lists(known, etag, true);
  const from = dateOf(headers.get("if-modified-since"));
  return from !== undefined && seconds(modified) <= from;
}

/** The Range header where `If-Range` does not forbid it; null where everything is to be sent. */
export function rangeHeader(headers: Headers, { etag, modified }: Validators): string | null {
  const condition = headers.get("if-range");
  if (condition === null) return headers.get("range");
  const holds = condition.startsWith('"') ? condition === etag : dateOf(condition) === seconds(modified);
  return holds ? headers.get("range") : null;
}

/** A date as HTTP writes it; whole seconds. */
export function httpDate(milliseconds: number): string {
  return new Date(milliseconds).toUTCString();
}

// A tag that is weak matches where bytes need not be the same.
function lists(header: string, etag: string, weakly: boolean): boolean {
  if (header.trim() === "*") return true;
  return header.split(",").map((tag) => tag.trim()).some((tag) => tag === etag || (weakly && tag === `W/${etag}`));
}

function dateOf(header: string | null): number | undefined {
  const time = header === null ? NaN : Date.parse(header);
  return Number.isNaN(time) ? undefined : seconds(time);
}

function seconds(milliseconds: number): number {
  return Math.floor(milliseconds / 1000);
}
