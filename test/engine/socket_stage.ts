/**
 * Engines and readers on Unix sockets, and peers of either that are played by hand.
 *
 * @module
 */
import {
  EngineClient,
  type EngineClientOptions,
  EngineReader,
  EngineServer,
  type EngineServerOptions,
  type ReadAheadOptions,
  type SocketTimes,
  socketWay,
} from "../../src/engine/mod.ts";
import { FrameReader, messageFrame, pieceHeader } from "../../src/engine/frames.ts";
import {
  decodeMessage,
  encodeMessage,
  type Message,
  type MessageData,
  type MessageType,
} from "../../src/engine/messages.ts";
import type { Store } from "../../src/seaweed/mod.ts";
import { assertEquals } from "../assert.ts";

/** Sockets that deno.json lets tests use: it names each by its path. */
const SOCKETS = 8;

/** The path of a socket that no other test uses meanwhile, in this process or another: it is locked, beside it. */
export class SocketPath implements Disposable {
  readonly path: string;
  readonly #lock: Deno.FsFile;

  constructor() {
    for (let index = 0;; index = (index + 1) % SOCKETS) {
      const path = `/tmp/verbena-test-${index}.sock`;
      const lock = Deno.openSync(`${path}.lock`, { create: true, write: true });
      if (lock.tryLockSync(true)) {
        this.path = path;
        this.#lock = lock;
        this.#remove(); // a test that was killed left it
        return;
      }
      lock.close();
    }
  }

  #remove(): void {
    try {
      Deno.removeSync(this.path);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }

  [Symbol.dispose](): void {
    this.#remove();
    this.#lock.close();
  }
}

/** An engine on a socket; disposing it checks that nothing is left. */
export class LocalEngine implements AsyncDisposable {
  private constructor(readonly server: EngineServer<string>) {}

  static async start(path: string, store: Store, options: EngineServerOptions = {}): Promise<LocalEngine> {
    return new LocalEngine(await EngineServer.startLocal(path, store, { version: "0.0.0", ...options }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server.close(0);
    const { connections, pool } = this.server.statistics();
    const left = { connections, lent: pool.lentBytes, allocated: pool.allocatedBytes, leaked: pool.leaked };
    assertEquals(left, { connections: 0, lent: 0, allocated: 0, leaked: 0 });
  }
}

/** A reader of engines on sockets. */
export class LocalReader implements AsyncDisposable {
  private constructor(readonly reader: EngineReader, readonly client: EngineClient) {}

  static async start(
    path: string,
    options: EngineClientOptions & { readAhead?: Partial<ReadAheadOptions>; times?: SocketTimes } = {},
  ): Promise<LocalReader> {
    const { readAhead = { ahead: 0 }, times = {}, ...rest } = options;
    const client = new EngineClient([socketWay(path, times)], rest);
    const reader = new EngineReader([client], { readAhead });
    await reader.settled();
    return new LocalReader(reader, client);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.reader.close(0);
    const { lentBytes, leaked, allocatedBytes } = this.client.pool;
    assertEquals({ lentBytes, leaked, allocatedBytes }, { lentBytes: 0, leaked: 0, allocatedBytes: 0 });
  }
}

/** One side of a socket, played by hand: it writes any bytes, and takes what comes apart into frames. */
export class RawSocket implements AsyncDisposable {
  readonly messages: Message[] = [];
  /** Pieces, by request, as far as they came. */
  readonly ranges = new Map<number, Uint8Array>();
  /** Fulfilled once the other side closed. */
  readonly ended: Promise<void>;
  readonly #reader = new FrameReader({
    message: (bytes) => {
      const message = decodeMessage(bytes);
      this.messages.push(message);
      this.onMessage(message);
    },
    piece: (id, at, length) => {
      const before = this.ranges.get(id) ?? new Uint8Array(0);
      const range = new Uint8Array(at + length);
      range.set(before.subarray(0, at));
      this.ranges.set(id, range);
      return range.subarray(at);
    },
  });
  onMessage: (message: Message) => void = () => {};
  #writes = Promise.resolve();

