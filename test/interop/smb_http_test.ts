import { assertEquals, assertMatch } from "../assert.ts";
import { testWith } from "../capabilities.ts";
import { eventually, Process } from "./process.ts";
import { Samba } from "./samba.ts";
import { ALICE, BOB, type SmbUser } from "./smb_conf.ts";

const ROOT = new URL("../../", import.meta.url).pathname;
const MIB = 1 << 20;

/** Samba, and `verbena serve` with a configuration that names it: `alice` and `bob` are one server for two users. */
class HttpStage implements AsyncDisposable {
  private constructor(
    readonly samba: Samba,
    readonly folder: string,
    readonly process: Process,
    readonly origin: string,
  ) {}

  static async start(): Promise<HttpStage> {
    await using starting = new AsyncDisposableStack();
    const samba = starting.use(await Samba.start());
    const folder = await Deno.makeTempDir({ prefix: "verbena-http-" });
    starting.defer(() => Deno.remove(folder, { recursive: true }));
    const server = async ({ name, password }: SmbUser) => {
      await Deno.writeTextFile(`${folder}/${name}`, `${password}\n`);
      return { host: "127.0.0.1", port: samba.port, user: name, passwordFile: name };
    };
    const servers = { alice: await server(ALICE), bob: await server(BOB), gone: { ...await server(BOB), port: 1 } };
    const settings = { rdma: "off", connectTimeout: 2000, timeout: 2000 };
    await Deno.writeTextFile(`${folder}/verbena.json`, JSON.stringify({ smb: { ...settings, servers } }));
    const args = [
      "serve",
      "--listen",
      "127.0.0.1:0",
      "--provider",
      "iwarp",
      "--config",
      `${folder}/verbena.json`,
      "--anonymous",
      "/v1/smb",
    ];
    const flags = ["run", "--quiet", "--no-check", "--permission-set=serve", "main.ts", ...args];
    const process = starting.use(new Process("deno", flags, { cwd: ROOT, name: "serve" }));
    const [, origin = ""] = await process.line(/^verbena serve listening on (\S+)$/);
    starting.move();
    return new HttpStage(samba, folder, process, origin);
  }

  get(path: string, init?: RequestInit): Promise<Response> {
    return fetch(`${this.origin}/v1/smb/${path}`, init);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { code } = await this.process.stop();
    await this.samba[Symbol.asyncDispose]();
    await Deno.remove(this.folder, { recursive: true });
    assertEquals(code, 0);
  }
}

function bytesOf(size: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size);
  for (let at = 0; at < size; at += 65_536) crypto.getRandomValues(bytes.subarray(at, at + 65_536));
  return bytes;
}

await testWith(["samba"], "a file of Samba over HTTP: whole, in ranges, known already, changed", async () => {
  await using stage = await HttpStage.start();
  const bytes = bytesOf(5 * MIB + 3);
  const path = `${stage.samba.path()}/Ünï 100%.bin`;
  await Deno.writeFile(path, bytes);
  const url = "alice/share/%C3%9Cn%C3%AF%20100%25.bin";
  const whole = await stage.get(url);
  const etag = whole.headers.get("etag") ?? "";
  assertEquals([whole.status, whole.headers.get("x-transport"), whole.headers.get("x-source")], [200, "tcp", null]);
  assertEquals(new Uint8Array(await whole.arrayBuffer()), bytes);
  const ranges: [string, number, number][] = [["bytes=0-0", 0, 1], ["bytes=1048575-1048577", MIB - 1, MIB + 2], [
    "bytes=-7",
    bytes.length - 7,
    bytes.length,
  ], ["bytes=4194304-", 4 * MIB, bytes.length]];
  for (const [range, from, to] of ranges) {
    const response = await stage.get(url, { headers: { range, "if-range": etag } });
    assertEquals([response.status, response.headers.get("content-range")], [
      206,
      `bytes ${from}-${to - 1}/${bytes.length}`,
    ]);
    assertEquals(new Uint8Array(await response.arrayBuffer()), bytes.subarray(from, to));
  }
  const known = await stage.get(url, { headers: { "if-none-match": etag } });
  assertEquals([known.status, (await known.arrayBuffer()).byteLength], [304, 0]);
  const past = await stage.get(url, { headers: { range: `bytes=${bytes.length}-` } });
  assertEquals([past.status, past.headers.get("content-range")], [416, `bytes */${bytes.length}`]);
  await past.body?.cancel();
  const head = await stage.get(url, { method: "HEAD" });
  assertEquals([head.headers.get("content-length"), head.headers.get("etag")], [`${bytes.length}`, etag]);
  await Deno.writeFile(path, bytes.subarray(0, 10));
  const changed = await stage.get(url, { headers: { "if-none-match": etag } });
  assertEquals([changed.status, new Uint8Array(await changed.arrayBuffer())], [200, bytes.subarray(0, 10)]);
});

