/**
 * tshark reads what our iWARP and the kernel's say to each other: either side first, with CRCs and without, and as one
 * of them terminates the stream.
 *
 * @module
 */
import { Opcode, Status } from "../../src/rdma/completion.ts";
import { TAGGED_HEADER_SIZE, UNTAGGED_HEADER_SIZE } from "../../src/iwarp/wire.ts";
import { Access, type MemoryRegion } from "../../src/rdma/memory.ts";
import type { Endpoint } from "../../src/rdma/provider.ts";
import { assertEquals } from "../assert.ts";
import { testWith } from "../capabilities.ts";
import { Capture, type DissectedFrame, Dissection } from "../interop/capture.ts";
import { freePorts } from "../interop/process.ts";
import { digits, u32 } from "../iwarp/frames.ts";
import { complete, completeOne, connectPlayers, pattern, type Players } from "../rdma/players.ts";
import { openMixedStage } from "./provider_stage.ts";

/** Bytes of each side's Send, RDMA Write and RDMA Read: of one FPDU and of several, with padding and without. */
interface Traffic {
  readonly send: number;
  readonly write: number;
  readonly read: number;
}

const TRAFFIC = {
  active: { send: 1_001, write: 140_002, read: 70_003 },
  passive: { send: 100_000, write: 4_097, read: 1_006 },
} as const;

/** Each side's region: what its peer reads, which is what it sends and writes, and room for what comes of each kind. */
const AREA = 1 << 18;
const AREAS = { source: 0, sent: AREA, written: 2 * AREA, read: 3 * AREA } as const;
const RIGHTS = Access.LOCAL_WRITE | Access.REMOTE_READ | Access.REMOTE_WRITE;

const PRIVATE_DATA = { active: new TextEncoder().encode("may I?"), passive: new TextEncoder().encode("do come in") };

/** Who begins. */
type Active = "iwarp" | "verbs";

/** What went one way, by tshark's name of the opcode: messages, and bytes of all of them. */
type Tally = Record<string, [messages: number, bytes: number]>;

/** The control word, the length of the segment that is quoted, and its header. */
const TERMINATE_SIZE = 4 + 2 + TAGGED_HEADER_SIZE;

/** The Write of nothing by which our iWARP, which connects as a peer among peers, says that it is ready (RFC 6581). */
function writes(active: Active): number {
  return active === "iwarp" ? 2 : 1;
}

for (const active of ["iwarp", "verbs"] as const) {
  const title = active === "iwarp" ? "our iWARP as it connects to siw" : "siw as it connects to our iWARP";

  for (const crc of ["on", "off"] as const) {
    await testWith(["siw", "tshark"], `tshark reads ${title}, CRCs ${crc}`, async () => {
      const { port, dissection } = await captured(active, crc, session);
      const wanted = crc === "on";
      checkSetUp(dissection, [wanted && active === "iwarp", wanted]);
      const { active: near, passive: far } = TRAFFIC;
      assertEquals(tally(dissection, port), {
        active: {
          "Write": [writes(active), near.write],
          "Send": [1, near.send],
          "Read Request": [1, 28],
          "Read Response": [1, far.read],
        },
        passive: {
          "Write": [1, far.write],
          "Send": [1, far.send],
          "Read Request": [1, 28],
          "Read Response": [1, near.read],
        },
      });
      if (wanted) dissection.checkCrcs();
      else assertEquals(new Set(dissection.every(/ CRC: (.*)/g)), new Set(["0x00000000"]));
      dissection.checkForm();
    });
  }

  await testWith(["siw", "tshark"], `tshark reads ${title}, and is terminated for a wrong key`, async () => {
    let header = "";
    const run = async (players: Players) => void (header = await wrongKey(players));
    const { port, dissection } = await captured(active, "on", run);
    assertEquals(tally(dissection, port), {
      active: { "Write": [writes(active), 64] },
      passive: { "Terminate": [1, TERMINATE_SIZE] },
    });
    assertEquals(
      dissection.every(/(?:Layer|Error Types for DDP layer|Error Code for DDP Tagged Buffer): (.*)/g),
      ["DDP (0x1)", "Tagged Buffer Error (0x1)", "Invalid STag (0x00)"],
    );
    // siw writes the flags that announce the header where tshark, as the RFC has it, does not look for them
    assertEquals(dissection.every(/Terminated DDP Header: (.*)/g), active === "verbs" ? [header] : []);
    dissection.checkCrcs();
    dissection.checkForm();
  });
}

/** Runs over a connection that is captured from its first segment to its last; `port` is the passive side's. */
async function captured(
  active: Active,
  crc: "on" | "off",
  run: (players: Players) => Promise<void>,
): Promise<{ port: number; dissection: Dissection }> {
  const [port = 0] = freePorts(1);
  const file = await Deno.makeTempFile({ prefix: "verbena-tshark-", suffix: ".pcapng" });
  try {
    await using stage = await openMixedStage(active, crc);
    await using capture = await Capture.start(port, file);
    {
      const address = { ...stage.address, port };
      await using players = await connectPlayers({ ...stage, address }, {
        active: { privateData: PRIVATE_DATA.active },
        passive: { privateData: PRIVATE_DATA.passive },
      });
      await run(players);
    }
    await capture.stop();
    return { port, dissection: await Dissection.of(file) };
  } finally {
    await Deno.remove(file);
  }
}