  constructor(readonly connection: Deno.Conn) {
    this.ended = this.#read();
  }

  static async connect(path: string): Promise<RawSocket> {
    return new RawSocket(await Deno.connect({ transport: "unix", path }));
  }

  /** Writes bytes as they are, in order. */
  write(bytes: Uint8Array): Promise<void> {
    return this.#writes = this.#writes.then(async () => {
      for (let at = 0; at < bytes.length;) at += await this.connection.write(bytes.subarray(at));
    }).catch(() => {}); // the other side has closed
  }

  send<T extends MessageType>(type: T, data: MessageData<T>, id?: number): void {
    this.write(messageFrame(encodeMessage(type, data, id)));
  }

  piece(id: number, at: number, bytes: Uint8Array): void {
    this.write(pieceHeader(id, at, bytes.length));
    this.write(bytes);
  }

  async #read(): Promise<void> {
    try {
      for (;;) {
        const count = await this.connection.read(this.#reader.space());
        if (count === null) return;
        this.#reader.filled(count);
      }
    } catch (error) {
      const closed = error instanceof Deno.errors.BadResource || error instanceof Deno.errors.Interrupted ||
        error instanceof Deno.errors.ConnectionReset || error instanceof Deno.errors.BrokenPipe;
      if (!closed) throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writes;
    try {
      this.connection.close();
    } catch {
      // it is closed
    }
    await this.ended;
  }
}

/** What an engine played by hand does with a StartRead. */
export type SocketPlay = (engine: RawSocket, request: MessageData<"StartRead">, id: number) => void;

/** An engine on a socket, played by hand: it introduces itself, and does with StartRead as the test says. */
export class RawSocketEngine implements AsyncDisposable {
  readonly peers: RawSocket[] = [];
  /** What it says that it knows. */
  extensions: readonly string[] | undefined = ["inline"];
  /** Whether it answers Ping. */
  lives = true;
  pings = 0;
  readonly #listener: Deno.UnixListener;
  readonly #serving: Promise<void>;

  constructor(path: string, public play: SocketPlay) {
    this.#listener = Deno.listen({ transport: "unix", path });
    this.#serving = this.#serve();
  }

  async #serve(): Promise<void> {
    for await (const connection of this.#listener) {
      const peer = new RawSocket(connection);
      this.peers.push(peer);
      peer.onMessage = (message) => this.#receive(peer, message);
    }
  }

  #receive(peer: RawSocket, { type, data, id = 0 }: Message): void {
    if (type === "StartRead") this.play(peer, data, id);
    if (type === "CompleteRead") peer.send("CompleteReadResponse", { success: true }, id);
    if (type === "Ping" && ++this.pings > 0 && this.lives) {
      peer.send("Pong", { client_timestamp_ns: data.timestamp_ns, server_timestamp_ns: 1n, server_rtt_ns: 0n }, id);
    }
    if (type !== "GetCapabilities") return;
    peer.send("GetCapabilitiesResponse", {
      device_name: "played",
      vendor_id: 0,
      max_transfer_size: 1n << 20n,
      max_sessions: 10n,
      active_sessions: 0n,
      port_gid: "",
      port_lid: 0,
      supported_auth: ["none"],
      version: "1",
      real_rdma: false,
      ...(this.extensions === undefined ? {} : { extensions: this.extensions }),
    }, id);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    await this.#serving;
    for (const peer of this.peers) await peer[Symbol.asyncDispose]();
  }
}

/** An answer to a StartRead. */
export function answerTo(
  { size, offset }: MessageData<"StartRead">,
  change: Partial<MessageData<"StartReadResponse">> = {},
): MessageData<"StartReadResponse"> {
  return {
    session_id: crypto.randomUUID(),
    local_addr: 0n,
    local_key: 0,
    transfer_size: size,
    expected_crc: 1,
    expires_at_ns: 0n,
    needle_size: offset + size,
    checksum_covers_range: false,
    ...change,
  };
}
