import { assert, assertEquals } from "../assert.ts";
import { testWith } from "../capabilities.ts";
import { Capture, count, Dissection } from "./capture.ts";
import type { Needle } from "./corpus.ts";
import { Random } from "../random.ts";
import { firstDifference } from "./reader_loop.ts";
import { Engine, Serve } from "./service.ts";
import { Weed } from "./weed.ts";

/** Sizes of the needles that are read whole while the capture runs: one FPDU, a few, many. */
const SIZES = [100, 20_000, 500_000];

await testWith(["weed", "tshark"], "tshark reads a captured session", async (t) => {
  const random = Random.fromEnvironment("tshark_test");
  await using weed = await Weed.start();
  const needles: Needle[] = [];
  for (const size of SIZES) {
    const needle = { fileId: await weed.assign(), bytes: random.bytes(size), of: "tshark" };
    await weed.put(needle.fileId, needle.bytes);
    needles.push(needle);
  }
  const file = `${weed.folder}/session.pcapng`;
  await captureReads(weed, needles, file);

  const dissection = await Dissection.of(file);

  await t.step("MPA, DDP and RDMAP from the first frame: a request, a reply, Sends and RDMA Writes", () => {
    assertEquals(dissection.every(/(ID Req frame|ID Rep frame): /g), ["ID Req frame", "ID Rep frame"]);
    const opcodes = new Set(dissection.every(/OpCode: (.*) \(/g));
    assert(opcodes.has("Write"), `RDMA Writes among ${[...opcodes]}`);
    assert(opcodes.has("Send") || opcodes.has("Send with Invalidate"), `Sends among ${[...opcodes]}`);
  });
  await t.step("every FPDU's CRC is good", () => {
    dissection.checkCrcs();
    const lengths = dissection.every(/ULPDU length: (\d+) bytes/g).map(Number);
    const carried = lengths.reduce((sum, length) => sum + length, 0);
    const read = SIZES.reduce((sum, size) => sum + size, 0);
    assert(carried > read, `the FPDUs that tshark found carry ${carried} bytes, ${read} were read`);
  });
  await t.step("SMB Direct negotiates and carries data", async () => {
    assertEquals(await count(file, "smb_direct.negotiate_request"), 1);
    assertEquals(await count(file, "smb_direct.negotiate_response"), 1);
    const messages = await count(file, "smb_direct.data_message");
    assert(messages >= 2 * SIZES.length, `${messages} frames with data messages`);
  });
  await t.step("no frame is malformed", () => dissection.checkForm());
});

/** Captures one session from its first segment: an engine, a service, every needle read whole, both ended. */
async function captureReads(weed: Weed, needles: readonly Needle[], file: string): Promise<void> {
  await using engine = await Engine.start({ directories: weed.directories, crc: "on" });
  await using capture = await Capture.start(engine.port, file);
  {
    await using serve = await Serve.start({ engine: engine.address, crc: "on" });
    for (const needle of needles) {
      const answer = await serve.read(needle.fileId, 0, needle.bytes.length);
      const body = new Uint8Array(await answer.arrayBuffer());
      assertEquals([answer.status, firstDifference(body, needle.bytes)], [200, undefined]);
    }
  }
  await engine.terminate();
  await capture.stop();
}
