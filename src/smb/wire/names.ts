/**
 * Names on the wire: UTF-16LE without a terminating NUL. File names are whatever 16-bit units a file system holds, lone
 * surrogates included; names of people, hosts and shares are well-formed text.
 *
 * @module
 */
import { WireError } from "../../rdma/errors.ts";
import type { Writer } from "./cursor.ts";

/** The most UTF-16 units in a path: what a 16-bit NameLength holds. */
export const MAX_PATH_UNITS = 32_767;

/** Writes UTF-16LE and returns its bytes' count. */
export function putName(writer: Writer, name: string): number {
  for (let i = 0; i < name.length; i++) writer.u16(name.charCodeAt(i));
  return name.length * 2;
}

/**
 * The string of UTF-16LE `bytes`, lone surrogates kept.
 *
 * @throws WireError when their count is odd.
 */
export function nameOf(bytes: Uint8Array, field: string): string {
  if (bytes.length % 2 !== 0) throw new WireError("smb2", `${field} has an even number of bytes`, bytes.length);
  let name = "";
  for (let at = 0; at < bytes.length; at += 2) {
    name += String.fromCharCode((bytes[at] as number) | (bytes[at + 1] as number) << 8);
  }
  return name;
}

/**
 * Refuses what cannot be a host's, share's or user's name: NUL, lone surrogates, more than a 16-bit length holds.
 *
 * @throws WireError that names `field`.
 */
export function checkText(field: string, name: string): void {
  if (!name.isWellFormed()) throw new WireError("smb2", `${field} has no lone surrogate`, JSON.stringify(name));
  checkUnits(field, name);
}

/** Refuses NUL, and more than a 16-bit length holds; lone surrogates pass. */
export function checkUnits(field: string, name: string): void {
  if (name.includes("\0")) throw new WireError("smb2", `${field} has no NUL`, JSON.stringify(name));
  if (name.length > MAX_PATH_UNITS) {
    throw new WireError("smb2", `${field} has at most ${MAX_PATH_UNITS} UTF-16 units`, name.length);
  }
}

/**
 * A path within a share as SMB writes it: `/` becomes `\`, separators at either end, twice in a row, and components `.`
 * vanish. The share's root is the empty string.
 *
 * @throws WireError on a component `..`, on NUL, and when it is too long.
 */
export function sharePath(path: string): string {
  const components = path.split(/[\\/]/).filter((component) => component !== "" && component !== ".");
  if (components.includes("..")) throw new WireError("smb2", "a path has no component ..", JSON.stringify(path));
  const joined = components.join("\\");
  checkUnits("a path", joined);
  return joined;
}

/**
 * Whether a name that a server lists can be one component of a path: not empty, `.` or `..`, and without separators and
 * NUL. Anything else must not become a path on this side.
 */
export function isComponent(name: string): boolean {
  return name !== "" && name !== "." && name !== ".." && !/[\\/\0]/.test(name);
}
