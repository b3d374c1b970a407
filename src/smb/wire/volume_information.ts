/**
 * What QUERY_INFO answers on file systems (MS-FSCC 2.5). Counts are 64 bits of whatever the server says: bigints.
 *
 * @module
 */
import { Reader } from "./cursor.ts";
import { nameOf } from "./names.ts";

/** FileFsVolumeInformation. */
export interface FsVolume {
  /** When it was made, a FILETIME. */
  readonly creationTime: bigint;
  /** Its serial number. */
  readonly serialNumber: number;
  /** Its label; undefined when the output was too short for it. */
  readonly label: string | undefined;
}

/** FileFsSizeInformation, in allocation units. */
export interface FsSize {
  /** Units there are. */
  readonly total: bigint;
  /** Units free to this user. */
  readonly available: bigint;
  /** Bytes of a unit. */
  readonly unitSize: number;
}

/** FileFsFullSizeInformation. */
export interface FsFullSize extends FsSize {
  /** Units free in all. */
  readonly free: bigint;
}

/** FileFsAttributeInformation. */
export interface FsAttribute {
  /** What it can do, FILE_SYSTEM_ATTRIBUTES. */
  readonly attributes: number;
  /** The most UTF-16 units of a name. */
  readonly maxComponentLength: number;
  /** Its kind, `NTFS`; undefined when the output was too short for it. */
  readonly name: string | undefined;
}

/** The next `length` bytes as a name, or undefined when they are not all there. */
function takeName(reader: Reader, length: number, field: string): string | undefined {
  return length > reader.left ? undefined : nameOf(reader.bytes(length), field);
}

/** The bytes of a unit: sectors times their bytes, which a double holds exactly below 2^53. */
function takeUnitSize(reader: Reader): number {
  const sectors = reader.u32();
  const bytes = reader.u32();
  const size = sectors * bytes;
  if (size > Number.MAX_SAFE_INTEGER) reader.fail("bytes of an allocation unit are below 2^53", size);
  return size;
}

/** Reads FileFsVolumeInformation. Throws WireError when it does not hold, as all of these do. */
export function decodeFsVolume(output: Uint8Array): FsVolume {
  const reader = Reader.of("FileFsVolumeInformation", output);
  const creationTime = reader.u64();
  const serialNumber = reader.u32();
  const length = reader.u32();
  reader.skip(2);
  return { creationTime, serialNumber, label: takeName(reader, length, "VolumeLabel") };
}

/** Reads FileFsSizeInformation. */
export function decodeFsSize(output: Uint8Array): FsSize {
  const reader = Reader.of("FileFsSizeInformation", output);
  return { total: reader.u64(), available: reader.u64(), unitSize: takeUnitSize(reader) };
}

/** Reads FileFsFullSizeInformation. */
export function decodeFsFullSize(output: Uint8Array): FsFullSize {
  const reader = Reader.of("FileFsFullSizeInformation", output);
  return { total: reader.u64(), available: reader.u64(), free: reader.u64(), unitSize: takeUnitSize(reader) };
}

/** Reads FileFsAttributeInformation. */
export function decodeFsAttribute(output: Uint8Array): FsAttribute {
  const reader = Reader.of("FileFsAttributeInformation", output);
  const attributes = reader.u32();
  const maxComponentLength = reader.u32();
  const length = reader.u32();
  return { attributes, maxComponentLength, name: takeName(reader, length, "FileSystemName") };
}
