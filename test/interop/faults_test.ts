import { assert, assertEquals } from "../assert.ts";
import { testWith } from "../capabilities.ts";
import type { Needle } from "./corpus.ts";
import { type Fault, FaultyProxy } from "./faulty_proxy.ts";
import { eventually } from "./process.ts";
import { Random } from "../random.ts";
import { firstDifference, ReaderLoop } from "./reader_loop.ts";
import { Engine, Serve } from "./service.ts";
import { Weed } from "./weed.ts";

/** What a read may take by the service's own clock, in milliseconds. */
const TIMEOUT = 2_000;
/** When a read counts as hanging: several times that, so that a busy machine does not matter. */
const PATIENCE = 10 * TIMEOUT;
/** Connections harmed in each proxy test. */
const FAULTS = 8;

interface Stage {
  weed: Weed;
  engine: Engine;
  random: Random;
  needles: Needle[];
}

await testWith(["weed"], "while it reads, every read is right or fails cleanly", async (t) => {
  const random = Random.fromEnvironment("faults_test");
  await using weed = await Weed.start({ directories: 2, compactionMBps: 8 });
  const needles = await writeNeedles(weed, random, 24);
  await using engine = await Engine.start({ directories: weed.directories, crc: "on" });
  const stage = { weed, engine, random, needles };
  {
    await using serve = await Serve.start({ engine: engine.address, timeout: TIMEOUT, crc: "on" });
    await t.step("the engine is killed and started again", () => killed(stage, serve));
    await t.step("the engine is stopped and continued", () => paused(stage, serve));
    await t.step("needles are appended and deleted", () => appended(stage, serve));
    await t.step("the volumes are vacuumed", () => vacuumed(stage, serve));
  }
  await t.step("the connection is cut between any two bytes", () => harmed(stage, "cut"));
  await t.step("a bit is flipped on the way: the FPDU's CRC finds it", () => harmed(stage, "flip"));
});

async function writeNeedles(weed: Weed, random: Random, count: number): Promise<Needle[]> {
  const needles: Needle[] = [];
  for (let i = 0; i < count; i++) needles.push(await writeNeedle(weed, random, 1 + random.below(600_000)));
  return needles;
}

async function writeNeedle(weed: Weed, random: Random, length: number): Promise<Needle> {
  const fileId = await weed.assign();
  const bytes = random.bytes(length);
  await weed.put(fileId, bytes);
  return { fileId, bytes, of: "faults" };
}

function assertNoViolation(loop: ReaderLoop): void {
  assertEquals(loop.violations, [], loop.toString());
}

async function killed({ engine, needles, random }: Stage, serve: Serve): Promise<void> {
  await using loop = new ReaderLoop(serve, needles, random, PATIENCE);
  for (let round = 0; round < 2; round++) {
    await loop.moreRight(50);
    await engine.kill();
    await loop.moreRefused(10);
    await engine.restart();
  }
  await loop.moreRight(50);
  await loop.stop();
  assertNoViolation(loop);
  assertEquals([...loop.refused.keys()].filter((status) => status !== 503 && status !== 504), [], loop.toString());
}

async function paused({ engine, needles, random }: Stage, serve: Serve): Promise<void> {
  await using loop = new ReaderLoop(serve, needles, random, PATIENCE);
  await loop.moreRight(50);
  engine.pause();
  try {
    await loop.moreRefused(10);
  } finally {
    engine.resume();
  }
  await loop.moreRight(50);
  await loop.stop();
  assertNoViolation(loop);
  assertEquals([...loop.refused.keys()].filter((status) => status !== 503 && status !== 504), [], loop.toString());
}

async function appended({ weed, needles, random }: Stage, serve: Serve): Promise<void> {
  await using loop = new ReaderLoop(serve, needles, random, PATIENCE);
  for (let i = 0; i < 40; i++) {
    const needle = await writeNeedle(weed, random, 1 + random.below(200_000));
    assertEquals(await readWhole(serve, needle), 200);
    await weed.delete(needle.fileId);
    assertEquals(await readWhole(serve, needle), 404);
  }
  await loop.moreRight(20);
  await loop.stop();
  assertNoViolation(loop);
}

