/**
 * Memory for the payloads of READ and WRITE: registered where they go by RDMA, plain where not.
 *
 * @module
 */
import { Access } from "../../rdma/memory.ts";
import { type PooledBuffer, RegisteredPool } from "../../rdma/pool.ts";
import type { ProtectionDomain } from "../../rdma/provider.ts";
import type { BufferDescriptor } from "../../smbdirect/wire.ts";
import { Channel } from "../wire/channel.ts";
import { Dialect } from "../wire/negotiate.ts";
import { ConnectionLost } from "./call.ts";
import type { ResolvedSettings } from "./settings.ts";
import type { SmbTransport } from "./transport.ts";

/** The longest piece of registered memory; a longer request names several. */
const LONGEST_PIECE = 1 << 20;
/** How long registered memory is waited for, in milliseconds. */
const PATIENCE = 1_000;
/** Plain buffers that are kept for the next transfer. */
const KEPT = 16;

/** What a payload is read into, or written from. Disposing it gives it back; it outlives its connection until then. */
export interface TransferBuffer extends Disposable {
  /** Where it comes from: only that session's server knows its keys. Undefined of plain memory. */
  readonly owner: TransferMemory | undefined;
  /** Its memory, piece by piece; all but the last are of one length. */
  readonly pieces: readonly Uint8Array[];
  /** Where the server finds `length` bytes of it from `start` on; undefined of plain memory. */
  descriptors(start: number, length: number): readonly BufferDescriptor[] | undefined;
}

/** What buffers are for, which decides what a server may do with them. */
export type Direction = "read" | "write";

/** A session's buffers. It has the transport's protection domain, which goes when the last buffer is back. */
export class TransferMemory implements Disposable {
  /** How READ and WRITE name registered memory: whether its answer withdraws the key. */
  readonly channel: number;
  readonly #domain: ProtectionDomain | undefined;
  readonly #pools: Readonly<Record<Direction, RegisteredPool>> | undefined;
  readonly #plain: Uint8Array[] = [];
  /** One borrower of several pieces at a time: two that each wait for the other's would wait for ever. */
  #turn: Promise<unknown> = Promise.resolve();
  #lent = 0;
  #disposed = false;

  /** Buffers for a transport; pools only where it has a protection domain. SMB 3.0 withdraws no keys. */
  constructor(transport: SmbTransport, settings: ResolvedSettings, dialect: number) {
    const { domain } = transport;
    const cheapKeys = domain?.capabilities.remoteInvalidate === true;
    const invalidate = cheapKeys && dialect >= Dialect.SMB_3_0_2 ? Access.REMOTE_INVALIDATE : 0;
    this.channel = invalidate !== 0 ? Channel.RDMA_V1_INVALIDATE : Channel.RDMA_V1;
    this.#domain = domain;
    if (domain === undefined) return;
    const pool = (access: number): RegisteredPool =>
      new RegisteredPool(domain, {
        access: access | invalidate,
        ceiling: Math.max(settings.registeredMemory, LONGEST_PIECE),
        largest: LONGEST_PIECE,
        // where registering is a system call, a key lives as long as the connection: only this server has it
        keepKeys: !cheapKeys,
        maxWaiters: 65_536,
      });
    this.#pools = {
      read: pool(Access.LOCAL_WRITE | Access.REMOTE_WRITE),
      write: pool(Access.LOCAL_WRITE | Access.REMOTE_READ),
    };
  }

  /**
   * Lends a buffer of `length` bytes, registered if `direct`. While all that may be registered is lent it waits in line,
   * but not for long: who has it may be waiting for whoever asks. It is then plain memory, whose bytes go within messages.
   *
   * @throws ConnectionLost when the connection ended meanwhile; the signal's reason.
   */
  async lend(direction: Direction, length: number, direct: boolean, signal?: AbortSignal): Promise<TransferBuffer> {
    if (!direct || this.#pools === undefined) return this.#lendPlain(length);
    const pool = this.#pools[direction];
    const now = length <= LONGEST_PIECE ? pool.acquire(length) : undefined;
    if (now !== undefined) return this.#registered([now]);
    using patience = new Patience(signal);
    const turn = this.#turn.then(() => acquireAll(pool, length, patience.signal));
    this.#turn = turn.catch(() => {});
    const loans = await turn;
    if (loans !== undefined) return this.#registered(loans);
    signal?.throwIfAborted();
    if (!this.#disposed) return this.#lendPlain(length);
    throw new ConnectionLost("borrow registered memory", "ECONNRESET", "the connection ended", false);
  }

  /** Lends no more. The connection is over: nobody writes to or reads from what is still lent. */
  [Symbol.dispose](): void {
    this.#disposed = true;
    this.#pools?.read[Symbol.dispose]();
    this.#pools?.write[Symbol.dispose]();
    this.#release();
  }

  #release(): void {
    if (this.#disposed && this.#lent === 0) this.#domain?.[Symbol.dispose]();
  }

  #lendPlain(length: number): TransferBuffer {
    const index = this.#plain.findIndex((each) => each.length >= length);
    const whole = index < 0 ? new Uint8Array(length) : this.#plain.splice(index, 1)[0] as Uint8Array;
    return {
      owner: undefined,
      pieces: [whole.subarray(0, length)],
      descriptors: () => undefined,
      [Symbol.dispose]: () => {
        if (this.#plain.length < KEPT) this.#plain.push(whole);
      },
    };
  }

  #registered(loans: readonly PooledBuffer[]): TransferBuffer {
    this.#lent++;
    return {
      owner: this,
      pieces: loans.map(({ bytes }) => bytes),
      descriptors: (start, length) => descriptorsOf(loans, start, length),
      [Symbol.dispose]: () => {
        for (const loan of loans) loan[Symbol.dispose]();
        this.#lent--;
        this.#release();
      },
    };
  }
}

/** A while, or until a signal aborts. */
class Patience implements Disposable {
  readonly signal: AbortSignal;
  readonly #controller = new AbortController();
  readonly #outer: AbortSignal | undefined;
  readonly #end = (): void => this.#controller.abort();
  readonly #timer: ReturnType<typeof setTimeout>;

  constructor(outer: AbortSignal | undefined) {
    this.signal = this.#controller.signal;
    this.#outer = outer;
    this.#timer = setTimeout(this.#end, PATIENCE);
    outer?.addEventListener("abort", this.#end);
    if (outer?.aborted) this.#end();
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#outer?.removeEventListener("abort", this.#end);
  }
}

/** All the pieces of a buffer, or none: undefined when `signal` aborts or the pool is disposed first. */
async function acquireAll(
  pool: RegisteredPool,
  length: number,
  signal: AbortSignal,
): Promise<PooledBuffer[] | undefined> {
  using lending = new DisposableStack();
  const loans: PooledBuffer[] = [];
  for (let left = length; left > 0; left -= LONGEST_PIECE) {
    const loan = await pool.acquireWhenFree(Math.min(left, LONGEST_PIECE), signal);
    if (loan === undefined) return undefined;
    loans.push(lending.use(loan));
  }
  lending.move();
  return loans;
}

function descriptorsOf(loans: readonly PooledBuffer[], start: number, length: number): BufferDescriptor[] {
  const descriptors: BufferDescriptor[] = [];
  for (const { region, length: size } of loans) {
    if (start < size && length > 0) {
      const part = Math.min(length, size - start);
      if (!region.valid) region.rotateKey(); // the answer before withdrew the key
      descriptors.push({ offset: region.address + BigInt(start), token: region.remoteKey, length: part });
      length -= part;
      start = 0;
    } else start -= Math.min(start, size);
  }
  return descriptors;
}
