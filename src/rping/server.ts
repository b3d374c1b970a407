/**
 * rping's server: fetches a client's text by RDMA Read and puts it back by RDMA Write.
 *
 * @module
 */
import { formatAddress } from "../rdma/address.ts";
import { Opcode } from "../rdma/completion.ts";
import { CompletionReader } from "../rdma/completion_reader.ts";
import { VerbenaError, WireError } from "../rdma/errors.ts";
import { Access, type MemoryRegion } from "../rdma/memory.ts";
import type { ConnectionRequest, Endpoint, ProtectionDomain } from "../rdma/provider.ts";
import { Conversation } from "./conversation.ts";
import { type BufferOffer, MAX_SIZE } from "./message.ts";

/** How a server serves. */
export interface RpingServeOptions {
  /** How long the set-up, and each step of a round, may take, in milliseconds. Default 5,000. */
  timeout?: number;
  /** How long a client may be silent between rounds, in milliseconds. Default 60,000. */
  idle?: number;
  /** Ends whatever is waited for, with its reason. */
  signal?: AbortSignal;
  /** Told of each round: its number, counted from 0, and the text, which is good until it returns. */
  onRound?: (round: number, text: Uint8Array) => void;
}

/** What a client that was served did. */
export interface Served {
  /** Rounds done. */
  readonly rounds: number;
  /** Bytes of their texts. */
  readonly bytes: number;
  /** Why it ended, where the client did not simply disconnect between two rounds. */
  readonly error: VerbenaError | undefined;
}

// What every answer names: its 16 bytes mean nothing to the client.
const GO_AHEAD: BufferOffer = { address: 0n, key: 0, size: 0 };

/**
 * Accepts a client and serves it to its end. Throws VerbsError when the set-up fails, and the signal's reason; what the
 * client does wrong after that is in the result.
 */
export async function serveRping(
  domain: ProtectionDomain,
  request: ConnectionRequest,
  options: RpingServeOptions = {},
): Promise<Served> {
  const { timeout = 5_000, idle = 60_000, signal, onRound } = options;
  using conversation = new Conversation(domain);
  using text = domain.register(MAX_SIZE, Access.LOCAL_WRITE);
  await using endpoint = await request.accept({
    sendDepth: 4,
    receiveDepth: 2,
    readDepth: 1,
    setupTimeout: timeout,
    prepare: (endpoint) => conversation.expect(endpoint),
    ...(signal === undefined ? {} : { signal }),
  });
  using reader = new CompletionReader(endpoint, `client ${formatAddress(endpoint.remote)}`, signal);
  let rounds = 0;
  let bytes = 0;
  try {
    for (;;) {
      const source = await nextRound(conversation, reader, idle);
      if (source === undefined) return { rounds, bytes, error: undefined };
      bytes += await serveRound(conversation, reader, text, source, timeout);
      onRound?.(rounds++, text.bytes.subarray(0, source.size));
    }
  } catch (error) {
    if (!(error instanceof VerbenaError)) throw error;
    return { rounds, bytes, error };
  }
}

// Undefined when the client disconnected instead.
async function nextRound(
  conversation: Conversation,
  reader: CompletionReader,
  limit: number,
): Promise<BufferOffer | undefined> {
  try {
    return await conversation.receive(reader, limit);
  } catch (error) {
    if (await endedWell(reader.endpoint, error)) return undefined;
    throw error;
  }
}

async function endedWell(endpoint: Endpoint, error: unknown): Promise<boolean> {
  if (!(error instanceof VerbenaError) || error instanceof WireError || !("code" in error)) return false;
  return error.code === "lost" && (await endpoint.closed).error === undefined;
}

async function serveRound(
  conversation: Conversation,
  reader: CompletionReader,
  text: MemoryRegion,
  source: BufferOffer,
  limit: number,
): Promise<number> {
  const { endpoint } = reader;
  conversation.transfer(endpoint, Opcode.READ, text, source.size, source);
  await conversation.settled(reader, limit);
  conversation.send(endpoint, GO_AHEAD);
  const sink = await conversation.receive(reader, limit);
  if (sink.size < source.size) throw new WireError("rping", `room for a text of ${source.size} bytes`, sink.size);
  conversation.transfer(endpoint, Opcode.WRITE, text, source.size, sink);
  await conversation.settled(reader, limit);
  conversation.send(endpoint, GO_AHEAD);
  return source.size;
}
