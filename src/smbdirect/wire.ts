/**
 * MS-SMBD's messages: encoders into a buffer of the caller's, and decoders that check what they read (MS-SMBD 2.2,
 * 3.1.5.6 to 3.1.5.8). All integers are little-endian. Encoders never check: what they are given is this side's own.
 *
 * @module
 */
import { WireError } from "../rdma/errors.ts";

/** The protocol's only version, 1.0 (MS-SMBD 2.2.1). */
export const VERSION = 0x0100;
/** Bytes of a negotiate request. */
export const NEGOTIATE_REQUEST_LENGTH = 20;
/** Bytes of a negotiate response. */
export const NEGOTIATE_RESPONSE_LENGTH = 32;
/** Bytes of a data transfer message without payload. */
export const EMPTY_MESSAGE_LENGTH = 20;
/** Where the payload of a data transfer message starts: its header and four bytes of padding. */
export const PAYLOAD_OFFSET = 24;
/** Bytes of a buffer descriptor V1. */
export const BUFFER_DESCRIPTOR_LENGTH = 16;
/** The least MaxReceiveSize a peer may name, and the least this side takes. */
export const LEAST_RECEIVE_SIZE = 128;
/** The least MaxFragmentedSize a peer may name. */
export const LEAST_FRAGMENTED_SIZE = 131_072;
/** The least buffer to receive a negotiate message in: it may bear redundant bytes (MS-SMBD 3.1.7.2). */
export const LEAST_NEGOTIATE_BUFFER = 512;
/** The data transfer flag that asks for a message in return, a keepalive (MS-SMBD 2.2.3). */
export const RESPONSE_REQUESTED = 0x0001;

/** What a negotiate response may say in Status (MS-SMBD 2.2.2); NTSTATUS values. */
export const NegotiateStatus = {
  /** The connection stands. */
  SUCCESS: 0,
  /** The request's range of versions leaves 1.0 out. */
  NOT_SUPPORTED: 0xc00000bb,
  /** No memory for what was asked. */
  INSUFFICIENT_RESOURCES: 0xc000009a,
} as const;

/** The active side's first message (MS-SMBD 2.2.1). Sizes are bytes. */
export interface NegotiateRequest {
  /** The oldest version it speaks. */
  readonly minVersion: number;
  /** The newest. */
  readonly maxVersion: number;
  /** Send credits it wants to hold. */
  readonly creditsRequested: number;
  /** The longest message it would like to send. */
  readonly preferredSendSize: number;
  /** The longest message it takes. */
  readonly maxReceiveSize: number;
  /** The longest reassembled message it takes. */
  readonly maxFragmentedSize: number;
}

/** The passive side's answer (MS-SMBD 2.2.2). Sizes are bytes. */
export interface NegotiateResponse {
  /** The version taken. */
  readonly negotiatedVersion: number;
  /** Send credits it wants to hold. */
  readonly creditsRequested: number;
  /** Send credits it gives with this message. */
  readonly creditsGranted: number;
  /** 0, or the NTSTATUS that says why not; every other field is 0 then. */
  readonly status: number;
  /** The most one RDMA Read or Write may move. */
  readonly maxReadWriteSize: number;
  /** The longest message it will send. */
  readonly preferredSendSize: number;
  /** The longest message it takes. */
  readonly maxReceiveSize: number;
  /** The longest reassembled message it takes. */
  readonly maxFragmentedSize: number;
}

/** A data transfer message's header (MS-SMBD 2.2.3); one object is decoded into again and again. */
export class DataTransfer {
  /** Send credits the sender wants to hold in all, at least 1. */
  creditsRequested = 0;
  /** Send credits it gives with this message. */
  creditsGranted = 0;
  /** 0 or {@linkcode RESPONSE_REQUESTED}. */
  flags = 0;
  /** Bytes of the fragmented message that follow in later messages. */
  remainingDataLength = 0;
  /** Where the payload starts within the message. */
  dataOffset = 0;
  /** Bytes of payload. */
  dataLength = 0;
}

/** A stretch of registered memory that a peer offers (MS-SMBD 2.2.3.1). */
export interface BufferDescriptor {
  /** The address a peer names to reach its first byte. */
  readonly offset: bigint;
  /** The key to show, a Steering Tag or remote key. */
  readonly token: number;
  /** Bytes. */
  readonly length: number;
}

/** Refuses a message shorter than `least`. */
function checkLength(name: string, length: number, least: number): void {
  if (length < least) throw new WireError("smbd", `length of a ${name} is at least ${least}`, length);
}

