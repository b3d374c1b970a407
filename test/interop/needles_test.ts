import { assert, assertEquals, assertMatch } from "../assert.ts";
import { testWith } from "../capabilities.ts";
import { type Corpus, type Needle, writeCorpus } from "./corpus.ts";
import { assertRange, LONGEST, randomRanges, RANGES } from "./needles.ts";
import { Random } from "../random.ts";
import { type Serve, startPair } from "./service.ts";
import { Weed } from "./weed.ts";

await testWith(["weed"], "needles that a real weed wrote, read over RDMA", async (t) => {
  const random = Random.fromEnvironment("needles_test");
  await using weed = await Weed.start({ directories: 2, indexDirectory: true });
  const corpus = await writeCorpus(weed, random);
  await using pair = await startPair({ directories: weed.directories, indexDirectory: weed.indexDirectory });
  const { serve } = pair;
  await t.step(`${RANGES} random ranges are the bytes written, each read over RDMA`, async () => {
    await randomRanges(serve, corpus, random, "iwarp");
  });
  await t.step("whole chunks, each in several reads, are the bytes written", async () => {
    const chunks = corpus.needles.filter((one) => one.bytes.length > LONGEST);
    assertEquals(chunks.length, 2);
    for (const needle of chunks) await assertRange(serve, needle, 0, needle.bytes.length, "iwarp");
    const stats = await serve.stats();
    assertEquals([stats.rdma_reads, stats.http_fallbacks], [stats.successful_reads, 0]);
  });
  await t.step("a compressed needle is given uncompressed", async () => {
    const needle = corpus.needles.find((one) => one.of.endsWith(".txt")) as Needle;
    await assertRange(serve, needle, 100_000, 50_000, "iwarp");
  });
  await t.step("a needle that was replaced under its file id gives the later bytes", async () => {
    const needle = corpus.needles.find((one) => one.of === "replaced") as Needle;
    await assertRange(serve, needle, 0, needle.bytes.length, "iwarp");
  });
  await t.step("a deleted needle is 404", async () => {
    assert(corpus.deleted.length >= 2, "the corpus has deleted needles");
    for (const fileId of corpus.deleted) await assertStatus(serve, `file_id=${fileId}&offset=0&size=1`, 404);
  });
  await t.step("a needle deleted while the engine runs is 404 at the next read", async () => {
    const fileId = await weed.assign();
    const bytes = random.bytes(10_000);
    await weed.put(fileId, bytes);
    await assertRange(serve, { fileId, bytes, of: "short-lived" }, 10, 9_000, "iwarp");
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
