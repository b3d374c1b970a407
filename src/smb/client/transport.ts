/**
 * What carries SMB messages: TCP, or SMB Direct over any RDMA provider.
 *
 * @module
 */
import type { VerbenaError } from "../../rdma/errors.ts";
import type { ProtectionDomain } from "../../rdma/provider.ts";

/** Where the payload of a message that is still on its way goes. */
export interface Placement {
  /** Where in the message it starts. */
  readonly offset: number;
  /** Its memory; as long as the payload, which ends the message. */
  readonly into: Uint8Array;
}

/** What a transport tells whoever uses it. */
export interface TransportEvents {
  /**
   * A message came; the view holds until this returns. Its last `elsewhere` bytes are where {@linkcode place} said, and
   * not in the view.
   */
  message(message: Uint8Array, elsewhere: number): void;
  /** Bytes came, though perhaps no whole message. */
  heard(): void;
  /**
   * Where the payload of a long message of `length` bytes goes, of which `head` came; undefined for a message that is to be
   * delivered whole.
   */
  place(head: Uint8Array, length: number): Placement | undefined;
}

/** A connection that carries messages, in order, both ways. */
export interface SmbTransport {
  /** What moves the bytes: `tcp`, `iwarp`, `verbs:rxe0`. */
  readonly name: string;
  /**
   * The protection domain that payloads may be registered with; undefined of TCP. Who has the transport disposes it, once
   * the transport is closed and no memory of it is in use.
   */
  readonly domain: ProtectionDomain | undefined;
  /** Bytes to leave before each message to be sent, for framing. */
  readonly headroom: number;
  /** The longest message it sends. */
  readonly maxSend: number;
  /** The longest message it receives. */
  readonly maxReceive: number;
  /** The most bytes that one request moves by RDMA; 0 of TCP. */
  readonly maxReadWriteSize: number;
  /** Fulfilled once it is over, with what broke it, or undefined when {@linkcode close} did. Never rejected. */
  readonly closed: Promise<VerbenaError | undefined>;
  /** Delivers what comes, from here on. */
  start(events: TransportEvents): void;
  /**
   * Sends the message that follows {@linkcode headroom} bytes of `frame`, and `payload` behind it. Fulfilled when their
   * memory is the caller's again, also where the connection ended; `closed` says so.
   */
  send(frame: Uint8Array<ArrayBuffer>, payload?: Uint8Array): Promise<void>;
  /** Ends it. What was not sent yet may not be. */
  close(): Promise<void>;
}
