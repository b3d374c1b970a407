/**
 * Ranges that a process reads from its own volumes, beside an engine for those it has not.
 *
 * @module
 */
import { ReadError, type ReadErrorCode, type ReadRequest, StoreReader } from "../../src/engine/mod.ts";
import { crc32c } from "../../src/rdma/mod.ts";
import type { FileId } from "../../src/seaweed/mod.ts";
import { assert, assertEquals, assertMatch, assertRejects } from "../assert.ts";
import { Random } from "../random.ts";
import { noise, NOW, Volumes } from "../seaweed/volumes.ts";
import { readThroughChanges, writeHopeless } from "./hazards.ts";
import { Engine, rangeOf, Reader, tick } from "./stage.ts";

/** Volumes of a process, an engine that has another volume, and the reader over both. */
class Stage implements AsyncDisposable {
  readonly own = new Volumes();
  readonly others = new Volumes();
  readonly elsewhere: FileId;
  reader!: StoreReader;
  #stack = new AsyncDisposableStack();

  private constructor() {
    this.elsewhere = this.others.writer(2).append({ key: 1n, cookie: 5, data: noise(70_000, 2) }, NOW);
  }

  static async start(options: ConstructorParameters<typeof StoreReader>[2] = {}): Promise<Stage> {
    const stage = new Stage();
    const engine = stage.#stack.use(await Engine.start(stage.others.store()));
    const { reader } = stage.#stack.use(await Reader.start([engine.address]));
    stage.reader = new StoreReader(reader, stage.own.store(), options);
    return stage;
  }

  /** Reads, copies and releases; what it was, and from where. */
  async read(request: ReadRequest, signal?: AbortSignal): Promise<[Uint8Array, string, string]> {
    using result = await this.reader.read({ ...request, local: true }, signal);
    return [result.bytes.slice(), result.source, result.transport];
  }

  async bytes(request: ReadRequest): Promise<Uint8Array> {
    const [bytes, source, transport] = await this.read(request);
    assertEquals([source, transport], ["local", "file"]);
    return bytes;
  }

