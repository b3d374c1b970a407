/**
 * CREATE: opens or creates a file, directory or pipe (MS-SMB2 2.2.13, 2.2.14).
 *
 * @module
 */
import {
  type CreateRequestContexts,
  type CreateResponseContexts,
  putCreateContexts,
  takeCreateContexts,
} from "./create_contexts.ts";
import { checkFits, Reader, Writer } from "./cursor.ts";
import { checkUnits, putName } from "./names.ts";
import { type FileNetworkOpen, takeNetworkOpen } from "./network_open.ts";

/** How long an open may be kept from others. */
export const OplockLevel = {
  /** Not at all. */
  NONE: 0,
  /** Shared reading. */
  LEVEL_II: 1,
  /** Alone. */
  EXCLUSIVE: 8,
  /** Alone, the handle too. */
  BATCH: 9,
  /** As the lease context says. */
  LEASE: 0xff,
} as const;

/** Rights to a file or directory, of an access mask (MS-SMB2 2.2.13.1). */
export const FileAccess = {
  /** Read data, or list. */
  READ_DATA: 0x1,
  /** Write data, or add a file. */
  WRITE_DATA: 0x2,
  /** Append, or add a directory. */
  APPEND_DATA: 0x4,
  /** Read extended attributes. */
  READ_EA: 0x8,
  /** Write them. */
  WRITE_EA: 0x10,
  /** Execute, or traverse. */
  EXECUTE: 0x20,
  /** Delete entries of a directory. */
  DELETE_CHILD: 0x40,
  /** Read attributes. */
  READ_ATTRIBUTES: 0x80,
  /** Write them. */
  WRITE_ATTRIBUTES: 0x100,
  /** Delete or rename it. */
  DELETE: 0x1_0000,
  /** Read its security descriptor. */
  READ_CONTROL: 0x2_0000,
  /** Change who may do what. */
  WRITE_DAC: 0x4_0000,
  /** Change the owner. */
  WRITE_OWNER: 0x8_0000,
  /** Wait on it. */
  SYNCHRONIZE: 0x10_0000,
  /** Whatever this user may. */
  MAXIMUM_ALLOWED: 0x200_0000,
} as const;

/** What others may do meanwhile. */
export const ShareAccess = {
  /** Read. */
  READ: 1,
  /** Write. */
  WRITE: 2,
  /** Delete and rename. */
  DELETE: 4,
} as const;

/** What to do when the file is there, and when it is not. */
export const Disposition = {
  /** Replace, or create. */
  SUPERSEDE: 0,
  /** Open, or fail. */
  OPEN: 1,
  /** Fail, or create. */
  CREATE: 2,
  /** Open, or create. */
  OPEN_IF: 3,
  /** Empty, or fail. */
  OVERWRITE: 4,
  /** Empty, or create. */
  OVERWRITE_IF: 5,
} as const;

/** How to open it. */
export const CreateOption = {
  /** It is a directory, or becomes one. */
  DIRECTORY_FILE: 0x1,
  /** Each write is on stable storage before it is answered. */
  WRITE_THROUGH: 0x2,
  /** It is read from front to back. */
  SEQUENTIAL_ONLY: 0x4,
  /** The server caches nothing. */
  NO_INTERMEDIATE_BUFFERING: 0x8,
  /** It is no directory. */
  NON_DIRECTORY_FILE: 0x40,
  /** It is read here and there. */
  RANDOM_ACCESS: 0x800,
  /** It goes with the last handle. */
  DELETE_ON_CLOSE: 0x1000,
  /** The link itself, not what it points to. */
  OPEN_REPARSE_POINT: 0x20_0000,
} as const;

