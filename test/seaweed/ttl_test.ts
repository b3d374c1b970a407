import { WireError } from "../../src/rdma/errors.ts";
import { formatTimeToLive, parseTimeToLive, timeToLiveMinutes } from "../../src/seaweed/ttl.ts";
import { assertEquals, assertThrows } from "../assert.ts";

Deno.test("a time to live is parsed, written and counted in minutes as weed does", () => {
  const table: [string, number, number, number][] = [
    ["3m", 3, 1, 3],
    ["4h", 4, 2, 240],
    ["5d", 5, 3, 7200],
    ["6w", 6, 4, 60_480],
    ["7M", 7, 5, 302_400],
    ["8y", 8, 6, 4_204_800],
  ];
  for (const [text, count, unit, minutes] of table) {
    assertEquals(parseTimeToLive(text), { count, unit });
    assertEquals(formatTimeToLive({ count, unit }), text);
    assertEquals(timeToLiveMinutes(count, unit), minutes);
  }
});

Deno.test("no time to live is empty, a number alone is minutes", () => {
  assertEquals(parseTimeToLive(""), { count: 0, unit: 0 });
  assertEquals(parseTimeToLive("0d"), { count: 0, unit: 0 });
  assertEquals(parseTimeToLive("15"), { count: 15, unit: 1 });
  assertEquals(formatTimeToLive({ count: 0, unit: 3 }), "");
  assertEquals(formatTimeToLive({ count: 9, unit: 200 }), "");
});

Deno.test("parseTimeToLive() refuses what a byte cannot hold and units it does not know", () => {
  for (const text of ["256m", "1s", "d", "-1d", "1 d", "1dd"]) {
    assertThrows(() => parseTimeToLive(text), WireError, "0 to 255 and one of m h d w M y");
  }
});