await testWith(["samba"], "what Samba refuses over HTTP, and Samba that is away, have their statuses", async () => {
  await using stage = await HttpStage.start();
  await Deno.writeTextFile(`${stage.samba.path()}/mine`, "secret", { mode: 0o600 });
  await Deno.mkdir(`${stage.samba.path()}/dir`);
  const table: [string, number, RegExp][] = [
    ["alice/share/none", 404, /STATUS_OBJECT_NAME_NOT_FOUND/],
    ["alice/none/x", 404, /STATUS_BAD_NETWORK_NAME/],
    ["nobody/share/x", 404, /no SMB server is configured as "nobody"/],
    ["alice/share/dir", 404, /"dir" is a directory/],
    ["bob/share/mine", 403, /STATUS_ACCESS_DENIED/],
    ["gone/share/mine", 503, /^the SMB server is away: the log has the reason$/],
  ];
  for (const [path, status, detail] of table) {
    const response = await stage.get(path);
    assertEquals([response.status, response.headers.get("content-type")], [status, "application/problem+json"], path);
    assertMatch((await response.json()).detail, detail);
  }
  const listing = await (await stage.get("alice/share/", { headers: { accept: "application/json" } })).json();
  assertEquals(listing.entries.map(({ name, type }: Record<string, string>) => [name, type]).toSorted(), [
    ["dir", "directory"],
    ["mine", "file"],
  ]);
  const alice = () => stage.get("alice/share/mine").then(async (response) => [response.status, await response.text()]);
  assertEquals(await alice(), [200, "secret"]);
  await stage.samba.kill();
  assertEquals([503, 504].includes((await alice())[0] as number), true);
  await stage.samba.restart();
  await eventually("the file is served again", async () => (await alice())[0] === 200 || undefined);
});

await testWith(
  ["samba"],
  "a client that goes away holds no file at Samba any more",
  async () => {
    await using stage = await HttpStage.start();
    const bytes = bytesOf(64 * MIB);
    await Deno.writeFile(`${stage.samba.path()}/big`, bytes);
    const open = async (): Promise<number> => {
      const listed = await new Deno.Command("sh", {
        args: ["-c", `ls -l /proc/[0-9]*/fd 2>/dev/null | grep -c "$0" || true`, `${stage.samba.path()}/big`],
      }).output();
      return Number(new TextDecoder().decode(listed.stdout));
    };
    const responses = await Promise.all(Array.from({ length: 8 }, () => stage.get("alice/share/big")));
    const readers = responses.map((response) => (response.body as ReadableStream<Uint8Array>).getReader());
    for (const reader of readers) assertEquals((await reader.read()).done, false);
    assertEquals(await open() > 0, true);
    for (const reader of readers) await reader.cancel();
    await eventually("the files are closed", async () => await open() === 0 || undefined);
    const whole = await stage.get("alice/share/big");
    assertEquals(new Uint8Array(await whole.arrayBuffer()), bytes);
  },
);
