/**
 * SMB over TCP.
 *
 * @module
 */
import { formatAddress } from "../../rdma/address.ts";
import { reasonOf, SystemError, VerbenaError } from "../../rdma/errors.ts";
import type { RdmaAddress } from "../../rdma/provider.ts";
import { joined } from "./joined.ts";
import { MOST_TCP_MESSAGE, putTcpPrefix, TCP_PREFIX, TcpFraming } from "./tcp_framing.ts";
import type { SmbTransport, TransportEvents } from "./transport.ts";

/** Frames up to this length are put together and written at once. */
const TOGETHER = 65_536;

interface Outgoing {
  readonly frame: Uint8Array<ArrayBuffer>;
  readonly payload: Uint8Array | undefined;
  readonly sent: () => void;
}

/** A TCP connection that carries messages. */
export class TcpTransport implements SmbTransport {
  readonly name = "tcp";
  readonly domain = undefined;
  readonly headroom = TCP_PREFIX;
  readonly maxSend = MOST_TCP_MESSAGE;
  readonly maxReceive = MOST_TCP_MESSAGE;
  readonly maxReadWriteSize = 0;
  readonly closed: Promise<VerbenaError | undefined>;

  readonly #end = Promise.withResolvers<VerbenaError | undefined>();
  #queue: Outgoing[] = [];
  #writing = false;
  #over = false;

  private constructor(private readonly socket: Deno.TcpConn, private readonly peer: string) {
    this.closed = this.#end.promise;
  }

  /**
   * Connects.
   *
   * @throws SystemError with the reason: refused, unreachable, timed out, aborted.
   */
  static async connect(address: RdmaAddress, signal: AbortSignal): Promise<TcpTransport> {
    const peer = formatAddress(address);
    let socket: Deno.TcpConn;
    try {
      socket = await Deno.connect({ ...address, transport: "tcp", signal });
    } catch (error) {
      throw connectFailure(peer, error, signal);
    }
    socket.setNoDelay(true);
    return new TcpTransport(socket, peer);
  }

  start(events: TransportEvents): void {
    this.#read(new TcpFraming(this.maxReceive, events), events).then(
      () => this.#finish(undefined),
      (error) => this.#finish(error instanceof VerbenaError ? error : lost(this.peer, reasonOf(error))),
    );
  }

  async send(frame: Uint8Array<ArrayBuffer>, payload?: Uint8Array): Promise<void> {
    if (this.#over) return;
    putTcpPrefix(frame, frame.length - TCP_PREFIX + (payload?.length ?? 0));
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#queue.push({ frame, payload, sent: resolve });
    if (!this.#writing) this.#write();
    await promise;
  }

  // deno-lint-ignore require-await -- the contract's; a socket closes at once
  async close(): Promise<void> {
    this.#finish(undefined);
  }

  async #read(framing: TcpFraming, events: TransportEvents): Promise<void> {
    for (;;) {
      const count = await this.socket.read(framing.space);
      if (this.#over) return;
      if (count === null) throw lost(this.peer, framing.between ? "the server closed it" : "it ended within a message");
      events.heard();
      framing.take(count);
      if (this.#over) return;
    }
  }

  async #write(): Promise<void> {
    this.#writing = true;
    while (this.#queue.length > 0 && !this.#over) {
      const batch = this.#queue;
      this.#queue = [];
      try {
        await this.#writeBatch(batch);
      } catch (error) {
        this.#finish(lost(this.peer, reasonOf(error)));
      }
      for (const { sent } of batch) sent();
    }
    this.#writing = false;
  }

  async #writeBatch(batch: readonly Outgoing[]): Promise<void> {
    let together: Uint8Array[] = [];
    let length = 0;
    const flush = async (): Promise<void> => {
      const [first] = together;
      if (first !== undefined) await this.#writeAll(together.length === 1 ? first : joined(...together));
      together = [];
      length = 0;
    };
    for (const { frame, payload } of batch) {
      for (const bytes of payload === undefined ? [frame] : [frame, payload]) {
        if (length + bytes.length > TOGETHER) await flush();
        together.push(bytes);
        length += bytes.length;
      }
    }
    await flush();
  }

  async #writeAll(bytes: Uint8Array): Promise<void> {
    while (bytes.length > 0) bytes = bytes.subarray(await this.socket.write(bytes));
  }

  #finish(error: VerbenaError | undefined): void {
    if (this.#over) return;
    this.#over = true;
    try {
      this.socket.close();
    } catch {
      // it was closed under us
    }
    for (const { sent } of this.#queue.splice(0)) sent();
    this.#end.resolve(error);
  }
}

function lost(peer: string, reason: string): SystemError {
  return new SystemError(`SMB over TCP with ${peer}`, "ECONNRESET", reason);
}

function connectFailure(peer: string, error: unknown, signal: AbortSignal): VerbenaError {
  const call = `connect ${peer} for SMB over TCP`;
  if (signal.aborted) {
    return signal.reason === "timeout"
      ? new SystemError(call, "ETIMEDOUT", "no answer: is the server up, and the port open?")
      : new SystemError(call, "ECANCELED", "by the caller");
  }
  if (error instanceof Deno.errors.ConnectionRefused) {
    return new SystemError(call, "ECONNREFUSED", "nothing listens there: is this the server's port?");
  }
  if (error instanceof Deno.errors.NotCapable) return new SystemError(call, "EACCES", reasonOf(error));
  return new SystemError(call, codeOf(error), reasonOf(error));
}

function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === "string" ? code : "EHOSTUNREACH";
}
