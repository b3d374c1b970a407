/**
 * The channel beside the test, on which perftest's two sides exchange messages of known sizes, the client's first.
 *
 * @module
 */
import { formatAddress } from "../rdma/address.ts";
import { reasonOf, VerbsError } from "../rdma/errors.ts";
import type { RdmaAddress } from "../rdma/provider.ts";
import { SetupDeadline } from "../rdma/setup_deadline.ts";

/** Who speaks first. */
export type Role = "client" | "server";

/** The channel. */
export interface Channel extends AsyncDisposable {
  /** Whether keys go over it as lines of text, as TCP has them, or as a struct. */
  readonly text: boolean;
  /** The other side. */
  readonly remote: RdmaAddress;
  /** Sends a message. */
  send(bytes: Uint8Array<ArrayBuffer>): Promise<void>;
  /**
   * Receives a message of `size` bytes, for which the peer has `limit` milliseconds, or the channel's own limit. Throws
   * VerbsError, `lost` and `timeout` above all.
   */
  receive(size: number, limit?: number): Promise<Uint8Array<ArrayBuffer>>;
  /** Waits for a moment until the peer is done with the connection, too: what it has sent may need an answer of ours. */
  finish(): Promise<void>;
}

/** Sends `mine` and receives as much, within `limit`: a client in this order, a server the other way round. */
export async function exchange(
  channel: Channel,
  role: Role,
  mine: Uint8Array<ArrayBuffer>,
  limit?: number,
): Promise<Uint8Array<ArrayBuffer>> {
  if (role === "client") await channel.send(mine);
  const theirs = await channel.receive(mine.length, limit);
  if (role === "server") await channel.send(mine);
  return theirs;
}

/** How long a peer has at the end to close its side, in milliseconds. */
const FINISH_LIMIT = 1_000;

/** How a channel behaves. */
export interface ChannelOptions {
  /** Milliseconds that a message may take unless told otherwise. */
  readonly timeout: number;
  /** Abandons whatever is waited for. */
  readonly signal?: AbortSignal;
}

/** The channel over TCP. */
export class TcpChannel implements Channel {
  readonly text = true;
  readonly remote: RdmaAddress;
  readonly #socket: Deno.TcpConn;
  readonly #options: ChannelOptions;

  /** Connects. Throws VerbsError with code `refused`, `unreachable`, `timeout`. */
  static async connect(address: RdmaAddress, options: ChannelOptions): Promise<TcpChannel> {
    using deadline = new SetupDeadline(options.timeout, options.signal);
    const { signal } = deadline;
    try {
      return new TcpChannel(await Deno.connect({ ...address, transport: "tcp", signal }), options);
    } catch (error) {
      options.signal?.throwIfAborted();
      const call = `connect ${formatAddress(address)}`;
      if (signal.aborted) throw new VerbsError(call, "timeout", `no answer within ${options.timeout} ms`);
      if (error instanceof Deno.errors.ConnectionRefused) {
        throw new VerbsError(call, "refused", "nothing listens there; start the server first");
      }
      throw new VerbsError(call, "unreachable", reasonOf(error));
    }
  }

  /** Takes a socket. */
  constructor(socket: Deno.TcpConn, options: ChannelOptions) {
    this.#socket = socket;
    this.#options = options;
    this.remote = { hostname: socket.remoteAddr.hostname, port: socket.remoteAddr.port };
    socket.setNoDelay(true);
  }

  /** See {@linkcode Channel.send}. */
  async send(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    await this.#limited(this.#options.timeout, async () => {
      for (let at = 0; at < bytes.length;) at += await this.#socket.write(bytes.subarray(at));
    });
  }

  /** See {@linkcode Channel.receive}. */
  async receive(size: number, limit: number = this.#options.timeout): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = new Uint8Array(size);
    await this.#limited(limit, async () => {
      for (let at = 0; at < size;) {
        const count = await this.#socket.read(bytes.subarray(at));
        if (count === null) throw new VerbsError(this.#call, "lost", "the peer closed the connection");
        at += count;
      }
    });
    return bytes;
  }

  /** See {@linkcode Channel.finish}: each side closes its half, and reads up to the end of the other's. */
  async finish(): Promise<void> {
    const rest = new Uint8Array(64);
    try {
      await this.#socket.closeWrite();
      await this.#limited(FINISH_LIMIT, async () => {
        while (await this.#socket.read(rest) !== null);
      });
    } catch {
      // it is over in any case
    }
  }

  /** Closes the socket. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#close();
    return Promise.resolve();
  }

  get #call(): string {
    return `exchange with ${formatAddress(this.remote)}`;
  }

  // A socket that is closed ends what waits for it.
  async #limited(limit: number, run: () => Promise<void>): Promise<void> {
    const { signal } = this.#options;
    signal?.throwIfAborted();
    const close = () => this.#close();
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      close();
    }, limit);
    signal?.addEventListener("abort", close);
    try {
      await run();
    } catch (error) {
      signal?.throwIfAborted();
      if (late) throw new VerbsError(this.#call, "timeout", `the peer was silent for ${limit} ms`);
      throw error instanceof VerbsError ? error : new VerbsError(this.#call, "lost", reasonOf(error));
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", close);
    }
  }

  #close(): void {
    try {
      this.#socket.close();
    } catch {
      // it was closed already
    }
  }
}
