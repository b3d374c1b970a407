/**
 * The channel over an endpoint: each message is a Send.
 *
 * @module
 */
import { formatAddress } from "../rdma/address.ts";
import { Opcode } from "../rdma/completion.ts";
import { CompletionReader } from "../rdma/completion_reader.ts";
import { WireError } from "../rdma/errors.ts";
import { Access, type MemoryRegion } from "../rdma/memory.ts";
import type { Endpoint, EndpointOptions, ProtectionDomain, RdmaAddress } from "../rdma/provider.ts";
import type { Channel, ChannelOptions } from "./channel.ts";

/** Bytes of the longest message: the keys, as the latest releases have them. */
const MESSAGE_SIZE = 64;
/** Receives posted at once. perftest waits for the answer to each message; the connection of a peer that does not ends. */
const RECEIVES = 4;
/** Where messages are sent from, behind the receives. */
const SENDING = RECEIVES * MESSAGE_SIZE;
/** How long a peer has at the end to end the connection, in milliseconds; it may wait for the same. */
const FINISH_LIMIT = 250;
/** Identifies a Send; receives have the number of their slot. */
const SENT = RECEIVES;

/** A message that came, in its slot. */
interface Message {
  readonly slot: number;
  readonly length: number;
}

/** The channel. */
export class EndpointChannel implements Channel {
  readonly text = false;
  readonly #endpoint: Endpoint;
  readonly #region: MemoryRegion;
  readonly #reader: CompletionReader;
  readonly #options: ChannelOptions;
  readonly #messages: Message[] = []; // not taken yet; their slots are not lent to the peer
  #sending = false;

  /** Makes the endpoint by `establish`, which is told how; receives are posted before the peer can send. */
  static async open(
    domain: ProtectionDomain,
    options: ChannelOptions,
    establish: (how: EndpointOptions) => Promise<Endpoint>,
  ): Promise<EndpointChannel> {
    using opening = new DisposableStack();
    const region = opening.use(domain.register(SENDING + MESSAGE_SIZE, Access.LOCAL_WRITE));
    const endpoint = await establish({
      sendDepth: 1,
      receiveDepth: RECEIVES,
      readDepth: 1,
      prepare: (endpoint) => {
        for (let slot = 0; slot < RECEIVES; slot++) lend(endpoint, region, slot);
      },
    });
    opening.move();
    return new EndpointChannel(endpoint, region, options);
  }

  private constructor(endpoint: Endpoint, region: MemoryRegion, options: ChannelOptions) {
    this.#endpoint = endpoint;
    this.#region = region;
    this.#options = options;
    this.#reader = new CompletionReader(endpoint, `exchange with ${formatAddress(endpoint.remote)}`, options.signal);
  }

  /** The other side. */
  get remote(): RdmaAddress {
    return this.#endpoint.remote;
  }

  /** See {@linkcode Channel.send}. */
  async send(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    this.#region.bytes.set(bytes, SENDING);
    const { length } = bytes;
    this.#endpoint.postSend({ id: SENT, opcode: Opcode.SEND, region: this.#region, offset: SENDING, length });
    this.#sending = true;
    while (this.#sending) await this.#step(this.#options.timeout);
  }

  /** See {@linkcode Channel.receive}. What is longer than expected is a later release's, which adds at the end. */
  async receive(size: number, limit: number = this.#options.timeout): Promise<Uint8Array<ArrayBuffer>> {
    let message: Message | undefined;
    while ((message = this.#messages.shift()) === undefined) await this.#step(limit);
    const { slot, length } = message;
    if (length < size) throw new WireError("perftest", `bytes of a message, ${size}`, length);
    const at = slot * MESSAGE_SIZE;
    const bytes = this.#region.bytes.slice(at, at + size);
    lend(this.#endpoint, this.#region, slot);
    return bytes;
  }

  /** See {@linkcode Channel.finish}: the peer ends the connection once it has what was sent. */
  async finish(): Promise<void> {
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, FINISH_LIMIT);
    await Promise.race([this.#endpoint.closed, late]);
    clearTimeout(timer);
  }

  /** Ends the connection. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#reader[Symbol.dispose]();
    await this.#endpoint.close();
    this.#region[Symbol.dispose]();
  }

  async #step(limit: number): Promise<void> {
    const { id, length } = await this.#reader.success(limit);
    if (id === SENT) this.#sending = false;
    else this.#messages.push({ slot: id, length });
  }
}

function lend(endpoint: Endpoint, region: MemoryRegion, slot: number): void {
  endpoint.postReceive(slot, region, slot * MESSAGE_SIZE, MESSAGE_SIZE);
}
