import { Access } from "../../src/rdma/memory.ts";
import { MAX_REGION_SIZE, StagTable } from "../../src/iwarp/region.ts";
import { assert, assertEquals, assertThrows } from "../assert.ts";

Deno.test("a region is zeroed, begins at offset 0 of its upper half, and opens under its STag alone", () => {
  const table = new StagTable();
  const region = table.register(100, Access.REMOTE_READ);
  assertEquals([region.length, region.access, region.valid], [100, Access.REMOTE_READ, true]);
  assertEquals(region.bytes, new Uint8Array(100));
  assertEquals(region.address, BigInt(region.addressHigh) << 32n);
  assert(region.address > 0n && region.remoteKey > 0);
  assertEquals([table.lookup(region.remoteKey), table.lookup(region.remoteKey ^ 1)], [region, undefined]);
});

Deno.test("rotating withdraws the old STag at once, and revives an invalidated region", () => {
  const table = new StagTable();
  const region = table.register(1, 0);
  const old = region.remoteKey;
  region.invalidate();
  assertEquals([region.valid, table.lookup(old)?.valid], [false, false]);
  region.rotateKey();
  assertEquals([region.valid, table.lookup(old), table.lookup(region.remoteKey)], [true, undefined, region]);
  assertEquals([table.size, table.bytes], [1, 1]);
});

Deno.test("disposing forgets the STag, detaches every view, and cannot be undone by rotating", () => {
  const table = new StagTable();
  const region = table.register(64, 0);
  const { bytes, remoteKey } = region;
  region[Symbol.dispose]();
  region[Symbol.dispose]();
  assertEquals([bytes.length, region.bytes.length, region.valid, region.length], [0, 0, false, 64]);
  assertEquals([table.lookup(remoteKey), table.size, table.bytes], [undefined, 0, 0]);
  assertEquals(region.belongsTo(table), false);
  assertThrows(() => region.rotateKey(), RangeError, "disposed");
});

Deno.test("a table refuses sizes that cannot be, and empties itself", () => {
  const table = new StagTable();
  for (const length of [-1, 0.5, NaN, MAX_REGION_SIZE + 1]) {
    assertThrows(() => table.register(length, 0), RangeError, `region of ${length} bytes`);
  }
  for (let index = 0; index < 10; index++) table.register(index, 0);
  assertEquals([table.size, table.bytes], [10, 45]);
  table.clear();
  assertEquals([table.size, table.bytes], [0, 0]);
});

Deno.test("a hundred STags are all different, never 0, and a region is of one table only", () => {
  const table = new StagTable();
  const region = table.register(0, 0);
  const seen = new Set<number>();
  for (let round = 0; round < 100; round++) {
    region.rotateKey();
    seen.add(region.remoteKey);
  }
  assertEquals([seen.size, seen.has(0)], [100, false]);
  assertEquals([region.belongsTo(table), region.belongsTo(new StagTable())], [true, false]);
});
