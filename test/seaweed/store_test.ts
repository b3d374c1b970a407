import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { crc32c } from "../../src/rdma/crc32c.ts";
import { ConfigError } from "../../src/rdma/errors.ts";
import {
  encodeNeedle,
  encodeSuperblock,
  type FileId,
  maskChecksum,
  NeedleError,
  type NeedleErrorCode,
  type NewNeedle,
  Store,
} from "../../src/seaweed/mod.ts";
import { assert, assertEquals, assertThrows, hex } from "../assert.ts";
import { noise, NOW, readWhole, utf8, Volumes } from "./volumes.ts";

/** Fails unless `run` throws a NeedleError of that code. */
function assertCode(code: NeedleErrorCode, run: () => unknown, message?: string): void {
  const error = assertThrows(run, NeedleError, message);
  assertEquals(error.code, code, error.message);
  assert(!error.message.includes("\n"));
}

/** Sizes around the limit between needles read whole and needles read in parts. */
const SIZES = [0, 1, 2, 7, 8, 100, 4095, 4096, 16_000, 16_330, 16_331, 16_384, 70_000, 1_048_577];

for (const version of [1, 2, 3] as const) {
  for (const bytesOffset of [4, 5] as const) {
    Deno.test(`a store reads version ${version} needles with offsets of ${bytesOffset} bytes, whole and in ranges`, () => {
      using volumes = new Volumes();
      const writer = volumes.writer(3, { version, bytesOffset });
      const store = volumes.store();
      const ids = SIZES.map((size, at) =>
        writer.append({ key: BigInt(at), cookie: at, data: noise(size, at), name: utf8("n"), lastModified: 5 }, NOW)
      );
      for (const [at, id] of ids.entries()) {
        const data = noise(SIZES[at] as number, at);
        const needle = store.open(id, NOW);
        assertEquals([needle.dataSize, needle.storedSize, needle.compressed], [data.length, data.length, false]);
        assertEquals(readWhole(store, id), data);
        const middle = new Uint8Array(Math.floor(data.length / 3));
        needle.read(middle.length, middle);
        assertEquals(middle, data.slice(middle.length, 2 * middle.length));
        needle.read(0, new Uint8Array(data.length));
        assertEquals(needle.storedChecksum, crc32c(data));
      }
    });
  }
}

Deno.test("what a needle bears besides its data can be asked for", () => {
  using volumes = new Volumes();
  const writer = volumes.writer(3);
  const store = volumes.store();
  for (const [key, size] of [[1n, 10], [2n, 100_000]] as const) {
    const more = {
      name: utf8("ü.txt"),
      mime: utf8("text/plain"),
      pairs: utf8(`{"a":"b"}`),
      lastModified: 1_700_000_000,
    };
    const needle = store.open(writer.append({ key, cookie: 9, data: noise(size), ...more }, NOW), NOW);
    assertEquals(needle.lastModified, 1_700_000_000);
    assertEquals(needle.metadata(), { name: "ü.txt", mime: "text/plain", pairs: `{"a":"b"}` });
  }
});

Deno.test("a store finds needles written after it looked, and honours deletes and overwrites", () => {
  using volumes = new Volumes();
  const writer = volumes.writer(3);
  const store = volumes.store();
  const id: FileId = { volume: 3, key: 77n, cookie: 0xc00c1e };
  assertCode("not-found", () => store.open(id, NOW), "needle 3,4d00c00c1e: no such key in volume 3");
  writer.append({ ...id, data: utf8("one") }, NOW);
  assertEquals(readWhole(store, id), utf8("one"));
  writer.append({ ...id, data: utf8("other") }, NOW);
  assertEquals(readWhole(store, id), utf8("other"));
  writer.delete(id.key, NOW);
  assertCode("deleted", () => store.open(id, NOW));
  writer.append({ ...id, data: utf8("again") }, NOW);
  assertEquals(readWhole(store, id), utf8("again"));
  assertEquals(store.statistics().loads, 1);
});

Deno.test("each reason for a refusal has its code, and its count", () => {
  using volumes = new Volumes();
  const writer = volumes.writer(3);
  const store = volumes.store();
  const id = writer.append({ key: 1n, cookie: 5, data: noise(20_000) }, NOW);
  assertCode("cookie", () => store.open({ ...id, cookie: 6 }, NOW));
  assertCode("not-found", () => store.open({ ...id, key: 2n }, NOW));
  assertCode("not-found", () => store.open({ ...id, volume: 4 }, NOW), "no volume 4 in the directories served");
  const manifest = writer.append({ key: 3n, cookie: 1, data: utf8("{}"), chunkManifest: true }, NOW);
  assertCode("unsupported", () => store.open(manifest, NOW), "chunk manifest");
  assertEquals(store.statistics().refused, { cookie: 1, "not-found": 2, unsupported: 1 });
});

