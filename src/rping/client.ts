/**
 * rping's client: sends a text round and looks whether it comes back as it left.
 *
 * @module
 */
import { formatAddress } from "../rdma/address.ts";
import { CompletionReader } from "../rdma/completion_reader.ts";
import { ConfigError, VerbsError } from "../rdma/errors.ts";
import { Access, type MemoryRegion } from "../rdma/memory.ts";
import type { Endpoint, ProtectionDomain, RdmaAddress } from "../rdma/provider.ts";
import { Conversation } from "./conversation.ts";
import { DEFAULT_SIZE, MAX_SIZE, MIN_SIZE, writeText } from "./message.ts";

/** How a client pings. */
export interface RpingOptions {
  /** Bytes of the text, {@linkcode MIN_SIZE} to {@linkcode MAX_SIZE}. Default 64. */
  size?: number;
  /** How long the set-up, and each answer, may take, in milliseconds. Default 5,000. */
  timeout?: number;
  /** Ends whatever is waited for, with its reason. */
  signal?: AbortSignal;
}

/** A connected client. */
export class RpingClient implements AsyncDisposable {
  /** The connection. */
  readonly endpoint: Endpoint;
  readonly #resources: DisposableStack;
  readonly #conversation: Conversation;
  readonly #reader: CompletionReader;
  readonly #source: MemoryRegion;
  readonly #sink: MemoryRegion;
  readonly #timeout: number;
  #rounds = 0;

  /** Connects. Throws ConfigError for a size out of range, VerbsError as the provider's `connect` does. */
  static async connect(
    domain: ProtectionDomain,
    address: RdmaAddress,
    options: RpingOptions = {},
  ): Promise<RpingClient> {
    const { size = DEFAULT_SIZE, timeout = 5_000, signal } = options;
    if (!Number.isInteger(size) || size < MIN_SIZE || size > MAX_SIZE) {
      throw new ConfigError(`size: ${size} is not a whole number from ${MIN_SIZE} to ${MAX_SIZE}`);
    }
    using resources = new DisposableStack();
    const conversation = resources.use(new Conversation(domain));
    const source = resources.use(domain.register(size, Access.REMOTE_READ));
    const sink = resources.use(domain.register(size, Access.REMOTE_WRITE));
    const endpoint = await domain.connect(address, {
      sendDepth: 4,
      receiveDepth: 2,
      readDepth: 1,
      setupTimeout: timeout,
      prepare: (endpoint) => conversation.expect(endpoint),
      ...(signal === undefined ? {} : { signal }),
    });
    const reader = resources.use(new CompletionReader(endpoint, `ping ${formatAddress(address)}`, signal));
    return new RpingClient(endpoint, { conversation, reader, source, sink, timeout, resources: resources.move() });
  }

  private constructor(endpoint: Endpoint, parts: {
    conversation: Conversation;
    reader: CompletionReader;
    source: MemoryRegion;
    sink: MemoryRegion;
    timeout: number;
    resources: DisposableStack;
  }) {
    this.endpoint = endpoint;
    this.#conversation = parts.conversation;
    this.#reader = parts.reader;
    this.#source = parts.source;
    this.#sink = parts.sink;
    this.#timeout = parts.timeout;
    this.#resources = parts.resources;
  }

  /** Rounds done. */
  get rounds(): number {
    return this.#rounds;
  }

  /** Bytes of the text. */
  get size(): number {
    return this.#source.length;
  }

  /**
   * Does one round and returns how long it took, in microseconds. Throws VerbsError: `mismatch` where the text came back
   * as another, `timeout`, `lost`, and the status of what failed.
   */
  async round(): Promise<number> {
    writeText(this.#source.bytes, this.#rounds);
    this.#sink.bytes.fill(0);
    const started = performance.now();
    await this.#turn(this.#source);
    await this.#turn(this.#sink);
    const elapsed = (performance.now() - started) * 1_000;
    this.#compare();
    this.#rounds++;
    return elapsed;
  }

  /** Disconnects and gives everything back. Idempotent. */
  async close(): Promise<void> {
    await this.endpoint.close();
    this.#resources.dispose();
  }

  /** The same as close(). */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #turn(region: MemoryRegion): Promise<void> {
    this.#conversation.send(this.endpoint, { address: region.address, key: region.remoteKey, size: region.length });
    await this.#conversation.receive(this.#reader, this.#timeout);
  }

  #compare(): void {
    const sent = this.#source.bytes;
    const came = this.#sink.bytes;
    const at = sent.findIndex((byte, index) => byte !== came[index]);
    if (at < 0) return;
    const detail = `round ${this.#rounds}: byte ${at} of ${sent.length} left as ${sent[at]} and came back as ${
      came[at]
    }`;
    throw new VerbsError(this.#reader.call, "mismatch", detail);
  }
}
