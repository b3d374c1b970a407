/**
 * The channel over a connection of rdma_cm's: each message is a Send.
 *
 * @module
 */
import { ibv_send_flags, ibv_wc_opcode, ibv_wc_status } from "../../ffi/mod.ts";
import { formatAddress } from "../rdma/address.ts";
import { VerbsError, WireError } from "../rdma/errors.ts";
import { Access } from "../rdma/memory.ts";
import type { RdmaAddress } from "../rdma/provider.ts";
import { SetupDeadline } from "../rdma/setup_deadline.ts";
import {
  type CompletionChannel,
  type CompletionQueue,
  type ConnectionId,
  type Context,
  type MemoryRegion,
  type QueuePair,
  ReceiveBatch,
  SendBatch,
  WorkCompletions,
  workStatusText,
} from "../verbs/mod.ts";
import type { Channel, ChannelOptions } from "./channel.ts";
import type { ManagedConnection } from "./managed_connection.ts";

/** Bytes of the longest message: the keys, as the latest releases have them. */
const MESSAGE_SIZE = 64;
/** Receives posted at once. perftest waits for the answer to each message; a peer that does not is refused by its device. */
const RECEIVES = 4;
/** Where messages are sent from, behind the receives. */
const SENDING = RECEIVES * MESSAGE_SIZE;
/** How long a peer has at the end to end the connection, in milliseconds; it may wait for the same. */
const FINISH_LIMIT = 250;
/** Identifies a Send; receives have the number of their slot. */
const SENT = RECEIVES;

/** A queue pair for messages, with its memory. Receives are posted from the start. */
export class MessageLink implements Disposable {
  /** Messages that came and were not taken. */
  readonly messages: Uint8Array<ArrayBuffer>[] = [];
  readonly #channel: CompletionChannel;
  readonly #queue: CompletionQueue;
  readonly #region: MemoryRegion;
  readonly #queuePair: QueuePair;
  readonly #receive: ReceiveBatch;
  readonly #send: SendBatch;
  readonly #completions: WorkCompletions;
  readonly #resources: DisposableStack;
  #sending = 0;

  /** Makes it for an identifier that has found its device. Throws VerbsError. */
  constructor(id: ConnectionId, /** The device. */ readonly context: Context) {
    using resources = new DisposableStack();
    const domain = resources.use(context.allocateProtectionDomain());
    this.#channel = resources.use(context.createCompletionChannel());
    this.#queue = resources.use(context.createCompletionQueue({ entries: RECEIVES + 1, channel: this.#channel }));
    this.#region = domain.register(SENDING + MESSAGE_SIZE, Access.LOCAL_WRITE);
    this.#queuePair = id.createQueuePair(domain, { sendQueue: this.#queue, sendDepth: 1, receiveDepth: RECEIVES });
    this.#receive = resources.use(new ReceiveBatch(1));
    this.#send = resources.use(new SendBatch(1));
    this.#completions = resources.use(new WorkCompletions(RECEIVES + 1));
    for (let slot = 0; slot < RECEIVES; slot++) this.#postReceive(slot);
    this.#resources = resources.move();
  }

  /** Whether the message sent last is still on its way. */
  get sending(): boolean {
    return this.#sending > 0;
  }

  /** Sends a message, of which one may be on its way. Throws VerbsError. */
  send(bytes: Uint8Array): void {
    this.#region.bytes.set(bytes, SENDING);
    this.#send.reset().send(SENT).from(this.#region, SENDING, bytes.length).flags(ibv_send_flags.IBV_SEND_SIGNALED);
    this.#queuePair.postSend(this.#send);
    this.#sending++;
  }

  /** Takes what has completed; whether that was anything. Throws VerbsError for what failed. */
  take(): boolean {
    const count = this.#queue.poll(this.#completions);
    for (let index = 0; index < count; index++) this.#takeOne(index);
    return count > 0;
  }

  /** Waits until there may be something to take. Rejects with the signal's reason. */
  async wait(signal: AbortSignal): Promise<void> {
    this.#queue.requestNotification();
    if (this.take()) return; // what came before is not announced
    await this.#channel.wait(signal);
    while (this.#channel.take() !== undefined);
  }

  /** Gives everything back. */
  [Symbol.dispose](): void {
    this.#resources.dispose();
  }

  #takeOne(index: number): void {
    const status = this.#completions.status(index);
    if (status !== ibv_wc_status.IBV_WC_SUCCESS) throw new VerbsError("message", workStatusText(status));
    if (this.#completions.opcode(index) !== ibv_wc_opcode.IBV_WC_RECV) {
      this.#sending--;
      return;
    }
    const slot = this.#completions.id(index);
    const at = slot * MESSAGE_SIZE;
    this.messages.push(this.#region.bytes.slice(at, at + this.#completions.byteLength(index)));
    this.#postReceive(slot);
  }

  #postReceive(slot: number): void {
    this.#receive.reset().receive(slot).into(this.#region, slot * MESSAGE_SIZE, MESSAGE_SIZE);
    this.#queuePair.postReceive(this.#receive);
  }
}

/** The channel. */
export class ManagedChannel implements Channel {
  readonly text = false;
  readonly #connection: ManagedConnection<MessageLink>;
  readonly #options: ChannelOptions;

  /** Takes a connection. */
  constructor(connection: ManagedConnection<MessageLink>, options: ChannelOptions) {
    this.#connection = connection;
    this.#options = options;
  }

  /** The other side. */
  get remote(): RdmaAddress {
    return this.#connection.remote;
  }

  /** Aborts when the peer is gone. */
  get lost(): AbortSignal {
    return this.#connection.lost;
  }

  /** See {@linkcode Channel.send}. */
  async send(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    const { use } = this.#connection;
    use.send(bytes);
    await this.#until(() => !use.sending, this.#options.timeout);
  }

  /** See {@linkcode Channel.receive}. What is longer than expected is a later release's, which adds at the end. */
  async receive(size: number, limit: number = this.#options.timeout): Promise<Uint8Array<ArrayBuffer>> {
    const { messages } = this.#connection.use;
    await this.#until(() => messages.length > 0, limit);
    const message = messages.shift() ?? new Uint8Array(0);
    if (message.length < size) throw new WireError("perftest", `bytes of a message, ${size}`, message.length);
    return message.subarray(0, size);
  }

  /** See {@linkcode Channel.finish}: the peer ends the connection once it has what was sent. */
  async finish(): Promise<void> {
    const { lost } = this.#connection;
    if (lost.aborted) return;
    await new Promise<void>((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        lost.removeEventListener("abort", end);
        resolve();
      };
      const timer = setTimeout(end, FINISH_LIMIT);
      lost.addEventListener("abort", end);
    });
  }

  /** Ends the connection. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#connection[Symbol.asyncDispose]();
  }

  async #until(done: () => boolean, limit: number): Promise<void> {
    const { use, lost, remote } = this.#connection;
    const { signal } = this.#options;
    using deadline = new SetupDeadline(limit, signal);
    const ended = AbortSignal.any([deadline.signal, lost]);
    const call = `exchange with ${formatAddress(remote)}`;
    for (;;) {
      try {
        while (use.take());
        if (done()) return;
        ended.throwIfAborted();
        await use.wait(ended);
      } catch (error) {
        signal?.throwIfAborted();
        if (done()) return; // it came before the end
        lost.throwIfAborted();
        if (deadline.signal.aborted) throw new VerbsError(call, "timeout", `the peer was silent for ${limit} ms`);
        throw error instanceof VerbsError ? new VerbsError(call, "lost", error.code) : error;
      }
    }
  }
}
