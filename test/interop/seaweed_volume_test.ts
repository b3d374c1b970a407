import { gzipSync } from "node:zlib";
import {
  type FileId,
  formatFileId,
  MasterClient,
  NeedleError,
  parseFileId,
  Store,
  VolumeServerError,
  VolumeServerReader,
  VolumeWriter,
} from "../../src/seaweed/mod.ts";
import { assert, assertEquals, assertRejects, assertThrows } from "../assert.ts";
import { testWith } from "../capabilities.ts";
import { noise, utf8 } from "../seaweed/volumes.ts";
import { Weed } from "./weed.ts";

/** Writes needles of several kinds as volume 7; what each must read as, and one that was deleted. */
function writeVolume(directory: string): { needles: [FileId, Uint8Array][]; deleted: FileId } {
  using writer = new VolumeWriter(directory, 7, { bytesOffset: 5 }); // PyPI's weed is built for large volumes
  const now = Date.now();
  const needles: [FileId, Uint8Array][] = [0, 1, 9, 4096, 70_000, 3_000_001].map((size, at) => {
    const data = noise(size, at);
    const attributes = { name: utf8(`n${size}`), mime: utf8("image/x"), lastModified: Math.floor(now / 1000) };
    return [writer.append({ key: BigInt(at + 1), cookie: 0x1000 + at, data, ...attributes }, now), data];
  });
  const text = utf8("compress me ".repeat(1000));
  const compressed = { key: 50n, cookie: 5, data: new Uint8Array(gzipSync(text)), compressed: true };
  needles.push([writer.append(compressed, now), text]);
  const living = { key: 51n, cookie: 5, data: text, ttl: { count: 3, unit: 3 }, lastModified: 1, pairs: utf8("{}") };
  needles.push([writer.append(living, now), text]);
  const deleted = writer.append({ key: 52n, cookie: 5, data: utf8("gone") }, now);
  writer.delete(52n, now);
  return { needles, deleted };
}

await testWith(["weed"], "the real volume server serves a volume that Verbena wrote", async () => {
  let written: ReturnType<typeof writeVolume> | undefined;
  await using weed = await Weed.start({ prepare: (directory) => void (written = writeVolume(directory)) });
  const { needles, deleted } = written as ReturnType<typeof writeVolume>;
  const get = (id: FileId) => fetch(`http://${weed.volumeServer}/${formatFileId(id)}`);
  for (const [id, data] of needles) {
    const answer = await get(id);
    assertEquals([answer.status, new Uint8Array(await answer.arrayBuffer())], [200, data], formatFileId(id));
  }
  const gone = await get(deleted);
  await gone.body?.cancel();
  assertEquals(gone.status, 404);
});

/** A needle through a store, while the volume server goes on: what is being changed is asked for again. */
async function readWhole(store: Store, id: FileId): Promise<Uint8Array> {
  for (let attempt = 0;; attempt++) {
    try {
      const needle = store.open(id, Date.now());
      const bytes = new Uint8Array(needle.dataSize);
      needle.read(0, bytes);
      return bytes;
    } catch (error) {
      if (!(error instanceof NeedleError) || error.code !== "changing" || attempt === 200) throw error;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
}

await testWith(
  ["weed"],
  "a store beside the real volume server gives what it gives, through writes, deletes and vacuums",
  async () => {
    await using weed = await Weed.start({ directories: 2, indexDirectory: true });
    const { indexDirectory } = weed;
    assert(indexDirectory !== undefined);
    using store = new Store(weed.directories.map((directory) => ({ directory, indexDirectory })));
    const written = new Map<string, Uint8Array<ArrayBuffer>>();
    const sizes = [0, 1, 100, 4096, 16_300, 16_400, 100_000, 2_000_000];
    for (const [at, size] of sizes.entries()) {
      const [fileId, text] = [await weed.assign(), await weed.assign()];
      written.set(fileId, noise(size, at));
      await weed.put(fileId, noise(size, at));
      written.set(text, utf8(`line ${size} `.repeat(size % 1000)));
      await weed.put(text, utf8(`line ${size} `.repeat(size % 1000)), { name: "t.txt", type: "text/plain" });
    }
    const compareAll = async () => {
      for (const [fileId, bytes] of written) assertEquals(await readWhole(store, parseFileId(fileId)), bytes, fileId);
    };
    await compareAll();
    const [overwritten, deleted] = [...written.keys()].slice(-2) as [string, string];
    written.set(overwritten, noise(5000));
    await weed.put(overwritten, noise(5000));
    assertEquals(await readWhole(store, parseFileId(overwritten)), noise(5000));
    written.delete(deleted);
    await weed.delete(deleted);
    assertThrows(() => store.open(parseFileId(deleted), Date.now()), NeedleError, "it was deleted");
    let vacuuming = true;
    const vacuum = weed.vacuum().finally(() => vacuuming = false);
    while (vacuuming) {
      await compareAll();
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    await vacuum;
    await compareAll();
    assertThrows(() => store.open(parseFileId(deleted), Date.now()), NeedleError);
    const vacuums = store.volumes(Date.now()).map(({ compactionRevision = 0 }) => compactionRevision);
    assert(Math.max(...vacuums) > 0, "no volume was vacuumed");
  },
);

await testWith(["weed"], "ranges come from the real volume server over HTTP, uncompressed", async () => {
  await using weed = await Weed.start();
  const reader = new VolumeServerReader(new MasterClient([`http://${weed.master}`]));
  const text = utf8("over and over ".repeat(50_000));
  const [plain, compressed] = [await weed.assign(), await weed.assign()];
  await weed.put(plain, noise(1_200_000));
  await weed.put(compressed, text, { name: "t.txt", type: "text/plain" });
  for (const [fileId, bytes] of [[plain, noise(1_200_000)], [compressed, text]] as const) {
    for (const [offset, size] of [[0, 10], [65_536, 65_536], [bytes.length - 1, 1], [0, bytes.length]] as const) {
      const range = await reader.readRange(parseFileId(fileId), offset, size);
      assertEquals([range.bytes, range.needleSize], [bytes.slice(offset, offset + size), bytes.length], fileId);
    }
    const past = () => reader.readRange(parseFileId(fileId), bytes.length - 5, 6);
    assertEquals((await assertRejects(past, VolumeServerError)).code, "range");
  }
  await weed.delete(plain);
  const gone = () => reader.readRange(parseFileId(plain), 0, 10);
  assertEquals((await assertRejects(gone, VolumeServerError)).code, "not-found");
});
