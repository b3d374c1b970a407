/**
 * Machines to test with: one alone that is fed raw bytes, or two on a link with a delay and a virtual clock.
 *
 * @module
 */
import type { VerbenaError } from "../../src/rdma/errors.ts";
import {
  encodeDataTransfer,
  encodeNegotiateRequest,
  encodeNegotiateResponse,
  PAYLOAD_OFFSET,
  resolveSettings,
  type Role,
  SmbDirectMachine,
  type SmbDirectOptions,
} from "../../src/smbdirect/mod.ts";

/** Where messages lie while a machine looks at them: not at the start of their buffer, as in a slab. */
const AT = 40;

/** One machine, its buffers, and what it has said so far. */
export class Side {
  readonly machine: SmbDirectMachine;
  readonly received: Uint8Array[] = [];
  error: VerbenaError | undefined;
  answered = false;
  onMessage: ((message: Uint8Array) => void) | undefined;
  readonly #in: Uint8Array<ArrayBuffer>;
  readonly #inView: DataView;
  readonly #out: Uint8Array<ArrayBuffer>;
  readonly #outView: DataView;

  constructor(role: Role, options: SmbDirectOptions = {}, now = 0) {
    const settings = resolveSettings(role, options);
    this.machine = new SmbDirectMachine(role, settings, {
      established: () => {},
      message: (message) => {
        this.received.push(message.slice());
        this.onMessage?.(message);
      },
      failed: (error, answered) => {
        this.error = error;
        this.answered = answered;
      },
    }, now);
    this.#in = new Uint8Array(AT + this.machine.receiveBufferSize);
    this.#inView = new DataView(this.#in.buffer);
    this.#out = new Uint8Array(AT + this.machine.sendBufferSize);
    this.#outView = new DataView(this.#out.buffer);
    this.machine.receivesPosted(this.machine.receiveBuffers);
  }

