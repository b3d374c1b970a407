/**
 * READ and WRITE, with their payload in the message or by RDMA (MS-SMB2 2.2.19 to 2.2.22). Nothing here is allocated for a
 * message: requests and responses are the caller's own objects.
 *
 * @module
 */
import { WireError } from "../../rdma/errors.ts";
import { type BufferDescriptor } from "../../smbdirect/wire.ts";
import { encodeDescriptors } from "./channel.ts";
import { checkFits, HEADER_LENGTH, ID_LENGTH, putSize } from "./cursor.ts";

/** Where channel info and the payload of a WRITE start, from the header. */
export const IO_BUFFER_OFFSET = 112;
/** Where the payload of a READ response normally starts, from the header, and where one without payload ends. */
export const READ_RESPONSE_LENGTH = 80;
/** READ's flag: the server need not look into its cache. */
export const READ_UNBUFFERED = 1;
/** WRITE's flag: on stable storage before it is answered. */
export const WRITE_THROUGH = 1;
/** The READ response's flag: what stands in place of payload is an RDMA transform. */
export const READ_RESPONSE_TRANSFORM = 1;

/** What to read, and where to. */
export interface ReadRequest {
  /** The open file, 16 bytes. */
  readonly fileId: Uint8Array;
  /** The first byte, below 2^53. */
  readonly offset: number;
  /** Bytes. */
  readonly length: number;
  /** With fewer than these the server answers END_OF_FILE. */
  readonly minimumCount: number;
  /** 0 or {@linkcode READ_UNBUFFERED}. */
  readonly flags: number;
  /** One of Channel; NONE has no descriptors. */
  readonly channel: number;
  /** The memory that the server writes to. */
  readonly descriptors: readonly BufferDescriptor[];
}

/** What to write, and where from. */
export interface WriteRequest {
  /** The open file, 16 bytes. */
  readonly fileId: Uint8Array;
  /** The first byte, below 2^53. */
  readonly offset: number;
  /** Bytes. */
  readonly length: number;
  /** 0 or {@linkcode WRITE_THROUGH}. */
  readonly flags: number;
  /** NONE, RDMA_V1 or RDMA_V1_INVALIDATE; NONE has no descriptors. */
  readonly channel: number;
  /** The memory that the server reads from. */
  readonly descriptors: readonly BufferDescriptor[];
}

/** Where a READ's payload is; one object is decoded into again and again. */
export class ReadResponse {
  /** Where in the view it starts. */
  dataAt = 0;
  /** Bytes of it in the message. */
  dataLength = 0;
  /** Bytes of it that went by RDMA. */
  dataRemaining = 0;
  /** 0 or {@linkcode READ_RESPONSE_TRANSFORM}. */
  flags = 0;
}

/** Copies a FileId into place. */
function putFileId(view: DataView, at: number, fileId: Uint8Array): void {
  if (fileId.length !== ID_LENGTH) throw new WireError("smb2", "an identity has 16 bytes", fileId.length);
  for (let i = 0; i < ID_LENGTH; i++) view.setUint8(at + i, fileId[i] as number);
}

/**
 * Writes the body of a READ request and returns the message's length.
 *
 * @throws WireError when the range is beyond 2^53 or there are too many descriptors.
 */
export function encodeReadRequest(view: DataView, at: number, request: ReadRequest): number {
  checkFits("Length", request.length, 0xffff_ffff);
  const body = at + HEADER_LENGTH;
  const size = encodeDescriptors(view, at + IO_BUFFER_OFFSET, request.descriptors);
  view.setUint16(body, 49, true);
  view.setUint8(body + 2, READ_RESPONSE_LENGTH);
  view.setUint8(body + 3, request.flags);
  view.setUint32(body + 4, request.length, true);
  putSize(view, body + 8, request.offset);
  putFileId(view, body + 16, request.fileId);
  view.setUint32(body + 32, request.minimumCount, true);
  view.setUint32(body + 36, request.channel, true);
  view.setUint32(body + 40, size === 0 ? 0 : request.length, true);
  view.setUint16(body + 44, size === 0 ? 0 : IO_BUFFER_OFFSET, true);
  view.setUint16(body + 46, size, true);
  if (size > 0) return IO_BUFFER_OFFSET + size;
  view.setUint8(body + 48, 0);
  return IO_BUFFER_OFFSET + 1;
}

