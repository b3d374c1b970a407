import { assert, assertEquals, assertMatch } from "../assert.ts";
import { testWith } from "../capabilities.ts";
import { type Corpus, type Needle, writeCorpus } from "./corpus.ts";
import { Random } from "./random.ts";
import { type Serve, startPair } from "./service.ts";
import { Weed } from "./weed.ts";

/** Ranges read in all. */
const RANGES = 1_000;
/** Reads under way at a time. */
const READERS = 8;
/** The longest of them: the kernel asks a mount for no more, and each is one read of the engine. */
const LONGEST = 1024 * 1024;

await testWith(["weed"], "needles that a real weed wrote, read over RDMA", async (t) => {
  const random = Random.fromEnvironment("needles_test");
  await using weed = await Weed.start({ directories: 2, indexDirectory: true });
  const corpus = await writeCorpus(weed, random);
  await using pair = await startPair({ directories: weed.directories, indexDirectory: weed.indexDirectory });
  const { serve } = pair;
  await t.step(`${RANGES} random ranges are the bytes written, each read over RDMA`, async () => {
    await randomRanges(serve, corpus, random);
  });
  await t.step("whole chunks, each in several reads, are the bytes written", async () => {
    const chunks = corpus.needles.filter((one) => one.bytes.length > LONGEST);
    assertEquals(chunks.length, 2);
    for (const needle of chunks) await assertRange(serve, needle, 0, needle.bytes.length);
    const stats = await serve.stats();
    assertEquals([stats.rdma_reads, stats.http_fallbacks], [stats.successful_reads, 0]);
  });
  await t.step("a compressed needle is given uncompressed", async () => {
    const needle = corpus.needles.find((one) => one.of.endsWith(".txt")) as Needle;
    await assertRange(serve, needle, 100_000, 50_000);
  });
  await t.step("a needle that was replaced under its file id gives the later bytes", async () => {
    const needle = corpus.needles.find((one) => one.of === "replaced") as Needle;
    await assertRange(serve, needle, 0, needle.bytes.length);
  });
  await t.step("a deleted needle is 404", async () => {
    assert(corpus.deleted.length >= 2, "the corpus has deleted needles");
    for (const fileId of corpus.deleted) await assertStatus(serve, `file_id=${fileId}&offset=0&size=1`, 404);
  });
  await t.step("a needle deleted while the engine runs is 404 at the next read", async () => {
    const fileId = await weed.assign();
    const bytes = random.bytes(10_000);
    await weed.put(fileId, bytes);
    await assertRange(serve, { fileId, bytes, of: "short-lived" }, 10, 9_000);
    await weed.delete(fileId);
    await assertStatus(serve, `file_id=${fileId}&offset=10&size=9000`, 404);
  });
  await t.step("refusals have the right status and say why", () => refusals(serve, corpus));
  await t.step("the triple of volume, needle and cookie answers in JSON", () => legacyTriple(serve, corpus));
  await t.step("SIGTERM ends both processes with exit code 0", async () => {
    assertEquals([await serve.terminate(), await pair.engine.terminate()], [0, 0]);
    assertEquals([...serve.stray, ...pair.engine.stray], [], "nothing but the log is on standard error");
  });
});

async function randomRanges(serve: Serve, corpus: Corpus, random: Random): Promise<void> {
  const before = await serve.stats();
  let left = RANGES;
  let bytes = 0;
  const reader = async () => {
    while (left-- > 0) {
      const needle = random.pick(corpus.needles);
      const { offset, size } = random.range(needle.bytes.length);
      const length = Math.min(size, LONGEST);
      bytes += length;
      await assertRange(serve, needle, offset, length);
    }
  };
  await Promise.all(Array.from({ length: READERS }, reader));
  const after = await serve.stats();
  assertEquals({
    requests: after.total_requests - before.total_requests,
    successful: after.successful_reads - before.successful_reads,
    rdma: after.rdma_reads - before.rdma_reads,
    http: after.http_fallbacks - before.http_fallbacks,
    bytes: after.total_bytes_read - before.total_bytes_read,
    transport: after.transport,
  }, { requests: RANGES, successful: RANGES, rdma: RANGES, http: 0, bytes, transport: "iwarp" });
}

