import fc from "fast-check";
import type { Fetched, ReadRequest } from "../../src/engine/mod.ts";
import { DEFAULT_READ_AHEAD, type Lent, ReadAhead, type ReadAheadOptions } from "../../src/engine/read_ahead.ts";
import { Access, type ProtectionDomain, RegisteredPool } from "../../src/rdma/mod.ts";
import { assert, assertEquals } from "../assert.ts";
import { openDomain } from "./stage.ts";

const KIB = 1024;
const MIB = 1 << 20;

/** The byte at `at` of a needle's version. */
function byteAt(version: number, at: number): number {
  return (at * 31 + (at >>> 8) * 7 + version * 13) & 0xff;
}

/** Needles that can be overwritten, read through a ReadAhead. Time is the test's. */
class Library implements Disposable {
  readonly ahead: ReadAhead;
  readonly fetches: ReadRequest[] = [];
  /** Sizes and versions of needles, by key. */
  readonly needles = new Map<bigint, { size: number; version: number }>();
  /** Fetches fail while it is set. */
  broken = false;
  /** Fetches wait while it is set. */
  gate: Promise<void> | undefined;
  /** A time at which the clock of the sweeper, which is the real one, finds nothing too old. */
  now = performance.now() + 1_000_000;
  #versions = 0;
  readonly #pool: RegisteredPool;

  constructor(domain: ProtectionDomain, options: Partial<ReadAheadOptions> = {}) {
    this.#pool = new RegisteredPool(domain, { access: Access.LOCAL_WRITE, ceiling: 256 * MIB });
    this.ahead = new ReadAhead((request) => this.fetch(request), { ...DEFAULT_READ_AHEAD, ...options });
  }

  get lent(): number {
    return this.#pool.statistics.lent;
  }