/** Refuses a field below `least`. */
function checkLeast(field: string, value: number, least: number): void {
  if (value < least) throw new WireError("smbd", `${field} is at least ${least}`, value);
}

/** Writes a negotiate request at `at` and returns its 20 bytes' length. */
export function encodeNegotiateRequest(view: DataView, at: number, request: NegotiateRequest): number {
  view.setUint16(at, request.minVersion, true);
  view.setUint16(at + 2, request.maxVersion, true);
  view.setUint16(at + 4, 0, true);
  view.setUint16(at + 6, request.creditsRequested, true);
  view.setUint32(at + 8, request.preferredSendSize, true);
  view.setUint32(at + 12, request.maxReceiveSize, true);
  view.setUint32(at + 16, request.maxFragmentedSize, true);
  return NEGOTIATE_REQUEST_LENGTH;
}

/** Whether the request's range of versions has 1.0 in it. */
export function coversVersion(request: NegotiateRequest): boolean {
  return request.minVersion <= VERSION && VERSION <= request.maxVersion;
}

/**
 * Reads a negotiate request (MS-SMBD 3.1.5.6). Of one that leaves version 1.0 out ({@linkcode coversVersion}) nothing
 * else is checked: it is owed an answer.
 *
 * @throws WireError when it is to be dropped without an answer.
 */
export function decodeNegotiateRequest(view: DataView, at: number, length: number): NegotiateRequest {
  checkLength("negotiate request", length, NEGOTIATE_REQUEST_LENGTH);
  const request = {
    minVersion: view.getUint16(at, true),
    maxVersion: view.getUint16(at + 2, true),
    creditsRequested: view.getUint16(at + 6, true),
    preferredSendSize: view.getUint32(at + 8, true),
    maxReceiveSize: view.getUint32(at + 12, true),
    maxFragmentedSize: view.getUint32(at + 16, true),
  };
  if (!coversVersion(request)) return request;
  checkLeast("CreditsRequested", request.creditsRequested, 1);
  checkLeast("MaxReceiveSize", request.maxReceiveSize, LEAST_RECEIVE_SIZE);
  checkLeast("MaxFragmentedSize", request.maxFragmentedSize, LEAST_FRAGMENTED_SIZE);
  return request;
}

/** Writes a negotiate response at `at` and returns its 32 bytes' length. */
export function encodeNegotiateResponse(view: DataView, at: number, response: NegotiateResponse): number {
  view.setUint16(at, VERSION, true);
  view.setUint16(at + 2, VERSION, true);
  view.setUint16(at + 4, response.negotiatedVersion, true);
  view.setUint16(at + 6, 0, true);
  view.setUint16(at + 8, response.creditsRequested, true);
  view.setUint16(at + 10, response.creditsGranted, true);
  view.setUint32(at + 12, response.status, true);
  view.setUint32(at + 16, response.maxReadWriteSize, true);
  view.setUint32(at + 20, response.preferredSendSize, true);
  view.setUint32(at + 24, response.maxReceiveSize, true);
  view.setUint32(at + 28, response.maxFragmentedSize, true);
  return NEGOTIATE_RESPONSE_LENGTH;
}

/**
 * Reads a negotiate response (MS-SMBD 3.1.5.7). Of one with a Status other than 0 nothing else is checked.
 *
 * @param maxReceiveSize This side's, which the peer's PreferredSendSize must not exceed.
 * @throws WireError when the connection is to be dropped.
 */
export function decodeNegotiateResponse(
  view: DataView,
  at: number,
  length: number,
  maxReceiveSize: number,
): NegotiateResponse {
  checkLength("negotiate response", length, NEGOTIATE_RESPONSE_LENGTH);
  const response = {
    negotiatedVersion: view.getUint16(at + 4, true),
    creditsRequested: view.getUint16(at + 8, true),
    creditsGranted: view.getUint16(at + 10, true),
    status: view.getUint32(at + 12, true),
    maxReadWriteSize: view.getUint32(at + 16, true),
    preferredSendSize: view.getUint32(at + 20, true),
    maxReceiveSize: view.getUint32(at + 24, true),
    maxFragmentedSize: view.getUint32(at + 28, true),
  };
  if (response.status !== NegotiateStatus.SUCCESS) return response;
  if (response.negotiatedVersion !== VERSION) {
    throw new WireError("smbd", "NegotiatedVersion is 0x0100", response.negotiatedVersion);
  }
  checkLeast("CreditsRequested", response.creditsRequested, 1);
  checkLeast("CreditsGranted", response.creditsGranted, 1);
  checkLeast("MaxReadWriteSize", response.maxReadWriteSize, 1);
  checkLeast("MaxReceiveSize", response.maxReceiveSize, LEAST_RECEIVE_SIZE);
  checkLeast("MaxFragmentedSize", response.maxFragmentedSize, LEAST_FRAGMENTED_SIZE);
  if (response.preferredSendSize > maxReceiveSize) {
    throw new WireError(
      "smbd",
      "PreferredSendSize is at most the MaxReceiveSize asked for",
      `${response.preferredSendSize}, not ${maxReceiveSize}`,
    );
  }
  return response;
}

