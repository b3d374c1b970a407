/**
 * The main job's comparison: ranges of needles that a real weed wrote, read over RDMA, against the bytes written.
 *
 * @module
 */
import { assert, assertEquals } from "../assert.ts";
import type { Corpus, Needle } from "./corpus.ts";
import type { Random } from "../random.ts";
import type { Serve } from "./service.ts";

/** Ranges read in all. */
export const RANGES = 1_000;
/** Reads under way at a time. */
const READERS = 8;
/** The longest of them: the kernel asks a mount for no more, and each is one read of the engine. */
export const LONGEST = 1024 * 1024;

/** {@linkcode RANGES} random ranges are the bytes written, each placed by `transport`, and counted so. */
export async function randomRanges(serve: Serve, corpus: Corpus, random: Random, transport: string): Promise<void> {
  const before = await serve.stats();
  let left = RANGES;
  let bytes = 0;
  const reader = async () => {
    while (left-- > 0) {
      const needle = random.pick(corpus.needles);
      const { offset, size } = random.range(needle.bytes.length);
      const length = Math.min(size, LONGEST);
      bytes += length;
      await assertRange(serve, needle, offset, length, transport);
    }
  };
  try {
    await Promise.all(Array.from({ length: READERS }, reader));
  } catch (error) {
    const warnings = serve.log.filter(({ level }) => level !== "info").map((line) => JSON.stringify(line));
    throw new Error(["a range could not be read; the service said:", ...warnings].join("\n"), { cause: error });
  }
  const after = await serve.stats();
  assertEquals({
    requests: after.total_requests - before.total_requests,
    successful: after.successful_reads - before.successful_reads,
    rdma: after.rdma_reads - before.rdma_reads,
    http: after.http_fallbacks - before.http_fallbacks,
    bytes: after.total_bytes_read - before.total_bytes_read,
    transport: after.transport,
  }, { requests: RANGES, successful: RANGES, rdma: RANGES, http: 0, bytes, transport });
}

/** One range is the bytes written, and the answer says what moved them. */
export async function assertRange(
  serve: Serve,
  needle: Needle,
  offset: number,
  size: number,
  transport: string,
): Promise<void> {
  const what = `${needle.of} ${needle.fileId} [${offset}, +${size})`;
  const answer = await serve.read(needle.fileId, offset, size);
  const body = new Uint8Array(await answer.arrayBuffer());
  assertEquals(answer.status, 200, `${what}: ${answer.status === 200 ? "" : new TextDecoder().decode(body)}`);
  const { headers } = answer;
  assertEquals(
    {
      length: headers.get("content-length"),
      source: headers.get("x-source"),
      rdma: headers.get("x-rdma-used"),
      transport: headers.get("x-transport"),
      type: headers.get("content-type"),
    },
    { length: String(size), source: "rdma", rdma: "true", transport, type: "application/octet-stream" },
    what,
  );
  assert(equalBytes(body, needle.bytes.subarray(offset, offset + size)), `${what}: wrong bytes`);
}

/** Far cheaper than a deep comparison, of which the difference would be megabytes of text. */
function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
