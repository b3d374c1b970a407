/**
 * Connections without sockets: one machine fed by hand, or two that carry bytes to each other in pieces of any size.
 *
 * @module
 */
import { type Completion, completions } from "../../src/rdma/completion.ts";
import { IwarpConnection } from "../../src/iwarp/connection.ts";
import type { Agreement } from "../../src/iwarp/negotiation.ts";
import { StagTable } from "../../src/iwarp/region.ts";
import { assert, assertEquals } from "../assert.ts";
import { concat } from "./frames.ts";

/** What a {@linkcode Machine} may be told otherwise. */
export interface MachineOptions extends Partial<Omit<Agreement, "privateData">> {
  responder?: boolean;
  sendDepth?: number;
  receiveDepth?: number;
  ulpduSize?: number;
  immediate?: boolean;
  table?: StagTable;
  /** Buffers to work in, one machine after the other; else it makes its own. */
  buffers?: Buffers;
}

/** A machine's buffers. */
export class Buffers {
  constructor(
    /** What comes. */ readonly incoming: Uint8Array<ArrayBuffer> = new Uint8Array(1 << 20),
    /** What leaves. */ readonly outgoing: Uint8Array<ArrayBuffer> = new Uint8Array(200_000),
  ) {}
}

/** A connection with the buffers that an endpoint would keep for it. */
export class Machine {
  readonly table: StagTable;
  readonly connection: IwarpConnection;
  readonly #out: Uint8Array<ArrayBuffer>;
  readonly #in: Uint8Array<ArrayBuffer>;
  #from = 0; // what came and is unread lies in between
  #to = 0;

  constructor(options: MachineOptions = {}) {
    const { crc = true, ird = 4, ord = 4, readyToReceive = "none" } = options;
    const { responder = false, sendDepth = 64, receiveDepth = 64, ulpduSize = 65_518, immediate = false } = options;
    const buffers = options.buffers ?? new Buffers();
    this.#in = buffers.incoming;
    this.#out = buffers.outgoing;
    this.table = options.table ?? new StagTable();
    this.connection = new IwarpConnection(
      { responder, sendDepth, receiveDepth, ulpduSize, immediate, peer: "10.0.0.9:7" },
      { crc, ird, ord, readyToReceive, privateData: new Uint8Array(0) },
      this.table,
    );
  }

  /** Bytes that came and make no whole FPDU yet. */
  get unread(): number {
    return this.#to - this.#from;
  }

  /** Hands bytes over as a socket would. */
  feed(...parts: Uint8Array[]): void {
    for (const part of parts) {
      if (this.#to + part.length > this.#in.length) {
        this.#in.copyWithin(0, this.#from, this.#to);
        this.#to -= this.#from;
        this.#from = 0;
      }
      this.#in.set(part, this.#to);
      this.#to += part.length;
    }
    const rest = this.connection.receive(this.#in, this.#from, this.#to);
    assert(rest >= this.#from && rest <= this.#to, `rest ${rest} of ${this.#from} to ${this.#to}`);
    this.#from = rest;
    if (rest === this.#to) this.#from = this.#to = 0;
  }

  /** All that it would send now. */
  drain(): Uint8Array<ArrayBuffer> {
    const parts: Uint8Array[] = [];
    while (this.connection.pending) {
      const size = this.connection.transmit(this.#out);
      assert(size > 0 && size <= this.#out.length, `pending, and ${size} bytes`);
      parts.push(this.#out.slice(0, size));
    }
    return concat(...parts);
  }

  /** All completions there are. */
  poll(): Completion[] {
    const out = completions(7);
    const got: Completion[] = [];
    for (;;) {
      const count = this.connection.poll(out);
      for (let index = 0; index < count; index++) got.push({ ...out[index] as Completion });
      if (count === 0) return got;
    }
  }
}

/** An initiator and a responder. */
export class Pair {
  readonly active: Machine;
  readonly passive: Machine;
  readonly #pieceSize: () => number;

  constructor(options: MachineOptions = {}, pieceSize: () => number = () => Infinity) {
    this.active = new Machine(options);
    this.passive = new Machine({ ...options, responder: true });
    this.#pieceSize = pieceSize;
  }

  /** Carries bytes both ways until neither side has any. */
  run(): void {
    for (let round = 0; this.#carry(this.active, this.passive) || this.#carry(this.passive, this.active); round++) {
      assert(round < 100_000, "the two never fall silent");
    }
    assertEquals([this.active.unread, this.passive.unread], [0, 0]);
  }

  /** Carries what one of them would send now. */
  step(fromActive: boolean): void {
    if (fromActive) this.#carry(this.active, this.passive);
    else this.#carry(this.passive, this.active);
  }

  #carry(from: Machine, to: Machine): boolean {
    const bytes = from.drain();
    for (let at = 0; at < bytes.length;) {
      const size = Math.min(this.#pieceSize(), bytes.length - at);
      to.feed(bytes.subarray(at, at + size));
      at += size;
    }
    return bytes.length > 0;
  }
}
