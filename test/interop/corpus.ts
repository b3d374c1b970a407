/**
 * Files and needles of every kind that matters, written into a real SeaweedFS, with the bytes they must give back.
 *
 * @module
 */
import { assertEquals } from "../assert.ts";
import type { Random } from "../random.ts";
import type { Weed } from "./weed.ts";

/** A needle and what it holds. */
export interface Needle {
  /** `3,01637037d6`. */
  readonly fileId: string;
  /** Its data, uncompressed. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Which file it belongs to. */
  readonly of: string;
}

/** What was written. */
export interface Corpus {
  /** Files that are there, by path. */
  readonly files: ReadonlyMap<string, Uint8Array<ArrayBuffer>>;
  /** Every needle that is there. */
  readonly needles: readonly Needle[];
  /** File ids that were deleted or replaced, and that the volume server says are gone. */
  readonly deleted: readonly string[];
}

const KIB = 1024;
const MIB = 1024 * KIB;

/** Writes the corpus: through the filer, and needles that replace needles at the volume server. */
export async function writeCorpus(weed: Weed, random: Random): Promise<Corpus> {
  const files = new Map<string, Uint8Array<ArrayBuffer>>();
  const put = async (path: string, bytes: Uint8Array<ArrayBuffer>, type?: string) => {
    await weed.upload(path, bytes, type);
    files.set(path, bytes);
  };
  await put("/corpus/empty", new Uint8Array(0));
  await put("/corpus/one_byte", random.bytes(1));
  await put("/corpus/short", random.bytes(4 * KIB - 1));
  await put("/corpus/one_mebibyte", random.bytes(MIB));
  await put("/corpus/several_chunks", random.bytes(8 * MIB + 1));
  await put("/corpus/text.txt", text(random, 300_000), "text/plain");
  await put("/corpus/overwritten", random.bytes(100_000));
  await put("/corpus/deleted", random.bytes(50_000));

  const deleted = [...await fileIds(weed, "/corpus/overwritten"), ...await fileIds(weed, "/corpus/deleted")];
  await put("/corpus/overwritten", random.bytes(70_000));
  await weed.remove("/corpus/deleted");
  files.delete("/corpus/deleted");
  for (const fileId of deleted) await weed.gone(fileId);

  const needles: Needle[] = [];
  for (const [path, bytes] of files) needles.push(...await needlesOf(weed, path, bytes));
  needles.push(await replacedNeedle(weed, random));
  return { files, needles, deleted };
}

/** The needles of one file, each with its part of `bytes`. */
export async function needlesOf(weed: Weed, path: string, bytes: Uint8Array<ArrayBuffer>): Promise<Needle[]> {
  const chunks = await weed.chunks(path);
  assertEquals(chunks.reduce((sum, chunk) => sum + chunk.size, 0), bytes.length, `the chunks of ${path}`);
  if (path.endsWith(".txt")) assertEquals(chunks.map((chunk) => chunk.compressed), [true], `weed compresses ${path}`);
  return chunks.map(({ fileId, offset, size }) => ({ fileId, bytes: bytes.subarray(offset, offset + size), of: path }));
}

/** A needle written twice under one file id: the second write counts. */
async function replacedNeedle(weed: Weed, random: Random): Promise<Needle> {
  const fileId = await weed.assign();
  await weed.put(fileId, random.bytes(30_000));
  const bytes = random.bytes(20_000);
  await weed.put(fileId, bytes);
  return { fileId, bytes, of: "replaced" };
}

async function fileIds(weed: Weed, path: string): Promise<string[]> {
  return (await weed.chunks(path)).map((chunk) => chunk.fileId);
}

/** Text that compresses well but does not repeat. */
function text(random: Random, length: number): Uint8Array<ArrayBuffer> {
  const words = ["verbena", "needle", "volume", "cookie", "stag", "credit", "fragment", "tagged", "queue"];
  let out = "";
  while (out.length < length) out += `${random.pick(words)} ${random.below(1000)}\n`;
  return new TextEncoder().encode(out.slice(0, length));
}
