/**
 * The Range header, of which one range of bytes is served (RFC 9110 §14.1.2).
 *
 * @module
 */
import { HttpError } from "../http_error.ts";

/** The bytes to answer with. */
export interface ByteRange {
  /** First byte. */
  offset: number;
  /** Bytes. */
  length: number;
  /** Whether a range was asked for: 206, and not 200. */
  partial: boolean;
}

/**
 * What of `size` bytes a Range header asks for. No header, another unit, several ranges and what is not well formed all
 * mean everything, as RFC 9110 §14.2 allows. Throws {@linkcode HttpError} 416 for a range with no byte within.
 */
export function parseRange(header: string | null, size: number): ByteRange {
  const match = /^bytes=[ \t]*(\d{0,16})-(\d{0,16})[ \t]*$/i.exec(header ?? "");
  const [, first = "", last = ""] = match ?? [];
  if (first === "" && last === "") return { offset: 0, length: size, partial: false };
  if (first === "") return suffix(Number(last), size);
  const offset = Number(first);
  const end = last === "" ? size - 1 : Number(last);
  if (last !== "" && end < offset) return { offset: 0, length: size, partial: false };
  if (offset >= size) throw unsatisfiable(header ?? "", size);
  return { offset, length: Math.min(end, size - 1) - offset + 1, partial: true };
}

function suffix(length: number, size: number): ByteRange {
  if (length === 0 || size === 0) throw unsatisfiable(`bytes=-${length}`, size);
  const taken = Math.min(length, size);
  return { offset: size - taken, length: taken, partial: true };
}

function unsatisfiable(header: string, size: number): HttpError {
  return new HttpError(416, `Range: got ${header}, it has ${size} bytes`, {
    "content-range": `bytes */${size}`,
  });
}
