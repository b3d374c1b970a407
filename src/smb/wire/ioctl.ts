/**
 * IOCTL: controls of a file, a pipe or the server itself (MS-SMB2 2.2.31, 2.2.32).
 *
 * @module
 */
import { checkFits, Reader, Writer } from "./cursor.ts";

/** Control codes. */
export const Fsctl = {
  /** Where a DFS path leads. */
  DFS_GET_REFERRALS: 0x0006_0194,
  /** Write to a pipe and read its answer. */
  PIPE_TRANSCEIVE: 0x0011_c017,
  /** Copy ranges within the server. */
  SRV_COPYCHUNK: 0x0014_40f2,
  /** The key of a file to copy from. */
  SRV_REQUEST_RESUME_KEY: 0x0014_0078,
  /** The server's network interfaces. */
  QUERY_NETWORK_INTERFACE_INFO: 0x0014_01fc,
  /** Whether the negotiation was tampered with, dialects 3.0 and 3.0.2. */
  VALIDATE_NEGOTIATE_INFO: 0x0014_0204,
  /** Where a link leads. */
  GET_REPARSE_POINT: 0x0009_00a8,
  /** Let the file have holes. */
  SET_SPARSE: 0x0009_00c4,
  /** Make a hole. */
  SET_ZERO_DATA: 0x0009_80c8,
} as const;

/** Where the input starts, from the header. */
const INPUT_OFFSET = 120;

/** A control. */
export interface IoctlRequest {
  /** One of {@linkcode Fsctl}. */
  readonly code: number;
  /** The open file, or all ones of controls of the server. */
  readonly fileId: Uint8Array;
  /** What it is told. */
  readonly input: Uint8Array;
  /** The most bytes of the answer. */
  readonly maxOutput: number;
}

/** A control's answer; views. */
export interface IoctlResponse {
  /** The request's code. */
  readonly code: number;
  /** The request's file. */
  readonly fileId: Uint8Array;
  /** The answer. */
  readonly output: Uint8Array;
}

/** Writes the body of an IOCTL request and returns the message's length. */
export function encodeIoctlRequest(view: DataView, at: number, request: IoctlRequest): number {
  const { input } = request;
  const writer = Writer.ofBody(view, at, 57);
  writer.u16(0);
  writer.u32(request.code);
  writer.id(request.fileId);
  writer.u32(input.length === 0 ? 0 : INPUT_OFFSET);
  writer.u32(input.length);
  writer.u32(0);
  writer.u32(0);
  writer.u32(0);
  writer.u32(request.maxOutput);
  writer.u32(1);
  writer.u32(0);
  if (input.length === 0) writer.u8(0);
  else writer.bytes(input);
  return writer.length;
}

/**
 * Reads an IOCTL response.
 *
 * @param asked The most bytes asked for, which the output must not exceed.
 * @throws WireError when it does not hold.
 */
export function decodeIoctlResponse(view: DataView, at: number, length: number, asked: number): IoctlResponse {
  const reader = Reader.ofBody("IOCTL response", view, at, length, 49);
  reader.skip(2);
  const code = reader.u32();
  const fileId = reader.id();
  reader.skip(8);
  const offset = reader.u32();
  const count = reader.u32();
  reader.skip(8);
  if (count > asked) reader.fail("OutputCount is no more than asked for", count);
  return { code, fileId, output: reader.block(offset, count, "the output") };
}

/** What a client of 3.0 or 3.0.2 asks the server to confirm (MS-SMB2 2.2.31.4): its own NEGOTIATE again. */
export interface ValidateNegotiateRequest {
  /** Capability flags. */
  readonly capabilities: number;
  /** The client's GUID. */
  readonly clientGuid: Uint8Array;
  /** SecurityMode flags. */
  readonly securityMode: number;
  /** The dialects it offered. */
  readonly dialects: readonly number[];
}

/** What the server confirms: its answer again. */
export interface ValidateNegotiateResponse {
  /** Capability flags. */
  readonly capabilities: number;
  /** The server's GUID, a view. */
  readonly serverGuid: Uint8Array;
  /** SecurityMode flags. */
  readonly securityMode: number;
  /** The dialect taken. */
  readonly dialect: number;
}

/** Writes the input of VALIDATE_NEGOTIATE_INFO at `at` and returns its bytes' count. */
export function encodeValidateNegotiate(view: DataView, at: number, request: ValidateNegotiateRequest): number {
  checkFits("DialectCount", request.dialects.length, 0xffff);
  const writer = new Writer(view, at);
  writer.u32(request.capabilities);
  writer.id(request.clientGuid);
  writer.u16(request.securityMode);
  writer.u16(request.dialects.length);
  for (const dialect of request.dialects) writer.u16(dialect);
  return writer.length;
}

/**
 * Reads the output of VALIDATE_NEGOTIATE_INFO.
 *
 * @throws WireError when it is short.
 */
export function decodeValidateNegotiate(output: Uint8Array): ValidateNegotiateResponse {
  const reader = Reader.of("VALIDATE_NEGOTIATE_INFO response", output);
  const capabilities = reader.u32();
  const serverGuid = reader.id();
  return { capabilities, serverGuid, securityMode: reader.u16(), dialect: reader.u16() };
}
