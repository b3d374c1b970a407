import { NeedleError, NeedleMap, NeedlePage } from "../../src/seaweed/mod.ts";
import { assert, assertEquals, assertRejects } from "../assert.ts";
import { noise, NOW, utf8, Volumes } from "./volumes.ts";

/** All needles of a volume, asked for page by page. */
async function keysOf(page: (after: bigint) => Promise<{ needles: { key: bigint }[]; more: boolean }>) {
  const keys: bigint[] = [];
  for (let more = true; more;) {
    const answer = await page(keys.at(-1) ?? -1n);
    keys.push(...answer.needles.map(({ key }) => key));
    more = answer.more;
  }
  return keys;
}

Deno.test("a page of a needle map has the smallest keys beyond a given one, in order, for any map and limit", async () => {
  let state = 7;
  const random = (): number => state = Math.imul(state, 1664525) + 1013904223 | 0;
  for (const limit of [1, 2, 3, 64, 999, 5_000]) {
    const map = new NeedleMap(0, false);
    const expected = new Map<bigint, number>();
    for (let count = 0; count < 3_000; count++) {
      const [high, low] = [random() & 3, random() >>> (count & 31)];
      const size = count % 5 === 0 ? -1 : count;
      map.set(high, low, count + 1, 0, size);
      const key = BigInt(high) << 32n | BigInt(low >>> 0);
      if (size < 0) expected.delete(key);
      else expected.set(key, size);
    }
    const sorted = [...expected.keys()].sort((a, b) => a < b ? -1 : 1);
    const found = await keysOf((after) => {
      const page = new NeedlePage(after, limit);
      for (let slot = 0; slot < map.slots; slot += 97) map.gather(page, slot, 97);
      const answer = page.take();
      for (const { key, size } of answer.needles) assertEquals(size, expected.get(key));
      assert(answer.needles.length === limit || !answer.more);
      return Promise.resolve(answer);
    });
    assertEquals(found, sorted);
  }
});

Deno.test("a page knows the first and the last key there can be", () => {
  const last = (1n << 64n) - 1n;
  for (
    const [after, keys, more] of [[-1n, [0n, last], false], [0n, [last], false], [last - 1n, [last], false]] as const
  ) {
    const page = new NeedlePage(after, 2);
    page.offer(0xffff_ffff, 0xffff_ffff, 5);
    page.offer(0, 0, 0);
    const answer = page.take();
    assertEquals([answer.needles.map(({ key }) => key), answer.more], [[...keys], more]);
  }
  const page = new NeedlePage(last, 2);
  page.offer(0xffff_ffff, 0xffff_ffff, 5);
  assertEquals(page.take(), { needles: [], more: false });
});

Deno.test("a store lists a volume's live needles by key, page by page, and what was written or deleted meanwhile", async () => {
  using volumes = new Volumes();
  const writer = volumes.writer(3);
  const store = volumes.store();
  for (const key of [9n, 2n, (1n << 64n) - 1n, 1n << 40n, 0n]) writer.append({ key, cookie: 1, data: noise(100) }, NOW);
  writer.delete(2n, NOW);
  const page = (after: bigint) => store.needles(3, after, 2, NOW);
  assertEquals(await keysOf(page), [0n, 9n, 1n << 40n, (1n << 64n) - 1n]);
  assertEquals(await page(8n), { needles: [{ key: 9n, size: 105 }, { key: 1n << 40n, size: 105 }], more: true });
  assertEquals(await page((1n << 64n) - 1n), { needles: [], more: false });
  writer.append({ key: 10n, cookie: 1, data: utf8("x") }, NOW);
  writer.delete(9n, NOW);
  assertEquals((await page(0n)).needles.map(({ key }) => key), [10n, 1n << 40n]);
  const error = await assertRejects(() => store.needles(4, 0n, 2, NOW), NeedleError, "no volume 4");
  assertEquals(error.code, "not-found");
});

Deno.test("a store describes the volumes it serves, with their needles counted", () => {
  using volumes = new Volumes();
  const first = volumes.writer(3);
  first.append({ key: 1n, cookie: 1, data: noise(100) }, NOW);
  first.append({ key: 2n, cookie: 1, data: noise(100) }, NOW);
  first.delete(2n, NOW);
  const second = volumes.writer(10, { collection: "pictures", version: 2 });
  volumes.writer(11);
  Deno.writeTextFileSync(volumes.path("12.ecx"), "");
  Deno.chmodSync(second.dataPath, 0o444);
  Deno.writeTextFileSync(volumes.path("11.vif"), `{"version":3,"readOnly":true}`);
  const store = volumes.store();
  const size = (path: string): number => Deno.statSync(path).size;
  const base = { counted: true, deleted: 0, needles: 0, readOnly: false, collection: "", version: 3 };
  const described = [
    { ...base, id: 3, size: size(first.dataPath), needles: 1, deleted: 1 },
    { ...base, id: 10, size: 8, collection: "pictures", version: 2, readOnly: true },
    { ...base, id: 11, size: 8, readOnly: true },
  ];
  assertEquals(store.describe(0, 64, NOW), { volumes: described, more: false });
  assertEquals(store.describe(0, 1, NOW), { volumes: described.slice(0, 1), more: true });
  assertEquals(store.describe(3, 2, NOW), { volumes: described.slice(1), more: false });
  first.append({ key: 3n, cookie: 1, data: noise(10) }, NOW);
  assertEquals(store.describe(0, 1, NOW).volumes[0]?.needles, 2);
});

Deno.test("to describe volumes closes none that is open: where there is no room, their index entries are told", () => {
  using volumes = new Volumes();
  for (const id of [1, 2]) {
    const writer = volumes.writer(id);
    writer.append({ key: 1n, cookie: 1, data: noise(100) }, NOW);
    writer.append({ key: 1n, cookie: 1, data: noise(100) }, NOW);
  }
  const store = volumes.store({ openVolumes: 1 });
  store.open({ volume: 2, key: 1n, cookie: 1 }, NOW);
  const counts = store.describe(0, 64, NOW).volumes.map(({ needles, counted }) => [needles, counted]);
  assertEquals(counts, [[2, false], [1, true]]);
  assertEquals([store.statistics().loads, store.statistics().openVolumes], [1, 1]);
  assertEquals(store.volumes(NOW).map(({ state, reason }) => [state, reason]), [["idle", ""], ["open", ""]]);
});
