/**
 * An engine and its readers over loopback, on volumes as weed makes them.
 *
 * @module
 */
import { gzipSync } from "node:zlib";
import { crc32c } from "../../src/rdma/mod.ts";
import type { FileId } from "../../src/seaweed/mod.ts";
import { assert, assertEquals } from "../assert.ts";
import { noise, NOW, Volumes } from "../seaweed/volumes.ts";
import { readThroughChanges, writeHopeless } from "./hazards.ts";
import { Engine, rangeOf, Reader, until } from "./stage.ts";

const SIZES = [1, 4_095, 4_096, 16_385, 65_536, 1 << 20, (3 << 20) + 5];

interface Sample {
  id: FileId;
  data: Uint8Array;
}

/** Needles of all sizes, and one that is stored compressed. */
function writeSamples(volumes: Volumes, volume = 1): Sample[] {
  const writer = volumes.writer(volume);
  const samples = SIZES.map((size, index) => {
    const data = noise(size, size);
    return { id: writer.append({ key: BigInt(index + 1), cookie: index + 77, data }, NOW), data };
  });
  const text = new TextEncoder().encode("compressed as weed does with text\n".repeat(20_000));
  const record = { key: 99n, cookie: 99, data: gzipSync(text), compressed: true };
  return [...samples, { id: writer.append(record, NOW), data: text }];
}

/** A generator of numbers that are the same in every run. */
function generator(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = Math.imul(state ^ state >>> 15, 0x2c1b3c6d) + 0x9e3779b9 | 0;
    return (state >>> 0) % below;
  };
}

/** Reads `count` random ranges, 32 at once, and gives the number of bytes. */
async function readRandomly(reader: Reader, samples: readonly Sample[], count: number): Promise<number> {
  const random = generator(7);
  let left = count;
  let bytes = 0;
  const work = async (): Promise<void> => {
    while (left-- > 0) {
      const { id, data } = samples[random(samples.length)] as Sample;
      const offset = random(data.length);
      const size = 1 + random(Math.min(data.length - offset, random(8) === 0 ? 1 << 20 : 65_536));
      const got = await reader.bytes(rangeOf(id, offset, size));
      assertEquals([got.length, crc32c(got)], [size, crc32c(data.subarray(offset, offset + size))]);
      bytes += size;
    }
  };
  await Promise.all(Array.from({ length: 32 }, work));
  return bytes;
}

for (const ahead of [0, 4 << 20]) {
  Deno.test(`2,000 random ranges, 32 at once, are the bytes written: ${ahead} bytes of read-ahead`, async () => {
    using volumes = new Volumes();
    const samples = writeSamples(volumes);
    await using engine = await Engine.start(volumes.store());
    await using reader = await Reader.start([engine.address], { readAhead: { ahead } });
    const bytes = await readRandomly(reader, samples, 2_000);
    const statistics = reader.reader.statistics();
    assertEquals(
      [statistics.requests, statistics.reads, statistics.rdmaReads, statistics.bytes, statistics.errors],
      [2_000, 2_000, 2_000, bytes, {}],
    );
    assertEquals([statistics.connections, statistics.inFlight], [1, 0]);
    if (ahead === 0) assertEquals([statistics.readAheadHits, engine.server.statistics().transfers], [0, 2_000]);
    if (ahead === 0) assertEquals([statistics.pool.lentBytes, engine.server.statistics().bytes], [0, bytes]);
    if (ahead > 0) await until(() => engine.server.statistics().sessions === 0); // blocks may be on their way still
    assertEquals([engine.server.statistics().sessions, engine.server.statistics().expired], [0, 0]);
  });
}

Deno.test("needles read from front to back, by eight readers with eight at once, are the bytes written", async () => {
  using volumes = new Volumes();
  const writer = volumes.writer(1);
  const needles = Array.from({ length: 8 }, (_, index) => {
    const data = noise((3 << 20) + index * 1_000, index + 1);
    return { id: writer.append({ key: BigInt(index + 1), cookie: 1, data }, NOW), data };
  });
  await using engine = await Engine.start(volumes.store());
  await using reader = await Reader.start([engine.address], { readAhead: {} });
  await Promise.all(needles.map(async ({ id, data }) => {
    let next = 0;
    await Promise.all(Array.from({ length: 8 }, async () => {
      while (next < data.length) {
        const offset = next;
        const size = Math.min(65_536, data.length - offset);
        next += size;
        const bytes = await reader.bytes(rangeOf(id, offset, size));
        assertEquals(crc32c(bytes), crc32c(data.subarray(offset, offset + size)));
      }
    }));
  }));
  const { reads, rdmaReads, readAheadHits, errors } = reader.reader.statistics();
  assertEquals([rdmaReads, errors], [reads, {}]);
  assert(readAheadHits > reads / 2, `${readAheadHits} of ${reads} reads were ahead`);
});

Deno.test("a result tells the needle's size and checksum, the session, and what moved the bytes", async () => {
  using volumes = new Volumes();
  const data = noise(100_000);
  const id = volumes.writer(1).append({ key: 1n, cookie: 5, data }, NOW);
  await using engine = await Engine.start(volumes.store());
  await using reader = await Reader.start([engine.address]);
  for (const [offset, size] of [[0, 100_000], [10, 20]] as const) {
    using result = await reader.reader.read(rangeOf(id, offset, size));
    const { source, transport, needleSize, checksum, sessionId } = result;
    assertEquals([source, transport, needleSize, checksum], ["rdma", "iwarp", 100_000, crc32c(data)]);
    assertEquals(sessionId.length, 36);
  }
});

