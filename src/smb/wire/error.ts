/**
 * What stands in place of a response that failed (MS-SMB2 2.2.2).
 *
 * @module
 */
import { Reader, Writer } from "./cursor.ts";
import { Command } from "./header.ts";
import { nameOf } from "./names.ts";
import { NtStatus } from "./status.ts";

/** The kinds of {@linkcode ErrorContext}. */
export const ErrorId = {
  /** What the status asks for, as before 3.1.1. */
  DEFAULT: 0,
  /** Where the share has moved to. */
  SHARE_REDIRECT: 0x7264_5253,
} as const;

/** The most error contexts taken from a peer; the count has eight bits. */
export const MAX_ERROR_CONTEXTS = 32;

/** A piece of an error's reason. */
export interface ErrorContext {
  /** One of {@linkcode ErrorId}. */
  readonly id: number;
  /** What it says, a view. */
  readonly data: Uint8Array;
}

/** A symbolic link on the way, which the client is to follow (MS-SMB2 2.2.2.2.1). */
export interface SymlinkError {
  /** Where it leads. */
  readonly target: string;
  /** The same for people. */
  readonly printName: string;
  /** Whether the target counts from the link's own directory. */
  readonly relative: boolean;
  /** Bytes at the end of the path that were not yet looked at. */
  readonly unparsedLength: number;
}

const SYMLINK_TAG = 0x4c4d_5953;
const REPARSE_SYMLINK = 0xa000_000c;

/** Whether the response to `command` with this status has an error's body in place of its own (MS-SMB2 3.3.4.4). */
export function hasErrorBody(command: number, status: number): boolean {
  switch (status) {
    case NtStatus.SUCCESS:
      return false;
    case NtStatus.MORE_PROCESSING_REQUIRED:
      return command !== Command.SESSION_SETUP;
    case NtStatus.BUFFER_OVERFLOW:
      return command !== Command.READ && command !== Command.IOCTL && command !== Command.QUERY_INFO;
    case NtStatus.NOTIFY_ENUM_DIR:
      return command !== Command.CHANGE_NOTIFY;
    default:
      return true;
  }
}

/** Writes the body of an error with `data`, and no contexts, and returns the message's length. */
export function encodeError(view: DataView, at: number, data: Uint8Array = new Uint8Array(0)): number {
  const writer = Writer.ofBody(view, at, 9);
  writer.u16(0);
  writer.u32(data.length);
  if (data.length === 0) writer.u8(0);
  else writer.bytes(data);
  return writer.length;
}

/**
 * Reads the body of an error: its contexts, or before 3.1.1 its data as one of id DEFAULT. Often there is none.
 *
 * @throws WireError when it does not hold.
 */
export function decodeError(view: DataView, at: number, length: number): ErrorContext[] {
  const reader = Reader.ofBody("ERROR response", view, at, length, 9);
  const count = reader.u8();
  reader.skip(1);
  const data = reader.bytes(reader.u32());
  if (count === 0) return data.length === 0 ? [] : [{ id: ErrorId.DEFAULT, data }];
  if (count > MAX_ERROR_CONTEXTS) reader.fail(`ErrorContextCount is at most ${MAX_ERROR_CONTEXTS}`, count);
  const contexts: ErrorContext[] = [];
  const inner = Reader.of("ERROR response's contexts", data);
  for (let i = 0; i < count; i++) {
    if (i > 0) inner.skip((8 - inner.at % 8) % 8);
    const size = inner.u32();
    contexts.push({ id: inner.u32(), data: inner.bytes(size) });
  }
  return contexts;
}

/**
 * Reads the data of an error STOPPED_ON_SYMLINK.
 *
 * @throws WireError when it does not hold or is of another kind of link.
 */
export function decodeSymlinkError(data: Uint8Array): SymlinkError {
  const reader = Reader.of("symbolic link error", data);
  reader.skip(4);
  const tag = reader.u32();
  if (tag !== SYMLINK_TAG) reader.fail("SymLinkErrorTag is 'SYML'", tag);
  const reparse = reader.u32();
  if (reparse !== REPARSE_SYMLINK) reader.fail("ReparseTag is that of a symbolic link", reparse);
  reader.skip(2);
  const unparsedLength = reader.u16();
  const targetOffset = reader.u16();
  const targetLength = reader.u16();
  const printOffset = reader.u16();
  const printLength = reader.u16();
  const relative = (reader.u32() & 1) !== 0;
  const base = reader.at;
  const target = nameOf(reader.block(base + targetOffset, targetLength, "SubstituteName"), "SubstituteName");
  const printName = nameOf(reader.block(base + printOffset, printLength, "PrintName"), "PrintName");
  return { target, printName, relative, unparsedLength };
}
