import { IdRing } from "../../src/engine/id_ring.ts";
import { assertEquals } from "../assert.ts";
import { Random } from "../random.ts";

Deno.test("ids ascend from 1, and an entry is found by its own until it is forgotten", () => {
  const ring = new IdRing<string>();
  assertEquals([ring.draw(), ring.draw()], [1, 2]);
  const id = ring.draw();
  ring.add(id, "a");
  assertEquals([ring.get(id), ring.size], ["a", 1]);
  assertEquals([0, 1, 2, id + 64, id + 2 ** 31].map((other) => ring.get(other)), new Array(5).fill(undefined));
  ring.delete(id + 64);
  assertEquals(ring.size, 1);
  ring.delete(id);
  ring.delete(id);
  assertEquals([ring.get(id), ring.size, ring.values()], [undefined, 0, []]);
});

Deno.test("an entry that stays keeps its id from all that come and go", () => {
  const ring = new IdRing<number>();
  const kept = ring.draw();
  ring.add(kept, -1);
  for (let round = 0; round < 10_000; round++) {
    const id = ring.draw();
    assertEquals((id & 63) === (kept & 63), false);
    ring.add(id, round);
    ring.delete(id);
  }
  assertEquals([ring.get(kept), ring.size], [-1, 1]);
});

Deno.test("whatever comes, goes and stays, the ring holds what a Map would", () => {
  const random = new Random(7);
  const ring = new IdRing<number>();
  const map = new Map<number, number>();
  for (let step = 0; step < 20_000; step++) {
    const grows = step % 4_000 < 2_500;
    if (random.below(10) < (grows ? 6 : 4)) {
      const id = ring.draw();
      assertEquals(map.has(id), false);
      ring.add(id, step);
      map.set(id, step);
    } else {
      for (const id of map.keys()) {
        if (random.below(3) > 0) continue;
        ring.delete(id);
        map.delete(id);
        break;
      }
    }
    assertEquals(ring.size, map.size);
  }
  for (const [id, entry] of map) assertEquals(ring.get(id), entry);
  assertEquals(ring.values().sort((a, b) => a - b), [...map.values()].sort((a, b) => a - b));
});
