/**
 * A provider within one process's memory, just enough of src/rdma/provider.ts to put connections to: it is fast, refuses
 * what a device would refuse, and can be told to break.
 *
 * @module
 */
import { type Completion, Opcode, Status } from "../../src/rdma/completion.ts";
import { SystemError, type VerbenaError, VerbsError } from "../../src/rdma/errors.ts";
import { Access, checkRange, type MemoryRegion } from "../../src/rdma/memory.ts";
import type {
  Closure,
  ConnectionRequest,
  Endpoint,
  EndpointOptions,
  Listener,
  ProtectionDomain,
  RdmaAddress,
  SendWork,
} from "../../src/rdma/provider.ts";
import { EndpointStatistics } from "../../src/rdma/statistics.ts";

/** What all domains of one test share: listeners by port, regions by key. */
export class MemoryNetwork {
  readonly listeners = new Map<number, MemoryListener>();
  readonly regions = new Map<number, Region>();
  readonly endpoints: MemoryEndpoint[] = [];
  nextKey = 1;

  /** Breaks every connection there is, as a cable that is cut does. */
  cut(): void {
    for (const endpoint of this.endpoints) endpoint.end({ graceful: false, error: new VerbsError("link", "lost") });
  }
}

class Region implements MemoryRegion {
  bytes: Uint8Array<ArrayBuffer>;
  address = 0x10_0000_0000n;
  remoteKey: number;
  valid = true;

  constructor(readonly domain: MemoryDomain, readonly length: number, readonly access: number) {
    this.bytes = new Uint8Array(length);
    this.remoteKey = domain.network.nextKey++;
    domain.network.regions.set(this.remoteKey, this);
    domain.regions.add(this);
  }

  rotateKey(): void {
    this.domain.network.regions.delete(this.remoteKey);
    this.remoteKey = this.domain.network.nextKey++;
    this.domain.network.regions.set(this.remoteKey, this);
    this.valid = true;
  }

  [Symbol.dispose](): void {
    this.domain.network.regions.delete(this.remoteKey);
    this.domain.regions.delete(this);
    this.bytes = new Uint8Array(this.bytes.buffer.transfer(0)); // detaches every view there is
  }
}

/** Memory and connections of one user. */
export class MemoryDomain implements ProtectionDomain {
  readonly transport = "memory";
  readonly capabilities = {
    maxMessageSize: 0x7fff_ffff,
    maxRegionSize: 0x7fff_ffff,
    maxReadDepth: 16,
    remoteInvalidate: true,
    reportsRefusals: true,
    immediate: false,
    atomics: false,
    privateData: { request: 248, reply: 248, refusal: 248 },
    tcpPorts: true,
  };
  readonly regions = new Set<Region>();

  constructor(readonly network: MemoryNetwork) {}

  get registeredBytes(): number {
    let sum = 0;
    for (const region of this.regions) sum += region.length;
    return sum;
  }

  get regionCount(): number {
    return this.regions.size;
  }

  register(length: number, access: number): MemoryRegion {
    return new Region(this, length, access);
  }

  async connect(address: RdmaAddress, options: EndpointOptions = {}): Promise<Endpoint> {
    const listener = this.network.listeners.get(address.port);
    if (listener === undefined) throw new VerbsError(`connect ${address.port}`, "refused");
    const active = new MemoryEndpoint(this, address, options);
    const answer = Promise.withResolvers<void>();
    listener.push({
      remote: { hostname: "memory", port: 1 },
      privateData: new Uint8Array(0),
      accept: (acceptOptions = {}) => {
        const passive = new MemoryEndpoint(listener.domain, address, acceptOptions);
        active.peer = passive;
        passive.peer = active;
        answer.resolve();
        return Promise.resolve(passive);
      },
      reject: () => {
        answer.reject(new VerbsError(`connect ${address.port}`, "rejected"));
        return Promise.resolve();
      },
    });
    await answer.promise;
    return active;
  }

  listen(): Promise<MemoryListener> {
    return Promise.resolve(new MemoryListener(this));
  }

  [Symbol.dispose](): void {
    for (const region of this.regions) region[Symbol.dispose]();
  }
}

class MemoryListener implements Listener {
  readonly address: RdmaAddress;
  readonly refused = new Map<string, number>();
  readonly #requests: ConnectionRequest[] = [];
  #wake: (() => void) | undefined;
  #closed = false;

  constructor(readonly domain: MemoryDomain) {
    const { network } = domain;
    this.address = { hostname: "memory", port: 1000 + network.nextKey++ };
    network.listeners.set(this.address.port, this);
  }

