/**
 * What both of rping's roles do: one message out, one message in, and RDMA in between.
 *
 * @module
 */
import { Opcode } from "../rdma/completion.ts";
import type { CompletionReader } from "../rdma/completion_reader.ts";
import { Access, type MemoryRegion } from "../rdma/memory.ts";
import type { Endpoint, ProtectionDomain } from "../rdma/provider.ts";
import { type BufferOffer, decodeOffer, encodeOffer, MESSAGE_SIZE } from "./message.ts";

const RECEIVE = 1;
const SEND = 2;

/** The messages of one connection, of which one receive is always posted. */
export class Conversation implements Disposable {
  readonly #region: MemoryRegion; // the message that leaves, then the one that came
  readonly #leaving: DataView;
  readonly #came: DataView;
  #outstanding = 0; // requests of the send queue
  #received = -1; // length of the message that came and was not looked at

  /** Registers its memory. */
  constructor(domain: ProtectionDomain) {
    this.#region = domain.register(2 * MESSAGE_SIZE, Access.LOCAL_WRITE);
    const { buffer, byteOffset } = this.#region.bytes;
    this.#leaving = new DataView(buffer, byteOffset, MESSAGE_SIZE);
    this.#came = new DataView(buffer, byteOffset + MESSAGE_SIZE, MESSAGE_SIZE);
  }

  /** Posts the receive; for the set-up's `prepare`, and after each message. */
  expect(endpoint: Endpoint): void {
    endpoint.postReceive(RECEIVE, this.#region, MESSAGE_SIZE, MESSAGE_SIZE);
  }

  /** Sends an offer. */
  send(endpoint: Endpoint, offer: BufferOffer): void {
    encodeOffer(this.#leaving, offer);
    endpoint.postSend({ id: SEND, opcode: Opcode.SEND, region: this.#region, offset: 0, length: MESSAGE_SIZE });
    this.#outstanding++;
  }

  /** Reads from, or writes to, the start of a buffer that the peer offered. */
  transfer(endpoint: Endpoint, opcode: Opcode, region: MemoryRegion, length: number, offer: BufferOffer): void {
    endpoint.postSend({
      id: SEND,
      opcode,
      region,
      offset: 0,
      length,
      remoteAddress: offer.address,
      remoteKey: offer.key,
    });
    this.#outstanding++;
  }

  /** Waits until all that was posted is done. Throws VerbsError. */
  async settled(reader: CompletionReader, limit: number): Promise<void> {
    while (this.#outstanding > 0) await this.#step(reader, limit);
  }

  /** Waits for the peer's message, and until all that was posted is done. Throws WireError, VerbsError. */
  async receive(reader: CompletionReader, limit: number): Promise<BufferOffer> {
    while (this.#received < 0 || this.#outstanding > 0) await this.#step(reader, limit);
    const offer = decodeOffer(this.#came, this.#received);
    this.#received = -1;
    this.expect(reader.endpoint);
    return offer;
  }

  /** Gives the memory back. */
  [Symbol.dispose](): void {
    this.#region[Symbol.dispose]();
  }

  async #step(reader: CompletionReader, limit: number): Promise<void> {
    const { id, length } = await reader.success(limit);
    if (id === RECEIVE) this.#received = length;
    else this.#outstanding--;
  }
}