  /** Writes a needle, in the place of one that was there. */
  write(key: bigint, size: number): void {
    this.needles.set(key, { size, version: ++this.#versions });
  }

  async fetch(request: ReadRequest): Promise<Fetched> {
    this.fetches.push(request);
    const needle = this.needles.get(request.key);
    await this.gate;
    if (this.broken || needle === undefined || request.offset + request.size > needle.size) throw new Error("no");
    const buffer = this.#pool.acquire(request.size);
    assert(buffer !== undefined && request.size > 0);
    for (let at = 0; at < request.size; at++) buffer.bytes[at] = byteAt(needle.version, request.offset + at);
    return { buffer, needleSize: needle.size, checksum: needle.version, sessionId: "", source: "rdma", transport: "" };
  }

  /** Asks read-ahead alone. */
  ask(key: bigint, offset: number, size: number): Promise<Lent | undefined> | Lent | undefined {
    return this.ahead.read({ volume: 1, key, cookie: 1, offset, size }, this.now);
  }

  /** Reads as a reader does, checks the bytes, and says whether read-ahead had them; undefined when the read failed. */
  async read(key: bigint, offset: number, size: number): Promise<boolean | undefined> {
    const request = { volume: 1, key, cookie: 1, offset, size };
    const lent = await this.ahead.read(request, this.now);
    if (lent !== undefined) {
      check(lent.bytes, lent.fetched, offset, size);
      lent.release();
      lent.release();
      return true;
    }
    try {
      const fetched = await this.fetch(request);
      this.ahead.learn(request, fetched);
      check(fetched.buffer.bytes, fetched, offset, size);
      fetched.buffer[Symbol.dispose]();
      return false;
    } catch {
      return undefined;
    }
  }

  /** Reads in a row; says how many of the reads were ahead. */
  async readAll(key: bigint, from: number, to: number, size: number): Promise<number> {
    let hits = 0;
    for (let offset = from; offset < to; offset += size) {
      if (await this.read(key, offset, Math.min(size, to - offset))) hits++;
    }
    return hits;
  }

  /** Bytes fetched so far. */
  get fetchedBytes(): number {
    return this.fetches.reduce((sum, { size }) => sum + size, 0);
  }

  [Symbol.dispose](): void {
    this.ahead.clear();
    this.#pool[Symbol.dispose]();
  }
}

/** The bytes are one version's, at a start, an end, and some places between. */
function check(bytes: Uint8Array, { checksum }: Fetched, offset: number, size: number): void {
  assertEquals(bytes.length, size);
  for (let at = 0; at < size; at += Math.max(1, Math.min(997, size - 1 - at))) {
    assertEquals(bytes[at], byteAt(checksum, offset + at));
  }
}

/** Runs with a library, and checks that every buffer came back once it is cleared. */
async function withLibrary(
  run: (library: Library) => Promise<void>,
  options: Partial<ReadAheadOptions> = {},
): Promise<void> {
  using domain = await openDomain();
  using library = new Library(domain, options);
  await run(library);
  library.ahead.clear();
  await settle();
  assertEquals([library.lent, library.ahead.heldBytes], [0, 0]);
}

/** Lets everything that needs no more than microtasks happen. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await Promise.resolve();
}

Deno.test("a needle read from front to back is fetched once, in blocks, from the third read on", () =>
  withLibrary(async (library) => {
    library.write(1n, 8 * MIB);
    assertEquals(await library.readAll(1n, 0, 8 * MIB, 64 * KIB), 126);
    assertEquals(library.fetchedBytes, 8 * MIB);
    assert(library.fetches.length < 40, `${library.fetches.length} fetches`);
  }));

Deno.test("reads of every size in a row are the needle's bytes, and none is fetched twice", () =>
  withLibrary(async (library) => {
    const cases = [[1_000, 300_000], [4_096, MIB], [65_537, 3 * MIB + 1], [MIB - 1, 4 * MIB], [MIB, 5 * MIB]] as const;
    for (const [index, [size, needle]] of cases.entries()) {
      library.fetches.length = 0;
      library.write(BigInt(index), needle);
      await library.readAll(BigInt(index), 0, needle, size);
      assertEquals(library.fetchedBytes, needle, `reads of ${size}`);
    }
  }));

Deno.test("reads in no order fetch nothing ahead", () =>
  withLibrary(async (library) => {
    library.write(1n, 64 * MIB);
    let state = 1;
    let asked = 0;
    for (let read = 0; read < 2_000; read++) {
      state = Math.imul(state, 1664525) + 1013904223 | 0;
      const offset = (state >>> 0) % (64 * MIB - 4_096);
      assertEquals(await library.read(1n, offset, 4_096), false);
      asked += 4_096;
      library.now += 0.1;
    }
    assertEquals(library.fetchedBytes, asked);
  }));

Deno.test("a reader that takes its time fetches nothing ahead", () =>
  withLibrary(async (library) => {
    library.write(1n, MIB);
    for (let offset = 0; offset < MIB; offset += 4_096) {
      assertEquals(await library.read(1n, offset, 4_096), false);
      library.now += 1_000;
    }
    assertEquals(library.fetchedBytes, MIB);
  }));

Deno.test("thirty-two reads on their way at once, a little out of order, fetch no byte more than twice", () =>
  withLibrary(async (library) => {
    library.write(1n, 8 * MIB);
    const offsets = Array.from({ length: 128 }, (_, index) => (index ^ (index & 4 ? 1 : 0)) * 64 * KIB);
    let next = 0;
    let hits = 0;
    await Promise.all(Array.from({ length: 32 }, async () => {
      while (next < offsets.length) if (await library.read(1n, offsets[next++] as number, 64 * KIB)) hits++;
    }));
    assert(library.fetchedBytes <= 16 * MIB, `${library.fetchedBytes} bytes fetched`);
    assert(hits > 32, `${hits} reads were ahead`);
  }));

Deno.test("a block is not used once its time is over", () =>
  withLibrary(async (library) => {
    library.write(1n, 4 * MIB);
    await library.readAll(1n, 0, 256 * KIB, 64 * KIB);
    await settle();
    const before = library.fetches.length;
    const version = library.needles.get(1n)?.version;
    library.write(1n, 4 * MIB);
    library.now += 499;
    const old = await library.ask(1n, 256 * KIB, 64 * KIB);
    assertEquals([old?.fetched.checksum, library.fetches.length], [version, before]);
    old?.release();
    library.now += 1;
    assertEquals(await library.read(1n, 320 * KIB, 64 * KIB) !== undefined, true);
    const fresh = await library.ask(1n, 320 * KIB, 64 * KIB);
    assert(fresh === undefined || fresh.fetched.checksum !== version);
    fresh?.release();
  }));

Deno.test("the sweeper lets blocks go that nobody asks for any more", () =>
  withLibrary(async (library) => {
    library.now = performance.now();
    library.write(1n, 4 * MIB);
    await library.readAll(1n, 0, 256 * KIB, 64 * KIB);
    assert(library.ahead.heldBytes > 0);
    while (library.ahead.heldBytes > 0) await new Promise((resolve) => setTimeout(resolve, 5));
    assertEquals(library.lent, 0);
  }, { lifetime: 30 }));

Deno.test("more readers than the ceiling has room for neither exceed it nor fetch anything twice", () =>
  withLibrary(async (library) => {
    const keys = Array.from({ length: 20 }, (_, index) => BigInt(index));
    for (const key of keys) library.write(key, 4 * MIB);
    await Promise.all(keys.map(async (key) => {
      for (let offset = 0; offset < 4 * MIB; offset += 128 * KIB) {
        await library.read(key, offset, 128 * KIB);
        assert(library.ahead.heldBytes <= 4 * MIB, `${library.ahead.heldBytes} bytes held`);
      }
    }));
    assertEquals(library.fetchedBytes, 80 * MIB);
  }, { ceiling: 4 * MIB }));

Deno.test("a block that cannot be fetched is fetched by nobody until a range can be read", () =>
  withLibrary(async (library) => {
    library.write(1n, 8 * MIB);
    await library.readAll(1n, 0, 256 * KIB, 64 * KIB);
    await settle();
    library.ahead.clear();
    await library.readAll(1n, 0, 128 * KIB, 64 * KIB);
    library.broken = true;
    const before = library.fetches.length;
    for (let offset = 128 * KIB; offset < 8 * MIB; offset += 64 * KIB) {
      assertEquals(await library.read(1n, offset, 64 * KIB), undefined);
    }
    const reads = (8 * MIB - 128 * KIB) / (64 * KIB);
    const wasted = library.fetches.length - before - reads;
    assert(wasted <= 4, `${wasted} fetches more than ${reads} reads`);
    library.broken = false;
    assertEquals(await library.readAll(1n, 0, 8 * MIB, 64 * KIB) > 100, true);
  }));

Deno.test("a needle that was overwritten drives out the blocks of the one before", () =>
  withLibrary(async (library) => {
    library.write(1n, 4 * MIB);
    await library.readAll(1n, 0, 512 * KIB, 64 * KIB);
    await settle();
    library.write(1n, 4 * MIB);
    const request = { volume: 1, key: 1n, cookie: 1, offset: 0, size: 100 };
    const fetched = await library.fetch(request);
    library.ahead.learn(request, fetched);
    fetched.buffer[Symbol.dispose]();
    assertEquals([library.ahead.heldBytes, library.lent], [0, 0]);
  }));

Deno.test("a needle that was overwritten by a longer one is never served short", () =>
  withLibrary(async (library) => {
    library.write(1n, 200 * KIB);
    await library.readAll(1n, 0, 128 * KIB, 32 * KIB);
    await settle();
    library.write(1n, 800 * KIB);
    assertEquals(await library.read(1n, 192 * KIB, 32 * KIB), false);
    for (let offset = 128 * KIB; offset < 800 * KIB; offset += 32 * KIB) await library.read(1n, offset, 32 * KIB);
  }));

Deno.test("a needle that was overwritten by a shorter one, or deleted, is refused when its blocks are too old", () =>
  withLibrary(async (library) => {
    library.write(1n, 4 * MIB);
    await library.readAll(1n, 0, 512 * KIB, 64 * KIB);
    await settle();
    library.needles.delete(1n);
    library.now += 500;
    for (let offset = 512 * KIB; offset < MIB; offset += 64 * KIB) {
      assertEquals(await library.read(1n, offset, 64 * KIB), undefined);
    }
  }));

Deno.test("fetches under way when everything is let go give their buffers back", () =>
  withLibrary(async (library) => {
    library.write(1n, 8 * MIB);
    await library.readAll(1n, 0, 128 * KIB, 64 * KIB);
    const { promise, resolve } = Promise.withResolvers<void>();
    library.gate = promise;
    const waiting = [2, 3, 4, 5].map((index) => library.ask(1n, index * 64 * KIB, 64 * KIB));
    assert(waiting.every((each) => each instanceof Promise));
    library.ahead.clear();
    assertEquals(library.ahead.heldBytes, 0);
    resolve();
    for (const [index, each] of (await Promise.all(waiting)).entries()) {
      if (each !== undefined) check(each.bytes, each.fetched, (index + 2) * 64 * KIB, 64 * KIB);
      each?.release();
    }
    assertEquals(library.lent, 0);
  }));

Deno.test("bytes that are lent outlive their block", () =>
  withLibrary(async (library) => {
    library.write(1n, 4 * MIB);
    await library.readAll(1n, 0, 256 * KIB, 64 * KIB);
    const lent = await library.ask(1n, 256 * KIB, 64 * KIB);
    assert(lent !== undefined);
    library.ahead.clear();
    check(lent.bytes, lent.fetched, 256 * KIB, 64 * KIB);
    assertEquals(library.lent, 1);
    lent.release();
    assertEquals(library.lent, 0);
  }));

Deno.test("read-ahead that is turned off fetches nothing", () =>
  withLibrary(async (library) => {
    library.write(1n, MIB);
    assertEquals(await library.readAll(1n, 0, MIB, 64 * KIB), 0);
    assertEquals(library.fetches.length, 16);
  }, { ahead: 0 }));

type Step =
  | { do: "read"; key: bigint; offset: number; size: number }
  | { do: "row"; key: bigint; offset: number; size: number; count: number }
  | { do: "wait"; time: number }
  | { do: "write"; key: bigint; size: number }
  | { do: "delete"; key: bigint }
  | { do: "break" | "mend" };

const key = fc.bigInt(0n, 2n);
const offset = fc.nat(700 * KIB);
const size = fc.integer({ min: 1, max: 96 * KIB });
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constant("read" as const), key, offset, size }),
  fc.record({ do: fc.constant("row" as const), key, offset, size, count: fc.integer({ min: 3, max: 12 }) }),
  fc.record({ do: fc.constant("wait" as const), time: fc.nat(600) }),
  fc.record({ do: fc.constant("write" as const), key, size: fc.integer({ min: 1, max: 800 * KIB }) }),
  fc.record({ do: fc.constant("delete" as const), key }),
  fc.record({ do: fc.constantFrom("break" as const, "mend" as const) }),
);

Deno.test("whatever is read, written, deleted and broken, bytes are one version's and no older than they may be", async () => {
  using domain = await openDomain();
  const property = fc.asyncProperty(fc.array(step, { maxLength: 20 }), async (steps) => {
    using library = new Library(domain, { ceiling: 2 * MIB });
    const replaced = new Map<number, number>(); // when a version ceased to be the needle's
    const replace = (key: bigint): void => {
      const needle = library.needles.get(key);
      if (needle !== undefined) replaced.set(needle.version, library.now);
    };
    const reading: Promise<void>[] = [];
    const read = async (key: bigint, offset: number, size: number): Promise<void> => {
      const asked = library.now;
      const lent = await library.ask(key, offset, size);
      if (lent === undefined) return void await library.read(key, offset, size);
      check(lent.bytes, lent.fetched, offset, size);
      const age = asked - (replaced.get(lent.fetched.checksum) ?? asked);
      lent.release();
      assert(age < 500, `bytes that were replaced ${age} ms ago`);
    };
    for (const step of steps) {
      if (step.do === "read") reading.push(read(step.key, step.offset, step.size));
      else if (step.do === "row") {
        for (let index = 0; index < step.count; index++) {
          reading.push(read(step.key, step.offset + index * step.size, step.size));
          if (index % 3 === 0) await settle();
        }
      } else if (step.do === "wait") library.now += step.time;
      else if (step.do === "write") replace(step.key), library.write(step.key, step.size);
      else if (step.do === "delete") replace(step.key), library.needles.delete(step.key);
      else library.broken = step.do === "break";
      assert(library.ahead.heldBytes <= 2 * MIB);
    }
    await Promise.all(reading);
    library.ahead.clear();
    await settle();
    assertEquals([library.lent, library.ahead.heldBytes], [0, 0]);
  });
  await fc.assert(property, { numRuns: 3_000 });
});