/**
 * Reads a READ response into `out`.
 *
 * @param asked The request's length, which payload in the message and by RDMA must not exceed.
 * @param elsewhere Bytes at the message's end that were put elsewhere as they came: payload that is not in the view.
 * @throws WireError when it does not hold.
 */
export function decodeReadResponse(
  view: DataView,
  at: number,
  length: number,
  asked: number,
  out: ReadResponse,
  elsewhere = 0,
): void {
  checkBody("READ", view, at, length, 17);
  const body = at + HEADER_LENGTH;
  const offset = view.getUint8(body + 2);
  out.dataAt = at + offset;
  out.dataLength = view.getUint32(body + 4, true);
  out.dataRemaining = view.getUint32(body + 8, true);
  out.flags = view.getUint32(body + 12, true);
  if (out.dataLength > 0) {
    if (offset < READ_RESPONSE_LENGTH) throw new WireError("smb2", "READ response: DataOffset is at least 80", offset);
    if (offset + out.dataLength > length + elsewhere) {
      throw new WireError("smb2", "READ response: DataLength lies within the message", out.dataLength);
    }
  }
  // A transform stands in the payload's place and may be longer than it.
  const payload = (out.flags & READ_RESPONSE_TRANSFORM) !== 0 ? 0 : out.dataLength;
  if (payload + out.dataRemaining > asked) {
    throw new WireError("smb2", "READ response: no more bytes than asked for", payload + out.dataRemaining);
  }
}

/**
 * Writes the body of a WRITE request and returns how long it is without payload. With channel NONE the payload of
 * `request.length` bytes follows right there, at {@linkcode IO_BUFFER_OFFSET}: in the buffer, or as the next piece sent.
 *
 * @throws WireError when the range is beyond 2^53 or there are too many descriptors.
 */
export function encodeWriteRequest(view: DataView, at: number, request: WriteRequest): number {
  checkFits("Length", request.length, 0xffff_ffff);
  const body = at + HEADER_LENGTH;
  const size = encodeDescriptors(view, at + IO_BUFFER_OFFSET, request.descriptors);
  const inline = size === 0;
  view.setUint16(body, 49, true);
  view.setUint16(body + 2, inline ? IO_BUFFER_OFFSET : 0, true);
  view.setUint32(body + 4, inline ? request.length : 0, true);
  putSize(view, body + 8, request.offset);
  putFileId(view, body + 16, request.fileId);
  view.setUint32(body + 32, request.channel, true);
  view.setUint32(body + 36, inline ? 0 : request.length, true);
  view.setUint16(body + 40, inline ? 0 : IO_BUFFER_OFFSET, true);
  view.setUint16(body + 42, size, true);
  view.setUint32(body + 44, request.flags, true);
  return IO_BUFFER_OFFSET + size;
}

/**
 * The bytes written, of a WRITE response.
 *
 * @param asked The request's length, which they must not exceed.
 * @throws WireError when it does not hold.
 */
export function decodeWriteResponse(view: DataView, at: number, length: number, asked: number): number {
  checkBody("WRITE", view, at, length, 17);
  const count = view.getUint32(at + HEADER_LENGTH + 4, true);
  if (count > asked) throw new WireError("smb2", "WRITE response: Count is no more than asked for", count);
  return count;
}

/** Refuses a response shorter than its fixed fields or of another StructureSize, which is odd. */
function checkBody(name: string, view: DataView, at: number, length: number, structureSize: number): void {
  if (length < HEADER_LENGTH + structureSize - 1 || at + length > view.byteLength) {
    throw new WireError("smb2", `${name} response: length has room for every field`, length);
  }
  const size = view.getUint16(at + HEADER_LENGTH, true);
  if (size !== structureSize) throw new WireError("smb2", `${name} response: StructureSize is ${structureSize}`, size);
}
