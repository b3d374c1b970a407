/**
 * QUERY_DIRECTORY and CHANGE_NOTIFY, and the entries they answer with (MS-SMB2 2.2.33 to 2.2.36, MS-FSCC 2.4, 2.7.1).
 *
 * @module
 */
import { WireError } from "../../rdma/errors.ts";
import { checkFits, type Reader, Writer } from "./cursor.ts";
import { entriesOf } from "./entries.ts";
import { checkUnits, nameOf, putName } from "./names.ts";

/** What is said of each entry of a directory. */
export const DirectoryClass = {
  /** Names alone. */
  NAMES: 12,
  /** Attributes, short names and file ids. */
  ID_BOTH: 37,
  /** Attributes and file ids. */
  ID_FULL: 38,
} as const;

/** How a directory is listed. */
export const DirectoryFlag = {
  /** From the start again. */
  RESTART_SCANS: 1,
  /** One entry. */
  RETURN_SINGLE_ENTRY: 2,
  /** From FileIndex on. */
  INDEX_SPECIFIED: 4,
  /** From the start again, by another pattern. */
  REOPEN: 0x10,
} as const;

/** CHANGE_NOTIFY's flag: directories below, too. */
export const WATCH_TREE = 1;

/** What changes to tell. */
export const NotifyFilter = {
  /** Names of files. */
  FILE_NAME: 0x1,
  /** Names of directories. */
  DIR_NAME: 0x2,
  /** Attributes. */
  ATTRIBUTES: 0x4,
  /** Sizes. */
  SIZE: 0x8,
  /** Times of writing. */
  LAST_WRITE: 0x10,
  /** Times of creation. */
  CREATION: 0x40,
  /** Security descriptors. */
  SECURITY: 0x100,
} as const;

/** What happened to a file. */
export const NotifyAction = {
  /** It is new. */
  ADDED: 1,
  /** It has gone. */
  REMOVED: 2,
  /** It was changed. */
  MODIFIED: 3,
  /** It was renamed; this is the old name. */
  RENAMED_OLD_NAME: 4,
  /** This is the new one. */
  RENAMED_NEW_NAME: 5,
} as const;

/** What to list. */
export interface QueryDirectoryRequest {
  /** The open directory, 16 bytes. */
  readonly fileId: Uint8Array;
  /** One of {@linkcode DirectoryClass}. */
  readonly informationClass: number;
  /** {@linkcode DirectoryFlag}s. */
  readonly flags: number;
  /** Which names, with wildcards: `*` for all. */
  readonly pattern: string;
  /** The most bytes of entries. */
  readonly maxOutput: number;
}

/** An entry's attributes. Times are FILETIMEs, sizes bytes. */
export interface EntryAttributes {
  /** When it was created. */
  readonly creationTime: bigint;
  /** When it was last read. */
  readonly lastAccessTime: bigint;
  /** When it was last written. */
  readonly lastWriteTime: bigint;
  /** When its data or attributes last changed. */
  readonly changeTime: bigint;
  /** Bytes in it. */
  readonly endOfFile: number;
  /** Bytes set aside for it. */
  readonly allocationSize: number;
  /** FileAttributes. */
  readonly attributes: number;
  /** Bytes of extended attributes; of a reparse point, its tag. */
  readonly eaSize: number;
  /** Stays the same while it exists; 0 where the file system has none. */
  readonly fileId: bigint;
}

/** One entry of a directory. */
export interface DirectoryEntry {
  /** The name as the server says it: {@linkcode isComponent} tells whether it can be part of a path. */
  readonly name: string;
  /** The 8.3 name, or nothing. */
  readonly shortName: string;
  /** Undefined of class NAMES. */
  readonly attributes: EntryAttributes | undefined;
}

/** A change. */
export interface Change {
  /** One of {@linkcode NotifyAction}. */
  readonly action: number;
  /** The path, from the watched directory. */
  readonly name: string;
}

/**
 * Writes the body of a QUERY_DIRECTORY request and returns the message's length; {@linkcode decodeOutputResponse} and
 * {@linkcode decodeDirectory} read the answer.
 *
 * @throws WireError when the pattern has NUL or is too long.
 */
export function encodeQueryDirectoryRequest(view: DataView, at: number, request: QueryDirectoryRequest): number {
  checkUnits("a pattern", request.pattern);
  checkFits("FileInformationClass", request.informationClass, 0xff);
  const writer = Writer.ofBody(view, at, 33);
  writer.u8(request.informationClass);
  writer.u8(request.flags);
  writer.u32(0);
  writer.id(request.fileId);
  writer.u16(96);
  writer.u16(request.pattern.length * 2);
  writer.u32(request.maxOutput);
  if (request.pattern === "") writer.u8(0);
  else putName(writer, request.pattern);
  return writer.length;
}

