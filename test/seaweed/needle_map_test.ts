import { NeedleMap } from "../../src/seaweed/needle_map.ts";
import { assert, assertEquals } from "../assert.ts";

Deno.test("a needle map holds a hundred thousand needles, grown from nothing", () => {
  for (const wide of [false, true]) {
    const map = new NeedleMap(0, wide);
    for (let key = 0; key < 100_000; key++) map.set(key % 7, key, key + 1, wide ? key % 251 : 0, key % 1000);
    assertEquals([map.live, map.deleted], [100_000, 0]);
    for (let key = 0; key < 100_000; key++) {
      const slot = map.find(key % 7, key);
      assertEquals([map.offset(slot), map.size(slot)], [((wide ? key % 251 : 0) * 2 ** 32 + key + 1) * 8, key % 1000]);
      if (map.find(key % 7 + 7, key) !== -1) throw new Error(`key ${key} is found under another upper half`);
    }
  }
});

Deno.test("a needle map takes 22 to 23 bytes a needle when it knows how many come", () => {
  const map = new NeedleMap(1_000_000, true);
  assertEquals(map.byteLength, NeedleMap.bytesFor(1_000_000, true));
  assert(map.byteLength < 23_000_000, `${map.byteLength} bytes`);
});

Deno.test("the last entry of a key counts, and live and deleted follow it", () => {
  const map = new NeedleMap(0, false);
  map.set(0, 1, 10, 0, 5);
  map.set(0, 1, 20, 0, 6);
  assertEquals([map.live, map.deleted, map.offset(map.find(0, 1)), map.size(map.find(0, 1))], [1, 0, 160, 6]);
  map.set(0, 1, 30, 0, -1);
  map.set(0, 1, 31, 0, -1);
  assertEquals([map.live, map.deleted, map.size(map.find(0, 1))], [0, 1, -1]);
  map.set(0, 1, 40, 0, 0);
  assertEquals([map.live, map.deleted, map.offset(map.find(0, 1)), map.size(map.find(0, 1))], [1, 0, 320, 0]);
});

Deno.test("keys 0 and 2^64-1 and offsets above 2^31 are like any other", () => {
  const map = new NeedleMap(0, true);
  assertEquals(map.find(0, 0), -1);
  map.set(0, 0, 0xffffffff, 255, 0);
  map.set(0xffffffff, 0xffffffff, 0, 1, 0);
  assertEquals(map.offset(map.find(0, 0)), (255 * 2 ** 32 + 0xffffffff) * 8);
  assertEquals(map.offset(map.find(0xffffffff, 0xffffffff)), 2 ** 32 * 8);
});
