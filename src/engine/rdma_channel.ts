/**
 * The way between readers and engines over RDMA: messages by SMB Direct, ranges by RDMA Write into the reader's memory.
 *
 * @module
 */
import { formatAddress } from "../rdma/address.ts";
import { Opcode, Status } from "../rdma/completion.ts";
import { Access } from "../rdma/memory.ts";
import type { PooledBuffer } from "../rdma/pool.ts";
import type { Closure, Listener, ProtectionDomain, RdmaAddress } from "../rdma/provider.ts";
import { acceptSmbDirect, connectSmbDirect, type SmbDirectConnection } from "../smbdirect/mod.ts";
import type {
  Arrival,
  Channel,
  Destination,
  EngineChannel,
  EngineListener,
  EngineWay,
  ReaderChannel,
} from "./channel.ts";
import type { MessageData } from "./messages.ts";
import { ENGINE_MESSAGES } from "./protocol.ts";
import { Refusal } from "./refusal.ts";

/** Either end of a connection over RDMA. */
export class RdmaChannel implements ReaderChannel, EngineChannel {
  /** SMB Direct asks the engine for signs of life by itself. */
  readonly pingInterval = 0;
  /** None: what RDMA can, every engine can. */
  readonly extensions: readonly string[] = [];
  readonly #connection: SmbDirectConnection;

  /** Over a connection whose messages are nobody else's. */
  constructor(connection: SmbDirectConnection) {
    this.#connection = connection;
  }

  /** See {@linkcode Channel.transport}. */
  get transport(): string {
    return this.#connection.transport;
  }

  /** See {@linkcode Channel.onMessage}. */
  get onMessage(): ((message: Uint8Array) => void) | undefined {
    return this.#connection.onMessage;
  }

  set onMessage(handler: ((message: Uint8Array) => void) | undefined) {
    this.#connection.onMessage = handler;
  }

  /** See {@linkcode Channel.closed}. */
  get closed(): Promise<Closure> {
    return this.#connection.closed;
  }

  /** See {@linkcode Channel.info}. */
  get info(): Channel["info"] {
    const { endpoint: { local, remote }, statistics: { sendCredits, receiveCredits } } = this.#connection;
    return { local: formatAddress(local), remote: formatAddress(remote), sendCredits, receiveCredits };
  }

  /** See {@linkcode Channel.send}. */
  send(message: Uint8Array): void {
    this.#connection.send(message);
  }

  /** See {@linkcode Channel.close}. */
  close(options: { linger: number }): Promise<void> {
    return this.#connection.close(options);
  }

  /** See {@linkcode ReaderChannel.lend}. */
  lend(_id: number, { region }: PooledBuffer): Destination {
    return { remote_addr: region.address, remote_key: region.remoteKey };
  }

  /** See {@linkcode ReaderChannel.withdraw}: what came cannot be told. */
  withdraw(_id: number, { region }: PooledBuffer): undefined {
    region.rotateKey();
  }

  /** See {@linkcode EngineChannel.check}. */
  check({ inline, size, remote_key, remote_addr }: MessageData<"StartRead">): void {
    if (inline === true) throw new Refusal("InvalidRequest", "inline is for Unix sockets: name memory to write to");
    if (remote_key === 0) {
      throw new Refusal("InvalidRequest", "remote_key is 0: the reader must name memory to write to");
    }
    if (remote_addr + size > 1n << 64n) {
      throw new Refusal("InvalidRequest", `remote_addr ${remote_addr} leaves the address space`);
    }
  }

  /** See {@linkcode EngineChannel.place}. */
  place(
    { remote_addr, remote_key: remoteKey }: MessageData<"StartRead">,
    _id: number | undefined,
    { region }: PooledBuffer,
    at: number,
    length: number,
    done: (placed: boolean) => void,
  ): void {
    const remoteAddress = remote_addr + BigInt(at);
    this.#connection.postRdma(
      { opcode: Opcode.WRITE, region, offset: at, length, remoteAddress, remoteKey },
      (status) => done(status === Status.SUCCESS),
    );
  }
}

/** The way to an engine over RDMA. */
class RdmaWay implements EngineWay {
  readonly source = "rdma";
  readonly extension = undefined;
  readonly access = Access.LOCAL_WRITE | Access.REMOTE_WRITE;
  readonly name: string;

  constructor(readonly memory: ProtectionDomain, readonly address: RdmaAddress) {
    this.name = `rdma:${formatAddress(address)}`;
  }

  get place(): string {
    return this.name;
  }

  get transport(): string {
    return this.memory.transport;
  }

  async connect(timeout: number, signal: AbortSignal): Promise<ReaderChannel> {
    const options = { ...ENGINE_MESSAGES, setupTimeout: timeout, negotiateTimeout: timeout, signal };
    return new RdmaChannel(await connectSmbDirect(this.memory, this.address, options));
  }

  [Symbol.dispose](): void {
    this.memory[Symbol.dispose]();
  }
}

/** The ways to the engine at `address`, one for each of `domains`, which become the ways' to dispose. */
export function rdmaWays(
  [first, ...others]: readonly [ProtectionDomain, ...ProtectionDomain[]],
  address: RdmaAddress,
): [EngineWay, ...EngineWay[]] {
  return [new RdmaWay(first, address), ...others.map((domain) => new RdmaWay(domain, address))];
}

/** Where readers arrive over RDMA. */
export class RdmaListener implements EngineListener<RdmaAddress> {
  /** Only this side writes to it, from files, and only by RDMA Write does it leave: no peer has a right to it. */
  readonly access = Access.LOCAL_WRITE;
  readonly #listener: Listener;

  private constructor(
    /** See {@linkcode EngineListener.memory}. */ readonly memory: ProtectionDomain,
    listener: Listener,
  ) {
    this.#listener = listener;
  }

  /** Listens. Throws SystemError when it cannot. */
  static async open(domain: ProtectionDomain, address: RdmaAddress): Promise<RdmaListener> {
    return new RdmaListener(domain, await domain.listen(address));
  }

  /** See {@linkcode EngineListener.address}. */
  get address(): RdmaAddress {
    return this.#listener.address;
  }

  /** See {@linkcode EngineListener.name}. */
  get name(): string {
    return `rdma:${formatAddress(this.address)}`;
  }

  /** See {@linkcode EngineListener.transport}. */
  get transport(): string {
    return this.memory.transport;
  }

  /** See {@linkcode EngineListener.close}. */
  close(): Promise<void> {
    return this.#listener.close();
  }

  /** See {@linkcode EngineListener}. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Arrival> {
    for await (const request of this.#listener) {
      yield {
        remote: formatAddress(request.remote),
        accept: async (signal) =>
          new RdmaChannel(await acceptSmbDirect(this.memory, request, { ...ENGINE_MESSAGES, signal })),
        reject: (reason) => request.reject(new TextEncoder().encode(reason)),
      };
    }
  }
}