/**
 * Writes a data transfer header at `at`, with its padding when there is payload, and returns how long the whole message
 * is; the payload itself goes to `at + PAYLOAD_OFFSET`.
 */
export function encodeDataTransfer(
  view: DataView,
  at: number,
  creditsRequested: number,
  creditsGranted: number,
  flags: number,
  dataLength: number,
  remainingDataLength: number,
): number {
  view.setUint16(at, creditsRequested, true);
  view.setUint16(at + 2, creditsGranted, true);
  view.setUint16(at + 4, flags, true);
  view.setUint16(at + 6, 0, true);
  view.setUint32(at + 8, remainingDataLength, true);
  view.setUint32(at + 12, dataLength === 0 ? 0 : PAYLOAD_OFFSET, true);
  view.setUint32(at + 16, dataLength, true);
  if (dataLength === 0) return EMPTY_MESSAGE_LENGTH;
  view.setUint32(at + 20, 0, true);
  return PAYLOAD_OFFSET + dataLength;
}

/**
 * Reads a data transfer header into `out` (MS-SMBD 3.1.5.8). The sums are of 32-bit numbers in doubles: they cannot wrap.
 *
 * @param maxFragmentedSize This side's, which a fragment and what remains after it must not exceed.
 * @throws WireError when the connection is to be dropped.
 */
export function decodeDataTransfer(
  view: DataView,
  at: number,
  length: number,
  maxFragmentedSize: number,
  out: DataTransfer,
): void {
  checkLength("data transfer message", length, EMPTY_MESSAGE_LENGTH);
  out.creditsRequested = view.getUint16(at, true);
  out.creditsGranted = view.getUint16(at + 2, true);
  out.flags = view.getUint16(at + 4, true);
  out.remainingDataLength = view.getUint32(at + 8, true);
  out.dataOffset = view.getUint32(at + 12, true);
  out.dataLength = view.getUint32(at + 16, true);
  checkLeast("CreditsRequested", out.creditsRequested, 1);
  if (out.dataOffset % 8 !== 0) throw new WireError("smbd", "DataOffset is a multiple of 8", out.dataOffset);
  if (out.dataOffset + out.dataLength > length) {
    throw new WireError("smbd", "DataOffset + DataLength lie within the message", out.dataOffset + out.dataLength);
  }
  if (out.dataLength + out.remainingDataLength > maxFragmentedSize) {
    throw new WireError(
      "smbd",
      "DataLength + RemainingDataLength lie within MaxFragmentedSize",
      out.dataLength + out.remainingDataLength,
    );
  }
  // Not in the specification's list, but without them a payload could be the header, and a train could stand still.
  if (out.dataLength > 0) checkLeast("DataOffset of a payload", out.dataOffset, PAYLOAD_OFFSET);
  else if (out.remainingDataLength > 0) {
    throw new WireError("smbd", "RemainingDataLength of an empty message is 0", out.remainingDataLength);
  }
}

/** Writes a buffer descriptor V1 at `at` and returns its 16 bytes' length. */
export function encodeBufferDescriptor(view: DataView, at: number, descriptor: BufferDescriptor): number {
  view.setBigUint64(at, descriptor.offset, true);
  view.setUint32(at + 8, descriptor.token, true);
  view.setUint32(at + 12, descriptor.length, true);
  return BUFFER_DESCRIPTOR_LENGTH;
}

/**
 * Reads a buffer descriptor V1.
 *
 * @param length Bytes there are from `at` on; what follows the 16 is not looked at.
 * @throws WireError when it is short or its range wraps round 2^64.
 */
export function decodeBufferDescriptor(view: DataView, at: number, length: number): BufferDescriptor {
  checkLength("buffer descriptor", length, BUFFER_DESCRIPTOR_LENGTH);
  const descriptor = {
    offset: view.getBigUint64(at, true),
    token: view.getUint32(at + 8, true),
    length: view.getUint32(at + 12, true),
  };
  if (descriptor.offset + BigInt(descriptor.length) > 1n << 64n) {
    throw new WireError("smbd", "Offset + Length of a buffer descriptor lie within 2^64", descriptor.offset);
  }
  return descriptor;
}