async function assertRange(serve: Serve, needle: Needle, offset: number, size: number): Promise<void> {
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
    { length: String(size), source: "rdma", rdma: "true", transport: "iwarp", type: "application/octet-stream" },
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

async function refusals(serve: Serve, corpus: Corpus): Promise<void> {
  const needle = corpus.needles.find((one) => one.of.endsWith("short")) as Needle;
  const length = needle.bytes.length;
  const [volume, rest] = needle.fileId.split(",") as [string, string];
  const key = rest.slice(0, -8);
  const cookie = rest.slice(-8);
  const otherCookie = ((parseInt(cookie, 16) ^ 1) >>> 0).toString(16).padStart(8, "0");
  await assertStatus(serve, `file_id=${volume},${key}${otherCookie}&offset=0&size=10`, 404);
  await assertStatus(serve, `file_id=${volume},7fffffffff${cookie}&offset=0&size=10`, 404);
  await assertStatus(serve, `file_id=4000000000,${rest}&offset=0&size=10`, 404);
  await assertStatus(serve, `file_id=${needle.fileId}&offset=${length}&size=1`, 416);
  await assertStatus(serve, `file_id=${needle.fileId}&offset=${length - 1}&size=2`, 416);
  await assertStatus(serve, `file_id=${needle.fileId}&offset=9007199254740991&size=1`, 416);
  await assertStatus(serve, `file_id=${needle.fileId}&offset=1&size=${length}`, 416);
  for (const bad of ["-1", "1.5", "1e3", "0x10", "abc", "%201", "9007199254740992", "18446744073709551616"]) {
    await assertStatus(serve, `file_id=${needle.fileId}&offset=${bad}&size=1`, 400, "offset");
    await assertStatus(serve, `file_id=${needle.fileId}&offset=0&size=${bad}`, 400, "size");
  }
  for (
    const bad of ["", "3", "3,", `,${rest}`, "x,0163703", `${volume},${cookie}`, `../${needle.fileId}`, "0,01637037d6"]
  ) {
    await assertStatus(serve, `file_id=${bad}&offset=0&size=1`, 400, "file_id");
  }
  await assertStatus(serve, `file_id=${needle.fileId}&offset=0&offset=1&size=1`, 400, "offset");
}

async function assertStatus(serve: Serve, query: string, status: number, names?: string): Promise<void> {
  const answer = await serve.get(`/read?${query}`);
  const text = await answer.text();
  assertEquals(answer.status, status, `${query}: ${text.slice(0, 200)}`);
  assertMatch(text, /^[^\n]+\n?$/); // one line that says why
  if (names !== undefined) assertMatch(text, names);
  assertEquals(answer.headers.get("x-rdma-used") === "true", false, query);
}

async function legacyTriple(serve: Serve, corpus: Corpus): Promise<void> {
  const needle = corpus.needles.find((one) => one.of.endsWith("short")) as Needle;
  const [volume, rest] = needle.fileId.split(",") as [string, string];
  const key = BigInt(`0x${rest.slice(0, -8)}`);
  const cookie = `0x${rest.slice(-8)}`;
  const server = "http://127.0.0.1:1"; // required by the old interface, never fetched
  const answer = await serve.get(
    `/read?volume=${volume}&needle=${key}&cookie=${cookie}&offset=0&size=64&volume_server=${server}`,
  );
  const json = await answer.json();
  assertEquals(answer.status, 200);
  assertEquals({
    success: json.success,
    volume_id: json.volume_id,
    needle_id: json.needle_id,
    is_rdma: json.is_rdma,
    source: json.source,
    data_size: json.data_size,
  }, {
    success: true,
    volume_id: Number(volume),
    needle_id: Number(key),
    is_rdma: true,
    source: "rdma",
    data_size: 64,
  });
}
