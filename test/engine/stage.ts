/**
 * Engines and readers on loopback, over volumes that a test writes; and peers of either that are played by hand.
 *
 * @module
 */
import {
  EngineClient,
  type EngineClientOptions,
  EngineReader,
  EngineServer,
  type EngineServerOptions,
  rdmaWays,
  type ReadAheadOptions,
  ReadError,
  type ReadErrorCode,
  type ReadRequest,
} from "../../src/engine/mod.ts";
import {
  decodeMessage,
  encodeMessage,
  type Message,
  type MessageData,
  type MessageType,
} from "../../src/engine/messages.ts";
import { ENGINE_MESSAGES } from "../../src/engine/protocol.ts";
import { iwarpProvider } from "../../src/iwarp/mod.ts";
import type { Listener, MemoryRegion, ProtectionDomain, RdmaAddress } from "../../src/rdma/mod.ts";
import { Access, Opcode } from "../../src/rdma/mod.ts";
import type { FileId, Store } from "../../src/seaweed/mod.ts";
import { acceptSmbDirect, connectSmbDirect, type SmbDirectConnection } from "../../src/smbdirect/mod.ts";
import { assertEquals } from "../assert.ts";

/** Where everything listens. */
export const LOOPBACK: RdmaAddress = { hostname: "127.0.0.1", port: 0 };

const provider = iwarpProvider();

/** A protection domain of its own. */
export function openDomain(): Promise<ProtectionDomain> {
  return provider.open(LOOPBACK);
}

/** An engine; disposing it closes it and checks that nothing is left. */
export class Engine implements AsyncDisposable {
  private constructor(readonly server: EngineServer, readonly domain: ProtectionDomain) {}

  static async start(store: Store, options: EngineServerOptions = {}, address = LOOPBACK): Promise<Engine> {
    const domain = await openDomain();
    return new Engine(await EngineServer.start(domain, address, store, { version: "0.0.0", ...options }), domain);
  }

  get address(): RdmaAddress {
    return this.server.address;
  }

  /** Closes at once. */
  async stop(grace = 0): Promise<void> {
    await this.server.close(grace);
    const { connections, pool } = this.server.statistics();
    assertEquals(
      { connections, lent: pool.lentBytes, leaked: pool.leaked, regions: this.domain.regionCount },
      { connections: 0, lent: 0, leaked: 0, regions: 0 },
    );
    this.domain[Symbol.dispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

/** How a reader is made. */
export interface ReaderOptions extends EngineClientOptions {
  /** Off where nothing is said. */
  readAhead?: Partial<ReadAheadOptions>;
}

/** A reader through engines at `addresses`, with all that a test looks into. */
export class Reader implements AsyncDisposable {
  private constructor(
    readonly reader: EngineReader,
    readonly clients: readonly EngineClient[],
    readonly domains: readonly ProtectionDomain[],
  ) {}

  static async start(addresses: readonly RdmaAddress[], options: ReaderOptions = {}): Promise<Reader> {
    const { readAhead = { ahead: 0 }, ...client } = options;
    const domains = await Promise.all(addresses.map(openDomain));
    const clients = addresses.map((address, index) =>
      new EngineClient(rdmaWays([domains[index] as ProtectionDomain], address), client)
    );
    const reader = new EngineReader(clients, { readAhead });
    await reader.settled();
    return new Reader(reader, clients, domains);
  }

  /** Reads, copies and releases. */
  async bytes(request: ReadRequest, signal?: AbortSignal): Promise<Uint8Array> {
    using result = await this.reader.read(request, signal);
    return result.bytes.slice();
  }

  /** The code of the error that a read meets; throws when it gives bytes. */
  async failure(request: ReadRequest, signal?: AbortSignal): Promise<ReadErrorCode> {
    return (await this.error(request, signal)).code;
  }

  /** The error that a read meets. */
  async error(request: ReadRequest, signal?: AbortSignal): Promise<ReadError> {
    try {
      using result = await this.reader.read(request, signal);
      throw new Error(`the read gave ${result.bytes.length} bytes`);
    } catch (error) {
      if (error instanceof ReadError) return error;
      throw error;
    }
  }

  /** Fulfilled once no buffer is lent. */
  async settled(): Promise<void> {
    while (this.clients.some((client) => client.pool.lent > 0)) await tick();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.reader.close(0);
    for (const [index, client] of this.clients.entries()) {
      const { lentBytes, leaked } = client.pool;
      const { regionCount } = this.domains[index] as ProtectionDomain;
      assertEquals({ lentBytes, leaked, regionCount }, { lentBytes: 0, leaked: 0, regionCount: 0 });
    }
    assertEquals(this.reader.statistics().inFlight, 0);
  }
}

/** A range of a needle. */
export function rangeOf({ volume, key, cookie }: FileId, offset: number, size: number): ReadRequest {
  return { volume, key, cookie, offset, size };
}

/** Lets the event loop go round once. */
export function tick(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 1));
}

/** Waits until `condition` holds. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await tick();
}

/** A reader played by hand. */
export class RawReader implements AsyncDisposable {
  readonly answers: Message[] = [];
  private constructor(
    readonly connection: SmbDirectConnection,
    readonly domain: ProtectionDomain,
    readonly region: MemoryRegion,
  ) {
    connection.onMessage = (bytes) => void this.answers.push(decodeMessage(bytes));
  }