/**
 * Writes the body of a CHANGE_NOTIFY request and returns the message's length; {@linkcode decodeOutputResponse} and
 * {@linkcode decodeChanges} read the answer.
 *
 * @param flags 0 or {@linkcode WATCH_TREE}.
 * @param filter {@linkcode NotifyFilter} flags.
 */
export function encodeChangeNotifyRequest(
  view: DataView,
  at: number,
  fileId: Uint8Array,
  flags: number,
  filter: number,
  maxOutput: number,
): number {
  const writer = Writer.ofBody(view, at, 32);
  writer.u16(flags);
  writer.u32(maxOutput);
  writer.id(fileId);
  writer.u32(filter);
  writer.u32(0);
  return writer.length;
}

/** Reads what ID_BOTH and ID_FULL share, up to EaSize, and the name's length. */
function takeAttributes(reader: Reader): { nameLength: number; common: Omit<EntryAttributes, "fileId"> } {
  const creationTime = reader.u64();
  const lastAccessTime = reader.u64();
  const lastWriteTime = reader.u64();
  const changeTime = reader.u64();
  const endOfFile = reader.size("EndOfFile");
  const allocationSize = reader.size("AllocationSize");
  const attributes = reader.u32();
  const nameLength = reader.u32();
  const eaSize = reader.u32();
  const times = { creationTime, lastAccessTime, lastWriteTime, changeTime };
  return { nameLength, common: { ...times, endOfFile, allocationSize, attributes, eaSize } };
}

/** Reads an entry of class ID_BOTH, after FileIndex. */
function takeIdBoth(reader: Reader): DirectoryEntry {
  const { nameLength, common } = takeAttributes(reader);
  const shortLength = reader.u8();
  reader.skip(1);
  if (shortLength > 24) reader.fail("ShortNameLength is at most 24", shortLength);
  const shortName = nameOf(reader.bytes(24).subarray(0, shortLength), "ShortName");
  reader.skip(2);
  const attributes = { ...common, fileId: reader.u64() };
  return { name: nameOf(reader.bytes(nameLength), "FileName"), shortName, attributes };
}

/** Reads an entry of class ID_FULL, after FileIndex. */
function takeIdFull(reader: Reader): DirectoryEntry {
  const { nameLength, common } = takeAttributes(reader);
  reader.skip(4);
  const attributes = { ...common, fileId: reader.u64() };
  return { name: nameOf(reader.bytes(nameLength), "FileName"), shortName: "", attributes };
}

/** Reads an entry of class NAMES, after FileIndex. */
function takeName(reader: Reader): DirectoryEntry {
  const name = nameOf(reader.bytes(reader.u32()), "FileName");
  return { name, shortName: "", attributes: undefined };
}

const ENTRIES: Readonly<Record<number, readonly [fixed: number, take: (reader: Reader) => DirectoryEntry]>> = {
  [DirectoryClass.NAMES]: [12, takeName],
  [DirectoryClass.ID_BOTH]: [104, takeIdBoth],
  [DirectoryClass.ID_FULL]: [80, takeIdFull],
};

/**
 * Reads the entries of a QUERY_DIRECTORY response's output, `.` and `..` among them.
 *
 * @throws WireError when one does not lie within it, or the class is none of {@linkcode DirectoryClass}.
 */
export function decodeDirectory(informationClass: number, output: Uint8Array): DirectoryEntry[] {
  const entries: DirectoryEntry[] = [];
  const known = ENTRIES[informationClass];
  if (known === undefined) throw new WireError("smb2", "the class of a listing is one read here", informationClass);
  const [fixed, take] = known;
  for (const reader of entriesOf("directory entry", output, fixed)) {
    reader.skip(4);
    entries.push(take(reader));
  }
  return entries;
}

/**
 * Reads the changes of a CHANGE_NOTIFY response's output.
 *
 * @throws WireError when one does not lie within it.
 */
export function decodeChanges(output: Uint8Array): Change[] {
  const changes: Change[] = [];
  for (const reader of entriesOf("change", output, 12)) {
    const action = reader.u32();
    changes.push({ action, name: nameOf(reader.bytes(reader.u32()), "FileName") });
  }
  return changes;
}
