import { assert, assertEquals } from "../assert.ts";
import { testWith } from "../capabilities.ts";
import { writeCorpus } from "./corpus.ts";
import { Random } from "../random.ts";
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
