/**
 * A reader of needles held in memory, for tests of the routes: it can be told to fail, to wait and to lie.
 *
 * @module
 */
import {
  type EngineConnectionInfo,
  type NeedleInfo,
  type NeedleReader,
  type ReaderHealth,
  ReadError,
  type ReaderStatistics,
  type ReadRequest,
  type ReadResult,
  type ReadSource,
  type RegionInfo,
  type VolumeInfo,
} from "../../src/engine/reader.ts";
import { Access } from "../../src/access/mod.ts";
import { createApp } from "../../routes/app.ts";
import type { App } from "../../routes/app.ts";
import type { Dependencies } from "../../routes/service.ts";

/** The byte at `index` of every fake needle. */
export function byteAt(index: number): number {
  return (index * 31 + (index >>> 8)) & 0xff;
}

/** The bytes of a range of a fake needle. */
export function bytesAt(offset: number, size: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size);
  for (let index = 0; index < size; index++) bytes[index] = byteAt(offset + index);
  return bytes;
}

/** Volume 3, key 1, cookie 0x637037d6 is there: `3,01637037d6`. */
export class FakeReader implements NeedleReader {
  /** Size of the needle. */
  needleSize = 1000;
  /** Thrown by the next reads, when set. */
  failure: Error | undefined;
  /** CRC-32C that the results claim. */
  checksum = 0x0a1b2c3d;
  /** Reads that begin here or later fail. */
  failsFrom = Infinity;
  /** Waited for by each read before it answers. */
  gate: Promise<void> | undefined;
  /** Added to the number of bytes given. */
  excess = 0;
  /** What the results say of themselves. */
  source: ReadSource = "rdma";
  /** Overrides of health. */
  state: ReaderHealth = {
    ready: true,
    engines: [{
      address: "rdma:127.0.0.1:18515",
      connected: true,
      transport: "iwarp",
      circuit: "closed",
      lastError: "",
      capabilities: {
        deviceName: "iwarp",
        version: "0.1.0",
        maxSessions: 1000,
        maxTransferSize: 1 << 30,
        realRdma: false,
      },
    }],
  };
  /** The volumes it has. */
  listed: VolumeInfo[] = [{
    id: 3,
    collection: "",
    version: 3,
    size: 1_064,
    needles: 3,
    deleted: 1,
    counted: true,
    readOnly: false,
    engine: "rdma:127.0.0.1:18515",
  }];
  /** The needles of volume 3. */
  stored: NeedleInfo[] = [{ key: 1n, size: 1_005 }, { key: 2n, size: 7 }, { key: (1n << 64n) - 1n, size: 0 }];
  /** Its connections. */
  standing: EngineConnectionInfo[] = [{
    id: "engine-client-1",
    kind: "engine-client",
    local: "127.0.0.1:40000",
    remote: "127.0.0.1:18515",
    transport: "iwarp",
    since: Date.UTC(2026, 0, 2, 3, 4, 0),
    sendCredits: 254,
    receiveCredits: 255,
    inFlight: 1,
    bytes: 40960,
  }];
  /** Its memory. */
  registered: RegionInfo[] = [{
    owner: "engine client rdma:127.0.0.1:18515",
    transport: "iwarp",
    length: 65536,
    rights: ["local write", "remote write"],
    lent: 0,
  }];
  /** Requests seen. */
  readonly requests: ReadRequest[] = [];
  /** Results given and not yet released. */
  lent = 0;
  /** Reasons of signals that aborted a read. */
  readonly aborted: unknown[] = [];

  async read(request: ReadRequest, signal?: AbortSignal): Promise<ReadResult> {
    const { volume, key, cookie, offset, size } = request;
    this.requests.push({ volume, key, cookie, offset, size });
    if (this.gate !== undefined) await this.#wait(this.gate, signal);
    if (this.failure !== undefined) throw this.failure;
    if (offset >= this.failsFrom) throw new ReadError("corrupt", "checksum");
    if (volume !== 3 || key !== 1n || cookie !== 0x637037d6) throw new ReadError("not-found", `no needle ${key}`);
    if (offset + size > this.needleSize) throw new ReadError("range", `needle of ${this.needleSize} bytes`);
    const bytes = bytesAt(offset, size + this.excess);
    this.lent++;
    const release = (): void => {
      this.lent--;
      bytes.fill(0xee); // as the next read's bytes would
    };
    return {
      bytes,
      source: this.source,
      transport: this.source === "rdma" ? "iwarp" : this.source,
      sessionId: "b2f1",
      needleSize: this.needleSize,
      checksum: this.checksum,
      [Symbol.dispose]: release,
    };
  }

  #wait(gate: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      gate.then(resolve);
      signal?.addEventListener("abort", () => {
        this.aborted.push(signal.reason);
        reject(signal.reason);
      });
    });
  }

  volumes(): Promise<readonly VolumeInfo[]> {
    if (this.failure !== undefined) return Promise.reject(this.failure);
    return Promise.resolve(this.listed);
  }

  needles(volume: number, after: bigint, limit: number): Promise<readonly NeedleInfo[]> {
    if (this.failure !== undefined) return Promise.reject(this.failure);
    if (volume !== 3) return Promise.reject(new ReadError("not-found", `no volume ${volume}`));
    return Promise.resolve(this.stored.filter(({ key }) => key > after).slice(0, limit));
  }

  connections(): readonly EngineConnectionInfo[] {
    return this.standing;
  }

  regions(): readonly RegionInfo[] {
    return this.registered;
  }

  health(): ReaderHealth {
    return this.state;
  }

  statistics(): ReaderStatistics {
    return {
      requests: 12,
      reads: 10,
      rdmaReads: 9,
      localReads: 0,
      readAheadHits: 2,
      bytes: 40960,
      errors: { "not-found": 2 },
      connections: 1,
      inFlight: 0,
      pool: { lentBytes: 0, allocatedBytes: 65536, ceiling: 1 << 26 },
    };
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/** Every path there is: what a test of something else than access needs no token for. */
export const ALL_PATHS = ["/health", "/read", "/stats", "/cleanup", "/benchmark", "/metrics", "/v1"];

/** An app over a fake reader, with clocks that stand still, that is asked from this machine and asks for no tokens. */
export function fakeApp(dependencies: Partial<Dependencies> = {}): { app: App; reader: FakeReader; lines: string[] } {
  const reader = new FakeReader();
  const lines: string[] = [];
  const app = createApp({
    reader,
    version: "0.1.0",
    log: { enabled: (level) => level !== "debug", write: (level, message) => void lines.push(`${level}: ${message}`) },
    clock: { now: () => Date.UTC(2026, 0, 2, 3, 4, 5), elapsed: () => 0 },
    access: new Access({ anonymous: ALL_PATHS }),
    ...dependencies,
  });
  const { request } = app;
  app.request = (input, init, env = { remoteAddress: "127.0.0.1" }, context) => request(input, init, env, context);
  return { app, reader, lines };
}

/** Status and text of an answer. */
export async function ask(app: App, path: string, init?: RequestInit): Promise<[number, string]> {
  const response = await app.request(path, init);
  return [response.status, await response.text()];
}
