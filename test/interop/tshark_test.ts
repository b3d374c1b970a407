import { assert, assertEquals } from "../assert.ts";
import { testWith } from "../capabilities.ts";
import type { Needle } from "./corpus.ts";
import { Process, run, within } from "./process.ts";
import { Random } from "./random.ts";
import { firstDifference } from "./reader_loop.ts";
import { Engine, Serve } from "./service.ts";
import { Weed } from "./weed.ts";

/** Sizes of the needles that are read whole while the capture runs: one FPDU, a few, many. */
const SIZES = [100, 20_000, 500_000];

/** What tshark has to say of MPA revision 2 (RFC 6581), whose S bit and number it does not know; both are right. */
const REVISION_2 = [
  "Request IWARP_MPA Res field is NOT set to zero as required by RFC 5044",
  "Request IWARP_MPA Rev field is NOT set to one as required by RFC 5044",
];

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
  await capture(weed, needles, file);

  await t.step("MPA, DDP and RDMAP from the first frame: a request, a reply, Sends and RDMA Writes", async () => {
    assertEquals(await count(file, "iwarp_mpa.key.req"), 1);
    assertEquals(await count(file, "iwarp_mpa.key.rep"), 1);
    const opcodes = new Set(await values(file, "iwarp_rdma.opcode"));
    assert(opcodes.has("0x00"), `RDMA Writes among ${[...opcodes]}`);
    assert(opcodes.has("0x03") || opcodes.has("0x04"), `Sends among ${[...opcodes]}`);
  });
  await t.step("every FPDU's CRC is good", async () => {
    const details = await tshark(file, ["-Y", "iwarp_mpa.fpdu", "-O", "iwarp_mpa"]);
    const checks = details.match(/CRC check: .*/g) ?? [];
    const lengths = [...details.matchAll(/ULPDU length: (\d+) bytes/g)].map((match) => Number(match[1]));
    assertEquals(checks.filter((line) => !line.includes("(Good CRC32)")), []);
    assertEquals(checks.length, lengths.length, "an FPDU was not checked");
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
  await t.step("no frame is malformed", async () => {
    assertEquals(await tshark(file, ["-Y", "_ws.malformed || _ws.short || iwarp_mpa.bad_length"]), "");
    const expert = await tshark(file, ["-q", "-z", "expert,warn"]);
    const remarks = expert.split("\n").filter((line) => /iwarp|mpa|ddp|rdmap|smb/i.test(line));
    assertEquals(remarks.map((line) => line.replace(/^ *\d+ +/, "").replaceAll(/ +/g, " ")), REVISION_2);
  });
});

/** Captures one session from its first segment: an engine, a service, every needle read whole, both ended. */
async function capture(weed: Weed, needles: readonly Needle[], file: string): Promise<void> {
  await using engine = await Engine.start({ directories: weed.directories, crc: "on" });
  const args = ["-q", "-i", "lo", "-B", "64", "-f", `tcp port ${engine.port}`, "-w", file];
  await using dumpcap = new Process("dumpcap", args);
  await dumpcap.line(/^File: /);
  {
    await using serve = await Serve.start({ engine: engine.address, crc: "on" });
    for (const needle of needles) {
      const answer = await serve.read(needle.fileId, 0, needle.bytes.length);
      const body = new Uint8Array(await answer.arrayBuffer());
      assertEquals([answer.status, firstDifference(body, needle.bytes)], [200, undefined]);
    }
  }
  await engine.terminate();
  await within(new Promise(() => {}), 500); // what was captured reaches dumpcap a little later
  await dumpcap.stop("SIGINT");
  const lost = dumpcap.stderr.join("\n").match(/received\/dropped on interface .*: \d+\/(\d+)/);
  assertEquals(lost?.[1], "0", `dumpcap dropped frames:\n${dumpcap.tail()}`);
}

async function tshark(file: string, args: readonly string[]): Promise<string> {
  return await run("tshark", ["-r", file, ...args]);
}

/** Frames that have the field. */
async function count(file: string, field: string): Promise<number> {
  return (await tshark(file, ["-Y", field, "-T", "fields", "-e", "frame.number"])).split("\n").filter(Boolean).length;
}

/** Every value of the field. */
async function values(file: string, field: string): Promise<string[]> {
  const lines = await tshark(file, ["-Y", field, "-T", "fields", "-e", field]);
  return lines.split(/[\n,]/).filter(Boolean);
}
