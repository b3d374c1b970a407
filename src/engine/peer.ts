/**
 * One reader's connection, as the engine sees it: requests in, ranges and answers out.
 *
 * @module
 */
import { reasonOf, WireError } from "../rdma/errors.ts";
import type { PooledBuffer } from "../rdma/pool.ts";
import type { Store } from "../seaweed/store.ts";
import type { EngineChannel } from "./channel.ts";
import { LISTING_EXTENSIONS, needlesPage, volumesPage } from "./listing.ts";
import { decodeMessage, encodeMessage, type Message, type MessageData, type MessageType } from "./messages.ts";
import { ENDS_WITH_ANSWER, toNanoseconds } from "./protocol.ts";
import type { EngineConnectionInfo } from "./reader.ts";
import { Refusal } from "./refusal.ts";
import type { Session, Sessions } from "./sessions.ts";
import type { Range, Transfers } from "./transfers.ts";

/**
 * Bytes read from files and not yet on their way, per connection: enough to keep the wire busy, and little enough that
 * they are still in the processor's cache when they are sent. One range may always be under way, whatever its size.
 */
const TRANSFER_WINDOW = 2 << 20;
/** Ranges likewise, per connection: fewer than SMB Direct takes transfers. */
const TRANSFERS_AT_ONCE = 512;

/** Pages of needles that one connection may ask for at once. */
const LISTINGS_AT_ONCE = 16;

/** What the peers of an engine share. */
export interface PeerContext {
  /** The volumes. */
  readonly store: Store;
  /** All sessions of the engine. */
  readonly sessions: Sessions;
  /** Where ranges come from. */
  readonly transfers: Transfers;
  /** The longest range of a session, in bytes. */
  readonly maxTransferSize: number;
  /** The engine's version. */
  readonly version: string;
  /** Told of each refused request. */
  readonly refused: (code: string, reason: string) => void;
}

interface Job {
  readonly request: MessageData<"StartRead">;
  readonly id: number | undefined;
  readonly session: Session;
}

let seen = 0;

/** The peer. */
export class EnginePeer {
  readonly #channel: EngineChannel;
  readonly #context: PeerContext;
  readonly #jobs: Job[] = [];
  readonly #over = new AbortController();
  readonly #name = `engine-server-${++seen}`;
  readonly #since = Date.now();
  #bytes = 0;
  #underWay = 0; // bytes of ranges being read or written
  #unanswered = 0; // ranges likewise
  #listings = 0;
  #drained: (() => void) | undefined;
  #leaving = false;
  #sessionsEnd = false; // whether it asked for some that end with their answers

  /** Starts answering. */
  constructor(channel: EngineChannel, context: PeerContext) {
    this.#channel = channel;
    this.#context = context;
    channel.onMessage = (message) => this.#receive(message);
    channel.closed.then(() => {
      this.#over.abort();
      this.#jobs.length = 0;
      context.sessions.drop(this);
      this.#drained?.();
    });
  }

  /** What there is to tell of its connection. */
  get info(): EngineConnectionInfo {
    const { info, transport } = this.#channel;
    return {
      ...info,
      id: this.#name,
      kind: "engine-server",
      transport,
      since: this.#since,
      inFlight: this.#jobs.length + this.#unanswered,
      bytes: this.#bytes,
    };
  }