Deno.test("a range past the data is refused, and nothing is written", () => {
  using volumes = new Volumes();
  const writer = volumes.writer(3);
  const store = volumes.store();
  for (const size of [100, 100_000]) {
    const needle = store.open(writer.append({ key: BigInt(size), cookie: 5, data: noise(size) }, NOW), NOW);
    const into = new Uint8Array(10);
    for (const offset of [-1, 0.5, NaN, size - 9, size, 2 ** 53, Infinity]) {
      assertCode("range", () => needle.read(offset, into));
    }
    assertEquals(into, new Uint8Array(10));
    needle.read(size, new Uint8Array());
    needle.read(size - 10, into);
    assertEquals(into, noise(size).slice(-10));
  }
});

Deno.test("a time to live ends a needle on the millisecond", () => {
  using volumes = new Volumes();
  const writer = volumes.writer(3);
  const store = volumes.store();
  const ttl = { count: 2, unit: 1 };
  const id = writer.append({ key: 1n, cookie: 5, data: utf8("x"), ttl, lastModified: 1 }, NOW);
  const forever = writer.append({ key: 2n, cookie: 5, data: utf8("x"), ttl }, NOW);
  assertEquals(readWhole(store, id, NOW + 119_999), utf8("x"));
  assertCode("expired", () => store.open(id, NOW + 120_000));
  assertEquals(readWhole(store, forever, NOW + 120_000), utf8("x"));
});

Deno.test("a compressed needle is read uncompressed, and inflated once for a run of ranges", () => {
  using volumes = new Volumes();
  const writer = volumes.writer(3);
  const store = volumes.store();
  const data = utf8("the same again and again, ".repeat(20_000));
  const id = writer.append({ key: 1n, cookie: 5, data: new Uint8Array(gzipSync(data)), compressed: true }, NOW);
  const noisy = noise(100_000);
  const large = writer.append({ key: 2n, cookie: 5, data: new Uint8Array(gzipSync(noisy)), compressed: true }, NOW);
  const stored = gzipSync(data);
  for (let offset = 0; offset + 4096 <= data.length; offset += 4096) {
    const needle = store.open(id, NOW);
    assertEquals([needle.dataSize, needle.storedSize, needle.compressed], [data.length, stored.length, true]);
    assertEquals(needle.storedChecksum, crc32c(stored));
    const into = new Uint8Array(4096);
    needle.read(offset, into);
    assertEquals(into, data.slice(offset, offset + 4096));
  }
  assertEquals(store.statistics().inflations, 1);
  assertEquals(readWhole(store, large), noisy);
  assertCode("range", () => store.open(id, NOW).read(stored.length, new Uint8Array(data.length)));
  assertEquals(store.statistics().inflatedBytes, data.length + noisy.length);
});

Deno.test("a needle that inflates beyond the ceiling is refused, and the cache keeps to its own", () => {
  using volumes = new Volumes();
  const writer = volumes.writer(3);
  const store = volumes.store({ largestInflated: 100_000, inflatedBytes: 150_000 });
  const zip = (key: bigint, length: number) =>
    writer.append({ key, cookie: 5, data: new Uint8Array(gzipSync(new Uint8Array(length))), compressed: true }, NOW);
  assertCode("unsupported", () => store.open(zip(1n, 100_001), NOW), "inflates to more than 100000 bytes");
  assertEquals(readWhole(store, zip(2n, 100_000)).length, 100_000);
  assertEquals(readWhole(store, zip(3n, 100_000)).length, 100_000);
  assertEquals(store.statistics().inflatedBytes, 100_000);
});

Deno.test("a compressed needle whose data is no gzip, or ends early, is corrupt", () => {
  using volumes = new Volumes();
  const writer = volumes.writer(3);
  const store = volumes.store();
  const stored = new Uint8Array(gzipSync(noise(1000)));
  for (const [at, data] of [utf8("plain text"), stored.slice(0, -1), stored.slice(0, 20)].entries()) {
    const id = writer.append({ key: BigInt(at), cookie: 5, data, compressed: true }, NOW);
    assertCode("corrupt", () => store.open(id, NOW), "does not inflate");
  }
});

Deno.test("masked checksums are taken, and shown raw once they were verified", () => {
  using volumes = new Volumes();
  const writer = volumes.writer(3);
  const store = volumes.store();
  for (const size of [1000, 50_000]) {
    const needle = { key: BigInt(size), cookie: 5, data: noise(size) };
    const bytes = encodeNeedle(needle, 3, maskChecksum(crc32c(needle.data)));
    writer.appendBytes(bytes, needle.key, size + 5);
    const opened = store.open({ volume: 3, ...needle }, NOW);
    opened.read(0, new Uint8Array(size));
    assertEquals(opened.storedChecksum, crc32c(needle.data));
  }
});

Deno.test("a flipped bit is corrupt: in a small needle for any range, in a large one for the whole", () => {
  using volumes = new Volumes();
  const writer = volumes.writer(3);
  const store = volumes.store();
  for (const [key, size] of [[1n, 1000], [2n, 50_000]] as const) {
    const bytes = encodeNeedle({ key, cookie: 5, data: noise(size) }, 3);
    bytes[500] = bytes[500] as number ^ 1;
    writer.appendBytes(bytes, key, size + 5);
  }
  assertCode(
    "corrupt",
    () => store.open({ volume: 3, key: 1n, cookie: 5 }, NOW),
    "needle 3,0100000005: it fails its checksum",
  );
  const large = store.open({ volume: 3, key: 2n, cookie: 5 }, NOW);
  large.read(10_000, new Uint8Array(10_000));
  assertCode("corrupt", () => large.read(0, new Uint8Array(50_000)), "its data fails its checksum");
});