  /** Connects, with memory of `length` bytes that engines may write to. */
  static async connect(address: RdmaAddress, length = 65_536): Promise<RawReader> {
    const domain = await openDomain();
    const region = domain.register(length, Access.LOCAL_WRITE | Access.REMOTE_WRITE);
    return new RawReader(await connectSmbDirect(domain, address, ENGINE_MESSAGES), domain, region);
  }

  /** A StartRead for the region's first bytes. */
  startRead(id: FileId, size: number, change: Partial<MessageData<"StartRead">> = {}): MessageData<"StartRead"> {
    return {
      volume_id: id.volume,
      needle_id: id.key,
      cookie: id.cookie,
      offset: 0n,
      size: BigInt(size),
      remote_addr: this.region.address,
      remote_key: this.region.remoteKey,
      timeout_secs: 30n,
      ...change,
    };
  }

  send<T extends MessageType>(type: T, data: MessageData<T>, id?: number): void {
    this.connection.send(encodeMessage(type, data, id));
  }

  /** Asks, and waits for the next answer. */
  async ask<T extends MessageType>(type: T, data: MessageData<T>, id?: number): Promise<Message> {
    const before = this.answers.length;
    this.send(type, data, id);
    await until(() => this.answers.length > before);
    return this.answers[before] as Message;
  }

  /** Asks, and gives the answer in short: its type, or its error code. */
  async outcome<T extends MessageType>(type: T, data: MessageData<T>): Promise<string> {
    const answer = await this.ask(type, data);
    return answer.type === "Error" ? answer.data.code : answer.type;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.connection.close({ linger: 0 });
    this.domain[Symbol.dispose]();
  }
}

/** What an engine played by hand does with a StartRead. */
export type Play = (engine: RawPeer, request: MessageData<"StartRead">, id: number | undefined) => void;

/** One reader's connection to an engine played by hand. */
export class RawPeer {
  constructor(readonly connection: SmbDirectConnection, readonly region: MemoryRegion) {}

  send<T extends MessageType>(type: T, data: MessageData<T>, id: number | undefined): void {
    this.connection.send(encodeMessage(type, data, id));
  }

  /** Writes the first bytes of the engine's region where the request says. */
  write({ remote_addr, remote_key, size }: MessageData<"StartRead">): void {
    const work = { opcode: Opcode.WRITE, region: this.region, offset: 0, length: Number(size) };
    this.connection.postRdma({ ...work, remoteAddress: remote_addr, remoteKey: remote_key }, () => {});
  }

  /** Says that the request was carried out. */
  respond(
    request: MessageData<"StartRead">,
    id: number | undefined,
    change: Partial<MessageData<"StartReadResponse">> = {},
  ): void {
    this.send("StartReadResponse", {
      session_id: crypto.randomUUID(),
      local_addr: 0n,
      local_key: 0,
      transfer_size: request.size,
      expected_crc: 1,
      expires_at_ns: 0n,
      needle_size: request.offset + request.size,
      checksum_covers_range: false,
      ...change,
    }, id);
  }
}

/** An engine played by hand: it answers GetCapabilities and CompleteRead as it should, and StartRead as the test says. */
export class RawEngine implements AsyncDisposable {
  readonly completed: MessageData<"CompleteRead">[] = [];
  readonly peers: RawPeer[] = [];
  /** What it says that it knows; nothing, as SeaweedFS's engine. */
  extensions: readonly string[] | undefined;
  /** What it does with any other message. */
  other: (peer: RawPeer, message: Message) => void = () => {};
  /** Whether GetCapabilities is answered. */
  introduces = true;
  readonly #serving: Promise<void>;

  private constructor(readonly domain: ProtectionDomain, readonly listener: Listener, public play: Play) {
    this.#serving = this.#serve();
  }

  static async start(play: Play): Promise<RawEngine> {
    const domain = await openDomain();
    return new RawEngine(domain, await domain.listen(LOOPBACK), play);
  }

  get address(): RdmaAddress {
    return this.listener.address;
  }

  async #serve(): Promise<void> {
    for await (const request of this.listener) {
      try {
        const connection = await acceptSmbDirect(this.domain, request, ENGINE_MESSAGES);
        const peer = new RawPeer(connection, this.domain.register(1 << 20, Access.LOCAL_WRITE));
        this.peers.push(peer);
        connection.onMessage = (bytes) => this.#receive(peer, decodeMessage(bytes));
      } catch {
        // the reader gave up
      }
    }
  }

  #receive(peer: RawPeer, message: Message): void {
    if (message.type === "StartRead") this.play(peer, message.data, message.id);
    if (message.type === "CompleteRead") {
      this.completed.push(message.data);
      return peer.send("CompleteReadResponse", { success: true }, message.id);
    }
    if (message.type !== "StartRead" && message.type !== "GetCapabilities") this.other(peer, message);
    if (message.type !== "GetCapabilities" || !this.introduces) return;
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
    }, message.id);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.listener.close();
    await this.#serving;
    await Promise.all(this.peers.map(({ connection }) => connection.close({ linger: 0 })));
    this.domain[Symbol.dispose]();
  }
}
