import { assert, assertEquals, assertMatch } from "../assert.ts";
import { testWith } from "../capabilities.ts";
import { writeCorpus } from "./corpus.ts";
import { Random } from "../random.ts";
import { startPair } from "./service.ts";
import { Weed } from "./weed.ts";

await testWith(["weed", "fuse"], "a real weed mount reads every file through the service", async (t) => {
  const random = Random.fromEnvironment("mount_test");
  await using weed = await Weed.start({ directories: 2, index: "leveldb" });
  const corpus = await writeCorpus(weed, random);
  await using pair = await startPair({ directories: weed.directories });
  await using mount = await weed.mount(pair.serve.address);

  await t.step("the mount finds the service healthy and takes it", () => {
    const refusal = mount.log.filter((line) => /rdma/i.test(line) && /fail|disabled|error/i.test(line));
    assertEquals(refusal, []);
  });
  await t.step("sha256 is equal, file by file", async () => {
    const names: string[] = [];
    for await (const entry of Deno.readDir(`${mount.path}/corpus`)) names.push(`/corpus/${entry.name}`);
    assertEquals(names.sort(), [...corpus.files.keys()].sort());
    for (const [path, bytes] of corpus.files) {
      const seen = await Deno.readFile(`${mount.path}${path}`);
      assertEquals([path, seen.length, await sha256(seen)], [path, bytes.length, await sha256(bytes)]);
    }
  });
  await t.step("reads at random places are the bytes written", async () => {
    await using fresh = await weed.mount(pair.serve.address); // the first mount's pages are in the kernel's cache
    for (const [path, bytes] of corpus.files) {
      if (bytes.length === 0) continue;
      using file = await Deno.open(`${fresh.path}${path}`);
      for (let i = 0; i < 20; i++) {
        const { offset, size } = random.range(bytes.length);
        assertEquals(
          await sha256(await readAt(file, offset, size)),
          await sha256(bytes.subarray(offset, offset + size)),
          `${path} [${offset}, +${size})`,
        );
      }
    }
  });
  await t.step("/stats tells the reads and the transport as they were", async () => {
    const stats = await pair.serve.stats();
    assert(stats.rdma_reads > 0, `rdma_reads is ${stats.rdma_reads}`);
    assertEquals(stats.rdma_reads + stats.http_fallbacks, stats.successful_reads);
    assertEquals({ transport: stats.transport, http: stats.http_fallbacks }, { transport: "iwarp", http: 0 });
    assertMatch(await (await pair.serve.get("/stats")).text(), '"rdma_enabled":true');
  });
});

async function readAt(file: Deno.FsFile, offset: number, size: number): Promise<Uint8Array<ArrayBuffer>> {
  const out = new Uint8Array(size);
  await file.seek(offset, Deno.SeekMode.Start);
  let filled = 0;
  while (filled < size) {
    const count = await file.read(out.subarray(filled));
    if (count === null) break;
    filled += count;
  }
  return out.subarray(0, filled);
}

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}
