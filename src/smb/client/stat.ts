/**
 * What is known of a file or directory.
 *
 * @module
 */
import { FileAttribute } from "../wire/create.ts";
import { millisecondsOf } from "../wire/time.ts";

/** A file's or directory's attributes. Sizes are bytes, times milliseconds since 1970. */
export interface SmbStat {
  /** Bytes in it. */
  readonly size: number;
  /** Bytes set aside for it. */
  readonly allocated: number;
  /** FileAttribute bits. */
  readonly attributes: number;
  /** Whether it is a directory. */
  readonly directory: boolean;
  /** Whether it is a symbolic link, or another reparse point. */
  readonly link: boolean;
  /** When it was created. */
  readonly created: number;
  /** When it was last read. */
  readonly accessed: number;
  /** When it was last written. */
  readonly modified: number;
  /** When its data or attributes last changed. */
  readonly changed: number;
  /** When it was last written, exactly: a FILETIME. */
  readonly modifiedTime: bigint;
  /** Stays the same while it exists; 0 where the server has none. */
  readonly fileId: bigint;
}

/** The fields that CREATE's answer and a directory's entries have in common. */
export interface StatFields {
  /** FILETIME. */ readonly creationTime: bigint;
  /** FILETIME. */ readonly lastAccessTime: bigint;
  /** FILETIME. */ readonly lastWriteTime: bigint;
  /** FILETIME. */ readonly changeTime: bigint;
  /** Bytes. */ readonly endOfFile: number;
  /** Bytes. */ readonly allocationSize: number;
  /** FileAttribute bits. */ readonly attributes: number;
}

/** The attributes in the form that users see. */
export function statOf(fields: StatFields, fileId: bigint): SmbStat {
  const { attributes } = fields;
  return {
    size: fields.endOfFile,
    allocated: fields.allocationSize,
    attributes,
    directory: (attributes & FileAttribute.DIRECTORY) !== 0,
    link: (attributes & FileAttribute.REPARSE_POINT) !== 0,
    created: millisecondsOf(fields.creationTime),
    accessed: millisecondsOf(fields.lastAccessTime),
    modified: millisecondsOf(fields.lastWriteTime),
    changed: millisecondsOf(fields.changeTime),
    modifiedTime: fields.lastWriteTime,
    fileId,
  };
}
