import { assertEquals } from "../assert.ts";
import { testWith } from "../capabilities.ts";
import { Random } from "../random.ts";
import { Engine, Serve } from "./service.ts";
import { Weed } from "./weed.ts";

const READ_KEY = "a key that only volume servers and their readers know";

interface Stage extends AsyncDisposable {
  weed: Weed;
  needle: { fileId: string; bytes: Uint8Array<ArrayBuffer> };
  engine: Engine;
  serve: Serve;
}

/** A volume server that asks for tokens, one needle on it, and a service that has no engine to begin with. */
async function stage(random: Random): Promise<Stage> {
  await using stack = new AsyncDisposableStack();
  const weed = stack.use(await Weed.start({ readKey: READ_KEY }));
  const readKeyFile = `${weed.folder}/read.key`;
  await Deno.writeTextFile(readKeyFile, `${READ_KEY}\n`);
  const needle = { fileId: await weed.assign(), bytes: random.bytes(300_000) };
  await weed.put(needle.fileId, needle.bytes);
  const engine = stack.use(await Engine.start({ directories: weed.directories }));
  const serve = stack.use(await Serve.start({ engine: engine.address, master: weed.master, readKeyFile }));
  const owned = stack.move();
  return { weed, needle, engine, serve, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

async function body(response: Response): Promise<Uint8Array> {
  return new Uint8Array(await response.arrayBuffer());
}

await testWith(["weed"], "reads that no engine answers, from a real volume server that asks for tokens", async (t) => {
  await using players = await stage(Random.fromEnvironment("fallback_test"));
  const { weed, needle, engine, serve } = players;
  const path = `/v1/needles/${needle.fileId}`;
  const ranged = () => fetch(`http://${serve.address}${path}`, { headers: { range: "bytes=1000-200999" } });

  await t.step("without a token the volume server itself refuses", async () => {
    assertEquals(await weed.status(needle.fileId), 401);
  });
  await t.step("with an engine there, /v1 reads over RDMA", async () => {
    const response = await serve.get(path);
    assertEquals([response.status, response.headers.get("x-source")], [200, "rdma"]);
    assertEquals(await body(response), new Uint8Array(needle.bytes));
    assertEquals((await serve.stats()).http_fallbacks, 0);
  });
  await t.step("with the engine away, /v1 reads the same bytes by HTTP and says so", async () => {
    await engine.kill();
    const response = await serve.get(path);
    const { status, headers } = response;
    assertEquals(
      [status, headers.get("x-source"), headers.get("x-rdma-used"), headers.get("x-transport")],
      [200, "http", "false", "http"],
    );
    assertEquals(await body(response), new Uint8Array(needle.bytes));
    const partial = await ranged();
    assertEquals([partial.status, partial.headers.get("content-range")], [206, "bytes 1000-200999/300000"]);
    assertEquals(await body(partial), new Uint8Array(needle.bytes.subarray(1000, 201_000)));
  });
  await t.step("/read never falls back: the mount does that better", async () => {
    const response = await serve.read(needle.fileId, 0, 1000);
    assertEquals([response.status, response.headers.has("retry-after")], [503, true]);
    assertEquals(response.headers.get("x-rdma-used"), null);
    await response.body?.cancel();
  });
  await t.step("what is nowhere is 404, and /stats tells the two ways apart", async () => {
    const missing = await serve.get(`/v1/needles/${needle.fileId.split(",")[0]},ffffffffff12345678`);
    assertEquals(missing.status, 404);
    await missing.body?.cancel();
    const stats = await serve.stats();
    assertEquals(stats.successful_reads - stats.rdma_reads, stats.http_fallbacks);
    assertEquals(stats.http_fallbacks > 0, true);
  });
  await t.step("with the engine back, /v1 reads over RDMA again", async () => {
    await engine.launch();
    let source: string | null = "";
    for (let attempt = 0; attempt < 100 && source !== "rdma"; attempt++) {
      const response = await serve.get(path);
      source = response.headers.get("x-source");
      assertEquals(await body(response), new Uint8Array(needle.bytes));
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    assertEquals(source, "rdma");
  });
});