  /** Feeds one message in. A message without a posted receive, or longer than one, is what a provider makes fatal. */
  receive(message: Uint8Array, now = 0): this {
    if (this.machine.credits.receivesPosted < 1) throw new Error("a message came and no receive was posted");
    if (message.length > this.#in.length - AT) throw new Error(`a message of ${message.length} overran its receive`);
    this.#in.set(message, AT);
    this.machine.receive(now, this.#in, this.#inView, AT, message.length);
    this.machine.receivesPosted(1);
    return this;
  }

  /** The next message out, if there is one. */
  next(now = 0): Uint8Array<ArrayBuffer> | undefined {
    const length = this.machine.produce(now, this.#out, this.#outView, AT);
    return length === 0 ? undefined : this.#out.slice(AT, AT + length);
  }

  /** All messages that leave now. */
  drain(now = 0): Uint8Array<ArrayBuffer>[] {
    const messages = [];
    for (let message = this.next(now); message !== undefined; message = this.next(now)) messages.push(message);
    return messages;
  }

  /** Lets time pass, and returns what leaves because of it. */
  wait(now: number): Uint8Array<ArrayBuffer>[] {
    this.machine.expire(now);
    return this.drain(now);
  }

  send(...messages: Uint8Array[]): this {
    for (const message of messages) this.machine.enqueue(message);
    return this;
  }
}

/** A passive machine that a raw peer has negotiated with; the peer holds `grants` credits of the machine's. */
export function passiveSide(options: SmbDirectOptions = {}, request: Partial<Request> = {}): Side {
  const side = new Side("passive", options).receive(negotiateRequest(request));
  if (side.drain().length !== 1 || side.error !== undefined) throw new Error(`no negotiation: ${side.error}`);
  return side;
}

/** An active machine that a raw peer has negotiated with. */
export function activeSide(options: SmbDirectOptions = {}, response: Partial<Response> = {}): Side {
  const side = new Side("active", options);
  side.drain();
  side.receive(negotiateResponse(response));
  if (side.error !== undefined) throw new Error(`no negotiation: ${side.error}`);
  return side;
}

/**
 * Either role after it has negotiated, with receives of 1,024 bytes, 20 of them its raw peer's to use: what both do alike
 * is asked of both.
 */
export const EITHER: Readonly<Record<Role, () => Side>> = {
  passive: () => passiveSide({ receiveCreditMax: 20 }, { creditsRequested: 20 }),
  active: () => {
    const side = activeSide({ maxReceiveSize: 1024, receiveCreditMax: 20 }, { creditsRequested: 20 });
    if (side.wait(10).length !== 1) throw new Error("no credits given");
    return side;
  },
};

interface Request {
  minVersion: number;
  maxVersion: number;
  creditsRequested: number;
  preferredSendSize: number;
  maxReceiveSize: number;
  maxFragmentedSize: number;
  /** Bytes of the message, redundant ones or missing ones included. */
  length: number;
}

/** A raw negotiate request, the one of the Windows suite's BVT cases where nothing else is said. */
export function negotiateRequest(change: Partial<Request> = {}): Uint8Array {
  const message = new Uint8Array(512);
  encodeNegotiateRequest(new DataView(message.buffer), 0, {
    minVersion: 0x100,
    maxVersion: 0x100,
    creditsRequested: 10,
    preferredSendSize: 1024,
    maxReceiveSize: 1024,
    maxFragmentedSize: 131_072,
    ...change,
  });
  return message.subarray(0, change.length ?? 20);
}

interface Response {
  negotiatedVersion: number;
  creditsRequested: number;
  creditsGranted: number;
  status: number;
  maxReadWriteSize: number;
  preferredSendSize: number;
  maxReceiveSize: number;
  maxFragmentedSize: number;
  /** Bytes of the message. */
  length: number;
}

/** A raw negotiate response that is in order where nothing else is said. */
export function negotiateResponse(change: Partial<Response> = {}): Uint8Array {
  const message = new Uint8Array(512);
  encodeNegotiateResponse(new DataView(message.buffer), 0, {
    negotiatedVersion: 0x100,
    creditsRequested: 10,
    creditsGranted: 10,
    status: 0,
    maxReadWriteSize: 1_048_576,
    preferredSendSize: 1024,
    maxReceiveSize: 1024,
    maxFragmentedSize: 131_072,
    ...change,
  });
  return message.subarray(0, change.length ?? 32);
}

interface Data {
  creditsRequested: number;
  creditsGranted: number;
  flags: number;
  remaining: number;
  /** Overrides what goes with `payload`. */
  dataOffset: number;
  /** Overrides what goes with `payload`. */
  dataLength: number;
  payload: Uint8Array;
  /** Bytes of the message, redundant ones or missing ones included. */
  length: number;
}

/** A raw data transfer message; empty and granting nothing where nothing else is said. */
export function data(change: Partial<Data> = {}): Uint8Array {
  const payload = change.payload ?? new Uint8Array(0);
  const message = new Uint8Array(Math.max(PAYLOAD_OFFSET + payload.length, change.length ?? 0));
  const view = new DataView(message.buffer);
  const length = encodeDataTransfer(
    view,
    0,
    change.creditsRequested ?? 10,
    change.creditsGranted ?? 0,
    change.flags ?? 0,
    payload.length,
    change.remaining ?? 0,
  );
  message.set(payload, PAYLOAD_OFFSET);
  if (change.dataOffset !== undefined) view.setUint32(12, change.dataOffset, true);
  if (change.dataLength !== undefined) view.setUint32(16, change.dataLength, true);
  return message.subarray(0, change.length ?? length);
}

/** A data transfer message in words, to compare with. */
export function fields(message: Uint8Array | undefined): Record<string, number> {
  if (message === undefined) throw new Error("no message");
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
  return {
    requested: view.getUint16(0, true),
    granted: view.getUint16(2, true),
    flags: view.getUint16(4, true),
    remaining: view.getUint32(8, true),
    length: view.getUint32(16, true),
  };
}

/** `length` bytes that tell where they come from. */
export function pattern(length: number, seed = 0): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = i * 7 + (i >>> 8) * 13 + seed;
  return bytes;
}

/** Two machines on a link. Messages take `delay`; nothing is lost and nothing overtakes. */
export class Pair {
  now = 0;
  readonly active: Side;
  readonly passive: Side;
  readonly #flying: { to: Side; at: number; message: Uint8Array }[] = [];

  constructor(active: SmbDirectOptions = {}, passive: SmbDirectOptions = {}, readonly delay = 0) {
    this.active = new Side("active", active);
    this.passive = new Side("passive", passive);
  }

  /** Moves messages and time on until nothing is on its way and no timer is due before `until`. */
  run(until = 0): this {
    for (;;) {
      this.#launch(this.active, this.passive);
      this.#launch(this.passive, this.active);
      const first = this.#flying[0];
      const deadline = Math.min(this.active.machine.deadline(this.now), this.passive.machine.deadline(this.now));
      if (first !== undefined && first.at <= deadline) {
        this.#flying.shift();
        this.now = Math.max(this.now, first.at);
        first.to.receive(first.message, this.now);
      } else if (deadline <= until) {
        this.now = Math.max(this.now, deadline);
        this.active.machine.expire(this.now);
        this.passive.machine.expire(this.now);
      } else {
        this.now = Math.max(this.now, until);
        return this;
      }
    }
  }

  #launch(from: Side, to: Side): void {
    for (const message of from.drain(this.now)) this.#flying.push({ to, at: this.now + this.delay, message });
  }
}