/** Both sides write, send and read, the active one first, which then closes. */
async function session(players: Players): Promise<void> {
  const { active, passive, stage } = players;
  using near = stage.active.register(4 * AREA, RIGHTS);
  using far = stage.passive.register(4 * AREA, RIGHTS);
  near.bytes.set(pattern(AREA, 1));
  far.bytes.set(pattern(AREA, 2));
  await half(active, near, passive, far, TRAFFIC.active);
  await half(passive, far, active, near, TRAFFIC.passive);
  await active.close();
  assertEquals([await active.closed, await passive.closed], [{ graceful: true }, { graceful: true }]);
}

async function half(from: Endpoint, own: MemoryRegion, to: Endpoint, other: MemoryRegion, sizes: Traffic) {
  const at = (area: number) => ({ remoteAddress: other.address + BigInt(area), remoteKey: other.remoteKey });
  to.postReceive(9, other, AREAS.sent, AREA);
  from.postSend([
    { id: 1, opcode: Opcode.WRITE, region: own, offset: 0, length: sizes.write, ...at(AREAS.written) },
    { id: 2, opcode: Opcode.SEND, region: own, offset: 0, length: sizes.send },
    { id: 3, opcode: Opcode.READ, region: own, offset: AREAS.read, length: sizes.read, ...at(AREAS.source) },
  ]);
  const done = [...await complete(from, 3), await completeOne(to)];
  assertEquals(done.map(({ id, status }) => [id, status]), [1, 2, 3, 9].map((id) => [id, Status.SUCCESS]));
  const placed = (region: MemoryRegion, area: number, size: number) => region.bytes.slice(area, area + size);
  assertEquals(placed(other, AREAS.written, sizes.write), placed(own, AREAS.source, sizes.write));
  assertEquals(placed(other, AREAS.sent, sizes.send), placed(own, AREAS.source, sizes.send));
  assertEquals(placed(own, AREAS.read, sizes.read), placed(other, AREAS.source, sizes.read));
}

/** The active side writes with a key that opens nothing; the header of that, which a Terminate quotes. */
async function wrongKey({ active, passive, stage }: Players): Promise<string> {
  using near = stage.active.register(64, 0);
  using far = stage.passive.register(64, RIGHTS);
  const remoteKey = (far.remoteKey ^ 0x5a5a5a00) >>> 0;
  const work = { id: 1, opcode: Opcode.WRITE, region: near, offset: 0, length: 64, remoteKey };
  active.postSend({ ...work, remoteAddress: far.address });
  await Promise.all([active.closed, passive.closed]);
  return `c140${u32(remoteKey)}${far.address.toString(16).padStart(16, "0")}`;
}

/** Checks the request and the reply: revision 2, each side's private data, and which of them asked for CRCs. */
function checkSetUp(dissection: Dissection, crcs: readonly [request: boolean, reply: boolean]): void {
  assertEquals(dissection.every(/(ID Req frame|ID Rep frame): /g), ["ID Req frame", "ID Rep frame"]);
  assertEquals(dissection.every(/Revision: (.*)/g), ["2", "2"]);
  assertEquals(dissection.every(/CRC flag: (.*)/g), crcs.map((crc) => crc ? "True" : "False"));
  // behind IRD and ORD, four bytes
  const privateData = dissection.every(/Private data: .{8}(.*)/g);
  assertEquals(privateData, [digits(PRIVATE_DATA.active), digits(PRIVATE_DATA.passive)]);
}

/** What tshark found to go each way. */
function tally(dissection: Dissection, port: number): { active: Tally; passive: Tally } {
  const ways = { active: {} as Tally, passive: {} as Tally };
  for (const frame of dissection.frames) addTo(frame.port === port ? ways.passive : ways.active, frame);
  return ways;
}

function addTo(way: Tally, frame: DissectedFrame): void {
  const lengths = frame.every(/ULPDU length: (\d+) bytes/g);
  const tagged = frame.every(/Tagged flag: (.*)/g);
  const last = frame.every(/Last flag: (.*)/g);
  const opcodes = frame.every(/OpCode: (.*) \(/g);
  for (const labels of [tagged, last, opcodes]) assertEquals(labels.length, lengths.length, frame.text);
  for (const [index, opcode] of opcodes.entries()) {
    const sum = way[opcode] ??= [0, 0];
    if (last[index] === "True") sum[0]++;
    sum[1] += Number(lengths[index]) - (tagged[index] === "True" ? TAGGED_HEADER_SIZE : UNTAGGED_HEADER_SIZE);
  }
}