Deno.test("what contradicts the index is corrupt", () => {
  using volumes = new Volumes();
  const writer = volumes.writer(3);
  const store = volumes.store();
  const needle = (key: bigint): NewNeedle => ({ key, cookie: 5, data: utf8("abc") });
  writer.append(needle(100n), NOW);
  writer.appendBytes(encodeNeedle(needle(1n), 3), 2n, 8); // the index says another key,
  writer.appendBytes(encodeNeedle(needle(3n), 3), 3n, 9); // another size,
  writer.appendBytes(new Uint8Array(), 4n, 8); // the end of the file,
  const odd = encodeNeedle(needle(5n), 3);
  odd.set(hex("00000009"), 16); // and more data than the body has
  writer.appendBytes(odd, 5n, 8);
  const open = (key: bigint) => store.open({ volume: 3, key, cookie: 5 }, NOW);
  assertCode("corrupt", () => open(2n), "the .dat has another needle there");
  assertCode("corrupt", () => open(3n), "the .dat has another needle there");
  assertCode("corrupt", () => open(4n));
  assertCode("corrupt", () => open(5n), "data size within the body");
  writer.appendBytes(new Uint8Array(), 6n, 8);
  assertCode("corrupt", () => open(6n), "the .dat ends before it does");
});

Deno.test("a superblock's extra lies before the first needle", () => {
  using volumes = new Volumes();
  using data = Deno.openSync(volumes.path("3.dat"), { write: true, create: true });
  const superblock = { version: 3, replicaPlacement: 0, ttlCount: 0, ttlUnit: 0, compactionRevision: 7, extraSize: 8 };
  data.writeSync(encodeSuperblock(superblock as Parameters<typeof encodeSuperblock>[0]));
  data.writeSync(noise(8));
  data.writeSync(encodeNeedle({ key: 1n, cookie: 5, data: utf8("abc") }, 3));
  Deno.writeFileSync(volumes.path("3.idx"), hex("0000000000000001 00000002 00000008"));
  const store = volumes.store();
  assertEquals(readWhole(store, { volume: 3, key: 1n, cookie: 5 }), utf8("abc"));
  assertEquals(store.volumes(NOW)[0]?.compactionRevision, 7);
});

Deno.test("offsets of four bytes wrap at 32 GiB, and the needle beyond is found", () => {
  using volumes = new Volumes();
  const WRAP = 32 * 2 ** 30;
  const near = volumes.writer(3).append({ key: 1n, cookie: 5, data: utf8("near") }, NOW);
  using data = Deno.openSync(volumes.path("3.dat"), { write: true });
  data.seekSync(WRAP + 4096, Deno.SeekMode.Start); // a hole, which takes no disk space
  data.writeSync(encodeNeedle({ key: 2n, cookie: 6, data: utf8("far") }, 3));
  Deno.writeFileSync(volumes.path("3.idx"), hex("0000000000000002 00000200 00000008"), { append: true });
  const store = volumes.store();
  assertEquals(readWhole(store, near), utf8("near"));
  assertEquals(readWhole(store, { volume: 3, key: 2n, cookie: 6 }), utf8("far"));
});

Deno.test("any needles, once written, are read back by a store, whole and in any range", () => {
  const needles = fc.array(
    fc.record({
      size: fc.oneof(fc.nat(300), fc.integer({ min: 16_000, max: 17_000 }), fc.nat(40_000)),
      cookie: fc.integer({ min: 0, max: 0xffffffff }),
      name: fc.uint8Array({ maxLength: 255 }),
      from: fc.nat(1000),
    }),
    { minLength: 1, maxLength: 5 },
  );
  fc.assert(
    fc.property(needles, fc.constantFrom(1, 2, 3), fc.constantFrom(4, 5), (list, version, bytesOffset) => {
      using volumes = new Volumes();
      const writer = volumes.writer(1, { version: version as 1 | 2 | 3, bytesOffset: bytesOffset as 4 | 5 });
      const store = volumes.store();
      for (const [at, { size, cookie, name, from }] of list.entries()) {
        const data = noise(size, at);
        const id = writer.append({ key: BigInt(at + 1), cookie, data, name }, NOW);
        assertEquals(readWhole(store, id), data);
        const start = Math.floor(size * from / 1001);
        const range = new Uint8Array(Math.floor((size - start) / 2));
        store.open(id, NOW).read(start, range);
        assertEquals(range, data.slice(start, start + range.length));
      }
    }),
    { numRuns: 200 },
  );
});

Deno.test("a store is made of directories, and says which is none", () => {
  using volumes = new Volumes();
  assertThrows(() => new Store([volumes.path("nowhere")]), ConfigError, "nowhere: not a readable directory");
  Deno.writeTextFileSync(volumes.path("file"), "");
  assertThrows(() => new Store([volumes.path("file")]), ConfigError, "not a directory");
});