Deno.test("bytes are gone once they are released, and buffers come back", async () => {
  using volumes = new Volumes();
  const id = volumes.writer(1).append({ key: 1n, cookie: 5, data: noise(9_000) }, NOW);
  await using engine = await Engine.start(volumes.store());
  await using reader = await Reader.start([engine.address]);
  const result = await reader.reader.read(rangeOf(id, 0, 9_000));
  assertEquals(reader.reader.statistics().pool.lentBytes, 16_384);
  result[Symbol.dispose]();
  result[Symbol.dispose]();
  assertEquals(reader.reader.statistics().pool.lentBytes, 0);
});

Deno.test("what cannot be read is refused by its own code, and counted on both sides", async () => {
  using volumes = new Volumes();
  const { id, deleted, manifest, damaged } = writeHopeless(volumes);
  await using engine = await Engine.start(volumes.store());
  await using reader = await Reader.start([engine.address]);
  const cases = [
    [{ ...id, volume: 2 }, 0, 1, "not-found"],
    [{ ...id, key: 9n }, 0, 1, "not-found"],
    [{ ...id, cookie: 6 }, 0, 1, "not-found"],
    [deleted, 0, 1, "not-found"],
    [id, 100, 1, "range"],
    [id, 0, 101, "range"],
    [id, Number.MAX_SAFE_INTEGER - 1, 1, "range"],
    [manifest, 0, 1, "unsupported"],
    [damaged, 0, 50_000, "corrupt"],
    [id, 0, 8_388_609, "internal"],
  ] as const;
  for (const [needle, offset, size, code] of cases) {
    assertEquals(await reader.failure(rangeOf(needle, offset, size)), code, `${needle.key}: ${size} at ${offset}`);
  }
  assertEquals(reader.reader.statistics().errors, {
    corrupt: 1,
    internal: 1,
    "not-found": 4,
    range: 3,
    unsupported: 1,
  });
  const { errors, transfers, connections } = engine.server.statistics();
  assertEquals(errors, { Corrupt: 1, NeedleNotFound: 4, RangeNotSatisfiable: 3, Unsupported: 1 });
  assertEquals([transfers, connections], [0, 1]);
});

Deno.test("a request that no message can carry is refused here, and disturbs nobody", async () => {
  using volumes = new Volumes();
  const id = volumes.writer(1).append({ key: 1n, cookie: 5, data: noise(100) }, NOW);
  await using engine = await Engine.start(volumes.store());
  await using reader = await Reader.start([engine.address]);
  const cases = [
    [{ volume: -1 }, "not-found"],
    [{ volume: 2 ** 32 }, "not-found"],
    [{ volume: 1.5 }, "not-found"],
    [{ cookie: NaN }, "not-found"],
    [{ key: -1n }, "not-found"],
    [{ key: 1n << 64n }, "not-found"],
    [{ offset: -1 }, "range"],
    [{ offset: 0.5 }, "range"],
    [{ offset: Number.MAX_SAFE_INTEGER }, "range"],
    [{ size: 0 }, "range"],
    [{ size: -1 }, "range"],
    [{ size: Infinity }, "range"],
  ] as const;
  for (const [change, code] of cases) assertEquals(await reader.failure({ ...rangeOf(id, 0, 1), ...change }), code);
  assertEquals((await reader.bytes(rangeOf(id, 0, 100))).length, 100);
  assertEquals(reader.reader.statistics().connections, 1);
  assertEquals(engine.server.statistics().errors, {});
});

Deno.test("reads go on while the volume is appended to, overwritten, deleted from and vacuumed", async () => {
  using volumes = new Volumes();
  await using engine = await Engine.start(volumes.store());
  await using reader = await Reader.start([engine.address]);
  await readThroughChanges(volumes, (request) => reader.bytes(request), (request) => reader.failure(request));
});

Deno.test("a volume whose vacuum hangs half-way is unavailable, and served again afterwards", async () => {
  using volumes = new Volumes();
  const writer = volumes.writer(1);
  const id = writer.append({ key: 1n, cookie: 5, data: noise(100) }, NOW);
  await using engine = await Engine.start(volumes.store());
  await using reader = await Reader.start([engine.address]);
  const marker = volumes.path("1.cpc");
  Deno.writeTextFileSync(marker, "");
  const error = await reader.error(rangeOf(id, 0, 100));
  assertEquals([error.code, error.retryAfter], ["unavailable", 1]);
  const waiting = reader.bytes(rangeOf(id, 0, 100));
  await until(() => engine.server.statistics().pool.lent > 0);
  Deno.removeSync(marker);
  assertEquals(await waiting, noise(100));
});

Deno.test("closing an engine ends the pauses of ranges that wait for a volume", async () => {
  using volumes = new Volumes();
  const id = volumes.writer(1).append({ key: 1n, cookie: 5, data: noise(100) }, NOW);
  Deno.writeTextFileSync(volumes.path("1.cpc"), "");
  const engine = await Engine.start(volumes.store());
  await using reader = await Reader.start([engine.address]);
  const failure = reader.failure(rangeOf(id, 0, 100));
  await until(() => engine.server.statistics().pool.lent > 0);
  await engine.stop();
  assertEquals(await failure, "unavailable");
});
