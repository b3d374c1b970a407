import fc from "fast-check";
import { WireError } from "../../src/rdma/errors.ts";
import { decodeSuperblock, encodeSuperblock } from "../../src/seaweed/superblock.ts";
import { assertEquals, assertThrows, hex } from "../assert.ts";

Deno.test("decodeSuperblock() reads each field where weed puts it", () => {
  assertEquals(decodeSuperblock(hex("03 65 07 03 0102 0010 ff")), {
    version: 3,
    replicaPlacement: 101,
    ttlCount: 7,
    ttlUnit: 3,
    compactionRevision: 0x0102,
    extraSize: 16,
  });
});

Deno.test("decodeSuperblock() knows no extra in version 1", () => {
  assertEquals(decodeSuperblock(hex("01 00 00 00 0000 ffff")).extraSize, 0);
});

Deno.test("decodeSuperblock() refuses a short one and an unknown version", () => {
  assertThrows(() => decodeSuperblock(hex("03 00 00 00 0000 00")), WireError, "superblock: 8 bytes: got 7");
  assertThrows(() => decodeSuperblock(hex("00 00 00 00 0000 0000")), WireError, "superblock: version 1, 2 or 3: got 0");
  assertThrows(() => decodeSuperblock(hex("04 00 00 00 0000 0000")), WireError, "got 4");
});

Deno.test("any eight bytes are a superblock that encodes to the same bytes, or a WireError", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 12 }), fc.boolean(), (bytes, known) => {
      if (known && bytes.length > 0) bytes[0] = 2 + (bytes[0] ?? 0) % 2;
      try {
        const superblock = decodeSuperblock(bytes);
        if (superblock.version > 1) assertEquals(encodeSuperblock(superblock), bytes.slice(0, 8));
        return true;
      } catch (error) {
        return error instanceof WireError;
      }
    }),
    { numRuns: 100_000 },
  );
});
