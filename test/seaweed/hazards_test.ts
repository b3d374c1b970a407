import fc from "fast-check";
import {
  encodeIndexEntry,
  encodeNeedle,
  type FileId,
  NeedleError,
  type NeedleErrorCode,
  type NewNeedle,
  SMALL_RECORD,
  type VolumeWriter,
  VolumeWriter as Writer,
} from "../../src/seaweed/mod.ts";
import { assert, assertEquals, assertThrows } from "../assert.ts";
import { noise, NOW, readWhole, utf8, Volumes } from "./volumes.ts";

// What a volume server does to its files, step by step, between the steps of a reader beside it.

function codeOf(run: () => unknown): NeedleErrorCode {
  return assertThrows(run, NeedleError).code;
}

/** Sizes of needles read whole and of needles read in parts. */
const SIZES = [1000, 100_000];
const COOKIE = 0x5eaf00d;

function idOf(key: number | bigint): FileId {
  return { volume: 1, key: BigInt(key), cookie: COOKIE };
}

function needleOf(key: number, size: number, seed = key): NewNeedle {
  return { key: BigInt(key), cookie: COOKIE, data: noise(size, seed) };
}

/** A range of the needle's data, and the same range of what was written. */
function middle(size: number, seed: number): [Uint8Array<ArrayBuffer>, number, Uint8Array] {
  const offset = Math.floor(size / 3);
  return [new Uint8Array(offset), offset, noise(size, seed).slice(offset, 2 * offset)];
}

/** Writes what a vacuum leaves beside the volume before its commit: `.cpd` and `.cpx`. */
function compact(volumes: Volumes, needles: NewNeedle[]): void {
  const aside = Deno.makeTempDirSync({ dir: volumes.directory });
  {
    using writer = new Writer(aside, 1, { compactionRevision: 1 });
    for (const needle of needles) writer.append(needle, NOW + 1000);
  }
  Deno.renameSync(`${aside}/1.dat`, volumes.path("1.cpd"));
  Deno.renameSync(`${aside}/1.idx`, volumes.path("1.cpx"));
  Deno.removeSync(aside, { recursive: true });
}

function truncate(writer: VolumeWriter, bytes: number): void {
  Deno.truncateSync(writer.dataPath, bytes);
}

