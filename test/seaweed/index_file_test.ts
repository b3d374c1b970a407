import fc from "fast-check";
import {
  applyIndexEntries,
  decodeIndexEntry,
  detectIndexEntrySize,
  encodeIndexEntry,
  type IndexEntry,
  type IndexEntrySize,
} from "../../src/seaweed/index_file.ts";
import { NeedleMap } from "../../src/seaweed/needle_map.ts";
import { assertEquals, hex } from "../assert.ts";

// What weed 4.48 wrote: three needles, an empty one, and a tombstone of the second.
const WEED_INDEX = hex(`
  0000000000000001 00000001 00 00000013
  0000000000000002 00000007 00 0000001a
  0000000000000003 0000000e 00 00000038
  0000000000000004 00000019 00 00000000
  0000000000000002 0000001d 00 ffffffff`);

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

Deno.test("applyIndexEntries() takes an index that weed wrote", () => {
  const map = new NeedleMap(0, true);
  assertEquals(applyIndexEntries(WEED_INDEX, 17, map), 85);
  assertEquals([map.live, map.deleted], [3, 1]);
  const found = [1, 2, 3, 4, 5].map((key) => map.find(0, key)).map((slot) =>
    slot < 0 ? undefined : [map.offset(slot), map.size(slot)]
  );
  assertEquals(found, [[8, 0x13], [232, -1], [112, 0x38], [200, 0], undefined]);
});

Deno.test("applyIndexEntries() leaves a partial entry at the end for later", () => {
  for (let cut = 1; cut < 17; cut++) {
    const map = new NeedleMap(0, true);
    assertEquals(applyIndexEntries(WEED_INDEX.subarray(0, 85 - cut), 17, map), 68);
    assertEquals([map.live, map.deleted], [4, 0]);
  }
});

Deno.test("an entry without an offset, or with any size below 0, is a tombstone", () => {
  const bytes = hex(`0000000000000001 00000001 00000005  0000000000000002 00000001 00000005
    0000000000000001 00000000 00000005  0000000000000002 00000009 fffffffb`);
  const map = new NeedleMap(0, false);
  applyIndexEntries(bytes, 16, map);
  assertEquals([map.live, map.deleted, map.size(map.find(0, 1)), map.size(map.find(0, 2))], [0, 2, -1, -1]);
});

Deno.test("the fifth byte of an offset is its highest, and comes last", () => {
  const bytes = hex("00000000000000ff 00000001 02 00000005");
  assertEquals(decodeIndexEntry(view(bytes), 0, 17), { key: 255n, offset: (2 * 2 ** 32 + 1) * 8, size: 5 });
  assertEquals(encodeIndexEntry({ key: 255n, offset: (2 * 2 ** 32 + 1) * 8, size: 5 }, 17), bytes);
  const map = new NeedleMap(0, true);
  applyIndexEntries(bytes, 17, map);
  assertEquals(map.offset(map.find(0, 255)), (2 * 2 ** 32 + 1) * 8);
});

Deno.test("any index entry survives encodeIndexEntry() and decodeIndexEntry()", () => {
  const entries = (size: IndexEntrySize) =>
    fc.record({
      key: fc.bigInt(0n, 0xffffffffffffffffn),
      offset: fc.nat({ max: size === 17 ? 2 ** 40 - 1 : 2 ** 32 - 1 }).map((units) => units * 8),
      size: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
    }, { noNullPrototype: true });
  for (const size of [16, 17] as const) {
    fc.assert(
      fc.property(entries(size), (entry) => {
        assertEquals(decodeIndexEntry(view(encodeIndexEntry(entry, size)), 0, size), entry);
      }),
      { numRuns: 5_000 },
    );
  }
});

Deno.test("detectIndexEntrySize() goes by what the .dat bears out, then the .vif, then the length", () => {
  const narrow = hex("0000000000000001 00000001 00000013 0000000000000002 00000007 0000001a");
  const holds = (entry: IndexEntry) => entry.offset === 8 && entry.size === 0x13;
  const never = () => false;
  assertEquals(detectIndexEntrySize(WEED_INDEX, 85, 0, holds), 17);
  assertEquals(detectIndexEntrySize(narrow, 32, 0, holds), 16);
  assertEquals(detectIndexEntrySize(WEED_INDEX, 272, 4, holds), 17);
  assertEquals(detectIndexEntrySize(narrow, 272, 5, holds), 16);
  assertEquals(detectIndexEntrySize(narrow, 32, 5, never), 17);
  assertEquals(detectIndexEntrySize(WEED_INDEX, 85, 0, never), 17);
  assertEquals(detectIndexEntrySize(narrow, 32, 0, never), 16);
  assertEquals(detectIndexEntrySize(new Uint8Array(), 0, 5, never), 17);
  assertEquals(detectIndexEntrySize(new Uint8Array(), 0, 4, never), 16);
});

Deno.test("applyIndexEntries() makes of any bytes what a plain map of their entries says", () => {
  const few = fc.uint8Array({ maxLength: 70, max: 3 }); // few values, so that keys come again
  fc.assert(
    fc.property(fc.oneof(few, fc.uint8Array({ maxLength: 70 })), fc.constantFrom(16, 17), (bytes, size) => {
      const entrySize = size as IndexEntrySize;
      const map = new NeedleMap(0, entrySize === 17);
      const plain = new Map<bigint, IndexEntry>();
      const end = applyIndexEntries(bytes, entrySize, map);
      if (end !== bytes.length - bytes.length % entrySize) return false;
      for (let at = 0; at < end; at += entrySize) {
        const entry = decodeIndexEntry(view(bytes), at, entrySize);
        plain.set(entry.key, entry);
      }
      let live = 0;
      for (const { key, offset, size } of plain.values()) {
        const alive = offset !== 0 && size >= 0;
        if (alive) live++;
        const slot = map.find(Number(key >> 32n), Number(key & 0xffffffffn));
        if (slot < 0 || map.size(slot) !== (alive ? size : -1) || map.offset(slot) !== offset) return false;
      }
      return map.live === live && map.deleted === plain.size - live;
    }),
    { numRuns: 100_000 },
  );
});
