/**
 * What readers of needles must refuse, and what must not mislead them.
 *
 * @module
 */
import type { FileId } from "../../src/seaweed/mod.ts";
import type { ReadErrorCode, ReadRequest } from "../../src/engine/mod.ts";
import { assertEquals } from "../assert.ts";
import { noise, NOW, type Volumes } from "../seaweed/volumes.ts";
import { rangeOf } from "./stage.ts";

/** A needle of 100 bytes in volume 1, one that was deleted, a chunk manifest, and 50,000 bytes of which some are damaged. */
export function writeHopeless(volumes: Volumes): Record<"id" | "deleted" | "manifest" | "damaged", FileId> {
  const writer = volumes.writer(1);
  const id = writer.append({ key: 1n, cookie: 5, data: noise(100) }, NOW);
  const deleted = writer.append({ key: 2n, cookie: 5, data: noise(100) }, NOW);
  writer.delete(2n, NOW);
  const manifest = writer.append({ key: 3n, cookie: 5, data: noise(100), chunkManifest: true }, NOW);
  const damaged = writer.append({ key: 4n, cookie: 5, data: noise(50_000) }, NOW);
  using file = Deno.openSync(writer.dataPath, { write: true, read: true });
  file.seekSync(-20_000, Deno.SeekMode.End);
  file.writeSync(Uint8Array.of(1, 2, 3, 4));
  return { id, deleted, manifest, damaged };
}

/** Reads while volume 1 is appended to, overwritten, deleted from and vacuumed: what is there, and nothing else. */
export async function readThroughChanges(
  volumes: Volumes,
  bytes: (request: ReadRequest) => Promise<Uint8Array>,
  failure: (request: ReadRequest) => Promise<ReadErrorCode>,
): Promise<void> {
  let writer = volumes.writer(1);
  const kept = noise(70_000, 1);
  const keptId = writer.append({ key: 1n, cookie: 5, data: kept }, NOW);
  for (let round = 2; round < 12; round++) {
    const data = noise(10_000 + round, round);
    const key = BigInt(round);
    const id = writer.append({ key, cookie: round, data }, NOW + round);
    assertEquals(await bytes(rangeOf(id, 0, data.length)), data);
    const changed = noise(20_000 + round, round + 100);
    writer.append({ key, cookie: round, data: changed }, NOW + round);
    assertEquals(await bytes(rangeOf(id, 5, 19_000)), changed.subarray(5, 19_005));
    writer.delete(key, NOW + round);
    assertEquals(await failure(rangeOf(id, 0, 1)), "not-found");
    if (round % 3 === 0) writer = volumes.vacuum(kept, round);
    assertEquals(await bytes(rangeOf(keptId, 100, 69_000)), kept.subarray(100, 69_100));
  }
}