for (const size of SIZES) {
  Deno.test(`a needle of ${size} bytes whose append was taken back is changing, and never read`, () => {
    using volumes = new Volumes();
    const writer = volumes.writer(1);
    const store = volumes.store();
    writer.append(needleOf(1, 500), NOW);
    const end = Deno.statSync(writer.dataPath).size;
    const id = writer.append(needleOf(2, size), NOW);
    const needle = store.open(id, NOW);
    store.open(idOf(1), NOW); // so that a small needle is not still at hand
    truncate(writer, end);
    const [into, offset] = middle(size, 2);
    assertEquals(codeOf(() => needle.read(offset, into)), "changing");
    assertEquals(codeOf(() => needle.read(0, new Uint8Array(size))), "changing");
    assertEquals(codeOf(() => store.open(id, NOW)), "corrupt");
  });

  for (const [what, key, seed] of [["another needle", 3, 3], ["the same needle, written again", 2, 9]] as const) {
    Deno.test(`where an append of ${size} bytes was taken back, ${what} is not taken for it`, () => {
      using volumes = new Volumes();
      const writer = volumes.writer(1);
      const store = volumes.store();
      writer.append(needleOf(1, 500), NOW);
      const end = Deno.statSync(writer.dataPath).size;
      const id = writer.append(needleOf(2, size), NOW);
      const needle = store.open(id, NOW);
      store.open(idOf(1), NOW);
      truncate(writer, end);
      // the writer still counts from the end it knew: put the new needle where the old one was
      const bytes = encodeNeedle(
        { ...needleOf(key, size, seed), appendedNanoseconds: BigInt(NOW) * 1_000_000n + 99n },
        3,
      );
      Deno.writeFileSync(writer.dataPath, bytes, { append: true });
      const entry = { key: BigInt(key), offset: end, size: size + 5 };
      Deno.writeFileSync(writer.indexPath, encodeIndexEntry(entry, 16), { append: true });
      const [into, offset, expected] = middle(size, seed);
      assertEquals(codeOf(() => needle.read(offset, into)), "changing");
      assertEquals(codeOf(() => needle.read(0, new Uint8Array(size))), "changing");
      assertEquals(codeOf(() => needle.metadata()), "changing");
      store.open(idOf(key), NOW).read(offset, into);
      assertEquals(into, expected);
    });
  }

  Deno.test(`a needle of ${size} bytes, deleted or overwritten after it was opened, reads as it was, and the next is new`, () => {
    using volumes = new Volumes();
    const writer = volumes.writer(1);
    const store = volumes.store();
    const id = writer.append(needleOf(1, size, 1), NOW);
    const [into, offset, expected] = middle(size, 1);
    const before = store.open(id, NOW);
    writer.append(needleOf(1, size, 2), NOW);
    before.read(offset, into);
    assertEquals(into, expected);
    assertEquals(readWhole(store, id), noise(size, 2));
    const between = store.open(id, NOW);
    writer.delete(1n, NOW);
    assertEquals(codeOf(() => store.open(id, NOW)), "deleted");
    between.read(0, new Uint8Array(size));
    before.read(offset, into);
    assertEquals(into, expected);
  });

  Deno.test(`a vacuum's commit never mixes old and new around needles of ${size} bytes`, () => {
    using volumes = new Volumes();
    const writer = volumes.writer(1);
    const store = volumes.store();
    for (const key of [1, 2, 3]) writer.append(needleOf(key, size), NOW);
    writer.delete(1n, NOW);
    const pinned = store.open(idOf(3), NOW);
    const [into, offset, expected] = middle(size, 3);
    const readPinned = () => {
      pinned.read(offset, into.fill(0));
      assertEquals(into, expected);
    };
    compact(volumes, [needleOf(2, size), needleOf(3, size)]);
    assertEquals(readWhole(store, idOf(3)), noise(size, 3));
    Deno.writeFileSync(volumes.path("1.cpc"), new Uint8Array());
    assertEquals(readWhole(store, idOf(2)), noise(size, 2));
    readPinned();
    Deno.renameSync(volumes.path("1.cpd"), volumes.path("1.dat"));
    readPinned();
    assertEquals(codeOf(() => store.open(idOf(3), NOW)), "changing");
    // the old files were let go: a small needle is still at hand, and right; of a large one nothing is
    if (size > SMALL_RECORD) assertEquals(codeOf(() => pinned.read(offset, into)), "changing");
    else readPinned();
    Deno.renameSync(volumes.path("1.cpx"), volumes.path("1.idx"));
    assertEquals(codeOf(() => store.open(idOf(3), NOW)), "changing");
    Deno.removeSync(volumes.path("1.cpc"));
    assertEquals(readWhole(store, idOf(2)), noise(size, 2));
    assertEquals(readWhole(store, idOf(3)), noise(size, 3));
    assertEquals(codeOf(() => store.open(idOf(1), NOW)), "not-found");
    assertEquals(store.volumes(NOW)[0]?.compactionRevision, 1);
  });
}

Deno.test("a swap without a marker, as older weeds made it, is known by its index still waiting", () => {
  using volumes = new Volumes();
  const writer = volumes.writer(1);
  const store = volumes.store();
  writer.append(needleOf(1, 3000), NOW);
  writer.append(needleOf(2, 3000), NOW);
  compact(volumes, [needleOf(2, 3000)]);
  assertEquals(readWhole(store, idOf(1)), noise(3000, 1));
  Deno.renameSync(volumes.path("1.cpd"), volumes.path("1.dat"));
  assertEquals(codeOf(() => store.open(idOf(2), NOW)), "changing");
  Deno.renameSync(volumes.path("1.cpx"), volumes.path("1.idx"));
  assertEquals(readWhole(store, idOf(2)), noise(3000, 2));
});

