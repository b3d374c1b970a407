/**
 * The requests on files, each as a {@linkcode Call}.
 *
 * @module
 */
import { WireError } from "../../rdma/errors.ts";
import { encodeLeaseAcknowledgement, encodeOplockAcknowledgement } from "../wire/break.ts";
import { decodeCloseResponse, encodeCloseRequest, encodeFlushRequest } from "../wire/close.ts";
import { type CreateRequest, type CreateResponse, decodeCreateResponse, encodeCreateRequest } from "../wire/create.ts";
import {
  type Change,
  decodeChanges,
  decodeDirectory,
  DirectoryClass,
  type DirectoryEntry,
  DirectoryFlag,
  encodeChangeNotifyRequest,
  encodeQueryDirectoryRequest,
} from "../wire/directory.ts";
import { decodeEmpty, decodeSetInfoResponse } from "../wire/empty.ts";
import { Command } from "../wire/header.ts";
import { decodeOutputResponse, encodeQueryInfoRequest, encodeSetInfoRequest, InfoType } from "../wire/information.ts";
import { encodeLockRequest, type LockElement } from "../wire/lock.ts";
import { NtStatus } from "../wire/status.ts";
import type { Call } from "./call.ts";

/** The FileId that stands for the one of the request before, in a related chain. */
export const RELATED_FILE: Uint8Array = new Uint8Array(16).fill(0xff);

type Signal = AbortSignal | undefined;

/** CREATE. Identities in the answer are its own. */
export function createCall(what: string, request: CreateRequest, signal: Signal): Call<CreateResponse> {
  return {
    command: Command.CREATE,
    what,
    signal,
    room: 512 + 2 * request.path.length,
    encode: (view, at) => encodeCreateRequest(view, at, request),
    decode: (view, at, length) => {
      const response = decodeCreateResponse(view, at, length);
      return { ...response, fileId: response.fileId.slice() };
    },
  };
}

/** CLOSE. */
export function closeCall(what: string, fileId: Uint8Array): Call<void> {
  return {
    command: Command.CLOSE,
    what,
    encode: (view, at) => encodeCloseRequest(view, at, fileId),
    decode: (view, at, length) => void decodeCloseResponse(view, at, length),
  };
}

/** FLUSH. */
export function flushCall(what: string, fileId: Uint8Array, signal: Signal): Call<void> {
  return {
    command: Command.FLUSH,
    what,
    signal,
    encode: (view, at) => encodeFlushRequest(view, at, fileId),
    decode: decodeEmpty,
  };
}

/** QUERY_INFO. */
export function queryCall<T>(
  what: string,
  fileId: Uint8Array,
  infoType: number,
  infoClass: number,
  maxOutput: number,
  decode: (output: Uint8Array) => T,
  signal?: Signal,
): Call<T> {
  const input = new Uint8Array(0);
  return {
    command: Command.QUERY_INFO,
    what,
    signal,
    bytes: maxOutput,
    encode: (view, at) =>
      encodeQueryInfoRequest(view, at, { fileId, infoType, infoClass, maxOutput, additional: 0, input }),
    decode: (view, at, length) => decode(decodeOutputResponse(view, at, length, maxOutput)),
  };
}

/** SET_INFO on a file. */
export function setCall(
  what: string,
  fileId: Uint8Array,
  infoClass: number,
  information: Uint8Array,
  signal: Signal,
): Call<void> {
  return {
    command: Command.SET_INFO,
    what,
    signal,
    room: 128 + information.length,
    bytes: information.length,
    encode: (view, at) =>
      encodeSetInfoRequest(view, at, { fileId, infoType: InfoType.FILE, infoClass, additional: 0, information }),
    decode: decodeSetInfoResponse,
  };
}

/** Writes information of a class and length that the encoders of MS-FSCC make. */
export function informationOf(length: number, encode: (view: DataView, at: number) => number): Uint8Array {
  const bytes = new Uint8Array(length);
  return bytes.subarray(0, encode(new DataView(bytes.buffer), 0));
}

/** QUERY_DIRECTORY; no entries at the listing's end. Throws WireError at a server that answers with none and goes on. */
export function listCall(
  what: string,
  fileId: Uint8Array,
  pattern: string,
  maxOutput: number,
  first: boolean,
  signal: Signal,
): Call<readonly DirectoryEntry[]> {
  const informationClass = DirectoryClass.ID_BOTH;
  const flags = first ? DirectoryFlag.RESTART_SCANS : 0;
  return {
    command: Command.QUERY_DIRECTORY,
    what,
    signal,
    room: 128 + 2 * pattern.length,
    bytes: maxOutput,
    encode: (view, at) =>
      encodeQueryDirectoryRequest(view, at, { fileId, informationClass, flags, pattern, maxOutput }),
    decode: (view, at, length) => {
      const entries = decodeDirectory(informationClass, decodeOutputResponse(view, at, length, maxOutput));
      if (entries.length === 0) throw new WireError("smb2", "a listing that goes on has entries", 0);
      return entries;
    },
    otherwise: (status) => status === NtStatus.NO_MORE_FILES || status === NtStatus.NO_SUCH_FILE ? [] : undefined,
  };
}

/** CHANGE_NOTIFY; undefined for more changes than can be told. */
export function notifyCall(
  what: string,
  fileId: Uint8Array,
  flags: number,
  filter: number,
  maxOutput: number,
  signal: Signal,
): Call<readonly Change[] | "overflow" | "closed"> {
  return {
    command: Command.CHANGE_NOTIFY,
    what,
    signal,
    bytes: maxOutput,
    timeout: Infinity,
    encode: (view, at) => encodeChangeNotifyRequest(view, at, fileId, flags, filter, maxOutput),
    decode: (view, at, length, header) => {
      const output = decodeOutputResponse(view, at, length, maxOutput);
      // names are taken out of the view before it ends to hold
      return header.status === NtStatus.NOTIFY_ENUM_DIR || output.length === 0 ? "overflow" : decodeChanges(output);
    },
    otherwise: (status) =>
      status === NtStatus.NOTIFY_ENUM_DIR ? "overflow" : status === NtStatus.NOTIFY_CLEANUP ? "closed" : undefined,
  };
}

/** LOCK and unlock. */
export function lockCall(
  what: string,
  fileId: Uint8Array,
  locks: readonly LockElement[],
  waits: boolean,
  signal: Signal,
): Call<void> {
  return {
    command: Command.LOCK,
    what,
    signal,
    room: 128 + 24 * locks.length,
    ...(waits ? { timeout: Infinity } : {}),
    encode: (view, at) => encodeLockRequest(view, at, fileId, locks),
    decode: decodeEmpty,
  };
}

/** The answer to an oplock's break. */
export function oplockCall(what: string, fileId: Uint8Array, level: number): Call<void> {
  return {
    command: Command.OPLOCK_BREAK,
    what,
    encode: (view, at) => encodeOplockAcknowledgement(view, at, fileId, level),
    decode: () => {},
  };
}

/** The answer to a lease's break. */
export function leaseCall(what: string, key: Uint8Array, state: number): Call<void> {
  return {
    command: Command.OPLOCK_BREAK,
    what,
    encode: (view, at) => encodeLeaseAcknowledgement(view, at, key, state),
    decode: () => {},
  };
}
