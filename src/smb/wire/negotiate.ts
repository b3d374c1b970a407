/**
 * NEGOTIATE: the dialect, what both sides can do, and how large a request may be (MS-SMB2 2.2.3, 2.2.4). In every encoder
 * and decoder of a message, `at` is where its header starts and a length counts the header.
 *
 * @module
 */
import { checkFits, Reader, Writer } from "./cursor.ts";
import { type NegotiateContexts, putNegotiateContexts, takeNegotiateContexts } from "./negotiate_contexts.ts";

/** The dialects of SMB2 and 3. */
export const Dialect = {
  /** 2.0.2. */
  SMB_2_0_2: 0x0202,
  /** 2.1. */
  SMB_2_1: 0x0210,
  /** 3.0. */
  SMB_3_0: 0x0300,
  /** 3.0.2. */
  SMB_3_0_2: 0x0302,
  /** 3.1.1. */
  SMB_3_1_1: 0x0311,
  /** An answer to SMB1's NEGOTIATE: send SMB2's. */
  WILDCARD: 0x02ff,
} as const;

/** What a side can do. */
export const Capability = {
  /** DFS. */
  DFS: 0x1,
  /** Leases. */
  LEASING: 0x2,
  /** Requests of more than one credit. */
  LARGE_MTU: 0x4,
  /** Several connections a session. */
  MULTI_CHANNEL: 0x8,
  /** Handles that outlive the server. */
  PERSISTENT_HANDLES: 0x10,
  /** Leases on directories. */
  DIRECTORY_LEASING: 0x20,
  /** Encryption, dialects 3.0 and 3.0.2. */
  ENCRYPTION: 0x40,
  /** Notifications from the server, dialect 3.1.1. */
  NOTIFICATIONS: 0x80,
} as const;

/** Whether a side signs. */
export const SecurityMode = {
  /** It can. */
  SIGNING_ENABLED: 1,
  /** It insists. */
  SIGNING_REQUIRED: 2,
} as const;

/** What a client asks for. */
export interface NegotiateRequest {
  /** {@linkcode Dialect}s it speaks. */
  readonly dialects: readonly number[];
  /** {@linkcode SecurityMode} flags. */
  readonly securityMode: number;
  /** {@linkcode Capability} flags. */
  readonly capabilities: number;
  /** The client's GUID, 16 bytes. */
  readonly clientGuid: Uint8Array;
  /** Sent when 3.1.1 is among the dialects. */
  readonly contexts: NegotiateContexts;
}

/** What a server answers. */
export interface NegotiateResponse {
  /** {@linkcode SecurityMode} flags. */
  readonly securityMode: number;
  /** The {@linkcode Dialect} taken. */
  readonly dialect: number;
  /** The server's GUID, 16 bytes. */
  readonly serverGuid: Uint8Array;
  /** {@linkcode Capability} flags. */
  readonly capabilities: number;
  /** The most bytes of a query, control or notification. */
  readonly maxTransactSize: number;
  /** The most of a READ. */
  readonly maxReadSize: number;
  /** The most of a WRITE. */
  readonly maxWriteSize: number;
  /** The server's clock, a FILETIME. */
  readonly systemTime: bigint;
  /** When it started, a FILETIME, or 0. */
  readonly serverStartTime: bigint;
  /** A SPNEGO token, or nothing. */
  readonly securityBuffer: Uint8Array;
  /** Of dialect 3.1.1. */
  readonly contexts: NegotiateContexts;
}