async function vacuumed({ weed, needles, random }: Stage, serve: Serve): Promise<void> {
  const doomed = needles.splice(0, needles.length / 2);
  for (const needle of doomed) await weed.delete(needle.fileId);
  await using loop = new ReaderLoop(serve, needles, random, PATIENCE);
  await loop.moreRight(50);
  const before = await compactionRevisions(weed);
  await weed.vacuum();
  const after = await compactionRevisions(weed);
  assert(after.some((revision, i) => revision > (before[i] as number)), `vacuum rewrote nothing: ${before} ${after}`);
  await loop.moreRight(50);
  await loop.stop();
  assertNoViolation(loop);
  for (const needle of needles) assertEquals(await readWhole(serve, needle), 200);
  for (const needle of doomed) assertEquals(await readWhole(serve, needle), 404);
}

async function harmed({ engine, needles, random }: Stage, kind: Fault["kind"]): Promise<void> {
  await using proxy = new FaultyProxy(engine.port);
  await using serve = await Serve.start({
    engine: `rdma:127.0.0.1:${proxy.port}`,
    timeout: TIMEOUT,
    crc: "on",
  });
  proxy.plan = () => {
    const direction = random.below(4) === 0 ? "out" : "back";
    const after = Math.floor(2 ** (random.next() / 2 ** 32 * (direction === "out" ? 11 : 20)));
    return { kind, direction, after };
  };
  proxy.cutAll(); // a connection made before the plan would stand unharmed
  await using loop = new ReaderLoop(serve, needles, random, PATIENCE);
  await reachFaults(proxy, loop);
  proxy.plan = () => undefined;
  await loop.moreRight(50);
  await loop.stop();
  assertNoViolation(loop);
  assertEquals(loop.refused.get(404), undefined, loop.toString());
}

/** Waits until {@linkcode FAULTS} connections were harmed. */
async function reachFaults(proxy: FaultyProxy, loop: ReaderLoop): Promise<void> {
  let faults = 0;
  let since = performance.now();
  for (const deadline = since + 180_000; proxy.faults < FAULTS; await pause(50)) {
    const now = performance.now();
    assert(now < deadline, `${FAULTS} faults: only ${proxy.faults} on ${proxy.connections} connections, ${loop}`);
    if (proxy.faults > faults) [faults, since] = [proxy.faults, now];
    // A bit that neither side looks at, as MPA's reserved ones, may be turned over and the connection stand for ever.
    else if (now - since > PATIENCE / 2) {
      proxy.cutAll();
      since = now;
    }
  }
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** Reads the whole needle and checks its bytes; the status. Asks again while a change on disk makes it 503. */
async function readWhole(serve: Serve, needle: Needle): Promise<number> {
  const [status, body] = await eventually(`${needle.fileId} is answered`, async () => {
    const answer = await serve.read(needle.fileId, 0, needle.bytes.length, AbortSignal.timeout(PATIENCE));
    const bytes = new Uint8Array(await answer.arrayBuffer());
    return answer.status === 503 ? undefined : [answer.status, bytes] as const;
  });
  if (status === 200) assertEquals(firstDifference(body, needle.bytes), undefined, needle.fileId);
  return status;
}

/** The compaction revision in each volume's superblock. */
async function compactionRevisions(weed: Weed): Promise<number[]> {
  const revisions: number[] = [];
  for (const directory of weed.directories) {
    const names = [...Deno.readDirSync(directory)].map((entry) => entry.name).filter((name) => name.endsWith(".dat"));
    for (const name of names.sort()) {
      using file = await Deno.open(`${directory}/${name}`);
      const superblock = new Uint8Array(8);
      await file.read(superblock);
      revisions.push(new DataView(superblock.buffer).getUint16(4));
    }
  }
  return revisions;
}
