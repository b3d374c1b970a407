import { assert, assertEquals } from "../assert.ts";
import { testWith } from "../capabilities.ts";
import type { Needle } from "./corpus.ts";
import { Random } from "../random.ts";
import { firstDifference, ReaderLoop } from "./reader_loop.ts";
import { type Serve, startPair } from "./service.ts";
import { Weed } from "./weed.ts";

/** Reads begun before the signal. */
const READS = 16;
/** Bytes of the needle, read whole: several pieces, so that the signal comes in the middle. */
const SIZE = 8 * 1024 * 1024;

await testWith(["weed"], "a stop finishes the reads in flight", async (t) => {
  const random = Random.fromEnvironment("shutdown_test");
  await using weed = await Weed.start();
  const needle: Needle = { fileId: await weed.assign(), bytes: random.bytes(SIZE), of: "shutdown" };
  await weed.put(needle.fileId, needle.bytes);

  await t.step("SIGTERM to the service: every answer that began is whole, and the exit code is 0", async () => {
    await using pair = await startPair({ directories: weed.directories });
    const began = Promise.withResolvers<void>();
    const reads = Array.from({ length: READS }, () => readWhole(pair.serve, needle, began.resolve));
    await Promise.race([began.promise, Promise.all(reads)]);
    const code = pair.serve.terminate();
    const outcomes = await Promise.all(reads);
    assertEquals(outcomes.filter((outcome) => outcome !== "right" && outcome !== "not taken"), []);
    assert(outcomes.includes("right"), "the read that began is right");
    assertEquals(await code, 0);
  });
  await t.step("SIGTERM to the engine: every read is right or 503, and the exit code is 0", async () => {
    await using pair = await startPair({ directories: weed.directories });
    await using loop = new ReaderLoop(pair.serve, [needle], random, 30_000);
    await loop.moreRight(50);
    assertEquals(await pair.engine.terminate(), 0);
    await loop.moreRefused(10);
    await loop.stop();
    assertEquals(loop.violations, [], loop.toString());
    assertEquals([...loop.refused.keys()], [503], loop.toString());
  });
});

/** Reads the needle whole: `right`, `not taken` where no answer began, or what went wrong. */
async function readWhole(serve: Serve, needle: Needle, began: () => void): Promise<string> {
  let answer: Response;
  try {
    answer = await serve.read(needle.fileId, 0, SIZE);
  } catch {
    return "not taken";
  }
  if (answer.status === 200) began();
  try {
    const body = new Uint8Array(await answer.arrayBuffer());
    if (answer.status !== 200) return answer.status === 503 ? "not taken" : `status ${answer.status}`;
    return firstDifference(body, needle.bytes) ?? "right";
  } catch (error) {
    return `${error}`;
  }
}
