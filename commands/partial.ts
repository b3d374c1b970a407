/**
 * The name that a file has while it is being written: nothing half-written ever has its own.
 *
 * @module
 */
import { createHash } from "node:crypto";
import type { FileInfo } from "./file_tree.ts";

/** The most bytes of a name that file systems commonly take. */
const MAX_NAME = 255;

/** What makes the bytes of a source the ones they are, as far as can be known without reading them. */
export interface SourceIdentity {
  /** Where it is, with its server. */
  readonly source: string;
  /** Its size and time. */
  readonly info: FileInfo;
  /** How its target is written: what a broken-off copy leaves depends on it. */
  readonly unsettled: number;
}

/**
 * The name beside `name` for what is copied from a source: the same for the same source, so that it is found again, and
 * another where the source has changed since.
 */
export function partialName(name: string, { source, info, unsettled }: SourceIdentity): string {
  const identity = JSON.stringify([name, source, info.id ?? "", info.size, info.modified, unsettled]);
  const suffix = `.partial-${createHash("sha256").update(identity).digest("hex").slice(0, 16)}`;
  let kept = Array.from(name);
  const encoder = new TextEncoder();
  while (encoder.encode(kept.join("")).length + suffix.length > MAX_NAME) kept = kept.slice(0, -1);
  return `${kept.join("")}${suffix}`;
}
