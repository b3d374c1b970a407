/**
 * Times, sizes and attributes of a file in the order in which FileNetworkOpenInformation, CREATE and CLOSE have them
 * (MS-FSCC 2.4.34, MS-SMB2 2.2.14 and 2.2.16).
 *
 * @module
 */
import type { Reader } from "./cursor.ts";

/** FileNetworkOpenInformation. Times are FILETIMEs, sizes bytes. */
export interface FileNetworkOpen {
  /** When it was created. */
  readonly creationTime: bigint;
  /** When it was last read. */
  readonly lastAccessTime: bigint;
  /** When it was last written. */
  readonly lastWriteTime: bigint;
  /** When its data or attributes last changed. */
  readonly changeTime: bigint;
  /** Bytes set aside for it. */
  readonly allocationSize: number;
  /** Bytes in it. */
  readonly endOfFile: number;
  /** FileAttributes. */
  readonly attributes: number;
}

/** Reads it. `endOfFile` is what the message at hand calls that field, for errors. */
export function takeNetworkOpen(reader: Reader, endOfFile: "EndOfFile" | "EndofFile"): FileNetworkOpen {
  return {
    creationTime: reader.u64(),
    lastAccessTime: reader.u64(),
    lastWriteTime: reader.u64(),
    changeTime: reader.u64(),
    allocationSize: reader.size("AllocationSize"),
    endOfFile: reader.size(endOfFile),
    attributes: reader.u32(),
  };
}
