/**
 * The main job over real kernel RDMA: a real weed's volumes, `verbena engine`, `verbena serve`, each a process of its own.
 *
 * @module
 */
import { assertEquals } from "../assert.ts";
import { type Capability, testWith } from "../capabilities.ts";
import { writeCorpus } from "../interop/corpus.ts";
import { assertRange, LONGEST, randomRanges, RANGES } from "../interop/needles.ts";
import { Random } from "../random.ts";
import { startPair } from "../interop/service.ts";
import { Weed } from "../interop/weed.ts";

/** The lab's devices, and the addresses they own. */
const DEVICES: readonly [Capability, string, string][] = [
  ["rxe", "rxe0", "10.7.0.1"],
  ["siw", "siw0", "192.168.77.1"],
];

for (const [capability, device, hostname] of DEVICES) {
  await testWith(["weed", capability], `needles that a real weed wrote, read through ${device}`, async (t) => {
    const random = Random.fromEnvironment(`needles_${device}`);
    await using weed = await Weed.start({ directories: 2, indexDirectory: true });
    const corpus = await writeCorpus(weed, random);
    const { directories, indexDirectory } = weed;
    await using pair = await startPair({ directories, indexDirectory, over: { provider: "verbs", hostname } });
    const { serve, engine } = pair;
    const transport = `verbs:${device}`;
    await t.step(`${RANGES} random ranges are the bytes written, each read over RDMA`, async () => {
      await randomRanges(serve, corpus, random, transport);
    });
    await t.step("whole chunks, each in several reads, are the bytes written", async () => {
      for (const needle of corpus.needles.filter(({ bytes }) => bytes.length > LONGEST)) {
        await assertRange(serve, needle, 0, needle.bytes.length, transport);
      }
    });
    await t.step("SIGTERM ends both processes with exit code 0", async () => {
      assertEquals([await serve.terminate(), await engine.terminate()], [0, 0]);
      assertEquals([...serve.stray, ...engine.stray], [], "nothing but the log is on standard error");
    });
  });
}
