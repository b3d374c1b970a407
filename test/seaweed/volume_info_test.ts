import fc from "fast-check";
import { WireError } from "../../src/rdma/errors.ts";
import { formatVolumeInfo, parseVolumeInfo } from "../../src/seaweed/volume_info.ts";
import { assertEquals, assertThrows } from "../assert.ts";

const LOCAL = { version: 3, bytesOffset: 5, remoteFiles: 0, erasureCoded: false, readOnly: false };

Deno.test("parseVolumeInfo() reads what weed writes", () => {
  const text = `{
  "files":  [],
  "version":  3,
  "replication":  "",
  "bytesOffset":  5,
  "datFileSize":  "0",
  "expireAtSec":  "0",
  "readOnly":  false,
  "ecShardConfig":  null,
  "readOnlyCanDelete":  false
}`;
  assertEquals(parseVolumeInfo(text), LOCAL);
  assertEquals(parseVolumeInfo(formatVolumeInfo({ version: 3, bytesOffset: 5, replication: "" })), LOCAL);
});

Deno.test("parseVolumeInfo() knows remote tiers and shards, old names and protobuf's own", () => {
  const remote = `{"files":[{"backendType":"s3","fileSize":"99"}],"version":3,"BytesOffset":4}`;
  assertEquals(parseVolumeInfo(remote), { ...LOCAL, bytesOffset: 4, remoteFiles: 1 });
  const coded = `{"version":"3","bytes_offset":5,"ec_shard_config":{"data_shards":10},"read_only":true,"new":{}}`;
  assertEquals(parseVolumeInfo(coded), { ...LOCAL, erasureCoded: true, readOnly: true });
  assertEquals(parseVolumeInfo("{}"), { ...LOCAL, version: 0, bytesOffset: 0 });
});

Deno.test("an empty .vif is none, and what is no JSON object is refused", () => {
  assertEquals(parseVolumeInfo(""), undefined);
  assertEquals(parseVolumeInfo(" \n"), undefined);
  for (const text of ["{", "[]", "null", "3", "x".repeat(10_000)]) {
    assertThrows(() => parseVolumeInfo(text), WireError, "vif: a JSON object");
  }
});

Deno.test("parseVolumeInfo() gives volume information, nothing or a WireError for any text", () => {
  const members = fc.constantFrom("files", "version", "bytesOffset", "bytes_offset", "readOnly", "ecShardConfig");
  const values = fc.oneof(
    fc.constant([{}]),
    fc.constant({}),
    fc.integer(),
    fc.string(),
    fc.boolean(),
    fc.constant(null),
  );
  const objects = fc.dictionary(members, values, { maxKeys: 4 }).map((object) => JSON.stringify(object));
  fc.assert(
    fc.property(fc.oneof(objects, fc.json({ maxDepth: 1 }), fc.string()), (text) => {
      try {
        const info = parseVolumeInfo(text);
        return info === undefined || info.bytesOffset >= 0 && info.remoteFiles >= 0;
      } catch (error) {
        return error instanceof WireError;
      }
    }),
    { numRuns: 100_000 },
  );
});