  push(request: ConnectionRequest): void {
    this.#requests.push(request);
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<ConnectionRequest> {
    while (!this.#closed) {
      const request = this.#requests.shift();
      if (request !== undefined) yield request;
      else await new Promise<void>((resolve) => this.#wake = resolve);
    }
  }

  close(): Promise<void> {
    this.#closed = true;
    this.domain.network.listeners.delete(this.address.port);
    this.#wake?.();
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

interface PostedReceive {
  id: number;
  region: Region;
  offset: number;
  length: number;
}

/** One side; what is posted is carried out in a microtask. */
export class MemoryEndpoint implements Endpoint {
  readonly transport = "memory";
  readonly local: RdmaAddress;
  readonly remote: RdmaAddress;
  readonly privateData = new Uint8Array(0);
  readonly statistics = new EndpointStatistics();
  readonly closed: Promise<Closure>;
  onCompletions: (() => void) | undefined;
  peer: MemoryEndpoint | undefined;

  readonly #closed = Promise.withResolvers<Closure>();
  readonly #sends: SendWork[] = [];
  readonly #receives: PostedReceive[] = [];
  readonly #done: Completion[] = [];
  #sendsHeld = 0;
  #over = false;
  #running = false;

  constructor(readonly domain: MemoryDomain, address: RdmaAddress, private readonly options: EndpointOptions) {
    this.local = this.remote = address;
    this.closed = this.#closed.promise;
    domain.network.endpoints.push(this);
    options.prepare?.(this);
  }

  get sendSlots(): number {
    return (this.options.sendDepth ?? 256) - this.#sendsHeld;
  }

  postReceive(id: number, region: MemoryRegion, offset: number, length: number): void {
    checkRange(offset, length, region.length);
    if (this.#receives.length >= (this.options.receiveDepth ?? 256)) throw new SystemError("postReceive", "ENOMEM");
    if (this.#over) this.#complete(id, Opcode.RECEIVE, Status.FLUSHED);
    else this.#receives.push({ id, region: region as Region, offset, length });
  }

  postSend(work: SendWork | readonly SendWork[]): void {
    const list = Array.isArray(work) ? work as SendWork[] : [work as SendWork];
    if (list.length > this.sendSlots) throw new SystemError("postSend", "ENOMEM");
    for (const one of list) {
      checkRange(one.offset, one.length, one.region.length);
      this.#sendsHeld++;
      if (this.#over) this.#complete(one.id, one.opcode, Status.FLUSHED);
      else this.#sends.push({ ...one });
    }
    this.#run();
  }

  peerReady(): void {}

  poll(out: Completion[]): number {
    let count = 0;
    for (; count < out.length && this.#done.length > 0; count++) {
      const completion = this.#done.shift() as Completion;
      if (completion.opcode !== Opcode.RECEIVE) this.#sendsHeld--;
      Object.assign(out[count] as Completion, completion);
    }
    return count;
  }

  async close(options: { linger?: number } = {}): Promise<void> {
    if ((options.linger ?? 1000) > 0) { for (let turn = 0; this.#sends.length > 0 && turn < 1000; turn++) await null; }
    this.end({ graceful: true });
    this.peer?.end({ graceful: true });
    await this.closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** The connection is over: flushes everything. */
  end(closure: Closure): void {
    if (this.#over) return;
    this.#over = true;
    for (const receive of this.#receives.splice(0)) this.#complete(receive.id, Opcode.RECEIVE, Status.FLUSHED);
    for (const send of this.#sends.splice(0)) this.#complete(send.id, send.opcode, Status.FLUSHED);
    queueMicrotask(() => {
      this.onCompletions?.();
      this.#closed.resolve(closure);
    });
  }

  #run(): void {
    if (this.#running) return;
    this.#running = true;
    queueMicrotask(() => {
      this.#running = false;
      if (this.peer === undefined) return this.#run(); // not connected yet
      while (this.#sends.length > 0) this.#carryOut(this.#sends.shift() as SendWork, this.peer);
      this.#notify();
      this.peer.#notify();
    });
  }

  #carryOut(work: SendWork, peer: MemoryEndpoint): void {
    const bytes = work.region.bytes.subarray(work.offset, work.offset + work.length);
    if (work.opcode === Opcode.SEND || work.opcode === Opcode.SEND_INVALIDATE) {
      const key = work.opcode === Opcode.SEND ? 0 : work.remoteKey as number;
      if (!peer.#place(bytes, key)) return this.#break(work, Status.REMOTE_OPERATION);
    } else {
      const target = this.domain.network.regions.get(work.remoteKey as number);
      const at = Number((work.remoteAddress as bigint) - (target?.address ?? 0n));
      const right = work.opcode === Opcode.WRITE ? Access.REMOTE_WRITE : Access.REMOTE_READ;
      if (
        target === undefined || !target.valid || !(target.access & right) || at < 0 || at + work.length > target.length
      ) {
        return this.#break(work, Status.REMOTE_ACCESS);
      }
      const remote = target.bytes.subarray(at, at + work.length);
      if (work.opcode === Opcode.WRITE) remote.set(bytes);
      else bytes.set(remote);
    }
    this.#complete(work.id, work.opcode, Status.SUCCESS, work.length);
  }

  #place(bytes: Uint8Array, invalidatedKey: number): boolean {
    const receive = this.#receives.shift();
    if (receive === undefined || bytes.length > receive.length) return false;
    if (invalidatedKey !== 0) {
      const region = this.domain.network.regions.get(invalidatedKey);
      if (region === undefined || !(region.access & Access.REMOTE_INVALIDATE)) return false;
      region.valid = false;
    }
    receive.region.bytes.set(bytes, receive.offset);
    this.#complete(receive.id, Opcode.RECEIVE, Status.SUCCESS, bytes.length, invalidatedKey);
    return true;
  }

  #break(work: SendWork, status: Status): void {
    this.#complete(work.id, work.opcode, status);
    const error: VerbenaError = new VerbsError("memory", "terminated");
    this.end({ graceful: false, error });
    this.peer?.end({ graceful: false, error });
  }

  #complete(id: number, opcode: Opcode, status: Status, length = 0, invalidatedKey = 0): void {
    this.#done.push({ id, opcode, status, length, invalidatedKey, immediate: 0 });
  }

  #notify(): void {
    if (this.#done.length > 0) this.onCompletions?.();
  }
}
