/**
 * A protection domain of plain memory, for tests of what is built on registered memory and connects to nothing.
 *
 * @module
 */
import type { MemoryRegion } from "../../src/rdma/memory.ts";
import type { Endpoint, Listener, ProtectionDomain } from "../../src/rdma/provider.ts";

/** Memory whose keys count upwards. */
export class FakeRegion implements MemoryRegion {
  bytes: Uint8Array<ArrayBuffer>;
  remoteKey: number;
  valid = true;
  readonly address = 0x1_0000_0000n;
  readonly #domain: FakeDomain;

  constructor(domain: FakeDomain, readonly length: number, readonly access: number) {
    this.#domain = domain;
    this.bytes = new Uint8Array(length);
    this.remoteKey = domain.nextKey++;
  }

  rotateKey(): void {
    this.remoteKey = this.#domain.nextKey++;
    this.valid = true;
  }

  [Symbol.dispose](): void {
    if (!this.#domain.regions.delete(this)) return;
    const { buffer } = this.bytes;
    this.bytes = new Uint8Array(0);
    buffer.transfer(0); // every view of it is detached, as the contract has it
  }
}

/** Registers, and can be told to fail at it. */
export class FakeDomain implements ProtectionDomain {
  readonly transport = "fake";
  readonly capabilities = {
    maxMessageSize: 1 << 30,
    maxRegionSize: 1 << 30,
    maxReadDepth: 16,
    remoteInvalidate: true,
    reportsRefusals: true,
    immediate: false,
    atomics: false,
    privateData: { request: 248, reply: 248, refusal: 248 },
    tcpPorts: true,
  };
  readonly regions = new Set<FakeRegion>();
  nextKey = 1;
  /** Thrown by the next registration. */
  failure: Error | undefined;

  get registeredBytes(): number {
    let sum = 0;
    for (const region of this.regions) sum += region.length;
    return sum;
  }

  get regionCount(): number {
    return this.regions.size;
  }

  register(length: number, access: number): FakeRegion {
    const { failure } = this;
    this.failure = undefined;
    if (failure !== undefined) throw failure;
    const region = new FakeRegion(this, length, access);
    this.regions.add(region);
    return region;
  }

  connect(): Promise<Endpoint> {
    throw new TypeError("a fake domain connects to nothing");
  }

  listen(): Promise<Listener> {
    throw new TypeError("a fake domain listens nowhere");
  }

  [Symbol.dispose](): void {
    for (const region of [...this.regions]) region[Symbol.dispose]();
  }
}