Deno.test("a volume first opened in the middle of a swap is not opened as a mixed pair", () => {
  using volumes = new Volumes();
  const writer = volumes.writer(1);
  writer.append(needleOf(1, 3000), NOW);
  // an old index would find, in the new .dat, a needle that a writer has planted in another's data
  const planted = encodeNeedle(needleOf(1, 3000, 66), 3);
  compact(volumes, [{ key: 9n, cookie: 9, data: planted }]);
  Deno.writeFileSync(volumes.path("1.cpc"), new Uint8Array());
  Deno.renameSync(volumes.path("1.cpd"), volumes.path("1.dat"));
  const store = volumes.store();
  assertEquals(codeOf(() => store.open(idOf(1), NOW)), "changing");
  Deno.renameSync(volumes.path("1.cpx"), volumes.path("1.idx"));
  Deno.removeSync(volumes.path("1.cpc"));
  assertEquals(codeOf(() => store.open(idOf(1), NOW)), "not-found");
});

Deno.test("a compaction that is only copying, or was given up, hinders nothing", () => {
  using volumes = new Volumes();
  const writer = volumes.writer(1);
  writer.append(needleOf(1, 3000), NOW);
  compact(volumes, []);
  assertEquals(readWhole(volumes.store(), idOf(1)), noise(3000, 1));
  Deno.removeSync(volumes.path("1.cpx"));
  assertEquals(readWhole(volumes.store(), idOf(1)), noise(3000, 1));
});

Deno.test("a volume that is deleted is gone; one that moves to another directory is found there", () => {
  using volumes = new Volumes();
  const [one, two] = [volumes.directoryNamed("one"), volumes.directoryNamed("two")];
  const writer = volumes.writer(1, {}, one);
  writer.append(needleOf(1, 100_000), NOW);
  const store = volumes.store({}, [one, two]);
  const pinned = store.open(idOf(1), NOW);
  for (const ending of ["dat", "idx", "vif"]) Deno.renameSync(`${one}/1.${ending}`, `${two}/1.${ending}`);
  assertEquals(readWhole(store, idOf(1)), noise(100_000, 1));
  assertEquals(store.volumes(NOW)[0]?.directory, Deno.realPathSync(two));
  assertEquals(codeOf(() => pinned.read(0, new Uint8Array(10))), "changing");
  for (const ending of ["dat", "idx", "vif"]) Deno.removeSync(`${two}/1.${ending}`);
  assertEquals(codeOf(() => store.open(idOf(1), NOW)), "not-found");
  assertEquals(store.volumes(NOW), []);
});

Deno.test("a volume that is replaced by another under its name is the other one", () => {
  using volumes = new Volumes();
  volumes.writer(1).append(needleOf(1, 3000, 1), NOW);
  const store = volumes.store();
  assertEquals(readWhole(store, idOf(1)), noise(3000, 1));
  for (const ending of ["dat", "idx", "vif"]) Deno.removeSync(volumes.path(`1.${ending}`));
  volumes.writer(1).append(needleOf(1, 3000, 2), NOW);
  assertEquals(readWhole(store, idOf(1)), noise(3000, 2));
  assertEquals(store.statistics().loads, 2);
});

Deno.test("an index entry is taken when it is whole, however it arrives", () => {
  using volumes = new Volumes();
  const writer = volumes.writer(1, { bytesOffset: 5 });
  writer.append(needleOf(1, 100), NOW);
  const store = volumes.store();
  store.open(idOf(1), NOW);
  writer.delete(1n, NOW);
  const index = Deno.readFileSync(writer.indexPath);
  for (let length = 17; length < 34; length++) {
    Deno.truncateSync(writer.indexPath, 17);
    Deno.writeFileSync(writer.indexPath, index.slice(17, length), { append: true });
    assertEquals(readWhole(store, idOf(1)), noise(100, 1));
  }
  Deno.writeFileSync(writer.indexPath, index.slice(33), { append: true });
  assertEquals(codeOf(() => store.open(idOf(1), NOW)), "deleted");
});