  /** Lets ranges under way leave within `grace` milliseconds, and closes. */
  async close(grace: number): Promise<void> {
    if (this.#unanswered > 0 && !this.#over.signal.aborted) {
      const timer = setTimeout(() => this.#drained?.(), grace);
      await new Promise<void>((resolve) => this.#drained = resolve);
      clearTimeout(timer);
    }
    this.#leaving = true;
    await this.#channel.close({ linger: grace });
  }

  #receive(bytes: Uint8Array): void {
    let message: Message;
    try {
      message = decodeMessage(bytes);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      this.#context.refused("Malformed", reasonOf(error));
      this.#channel.close({ linger: 0 }); // as SeaweedFS's engine does: without an answer
      return;
    }
    try {
      this.#answer(message);
    } catch (error) {
      this.#refuse(message.id, error);
    }
  }

  #answer(message: Message): void {
    const now = Date.now();
    const { id } = message;
    switch (message.type) {
      case "Ping": {
        const at = toNanoseconds(now);
        const asked = message.data.timestamp_ns;
        const roundTrip = at > asked ? at - asked : 0n;
        const data = { client_timestamp_ns: asked, server_timestamp_ns: at, server_rtt_ns: roundTrip };
        return this.#send("Pong", data, id);
      }
      case "GetCapabilities":
        return this.#send("GetCapabilitiesResponse", this.#capabilities(), id);
      case "StartRead":
        return this.#startRead(message.data, id, now);
      case "CompleteRead":
        return this.#completeRead(message.data, id, now);
      case "ListVolumes":
        return this.#send("ListVolumesResponse", volumesPage(this.#context.store, message.data), id);
      case "ListNeedles":
        return this.#listNeedles(message.data, id);
      default:
        throw new Refusal("UNSUPPORTED_MESSAGE", "Unsupported message type");
    }
  }

