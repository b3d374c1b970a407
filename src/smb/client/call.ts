/**
 * One request and its answer, as {@linkcode Exchange} carries them out.
 *
 * @module
 */
import { SystemError } from "../../rdma/errors.ts";
import type { Header } from "../wire/header.ts";

/** A request, and how its answer is read. */
export interface Call<T> {
  /** One of Command. */
  readonly command: number;
  /** What it is for, with the path, as errors say it: `open \\nas\data\a.txt`. */
  readonly what: string;
  /** Bytes that the message takes at most, payload aside; 512 unless said. */
  readonly room?: number;
  /** Writes the body behind the header at `at`, and returns the message's length. */
  encode(view: DataView, at: number): number;
  /** What is sent behind that, as the end of the message. */
  readonly payload?: Uint8Array | undefined;
  /** Bytes of payload that it sends, or that the answer may have, whichever is more: what it costs. */
  readonly bytes?: number;
  /** The share's TreeId; none unless said. */
  readonly treeId?: number;
  /** HeaderFlags beside those that follow from the rest. */
  readonly flags?: number;
  /** Whether it is sent signed where the session can, though nothing else is. */
  readonly signed?: boolean;
  /** Whether it belongs to no session. */
  readonly sessionless?: boolean;
  /** Whether it is encrypted though the session is not: the share asks for that. */
  readonly encrypted?: boolean;
  /** Milliseconds; the settings' `timeout` unless said. Infinity for an answer that may take for ever. */
  readonly timeout?: number;
  /** Gives the request up: the server is asked to cancel it. */
  readonly signal?: AbortSignal | undefined;
  /** Where a READ's payload goes; the answer is then decoded with its length, and finds it there. */
  readonly into?: Uint8Array | undefined;
  /** Hears the whole message as it leaves, header and all. */
  sent?(message: Uint8Array): void;
  /** Hears the whole answer as it came, before it is decoded; that may not be signed. */
  received?(message: Uint8Array, header: Header): void;
  /**
   * Reads an answer that has its own body; `header.status` may be SUCCESS or one of the few others that have one.
   *
   * @param elsewhere Bytes of the answer's end that are in {@linkcode into} and not in the view.
   */
  decode(view: DataView, at: number, length: number, header: Header, elsewhere: number): T;
  /** What an answer with an error's status means, where that is no error; undefined for one that is. */
  otherwise?(status: number): T | undefined;
  /** Undoes what the server carried out though the request was given up; called with the answer. */
  undo?(value: T): void;
}

/** The connection ended before an answer came. */
export class ConnectionLost extends SystemError {
  /**
   * Names what was tried and why the connection ended.
   *
   * @param sent Whether the server may have carried it out.
   */
  constructor(
    call: string,
    code: string,
    reason: string,
    /** Whether the server may have carried it out. */ readonly sent: boolean,
  ) {
    super(call, code, sent ? `${reason}; whether the server carried it out is not known` : reason);
  }
}

/** A request costs more credits than the server gives; ask for less at once. */
export class CreditsTooFew extends SystemError {
  /** Names both counts. */
  constructor(call: string, charge: number, /** Credits there are. */ readonly available: number) {
    super(call, "EMSGSIZE", `it costs ${charge} credits and the server gives ${available}`);
  }
}
