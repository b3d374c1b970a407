import { assert, assertEquals } from "../assert.ts";
import { testWith } from "../capabilities.ts";
import { type Corpus, writeCorpus } from "./corpus.ts";
import { Random } from "../random.ts";
import { Serve } from "./service.ts";
import { Weed } from "./weed.ts";

await testWith(["weed"], "the real volume server gives back every needle of the corpus", async () => {
  const random = Random.fromEnvironment("weed_test");
  await using weed = await Weed.start({ directories: 2, indexDirectory: true });
  const corpus = await writeCorpus(weed, random);
  for (const needle of corpus.needles) {
    const answer = await fetch(`http://${weed.volumeServer}/${needle.fileId}`);
    assertEquals(new Uint8Array(await answer.arrayBuffer()), needle.bytes, needle.of);
  }
  for (const fileId of corpus.deleted) assertEquals(await weed.status(fileId), 404, fileId);
  await weed.vacuum();
  for (const needle of corpus.needles) assertEquals(await weed.status(needle.fileId), 200, needle.of);
  assert(new Set(corpus.needles.map((needle) => needle.fileId.split(",")[0])).size > 1, "several volumes are in use");
});

/** Reads every needle twice: as one of which nothing is known, and as one whose size is. What is gone must be gone. */
async function readAll(serve: Serve, { needles, deleted }: Corpus): Promise<void> {
  for (const { fileId, bytes, of } of [...needles, ...needles]) {
    const answer = await serve.get(`/v1/needles/${fileId}`);
    assertEquals([answer.status, new Uint8Array(await answer.arrayBuffer())], [200, bytes], of);
    if (bytes.length === 0) continue;
    const headers = ["x-source", "x-transport", "x-rdma-used"].map((name) => answer.headers.get(name));
    assertEquals(headers, ["local", "file", "false"], of);
  }
  for (const fileId of deleted) {
    const answer = await serve.get(`/v1/needles/${fileId}`);
    await answer.body?.cancel();
    assertEquals(answer.status, 404, fileId);
  }
}

await testWith(
  ["weed"],
  "a service beside the volume server gives needles from their files, also during a vacuum",
  async () => {
    const random = Random.fromEnvironment("weed_test files");
    await using weed = await Weed.start({ directories: 2, indexDirectory: true });
    const { directories, indexDirectory } = weed;
    await using serve = await Serve.start({ directories, indexDirectory });
    const corpus = await writeCorpus(weed, random);
    await readAll(serve, corpus);
    const [fileId] = (corpus.needles.at(-1)?.fileId ?? "").split("_");
    assert(fileId !== undefined);
    for (let round = 0; round < 20; round++) { // replaced where it is known, by one of another length
      const bytes = random.bytes(1 + random.below(200_000));
      await weed.put(fileId, bytes);
      const answer = await serve.get(`/v1/needles/${fileId}`);
      assertEquals(new Uint8Array(await answer.arrayBuffer()), bytes);
    }
    const others = { ...corpus, needles: corpus.needles.filter((needle) => needle.fileId !== fileId) };
    let vacuuming = true;
    const vacuum = weed.vacuum().finally(() => vacuuming = false);
    while (vacuuming) await readAll(serve, others);
    await vacuum;
    await readAll(serve, others);
    const long = others.needles.find(({ bytes }) => bytes.length > 4096);
    assert(long !== undefined);
    const answer = await serve.read(long.fileId, 0, 4096); // what the mount asks for goes by RDMA
    assertEquals(answer.headers.get("x-source"), "rdma");
    assertEquals(new Uint8Array(await answer.arrayBuffer()), long.bytes.slice(0, 4096));
  },
);
