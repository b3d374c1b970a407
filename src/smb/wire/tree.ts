/**
 * TREE_CONNECT: a session reaches a share (MS-SMB2 2.2.9, 2.2.10).
 *
 * @module
 */
import { checkFits, Reader, Writer } from "./cursor.ts";
import { checkText, nameOf, putName } from "./names.ts";

/** What a share is of. */
export const ShareType = {
  /** Files. */
  DISK: 1,
  /** Named pipes. */
  PIPE: 2,
  /** A printer. */
  PRINT: 3,
} as const;

/** A share's flags that a client must heed. */
export const ShareFlag = {
  /** In a DFS name space. */
  DFS: 0x1,
  /** Its root is a DFS root. */
  DFS_ROOT: 0x2,
  /** No leases with handle caching towards exclusive opens. */
  RESTRICT_EXCLUSIVE_OPENS: 0x100,
  /** Entries that may not be opened are not listed. */
  ACCESS_BASED_ENUMERATION: 0x800,
  /** Everything is to be encrypted. */
  ENCRYPT_DATA: 0x8000,
  /** Payloads may be compressed. */
  COMPRESS_DATA: 0x10_0000,
} as const;

/** What a share can do. */
export const ShareCapability = {
  /** DFS. */
  DFS: 0x8,
  /** Handles that outlive the server. */
  CONTINUOUS_AVAILABILITY: 0x10,
  /** Served by several nodes at once. */
  SCALEOUT: 0x20,
  /** In a cluster. */
  CLUSTER: 0x40,
} as const;

/** The server's answer. */
export interface TreeConnectResponse {
  /** One of {@linkcode ShareType}. */
  readonly shareType: number;
  /** {@linkcode ShareFlag}s, and caching bits. */
  readonly shareFlags: number;
  /** {@linkcode ShareCapability} flags. */
  readonly capabilities: number;
  /** The most access this user can have to anything in it. */
  readonly maximalAccess: number;
}

/**
 * Writes the body of a TREE_CONNECT request for `\\server\share` and returns the message's length.
 *
 * @throws WireError when the path has NUL, lone surrogates, or is too long.
 */
export function encodeTreeConnectRequest(view: DataView, at: number, path: string, flags = 0): number {
  checkText("a share's path", path);
  const writer = Writer.ofBody(view, at, 9);
  writer.u16(flags);
  writer.u16(72);
  writer.u16(path.length * 2);
  putName(writer, path);
  return writer.length;
}

/**
 * Reads the path of a TREE_CONNECT request.
 *
 * @throws WireError when it does not hold.
 */
export function decodeTreeConnectRequest(view: DataView, at: number, length: number): string {
  const reader = Reader.ofBody("TREE_CONNECT request", view, at, length, 9);
  reader.u16();
  const offset = reader.u16();
  const size = reader.u16();
  return nameOf(reader.block(offset, size, "the path"), "a share's path");
}

/** Writes the body of a TREE_CONNECT response and returns the message's length. */
export function encodeTreeConnectResponse(view: DataView, at: number, response: TreeConnectResponse): number {
  checkFits("ShareType", response.shareType, 0xff);
  const writer = Writer.ofBody(view, at, 16);
  writer.u8(response.shareType);
  writer.u8(0);
  writer.u32(response.shareFlags);
  writer.u32(response.capabilities);
  writer.u32(response.maximalAccess);
  return writer.length;
}

/**
 * Reads a TREE_CONNECT response.
 *
 * @throws WireError when it does not hold.
 */
export function decodeTreeConnectResponse(view: DataView, at: number, length: number): TreeConnectResponse {
  const reader = Reader.ofBody("TREE_CONNECT response", view, at, length, 16);
  const shareType = reader.u8();
  reader.u8();
  return { shareType, shareFlags: reader.u32(), capabilities: reader.u32(), maximalAccess: reader.u32() };
}
