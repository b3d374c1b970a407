/**
 * What carries messages and ranges between a reader and an engine: SMB Direct with RDMA Writes, or frames on a Unix socket.
 *
 * @module
 */
import type { MemorySource } from "../rdma/memory.ts";
import type { PooledBuffer } from "../rdma/pool.ts";
import type { Closure } from "../rdma/provider.ts";
import type { MessageData } from "./messages.ts";
import type { EngineConnectionInfo } from "./reader.ts";

/** What both sides have of a connection: messages, whole and in order. */
export interface Channel {
  /** `iwarp`, `verbs:rxe0`, `local`. */
  readonly transport: string;
  /** Called with each message. The view holds during the call only. Those that come before it is set are kept. */
  onMessage: ((message: Uint8Array) => void) | undefined;
  /** Fulfilled (never rejected) once it is over and nothing touches any buffer any more. */
  readonly closed: Promise<Closure>;
  /** What there is to tell of it. */
  readonly info: Pick<EngineConnectionInfo, "local" | "remote" | "sendCredits" | "receiveCredits">;
  /** Sends a message. Throws SystemError ENOBUFS while too many wait, VerbsError when it is over. */
  send(message: Uint8Array): void;
  /** Ends it: what waits is given `linger` milliseconds to leave. Idempotent. */
  close(options: { linger: number }): Promise<void>;
}

/** Where a StartRead says that its range is to go, as the message has it. */
export interface Destination {
  /** The address of the reader's memory; 0 where it is to come inline. */
  readonly remote_addr: bigint;
  /** The key to it, likewise. */
  readonly remote_key: number;
  /** Whether it is to come in pieces on the connection itself. */
  readonly inline?: boolean;
}

/** The reader's end. */
export interface ReaderChannel extends Channel {
  /**
   * How often, in milliseconds of silence, the engine has to be asked for a sign of life; 0 where the transport sees to
   * that itself.
   */
  readonly pingInterval: number;
  /** Lends a buffer to the engine for the range of the request `id`. */
  lend(id: number, buffer: PooledBuffer): Destination;
  /** Takes it back: from here on the engine cannot touch it. Says how many of its bytes are known to have come, where that is known. */
  withdraw(id: number, buffer: PooledBuffer): number | undefined;
}

/** The engine's end. */
export interface EngineChannel extends Channel {
  /** What it knows of Verbena's own, beside what every engine does. */
  readonly extensions: readonly string[];
  /** Throws Refusal for a StartRead whose range cannot go where it says. */
  check(request: MessageData<"StartRead">, id: number | undefined): void;
  /**
   * Sends bytes of `buffer` to where the request says, ahead of every message sent later. `done` is called once, when the
   * buffer is no longer needed, with whether they went. Throws VerbsError when it is over.
   */
  place(
    request: MessageData<"StartRead">,
    id: number | undefined,
    buffer: PooledBuffer,
    at: number,
    length: number,
    done: (placed: boolean) => void,
  ): void;
}

/** A way from a reader to an engine. Disposing it ends nothing that stands: close its channels first. */
export interface EngineWay extends Disposable {
  /** `rdma:127.0.0.1:18515`; `unix` for a socket, whose path is told only to logs. */
  readonly name: string;
  /** The same for logs. */
  readonly place: string;
  /** What moves the bytes. */
  readonly transport: string;
  /** Whether RDMA places them. */
  readonly source: "rdma" | "local";
  /** Memory that the engine can place ranges in. */
  readonly memory: MemorySource;
  /** The rights that takes. */
  readonly access: number;
  /** What the engine must name among its `extensions` to be any use; undefined where every engine will do. */
  readonly extension: string | undefined;
  /** Connects within `timeout` milliseconds. */
  connect(timeout: number, signal: AbortSignal): Promise<ReaderChannel>;
}

/** A reader that wants to connect. */
export interface Arrival {
  /** Where from; `unix` for a process of this machine. */
  readonly remote: string;
  /** Takes it. */
  accept(signal: AbortSignal): Promise<EngineChannel>;
  /** Turns it away, with a reason where the transport carries one. */
  reject(reason: string): Promise<void>;
}

/** Where readers arrive; iterate for them. */
export interface EngineListener<A> extends AsyncIterable<Arrival> {
  /** Where it listens. */
  readonly address: A;
  /** The same in an owner's name: `rdma:[::]:18515`, `unix`. */
  readonly name: string;
  /** What moves the bytes. */
  readonly transport: string;
  /** Memory that ranges can be sent from. */
  readonly memory: MemorySource;
  /** The rights that takes. */
  readonly access: number;
  /** Ends the iteration; channels live on. */
  close(): Promise<void>;
}