Deno.test("an index that was cut, rewritten in place or replaced alone is read anew", () => {
  using volumes = new Volumes();
  const writer = volumes.writer(1);
  for (const key of [1, 2, 3]) writer.append(needleOf(key, 100), NOW);
  const store = volumes.store();
  const index = Deno.readFileSync(writer.indexPath);
  assertEquals(readWhole(store, idOf(3)), noise(100, 3));
  Deno.truncateSync(writer.indexPath, 32);
  assertEquals(codeOf(() => store.open(idOf(3), NOW)), "not-found");
  const first = index.slice(0, 16);
  Deno.writeFileSync(writer.indexPath, new Uint8Array([...index.slice(32), ...first, ...first])); // `weed fix` does so
  assertEquals(codeOf(() => store.open(idOf(2), NOW)), "not-found");
  assertEquals(readWhole(store, idOf(3)), noise(100, 3));
  Deno.writeFileSync(volumes.path("1.idx.tmp"), index);
  Deno.renameSync(volumes.path("1.idx.tmp"), writer.indexPath);
  assertEquals(readWhole(store, idOf(2)), noise(100, 2));
  assertEquals(store.statistics().loads, 4);
});

Deno.test("an index that was empty, with no .vif to tell the size of its entries, is looked at again", () => {
  using volumes = new Volumes();
  const writer = volumes.writer(1, { bytesOffset: 5 });
  Deno.removeSync(volumes.path("1.vif"));
  const store = volumes.store();
  assertEquals(codeOf(() => store.open(idOf(1), NOW)), "not-found");
  writer.append(needleOf(1, 100), NOW);
  assertEquals(readWhole(store, idOf(1)), noise(100, 1));
});

Deno.test("a .dat without its superblock yet is changing, one of an unknown version is corrupt", () => {
  using volumes = new Volumes();
  Deno.writeFileSync(volumes.path("1.dat"), new Uint8Array(7));
  Deno.writeFileSync(volumes.path("1.idx"), new Uint8Array());
  const store = volumes.store();
  assertEquals(codeOf(() => store.open(idOf(1), NOW)), "changing");
  Deno.writeFileSync(volumes.path("1.dat"), new Uint8Array(8));
  const error = assertThrows(() => store.open(idOf(1), NOW), NeedleError, "version 1, 2 or 3: got 0");
  assertEquals(error.code, "corrupt");
  assertEquals(store.volumes(NOW)[0]?.reason, error.message);
});

Deno.test("whatever bytes of a volume are damaged, a store gives the bytes written or a NeedleError", () => {
  using volumes = new Volumes();
  const writer = volumes.writer(1);
  const small = writer.append({ ...needleOf(1, 40), name: utf8("name"), lastModified: 5 }, NOW);
  const large = writer.append({ ...needleOf(2, 17_000), pairs: utf8("{}") }, NOW);
  using data = Deno.openSync(writer.dataPath, { read: true, write: true });
  const store = volumes.store();
  const original = Deno.readFileSync(writer.dataPath);
  const spots = fc.oneof(fc.nat(120), fc.integer({ min: original.length - 40, max: original.length - 1 }));
  const damage = fc.array(fc.tuple(spots, fc.nat(255)), { minLength: 1, maxLength: 3 });
  const put = (at: number, byte: number) => {
    data.seekSync(at, Deno.SeekMode.Start);
    data.writeSync(Uint8Array.of(byte));
  };
  const whole = (id: FileId, expected: Uint8Array) => {
    try {
      assertEquals(readWhole(store, id), expected);
    } catch (error) {
      assert(error instanceof NeedleError && error.code !== "range", `${error}`);
    }
  };
  fc.assert(
    fc.property(damage, (spoiled) => {
      for (const [at, byte] of spoiled) if (at >= 8) put(at, byte);
      whole(small, noise(40, 1));
      whole(large, noise(17_000, 2));
      for (const [at] of spoiled) put(at, original[at] as number);
    }),
    { numRuns: 100_000 },
  );
  assertEquals(readWhole(store, large), noise(17_000, 2));
});