  async failure(request: ReadRequest): Promise<ReadErrorCode> {
    try {
      const [bytes] = await this.read(request);
      throw new Error(`the read gave ${bytes.length} bytes`);
    } catch (error) {
      if (error instanceof ReadError) return error.code;
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { lentBytes } = this.reader.statistics().pool;
    await this.reader.close(0);
    await this.#stack.disposeAsync();
    this.own[Symbol.dispose]();
    this.others[Symbol.dispose]();
    assertEquals(lentBytes, 0);
  }
}

Deno.test("2,000 random ranges of a process's own volume, 16 at once, are the bytes written", async () => {
  await using stage = await Stage.start();
  const data = noise(3 << 20);
  const id = stage.own.writer(1).append({ key: 1n, cookie: 5, data }, NOW);
  const random = new Random(7);
  let left = 2_000;
  let bytes = 0;
  await Promise.all(Array.from({ length: 16 }, async () => {
    while (left-- > 0) {
      const offset = random.below(data.length);
      const size = 1 + random.below(Math.min(data.length - offset, random.below(16) === 0 ? data.length : 70_000));
      bytes += size;
      using result = await stage.reader.read({ ...rangeOf(id, offset, size), local: true });
      await tick(); // others read meanwhile
      assertEquals([result.bytes.length, crc32c(result.bytes)], [size, crc32c(data.subarray(offset, offset + size))]);
      assertEquals([result.needleSize, result.checksum, result.sessionId], [data.length, crc32c(data), ""]);
    }
  }));
  const { requests, reads, rdmaReads, localReads, errors, inFlight, ...rest } = stage.reader.statistics();
  assertEquals([requests, reads, rdmaReads, localReads, errors, inFlight], [2_000, 2_000, 0, 2_000, {}, 0]);
  assertEquals([rest.bytes, rest.pool.lentBytes], [bytes, 0]);
  const owners = stage.reader.regions().map(({ owner, transport }) => `${owner} ${transport}`);
  assert(owners.includes("store reader file"), owners.join());
});

Deno.test("what a process has not, and what may not be read from a file, comes through the other reader", async () => {
  await using stage = await Stage.start();
  const data = noise(70_000);
  const id = stage.own.writer(1).append({ key: 1n, cookie: 5, data }, NOW);
  assertEquals(await stage.read(rangeOf(stage.elsewhere, 5, 60_000)), [
    noise(70_000, 2).subarray(5, 60_005),
    "rdma",
    "iwarp",
  ]);
  await assertRejects(() => stage.reader.read(rangeOf(id, 0, 100)), ReadError, "no volume 1"); // not said to be local
  const { requests, reads, rdmaReads, localReads, errors } = stage.reader.statistics();
  assertEquals([requests, reads, rdmaReads, localReads, errors], [2, 1, 1, 0, { "not-found": 1 }]);
});

Deno.test("what cannot be read from a file is refused by its own code, and its folder is nobody's business", async () => {
  await using stage = await Stage.start();
  const { id, deleted, manifest, damaged } = writeHopeless(stage.own);
  const cases = [
    [{ ...id, volume: 3 }, 0, 1, "not-found"],
    [{ ...id, key: 9n }, 0, 1, "not-found"],
    [{ ...id, cookie: 6 }, 0, 1, "not-found"],
    [deleted, 0, 1, "not-found"],
    [{ ...id, key: 1n << 64n }, 0, 1, "not-found"],
    [{ ...id, volume: -1 }, 0, 1, "not-found"],
    [id, 100, 1, "range"],
    [id, 0, 101, "range"],
    [id, 0.5, 1, "range"],
    [id, Number.MAX_SAFE_INTEGER - 1, 1, "range"],
    [manifest, 0, 1, "unsupported"],
    [damaged, 0, 50_000, "corrupt"],
    [id, 0, 8_388_609, "internal"],
  ] as const;
  for (const [needle, offset, size, code] of cases) {
    assertEquals(await stage.failure(rangeOf(needle, offset, size)), code, `${needle.key}: ${size} at ${offset}`);
  }
  const reason = await stage.read(rangeOf(damaged, 0, 50_000)).catch(String);
  assertMatch(String(reason), /fails its checksum/);
  assert(!String(reason).includes(stage.own.directory));
  const { requests, reads, errors } = stage.reader.statistics();
  assertEquals([requests, reads], [14, 0]);
  assertEquals(errors, { "not-found": 6, range: 4, unsupported: 1, corrupt: 2, internal: 1 });
});

Deno.test("files are read while their volume is appended to, overwritten, deleted from and vacuumed", async () => {
  await using stage = await Stage.start();
  await readThroughChanges(stage.own, (request) => stage.bytes(request), (request) => stage.failure(request));
});

Deno.test("bytes are gone once they are released, a read that is given up holds nothing, and a closed reader gives none", async () => {
  await using stage = await Stage.start();
  const id = stage.own.writer(1).append({ key: 1n, cookie: 5, data: noise(9_000) }, NOW);
  const result = await stage.reader.read({ ...rangeOf(id, 0, 9_000), local: true });
  const { lentBytes } = stage.reader.statistics().pool;
  assertEquals([lentBytes, result.bytes.length], [16_384, 9_000]);
  result[Symbol.dispose]();
  result[Symbol.dispose]();
  const gone = AbortSignal.abort(new Error("gone"));
  await assertRejects(() => stage.read(rangeOf(id, 0, 10), gone), Error, "gone");
  Deno.writeTextFileSync(stage.own.path("1.cpc"), ""); // a vacuum that hangs
  const client = new AbortController();
  const waiting = stage.read(rangeOf(id, 0, 10), client.signal);
  client.abort(new Error("gone"));
  await assertRejects(() => waiting, Error, "gone");
  const late = assertRejects(() => stage.read(rangeOf(id, 0, 10)), ReadError, "closed");
  await stage.reader.close(0);
  await late;
  Deno.removeSync(stage.own.path("1.cpc"));
  await assertRejects(() => stage.read(rangeOf(id, 0, 10)), ReadError, "closed");
});

Deno.test("a range that finds all memory lent waits its time, and goes to the other reader then", async () => {
  await using stage = await Stage.start({ poolCeiling: 8_192, maxReadSize: 4_096, timeout: 50 });
  const id = stage.own.writer(1).append({ key: 1n, cookie: 5, data: noise(9_000) }, NOW);
  const held = [
    await stage.reader.read({ ...rangeOf(id, 0, 4_096), local: true }),
    await stage.reader.read({ ...rangeOf(id, 0, 4_096), local: true }),
  ];
  const waiting = stage.bytes(rangeOf(id, 0, 10));
  held.pop()?.[Symbol.dispose]();
  assertEquals(await waiting, noise(10));
  using _taken = await stage.reader.read({ ...rangeOf(id, 0, 4_096), local: true });
  assertEquals(await stage.failure(rangeOf(id, 0, 10)), "not-found"); // the engine has no such volume
  for (const result of held) result[Symbol.dispose]();
});
