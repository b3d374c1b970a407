import { ConfigError, SystemError } from "../../src/rdma/errors.ts";
import { decodeNeedle, parseVolumeInfo } from "../../src/seaweed/mod.ts";
import { assertEquals, assertThrows, hex } from "../assert.ts";
import { NOW, utf8, Volumes } from "./volumes.ts";

Deno.test("a volume writer makes the files that weed makes", () => {
  using volumes = new Volumes();
  const writer = volumes.writer(3, {
    bytesOffset: 5,
    collection: "c",
    ttl: { count: 3, unit: 3 },
    compactionRevision: 2,
  });
  assertEquals(writer.append({ key: 7n, cookie: 0xaabbccdd, data: utf8("123456789") }, NOW), {
    volume: 3,
    key: 7n,
    cookie: 0xaabbccdd,
  });
  writer.delete(7n, NOW);
  const data = Deno.readFileSync(volumes.path("c_3.dat"));
  assertEquals(data.slice(0, 8), hex("03 00 03 03 0002 0000"));
  assertEquals(data.length, 8 + 48 + 32);
  const written = { key: 7n, cookie: 0xaabbccdd, data: utf8("123456789") };
  assertEquals(decodeNeedle(data.subarray(8), 3), { ...written, appendedNanoseconds: BigInt(NOW) * 1_000_000n });
  const tombstone = { key: 7n, cookie: 0, data: new Uint8Array() };
  assertEquals(decodeNeedle(data.subarray(56), 3), {
    ...tombstone,
    appendedNanoseconds: BigInt(NOW) * 1_000_000n + 1n,
  });
  assertEquals(
    Deno.readFileSync(volumes.path("c_3.idx")),
    hex("0000000000000007 00000001 00 0000000e  0000000000000007 00000007 00 ffffffff"),
  );
  assertEquals(parseVolumeInfo(Deno.readTextFileSync(volumes.path("c_3.vif")))?.bytesOffset, 5);
});

Deno.test("a volume writer writes nothing over what is there, and says where it cannot write", () => {
  using volumes = new Volumes();
  volumes.writer(3);
  const error = assertThrows(() => volumes.writer(3), ConfigError, "3.dat is there already");
  assertEquals(error.message.includes("from scratch"), true);
  assertThrows(() => volumes.writer(3, {}, volumes.path("nowhere")), SystemError, "ENOENT");
});
