/**
 * The course of a test as perftest's two sides go through it together, whatever they measure with.
 *
 * @module
 */
import { WireError } from "../rdma/errors.ts";
import { type Channel, exchange, type Role } from "./channel.ts";
import { decodeKeyLine, decodeKeyStruct, encodeKeyLine, encodeKeyStruct, type Keys, NO_KEYS } from "./keys.ts";
import type { Plan } from "./plan.ts";
import {
  CACHE_LINE_SIZE,
  CYCLE_SIZE,
  decodeCacheLineSize,
  decodeCycleSize,
  decodeMtu,
  decodeVersion,
  encodeMtu,
  encodeNumber,
  encodeVersion,
} from "./preamble.ts";
import { type BandwidthReport, decodeReport, encodeReport } from "./report.ts";

/** What both sides agreed on first. */
export interface Agreed {
  /** The peer's version. */
  readonly version: string;
  /** The block that small messages go round in, in bytes. */
  readonly cycleSize: number;
  /** The distance between them, in bytes. */
  readonly cacheLineSize: number;
  /** The path's MTU, of `ibv_mtu`. */
  readonly mtu: number;
}

/** How long a side that has nothing to do waits until the other has finished its test, in milliseconds. */
const TEST_LIMIT = 600_000;
const DONE = new TextEncoder().encode("done\0");

/** One side of a test. Its methods are called in the order in which they stand here. */
export class Session {
  #own: Readonly<Keys> = NO_KEYS;

  /** Begins on a channel that stands. */
  constructor(
    /** The channel. */ readonly channel: Channel,
    /** Which side this is. */ readonly role: Role,
    /** The course. */ readonly plan: Plan,
  ) {}

  /** Agrees on what comes before all else; `mtu` is this side's. Throws WireError for what makes no sense. */
  async agree(mtu: number): Promise<Agreed> {
    const version = decodeVersion(await this.#exchange(encodeVersion()));
    const cycleSize = decodeCycleSize(await this.#exchange(encodeNumber(CYCLE_SIZE)));
    const cacheLineSize = decodeCacheLineSize(await this.#exchange(encodeNumber(CACHE_LINE_SIZE)));
    return { version, cycleSize, cacheLineSize, mtu: decodeMtu(await this.#exchange(encodeMtu(mtu)), mtu) };
  }

  /** Waits for the other side, with nothing to tell: before and after rdma_cm connects. */
  async meet(): Promise<void> {
    await this.#handshake(NO_KEYS);
  }

  /** Tells this side's keys, and returns the other's: to be connected with. */
  async introduce(own: Readonly<Keys>): Promise<Keys> {
    this.#own = own;
    let keys = await this.#handshake(own);
    for (let count = 1; count < this.plan.handshakesBefore; count++) keys = await this.#handshake(own);
    if (keys.address > (1n << 64n) - 0x8000_0000n) throw new WireError("perftest", "address", keys.address);
    return keys;
  }

  /** Waits until both sides are connected, and have posted their receives by `prepare`. */
  async begin(prepare: () => void): Promise<void> {
    for (let count = 1; count < this.plan.handshakesAfter; count++) await this.#handshake(this.#own);
    prepare();
    await this.#handshake(this.#own);
  }

  /** Waits until the test is over on both sides, and exchanges reports, of those plans that have them. */
  async report(own: BandwidthReport): Promise<BandwidthReport> {
    await this.#handshake(this.#own, TEST_LIMIT);
    const numbers: Uint8Array<ArrayBuffer>[] = [];
    for (const number of encodeReport(own)) numbers.push(await this.#exchange(number));
    return decodeReport(numbers);
  }

  /** Says good-bye, once the test is over on both sides. */
  async close(): Promise<void> {
    if (this.plan.closes) {
      await this.#farewell();
      if (this.channel.text) await this.channel.send(DONE).catch(() => {}); // nobody waits for it
    }
    // a server that has answered knows that the client has all it needs
    if (this.role === "client" || !this.plan.closes) await this.channel.finish();
  }

  // A client leaves as soon as it has the server's answer, which then cannot tell whether it arrived.
  async #farewell(): Promise<void> {
    if (this.role === "client") return void await this.#handshake(this.#own, TEST_LIMIT);
    const bytes = this.#encode(this.#own);
    await this.channel.receive(bytes.length, TEST_LIMIT);
    await this.channel.send(bytes).catch(() => {});
  }

  #exchange(mine: Uint8Array<ArrayBuffer>, limit?: number): Promise<Uint8Array<ArrayBuffer>> {
    return exchange(this.channel, this.role, mine, limit);
  }

  async #handshake(own: Readonly<Keys>, limit?: number): Promise<Keys> {
    const theirs = await this.#exchange(this.#encode(own), limit);
    return this.channel.text ? decodeKeyLine(theirs, own.gid !== undefined) : decodeKeyStruct(theirs);
  }

  #encode(keys: Readonly<Keys>): Uint8Array<ArrayBuffer> {
    return this.channel.text ? encodeKeyLine(keys) : encodeKeyStruct(keys);
  }
}
