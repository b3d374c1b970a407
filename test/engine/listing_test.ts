/**
 * Volumes and needles, listed by engines.
 *
 * @module
 */
import fc from "fast-check";
import { EngineReader, MAX_LISTED_NEEDLES, ReadError } from "../../src/engine/mod.ts";
import { WireError } from "../../src/rdma/mod.ts";
import { decodeNeedles, decodeVolumes, encodeNeedles, NEEDLES_PER_PAGE } from "../../src/engine/listing.ts";
import type { Message, MessageData } from "../../src/engine/messages.ts";
import { assertEquals, assertRejects } from "../assert.ts";
import { noise, NOW, Volumes } from "../seaweed/volumes.ts";
import { Engine, RawEngine, type RawPeer, RawReader, Reader, until } from "./stage.ts";

async function assertCode(code: string, run: () => Promise<unknown>, message?: string): Promise<void> {
  assertEquals((await assertRejects(run, ReadError, message)).code, code);
}

Deno.test("the volumes of every engine are listed by id, with the engine that has them", async () => {
  using one = new Volumes();
  using other = new Volumes();
  const writer = one.writer(7, { collection: "pictures" });
  for (let key = 1n; key <= 5n; key++) writer.append({ key, cookie: 1, data: noise(10) }, NOW);
  writer.delete(3n, NOW);
  for (const id of [3, 9]) other.writer(id);
  await using first = await Engine.start(one.store());
  await using second = await Engine.start(other.store());
  await using reader = await Reader.start([first.address, second.address]);
  const common = { collection: "", version: 3, size: 8, needles: 0, deleted: 0, counted: true, readOnly: false };
  const [here, there] = reader.clients.map(({ name }) => name);
  const size = Deno.statSync(writer.dataPath).size;
  assertEquals(await reader.reader.volumes(), [
    { ...common, id: 3, engine: there },
    { ...common, id: 7, collection: "pictures", size, needles: 4, deleted: 1, engine: here },
    { ...common, id: 9, engine: there },
  ]);
  await first.stop();
  await until(() => reader.clients[0]?.health.connected === false);
  assertEquals((await reader.reader.volumes()).map(({ id }) => id), [3, 9]);
  await second.stop();
  await until(() => reader.clients[1]?.health.connected === false);
  await assertCode("unavailable", () => reader.reader.volumes());
  await using nobody = new EngineReader([]);
  await assertCode("unavailable", () => nobody.volumes(), "no engine is configured");
});

Deno.test("more volumes than one answer holds are listed all the same", async () => {
  using volumes = new Volumes();
  const ids = Array.from({ length: 200 }, (_, index) => index * 3 + 1);
  for (const id of ids) volumes.writer(id);
  await using engine = await Engine.start(volumes.store());
  await using reader = await Reader.start([engine.address]);
  assertEquals((await reader.reader.volumes()).map(({ id }) => id), ids);
});

Deno.test("needles are listed by key, over as many answers as it takes, from the engine that has the volume", async () => {
  using empty = new Volumes();
  empty.writer(1);
  using volumes = new Volumes();
  const writer = volumes.writer(3);
  const keys = Array.from({ length: 2 * NEEDLES_PER_PAGE + 100 }, (_, index) => BigInt(index * index));
  for (const key of keys.toReversed()) writer.append({ key, cookie: 1, data: noise(1) }, NOW);
  await using first = await Engine.start(empty.store());
  await using second = await Engine.start(volumes.store());
  await using reader = await Reader.start([first.address, second.address]);
  const list = async (after: bigint, limit: number) =>
    (await reader.reader.needles(3, after, limit)).map(({ key }) => key);
  assertEquals(await list(-1n, MAX_LISTED_NEEDLES + 1), keys);
  assertEquals(await list(0n, 3), [1n, 4n, 9n]);
  assertEquals(await list(9n, NEEDLES_PER_PAGE + 1), keys.slice(4, 4 + NEEDLES_PER_PAGE + 1));
  assertEquals(await list((1n << 64n) - 1n, 3), []);
  assertEquals(await list(5n, 0), []);
  assertEquals(await reader.reader.needles(3, -1n, 1), [{ key: 0n, size: 6 }]);
  assertEquals(await reader.reader.needles(1, -1n, 1), []);
  await assertCode("not-found", () => reader.reader.needles(2, -1n, 1), "no volume 2 in the directories served");
  await assertCode("not-found", () => reader.reader.needles(-1, -1n, 1));
  await assertRejects(() => reader.reader.needles(3, 0n, 1, AbortSignal.abort(new TypeError("gone"))), TypeError);
});

Deno.test("an engine refuses a listing of nothing, and more of them at once than it is made for", async () => {
  using volumes = new Volumes();
  volumes.writer(3);
  await using engine = await Engine.start(volumes.store());
  await using reader = await RawReader.connect(engine.address);
  assertEquals(await reader.outcome("ListNeedles", { volume_id: 3, limit: 0 }), "InvalidRequest");
  assertEquals(await reader.outcome("ListNeedles", { volume_id: 4, limit: 1 }), "NeedleNotFound");
  for (let id = 1; id <= 20; id++) reader.send("ListNeedles", { volume_id: 3, limit: 0xffff_ffff }, id);
  await until(() => reader.answers.length === 22);
  const codes = reader.answers.slice(2).map((answer) => answer.type === "Error" ? answer.data.code : answer.type);
  for (const code of codes) assertEquals(["ResourceExhausted", "ListNeedlesResponse"].includes(code), true, code);
});