/** Writes the body of a NEGOTIATE request and returns the message's length. */
export function encodeNegotiateRequest(view: DataView, at: number, request: NegotiateRequest): number {
  const { dialects } = request;
  checkFits("DialectCount", dialects.length, 0xffff);
  const writer = Writer.ofBody(view, at, 36);
  writer.u16(dialects.length);
  writer.u16(request.securityMode);
  writer.u16(0);
  writer.u32(request.capabilities);
  writer.id(request.clientGuid);
  const contextsAt = writer.at;
  writer.zero(8);
  for (const dialect of dialects) writer.u16(dialect);
  if (!dialects.includes(Dialect.SMB_3_1_1)) return writer.length;
  writer.pad8();
  view.setUint32(contextsAt, writer.length, true);
  view.setUint16(contextsAt + 4, putNegotiateContexts(writer, request.contexts), true);
  return writer.length;
}

/**
 * Reads a NEGOTIATE request.
 *
 * @throws WireError when it does not hold.
 */
export function decodeNegotiateRequest(view: DataView, at: number, length: number): NegotiateRequest {
  const reader = Reader.ofBody("NEGOTIATE request", view, at, length, 36);
  const count = reader.u16();
  const securityMode = reader.u16();
  reader.u16();
  const capabilities = reader.u32();
  const clientGuid = reader.id();
  const offset = reader.u32();
  const contextCount = reader.u16();
  reader.u16();
  if (count === 0 || count * 2 > reader.left) reader.fail("DialectCount fits the message", count);
  const dialects = Array.from({ length: count }, () => reader.u16());
  const newest = dialects.includes(Dialect.SMB_3_1_1);
  const contexts = newest ? takeNegotiateContexts(reader, offset, contextCount) : {};
  return { dialects, securityMode, capabilities, clientGuid, contexts };
}

/** Writes the body of a NEGOTIATE response and returns the message's length. */
export function encodeNegotiateResponse(view: DataView, at: number, response: NegotiateResponse): number {
  checkFits("SecurityBufferLength", response.securityBuffer.length, 0xffff);
  const writer = Writer.ofBody(view, at, 65);
  writer.u16(response.securityMode);
  writer.u16(response.dialect);
  const countAt = writer.at;
  writer.u16(0);
  writer.id(response.serverGuid);
  writer.u32(response.capabilities);
  writer.u32(response.maxTransactSize);
  writer.u32(response.maxReadSize);
  writer.u32(response.maxWriteSize);
  writer.u64(response.systemTime);
  writer.u64(response.serverStartTime);
  writer.u16(writer.length + 8);
  writer.u16(response.securityBuffer.length);
  const offsetAt = writer.at;
  writer.u32(0);
  writer.bytes(response.securityBuffer);
  if (response.dialect !== Dialect.SMB_3_1_1) return writer.length;
  writer.pad8();
  view.setUint32(offsetAt, writer.length, true);
  view.setUint16(countAt, putNegotiateContexts(writer, response.contexts), true);
  return writer.length;
}

/**
 * Reads a NEGOTIATE response; buffers are views.
 *
 * @throws WireError when it does not hold. Whether the dialect and algorithms were asked for is the caller's to check.
 */
export function decodeNegotiateResponse(view: DataView, at: number, length: number): NegotiateResponse {
  const reader = Reader.ofBody("NEGOTIATE response", view, at, length, 65);
  const securityMode = reader.u16();
  const dialect = reader.u16();
  const contextCount = reader.u16();
  const serverGuid = reader.id();
  const capabilities = reader.u32();
  const maxTransactSize = reader.u32();
  const maxReadSize = reader.u32();
  const maxWriteSize = reader.u32();
  const systemTime = reader.u64();
  const serverStartTime = reader.u64();
  const offset = reader.u16();
  const size = reader.u16();
  const contextOffset = reader.u32();
  const securityBuffer = reader.block(offset, size, "the security buffer");
  const newest = dialect === Dialect.SMB_3_1_1;
  return {
    securityMode,
    dialect,
    serverGuid,
    capabilities,
    maxTransactSize,
    maxReadSize,
    maxWriteSize,
    systemTime,
    serverStartTime,
    securityBuffer,
    contexts: newest ? takeNegotiateContexts(reader, contextOffset, contextCount) : {},
  };
}
