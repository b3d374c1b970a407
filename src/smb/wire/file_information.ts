/**
 * What QUERY_INFO answers on files, and what SET_INFO is told (MS-FSCC 2.4). Times are FILETIMEs, sizes bytes.
 *
 * @module
 */
import { checkFits, Reader, Writer } from "./cursor.ts";
import { type FileNetworkOpen, takeNetworkOpen } from "./network_open.ts";
import { checkUnits, nameOf, putName } from "./names.ts";

/** FileBasicInformation. In SET_INFO a time of 0, and attributes of 0, stay as they are. */
export interface FileBasic {
  /** When it was created. */
  readonly creationTime: bigint;
  /** When it was last read. */
  readonly lastAccessTime: bigint;
  /** When it was last written. */
  readonly lastWriteTime: bigint;
  /** When its data or attributes last changed. */
  readonly changeTime: bigint;
  /** FileAttributes. */
  readonly attributes: number;
}

/** FileStandardInformation. */
export interface FileStandard {
  /** Bytes set aside. */
  readonly allocationSize: number;
  /** Bytes in it. */
  readonly endOfFile: number;
  /** Names it has. */
  readonly numberOfLinks: number;
  /** Whether it goes with the last handle. */
  readonly deletePending: boolean;
  /** Whether it is a directory. */
  readonly directory: boolean;
}

/** FileAllInformation. */
export interface FileAll {
  /** Times and attributes. */
  readonly basic: FileBasic;
  /** Sizes and links. */
  readonly standard: FileStandard;
  /** The file's id. */
  readonly fileId: bigint;
  /** Bytes of extended attributes. */
  readonly eaSize: number;
  /** Rights of this open. */
  readonly access: number;
  /** The current offset. */
  readonly position: bigint;
  /** How it was opened, CreateOptions. */
  readonly mode: number;
  /** How its buffers are to be aligned: a power of two less 1. */
  readonly alignment: number;
  /** Its path from the share's root; undefined when the output was too short for it. */
  readonly name: string | undefined;
}

/** Flags of FileDispositionInformationEx. */
export const DispositionFlag = {
  /** Delete it. */
  DELETE: 1,
  /** Take its name at once. */
  POSIX_SEMANTICS: 2,
  /** Though it is read-only. */
  IGNORE_READONLY: 0x10,
} as const;

/** The least bytes of a rename that servers take. */
const LEAST_RENAME = 24;

function takeBasic(reader: Reader): FileBasic {
  const basic = {
    creationTime: reader.u64(),
    lastAccessTime: reader.u64(),
    lastWriteTime: reader.u64(),
    changeTime: reader.u64(),
    attributes: reader.u32(),
  };
  reader.skip(4);
  return basic;
}

function takeStandard(reader: Reader): FileStandard {
  const standard = {
    allocationSize: reader.size("AllocationSize"),
    endOfFile: reader.size("EndOfFile"),
    numberOfLinks: reader.u32(),
    deletePending: reader.u8() !== 0,
    directory: reader.u8() !== 0,
  };
  reader.skip(2);
  return standard;
}

/** Reads FileBasicInformation. Throws WireError when it is short, as all of these do. */
export function decodeFileBasic(output: Uint8Array): FileBasic {
  return takeBasic(Reader.of("FileBasicInformation", output));
}

/** Reads FileStandardInformation. */
export function decodeFileStandard(output: Uint8Array): FileStandard {
  return takeStandard(Reader.of("FileStandardInformation", output));
}

/** Reads FileInternalInformation: the file's id. */
export function decodeFileInternal(output: Uint8Array): bigint {
  return Reader.of("FileInternalInformation", output).u64();
}

/** Reads FileEaInformation, FileAccessInformation, FileModeInformation or FileAlignmentInformation: one number each. */
export function decodeFileNumber(output: Uint8Array): number {
  return Reader.of("a file's information of 4 bytes", output).u32();
}

/** Reads FilePositionInformation: an offset. */
export function decodeFilePosition(output: Uint8Array): bigint {
  return Reader.of("FilePositionInformation", output).u64();
}

/** Reads FileNetworkOpenInformation. */
export function decodeFileNetworkOpen(output: Uint8Array): FileNetworkOpen {
  const reader = Reader.of("FileNetworkOpenInformation", output);
  return takeNetworkOpen(reader, "EndOfFile");
}

/** Reads FileAllInformation. */
export function decodeFileAll(output: Uint8Array): FileAll {
  const reader = Reader.of("FileAllInformation", output);
  const basic = takeBasic(reader);
  const standard = takeStandard(reader);
  const fileId = reader.u64();
  const eaSize = reader.u32();
  const access = reader.u32();
  const position = reader.u64();
  const mode = reader.u32();
  const alignment = reader.u32();
  const nameLength = reader.left < 4 ? Infinity : reader.u32();
  const name = nameLength > reader.left ? undefined : nameOf(reader.bytes(nameLength), "FileName");
  return { basic, standard, fileId, eaSize, access, position, mode, alignment, name };
}

/** Writes FileBasicInformation at `at` and returns its bytes' count, as all of these do. */
export function encodeFileBasic(view: DataView, at: number, basic: FileBasic): number {
  const writer = new Writer(view, at);
  writer.u64(basic.creationTime);
  writer.u64(basic.lastAccessTime);
  writer.u64(basic.lastWriteTime);
  writer.u64(basic.changeTime);
  writer.u32(basic.attributes);
  writer.u32(0);
  return writer.length;
}

/**
 * Writes FileRenameInformation in its 64-bit form, or FileLinkInformation, which is the same.
 *
 * @param path The new path within the share as {@linkcode sharePath} makes it.
 * @param replace Whether a file of that name is replaced.
 * @throws WireError when the path has NUL or is too long.
 */
export function encodeFileRename(view: DataView, at: number, path: string, replace: boolean): number {
  checkUnits("a path", path);
  const writer = new Writer(view, at);
  writer.u8(replace ? 1 : 0);
  writer.zero(15);
  writer.u32(path.length * 2);
  putName(writer, path);
  writer.zero(Math.max(0, LEAST_RENAME - writer.length));
  return writer.length;
}

/** Writes FileDispositionInformation. */
export function encodeFileDisposition(view: DataView, at: number, remove: boolean): number {
  view.setUint8(at, remove ? 1 : 0);
  return 1;
}

/** Writes FileDispositionInformationEx: {@linkcode DispositionFlag}s. Also FileModeInformation, a number as well. */
export function encodeFileNumber(view: DataView, at: number, value: number): number {
  checkFits("a file's information", value, 0xffff_ffff);
  view.setUint32(at, value, true);
  return 4;
}

/** Writes FileEndOfFileInformation, FileAllocationInformation or FilePositionInformation: a count of bytes each. */
export function encodeFileSize(view: DataView, at: number, bytes: number): number {
  const writer = new Writer(view, at);
  writer.size(bytes);
  return writer.length;
}
