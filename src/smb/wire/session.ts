/**
 * SESSION_SETUP: the exchange of security tokens that makes a session (MS-SMB2 2.2.5, 2.2.6).
 *
 * @module
 */
import { checkFits, Reader, Writer } from "./cursor.ts";

/** The request's flag that binds another connection to a session there is. */
export const SESSION_BINDING = 1;

/** What kind of session it became. */
export const SessionFlag = {
  /** A guest's: without keys, unsigned. */
  GUEST: 1,
  /** Nobody's: without keys, unsigned. */
  ANONYMOUS: 2,
  /** Everything is to be encrypted. */
  ENCRYPT: 4,
} as const;

/** One step of a client's logging on. */
export interface SessionSetupRequest {
  /** 0 or {@linkcode SESSION_BINDING}. */
  readonly flags: number;
  /** SecurityMode flags, as in NEGOTIATE. */
  readonly securityMode: number;
  /** Capability flags; DFS is the only one that counts. */
  readonly capabilities: number;
  /** A session of this client's that the server may drop, or 0. */
  readonly previousSessionId: bigint;
  /** The token. */
  readonly securityBuffer: Uint8Array;
}

/** The server's step. */
export interface SessionSetupResponse {
  /** {@linkcode SessionFlag}s. */
  readonly sessionFlags: number;
  /** The token. */
  readonly securityBuffer: Uint8Array;
}

/** Writes the body of a SESSION_SETUP request and returns the message's length. */
export function encodeSessionSetupRequest(view: DataView, at: number, request: SessionSetupRequest): number {
  checkFits("SecurityBufferLength", request.securityBuffer.length, 0xffff);
  const writer = Writer.ofBody(view, at, 25);
  writer.u8(request.flags);
  writer.u8(request.securityMode);
  writer.u32(request.capabilities);
  writer.u32(0);
  writer.u16(88);
  writer.u16(request.securityBuffer.length);
  writer.u64(request.previousSessionId);
  writer.bytes(request.securityBuffer);
  return writer.length;
}

/**
 * Reads a SESSION_SETUP request; the token is a view.
 *
 * @throws WireError when it does not hold.
 */
export function decodeSessionSetupRequest(view: DataView, at: number, length: number): SessionSetupRequest {
  const reader = Reader.ofBody("SESSION_SETUP request", view, at, length, 25);
  const flags = reader.u8();
  const securityMode = reader.u8();
  const capabilities = reader.u32();
  reader.u32();
  const offset = reader.u16();
  const size = reader.u16();
  const previousSessionId = reader.u64();
  const securityBuffer = reader.block(offset, size, "the security buffer");
  return { flags, securityMode, capabilities, previousSessionId, securityBuffer };
}

/** Writes the body of a SESSION_SETUP response and returns the message's length. */
export function encodeSessionSetupResponse(view: DataView, at: number, response: SessionSetupResponse): number {
  checkFits("SecurityBufferLength", response.securityBuffer.length, 0xffff);
  const writer = Writer.ofBody(view, at, 9);
  writer.u16(response.sessionFlags);
  writer.u16(72);
  writer.u16(response.securityBuffer.length);
  writer.bytes(response.securityBuffer);
  return writer.length;
}

/**
 * Reads a SESSION_SETUP response, of success or of MORE_PROCESSING_REQUIRED; the token is a view.
 *
 * @throws WireError when it does not hold.
 */
export function decodeSessionSetupResponse(view: DataView, at: number, length: number): SessionSetupResponse {
  const reader = Reader.ofBody("SESSION_SETUP response", view, at, length, 9);
  const sessionFlags = reader.u16();
  const offset = reader.u16();
  const size = reader.u16();
  return { sessionFlags, securityBuffer: reader.block(offset, size, "the security buffer") };
}