/** Attributes of a file (MS-FSCC 2.6). */
export const FileAttribute = {
  /** Read-only. */
  READONLY: 0x1,
  /** Hidden. */
  HIDDEN: 0x2,
  /** The system's. */
  SYSTEM: 0x4,
  /** A directory. */
  DIRECTORY: 0x10,
  /** To be archived. */
  ARCHIVE: 0x20,
  /** None of the others. */
  NORMAL: 0x80,
  /** Temporary. */
  TEMPORARY: 0x100,
  /** With holes. */
  SPARSE_FILE: 0x200,
  /** A link or the like. */
  REPARSE_POINT: 0x400,
  /** Compressed on disk. */
  COMPRESSED: 0x800,
  /** Not on line. */
  OFFLINE: 0x1000,
  /** Encrypted on disk. */
  ENCRYPTED: 0x4000,
} as const;

/** What a server did for a CREATE. */
export const CreateAction = {
  /** Replaced the file. */
  SUPERSEDED: 0,
  /** Opened it. */
  OPENED: 1,
  /** Created it. */
  CREATED: 2,
  /** Emptied it. */
  OVERWRITTEN: 3,
} as const;

/** The impersonation level clients ask for. */
const IMPERSONATION = 2;
/** Where the name starts. */
const NAME_OFFSET = 120;

/** What to open, and how. */
export interface CreateRequest {
  /** The path within the share as {@linkcode sharePath} makes it, or a pipe's name. */
  readonly path: string;
  /** {@linkcode FileAccess} bits. */
  readonly access: number;
  /** {@linkcode ShareAccess} bits. */
  readonly share: number;
  /** One of {@linkcode Disposition}. */
  readonly disposition: number;
  /** {@linkcode CreateOption}s. */
  readonly options: number;
  /** {@linkcode FileAttribute}s of a file it creates. */
  readonly attributes: number;
  /** One of {@linkcode OplockLevel}. */
  readonly oplock: number;
  /** What else is asked. */
  readonly contexts: CreateRequestContexts;
}

/** What was opened. Times are FILETIMEs, sizes bytes. */
export interface CreateResponse extends FileNetworkOpen {
  /** The {@linkcode OplockLevel} granted. */
  readonly oplock: number;
  /** Bit 0: it is a reparse point, dialect 3.x. */
  readonly flags: number;
  /** One of {@linkcode CreateAction}. */
  readonly action: number;
  /** Names the open file from here on, 16 bytes: a view, to be copied. */
  readonly fileId: Uint8Array;
  /** What else was answered. */
  readonly contexts: CreateResponseContexts;
}

/**
 * Writes the body of a CREATE request and returns the message's length.
 *
 * @throws WireError when the path has NUL or is too long.
 */
export function encodeCreateRequest(view: DataView, at: number, request: CreateRequest): number {
  checkUnits("a path", request.path);
  checkFits("RequestedOplockLevel", request.oplock, 0xff);
  const writer = Writer.ofBody(view, at, 57);
  writer.u8(0);
  writer.u8(request.oplock);
  writer.u32(IMPERSONATION);
  writer.zero(16);
  writer.u32(request.access);
  writer.u32(request.attributes);
  writer.u32(request.share);
  writer.u32(request.disposition);
  writer.u32(request.options);
  writer.u16(NAME_OFFSET);
  writer.u16(request.path.length * 2);
  const contextsAt = writer.at;
  writer.zero(8);
  putName(writer, request.path);
  const size = putCreateContexts(writer, request.contexts);
  if (size > 0) {
    view.setUint32(contextsAt, writer.length - size, true);
    view.setUint32(contextsAt + 4, size, true);
  } else if (request.path === "") writer.u8(0);
  return writer.length;
}

/**
 * Reads a CREATE response; FileId and keys are views.
 *
 * @throws WireError when it does not hold.
 */
export function decodeCreateResponse(view: DataView, at: number, length: number): CreateResponse {
  const reader = Reader.ofBody("CREATE response", view, at, length, 89);
  const oplock = reader.u8();
  const flags = reader.u8();
  const action = reader.u32();
  const file = takeNetworkOpen(reader, "EndofFile");
  reader.skip(4);
  const fileId = reader.id();
  const offset = reader.u32();
  const contexts = takeCreateContexts(reader.block(offset, reader.u32(), "the create contexts"));
  return { oplock, flags, action, ...file, fileId, contexts };
}
