import { type Inflated, InflatedCache } from "../../src/seaweed/inflated_cache.ts";
import { assertEquals } from "../assert.ts";

function inflated(bytes: number): Inflated {
  return { bytes: new Uint8Array(bytes), checksum: 0, appendedHigh: 0, appendedLow: 0 };
}

Deno.test("the inflated needles used last are kept, up to the ceiling", () => {
  const cache = new InflatedCache(100);
  for (const place of ["a", "b", "c"]) cache.set(place, inflated(33));
  cache.get("a");
  cache.set("d", inflated(33));
  assertEquals(["a", "b", "c", "d"].filter((place) => cache.get(place)), ["a", "c", "d"]);
  assertEquals(cache.byteLength, 99);
  cache.set("a", inflated(1));
  assertEquals(cache.byteLength, 67);
});

Deno.test("one needle above the ceiling is kept alone, until the next comes", () => {
  const cache = new InflatedCache(100);
  cache.set("a", inflated(10));
  cache.set("b", inflated(1000));
  assertEquals([cache.get("a"), cache.byteLength], [undefined, 1000]);
  cache.set("c", inflated(10));
  assertEquals([cache.get("b"), cache.byteLength], [undefined, 10]);
  cache.clear();
  assertEquals(cache.byteLength, 0);
});