Deno.test("an engine that knows no listing is not asked for one", async () => {
  await using engine = await RawEngine.start(() => {});
  const asked: string[] = [];
  engine.other = (_peer, { type }) => void asked.push(type);
  await using reader = await Reader.start([engine.address]);
  await assertCode("unsupported", () => reader.reader.volumes(), "knows no ListVolumes");
  await assertCode("unsupported", () => reader.reader.needles(3, 0n, 1), "knows no ListNeedles");
  assertEquals([asked, reader.reader.statistics().connections], [[], 1]);
});

const PAGE: MessageData<"ListVolumesResponse"> = {
  ids: [1n, 2n],
  collections: ["", ""],
  versions: [3n, 3n],
  sizes: [8n, 8n],
  needles: [0n, 0n],
  deleted: [0n, 0n],
  flags: [1n, 3n],
  more: false,
};

type Answer = (peer: RawPeer, message: Message) => void;

/** How a reader takes an engine's answer to a listing. */
const LIES: [what: string, answer: Answer, code: string, lost: boolean][] = [
  [
    "says that it knows no such message",
    (p, m) => p.send("Error", { code: "UNSUPPORTED_MESSAGE", message: "no" }, m.id),
    "unsupported",
    false,
  ],
  ["answers another question", (p, m) => p.send("CompleteReadResponse", { success: true }, m.id), "internal", true],
  [
    "lists the same volume again and again",
    (p, m) => p.send("ListVolumesResponse", { ...PAGE, more: true }, m.id),
    "internal",
    true,
  ],
  [
    "lists nothing, and says that there is more",
    (p, m) => p.send("ListVolumesResponse", { ...empty(), more: true }, m.id),
    "internal",
    true,
  ],
  [
    "gives lists of different lengths",
    (p, m) => p.send("ListVolumesResponse", { ...PAGE, sizes: [8n] }, m.id),
    "internal",
    true,
  ],
  [
    "gives ids that no volume has",
    (p, m) => p.send("ListVolumesResponse", { ...PAGE, ids: [1n, 1n << 32n] }, m.id),
    "internal",
    true,
  ],
  [
    "gives numbers that no file has",
    (p, m) => p.send("ListVolumesResponse", { ...PAGE, needles: [1n, 1n << 63n] }, m.id),
    "internal",
    true,
  ],
];

function empty(): MessageData<"ListVolumesResponse"> {
  return { ids: [], collections: [], versions: [], sizes: [], needles: [], deleted: [], flags: [], more: false };
}

for (const [what, answer, code, lost] of LIES) {
  Deno.test(`an engine that ${what} gives a clean ${code}`, async () => {
    await using engine = await RawEngine.start(() => {});
    engine.extensions = ["ListVolumes", "ListNeedles"];
    engine.other = answer;
    await using reader = await Reader.start([engine.address]);
    await assertCode(code, () => reader.reader.volumes());
    if (lost) await until(() => engine.peers.length === 2);
    engine.other = (peer, message) => peer.send("ListVolumesResponse", PAGE, message.id);
    await until(() => reader.reader.health().ready);
    assertEquals((await reader.reader.volumes()).map(({ id, readOnly }) => [id, readOnly]), [[1, false], [2, true]]);
  });
}

Deno.test("needles that do not ascend, are too many or cut short are WireErrors", () => {
  const page = (keys: bigint[], more = false) => ({
    needles: encodeNeedles(keys.map((key) => ({ key, size: 5 }))),
    more,
  });
  const refused = (keys: bigint[], after: bigint, most: number, more = false) => {
    try {
      decodeNeedles(page(keys, more), after, most);
      return false;
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      return true;
    }
  };
  assertEquals(decodeNeedles(page([0n, (1n << 64n) - 1n], true), -1n, 2).needles.length, 2);
  assertEquals(refused([1n, 1n], -1n, 2), true);
  assertEquals(refused([2n, 1n], -1n, 2), true);
  assertEquals(refused([2n], 2n, 2), true);
  assertEquals(refused([1n, 2n, 3n], -1n, 2), true);
  assertEquals(refused([], -1n, 2, true), true);
  assertEquals(refused([], -1n, 2), false);
});

Deno.test("20,000 random pages are lists or WireErrors, nothing else", () => {
  const u64s = fc.array(fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }), { maxLength: 3 });
  const small = fc.array(fc.bigInt({ min: 0n, max: 20n }), { maxLength: 3 });
  const numbers = fc.oneof(u64s, small);
  const volumes = fc.record({
    ids: numbers,
    collections: fc.array(fc.string(), { maxLength: 3 }),
    versions: numbers,
    sizes: numbers,
    needles: numbers,
    deleted: numbers,
    flags: numbers,
    more: fc.boolean(),
  });
  const survives = (run: () => { more: boolean }): boolean => {
    try {
      return typeof run().more === "boolean";
    } catch (error) {
      if (error instanceof WireError) return true;
      throw error;
    }
  };
  const needles = fc.record({ needles: fc.uint8Array({ maxLength: 40 }), more: fc.boolean() });
  const property = fc.property(
    volumes,
    needles,
    (page, list) => survives(() => decodeVolumes(page, 1, "e")) && survives(() => decodeNeedles(list, 7n, 3)),
  );
  fc.assert(property, { numRuns: 20_000 });
});
