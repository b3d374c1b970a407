/**
 * OPLOCK_BREAK: a server takes an oplock or a lease back, and the client agrees (MS-SMB2 2.2.23 to 2.2.25).
 *
 * @module
 */
import { WireError } from "../../rdma/errors.ts";
import { checkFits, HEADER_LENGTH, Reader, Writer } from "./cursor.ts";

/** The flag of a lease's break that the client is to acknowledge it. */
export const BREAK_ACK_REQUIRED = 1;

const OPLOCK_SIZE = 24;
const LEASE_NOTIFICATION_SIZE = 44;
const LEASE_RESPONSE_SIZE = 36;

/** An oplock that is, or was, lowered. */
export interface OplockBreak {
  /** What it is. */
  readonly kind: "oplock";
  /** The OplockLevel left. */
  readonly level: number;
  /** The open file, 16 bytes: a view. */
  readonly fileId: Uint8Array;
}

/** A lease that is to be lowered. */
export interface LeaseBreak {
  /** What it is. */
  readonly kind: "lease break";
  /** Counts the changes of state, version 2; else 0. */
  readonly epoch: number;
  /** 0 or {@linkcode BREAK_ACK_REQUIRED}. */
  readonly flags: number;
  /** The lease, 16 bytes: a view. */
  readonly key: Uint8Array;
  /** LeaseState bits it has. */
  readonly state: number;
  /** LeaseState bits it keeps. */
  readonly newState: number;
}

/** The answer to an acknowledgement. */
export interface LeaseBreakResponse {
  /** What it is. */
  readonly kind: "lease";
  /** The lease, 16 bytes: a view. */
  readonly key: Uint8Array;
  /** LeaseState bits left. */
  readonly state: number;
}

/** Writes an oplock's acknowledgement and returns the message's length. */
export function encodeOplockAcknowledgement(view: DataView, at: number, fileId: Uint8Array, level: number): number {
  checkFits("OplockLevel", level, 0xff);
  const writer = Writer.ofBody(view, at, OPLOCK_SIZE);
  writer.u8(level);
  writer.zero(5);
  writer.id(fileId);
  return writer.length;
}

/** Writes a lease's acknowledgement, with the state that the break asked for, and returns the message's length. */
export function encodeLeaseAcknowledgement(view: DataView, at: number, key: Uint8Array, state: number): number {
  const writer = Writer.ofBody(view, at, LEASE_RESPONSE_SIZE);
  writer.zero(6);
  writer.id(key);
  writer.u32(state);
  writer.u64(0n);
  return writer.length;
}

/**
 * Reads any OPLOCK_BREAK of a server's: its StructureSize tells which.
 *
 * @throws WireError when it does not hold.
 */
export function decodeBreak(
  view: DataView,
  at: number,
  length: number,
): OplockBreak | LeaseBreak | LeaseBreakResponse {
  if (length < HEADER_LENGTH + 2 || at < 0 || at + length > view.byteLength) {
    throw new WireError("smb2", "OPLOCK_BREAK: length has room for every field", length);
  }
  switch (view.getUint16(at + HEADER_LENGTH, true)) {
    case LEASE_NOTIFICATION_SIZE:
      return takeLeaseBreak(Reader.ofBody("lease break", view, at, length, LEASE_NOTIFICATION_SIZE));
    case LEASE_RESPONSE_SIZE: {
      const reader = Reader.ofBody("lease break response", view, at, length, LEASE_RESPONSE_SIZE);
      reader.skip(6);
      const response = { kind: "lease", key: reader.id(), state: reader.u32() } as const;
      reader.skip(8);
      return response;
    }
    default: {
      const reader = Reader.ofBody("OPLOCK_BREAK", view, at, length, OPLOCK_SIZE);
      const level = reader.u8();
      reader.skip(5);
      return { kind: "oplock", level, fileId: reader.id() };
    }
  }
}

function takeLeaseBreak(reader: Reader): LeaseBreak {
  const epoch = reader.u16();
  const flags = reader.u32();
  const key = reader.id();
  const state = reader.u32();
  const newState = reader.u32();
  reader.skip(12);
  return { kind: "lease break", epoch, flags, key, state, newState };
}