  #capabilities(): MessageData<"GetCapabilitiesResponse"> {
    const { sessions, maxTransferSize, version } = this.#context;
    const { transport, extensions } = this.#channel;
    return {
      device_name: transport.startsWith("verbs:") ? transport.slice("verbs:".length) : transport,
      vendor_id: 0,
      max_transfer_size: BigInt(maxTransferSize),
      max_sessions: BigInt(sessions.ceiling),
      active_sessions: BigInt(sessions.active),
      port_gid: "",
      port_lid: 0,
      supported_auth: ["none"],
      version,
      real_rdma: transport.startsWith("verbs:"),
      extensions: [...LISTING_EXTENSIONS, ENDS_WITH_ANSWER, ...extensions],
    };
  }

  #startRead(request: MessageData<"StartRead">, id: number | undefined, now: number): void {
    const { sessions, maxTransferSize } = this.#context;
    if (request.size < 1n || request.size > BigInt(maxTransferSize)) {
      throw new Refusal("InvalidRequest", `size ${request.size} is not 1 to ${maxTransferSize}`);
    }
    this.#channel.check(request, id);
    // Sessions whose time is over make room for others while their ranges still wait here for a peer that takes none.
    if (this.#jobs.length >= sessions.ceiling) {
      throw new Refusal("TooManySessions", `${sessions.ceiling} ranges wait for this reader to take them`);
    }
    const session = sessions.start(this, Number(request.timeout_secs) * 1_000, now);
    if (session === undefined) {
      throw new Refusal("TooManySessions", `${sessions.ceiling} sessions are under way; complete some first`);
    }
    if (request.ends_with_answer === true) this.#sessionsEnd = true;
    this.#jobs.push({ request, id, session });
    this.#pump();
  }

  #listNeedles(request: MessageData<"ListNeedles">, id: number | undefined): void {
    if (this.#listings >= LISTINGS_AT_ONCE) {
      throw new Refusal("ResourceExhausted", `${LISTINGS_AT_ONCE} listings are under way; wait for some`);
    }
    this.#listings++;
    needlesPage(this.#context.store, request).then(
      (page) => this.#send("ListNeedlesResponse", page, id),
      (error) => this.#refuse(id, error),
    ).finally(() => this.#listings--);
  }

  #completeRead(data: MessageData<"CompleteRead">, id: number | undefined, now: number): void {
    const session = this.#context.sessions.complete(this, data.session_id, now);
    if (typeof session === "string") {
      const name = JSON.stringify(data.session_id.slice(0, 64));
      const ended = this.#sessionsEnd && session === "SessionNotFound";
      if (data.success || !ended) throw new Refusal(session, `${session} { session_id: ${name} }`);
      // It ended with its answer: what was sent is not known any more, but that it came spoilt is.
      this.#context.refused("ChecksumMismatch", `session ${name}: ${data.client_crc}`);
      return this.#send("CompleteReadResponse", { success: false }, id);
    }
    const mismatch = data.client_crc !== undefined && data.client_crc !== session.checksum;
    if (mismatch) this.#context.refused("ChecksumMismatch", `session ${session.id}: ${data.client_crc}`);
    this.#send("CompleteReadResponse", { success: data.success && !mismatch, server_crc: session.checksum }, id);
  }

  // Ranges are read when there is room for them to leave, not when they are asked for.
  #pump(): void {
    while (this.#jobs.length > 0 && this.#underWay < TRANSFER_WINDOW && this.#unanswered < TRANSFERS_AT_ONCE) {
      const job = this.#jobs.shift() as Job;
      const size = Number(job.request.size);
      this.#underWay += size;
      this.#unanswered++;
      this.#transfer(job).catch((error) => this.#abandon(job, error)).finally(() => {
        this.#unanswered--;
        this.#underWay -= size;
        this.#pump();
        if (this.#unanswered === 0) this.#drained?.();
      });
    }
  }

  async #transfer(job: Job): Promise<void> {
    const { sessions, transfers } = this.#context;
    const { request, id, session } = job;
    const patience = session.expiresAt - Date.now();
    if (patience <= 0) throw new Refusal("SessionExpired", "its time was over before its turn came");
    using buffer = await transfers.lend(Number(request.size), patience, this.#over.signal);
    const pieces: Promise<boolean>[] = [];
    try {
      const range = await transfers.read(request, buffer, this.#over.signal, (at, length) => {
        pieces.push(this.#place(request, id, buffer, at, length));
      });
      if (this.#over.signal.aborted) return;
      session.checksum = range.checksum;
      session.bytes = buffer.length;
      this.#announce(job, range, buffer.length);
    } finally {
      // Until then the buffer is not free, whatever became of the range.
      const placed = (await Promise.all(pieces)).every((went) => went);
      if (!placed) sessions.cancel(session.id);
      else if (session.bytes > 0) {
        transfers.count++;
        transfers.bytes += session.bytes;
        this.#bytes += session.bytes;
      }
    }
  }

  // Behind the pieces on the same connection: where this arrives, the bytes are in place.
  #announce({ request, id, session }: Job, range: Range, size: number): void {
    if (request.ends_with_answer === true) this.#context.sessions.cancel(session.id);
    this.#send("StartReadResponse", {
      session_id: session.id,
      local_addr: 0n,
      local_key: 0,
      transfer_size: BigInt(size),
      expected_crc: range.checksum,
      expires_at_ns: toNanoseconds(session.expiresAt),
      needle_size: BigInt(range.needleSize),
      checksum_covers_range: range.coversRange,
    }, id);
  }

  #place(
    request: MessageData<"StartRead">,
    id: number | undefined,
    buffer: PooledBuffer,
    at: number,
    length: number,
  ): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    this.#channel.place(request, id, buffer, at, length, resolve); // what this throws must keep the answer from being sent
    return promise;
  }

  #abandon(job: Job, error: unknown): void {
    this.#context.sessions.cancel(job.session.id);
    if (!this.#over.signal.aborted) this.#refuse(job.id, error);
  }

  #refuse(id: number | undefined, error: unknown): void {
    const refusal = Refusal.from(error);
    const { refused, store } = this.#context;
    refused(refusal.code, refusal.message); // the whole of it; readers hand theirs on to whoever asked them
    const data = refusal.toMessage();
    this.#send("Error", { ...data, message: store.withoutDirectories(data.message) }, id);
  }

  // A peer that does not take its answers, and so fills the queue, has none to come.
  #send<T extends MessageType>(type: T, data: MessageData<T>, id: number | undefined): void {
    if (this.#leaving) return; // only what is on its way still leaves
    try {
      this.#channel.send(encodeMessage(type, data, id));
    } catch (error) {
      if (!this.#over.signal.aborted) this.#context.refused("connection lost", reasonOf(error));
      this.#channel.close({ linger: 0 });
    }
  }
}
