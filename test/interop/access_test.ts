/**
 * Tokens against a service as a user starts it, over sockets: with keys that are rotated, tokens that are revoked, and
 * paths that no client library would send.
 *
 * @module
 */
import { connect } from "node:net";
import { generateKey, mintToken, parseKeySet } from "../../src/access/mod.ts";
import { noise, Volumes } from "../seaweed/volumes.ts";
import { assertEquals, assertMatch } from "../assert.ts";
import { eventually, Process } from "./process.ts";

const ROOT = new URL("../../", import.meta.url).pathname;
const FID = "3,01637037d6";
const HOUR = 3_600;

/** A service with a volume of its own. */
class Stage implements AsyncDisposable {
  port = 0;
  readonly volumes = new Volumes();
  readonly keyFile = `${this.volumes.directory}/keys.json`;
  readonly revoked = `${this.volumes.directory}/revoked`;
  process!: Process;

  static async start(keys: readonly unknown[], ...flags: string[]): Promise<Stage> {
    const stage = new Stage();
    stage.volumes.writer(3).append({ key: 1n, cookie: 0x637037d6, data: noise(4096, 1) }, Date.now());
    await stage.writeKeys(keys);
    await Deno.writeTextFile(stage.revoked, "");
    const args = ["run", "--quiet", "-P=serve", "main.ts", "serve", "--listen", "127.0.0.1:0"];
    args.push("--dir", stage.volumes.directory, "--key-file", stage.keyFile, "--revoked", stage.revoked, ...flags);
    stage.process = new Process(Deno.execPath(), args, { cwd: ROOT, name: "verbena serve" });
    stage.port = Number((await stage.process.line(/^verbena serve listening on \S+:(\d+)$/, 60_000))[1]);
    return stage;
  }

  async writeKeys(keys: readonly unknown[]): Promise<void> {
    await Deno.writeTextFile(this.keyFile, JSON.stringify({ keys }), { mode: 0o600 });
  }

  /** Has it read everything anew, and waits until it has. */
  async reload(outcome: RegExp = /"message":"the configuration was read anew/): Promise<void> {
    const before = this.process.stderr.filter((line) => outcome.test(line)).length;
    this.process.signal("SIGHUP");
    await eventually("it was read anew", () => {
      const after = this.process.stderr.filter((line) => outcome.test(line)).length;
      return Promise.resolve(after > before ? true : undefined);
    });
  }

  /** The status of a GET, whose target goes over the wire as it is. */
  async status(target: string, token?: string, head = "", host = "127.0.0.1"): Promise<number> {
    return Number(/^HTTP\/1\.1 (\d+)/.exec(await this.say(target, token, head, host))?.[1]);
  }

  /** The whole of an answer. */
  say(target: string, token?: string, head = "", host = "127.0.0.1"): Promise<string> {
    const authorization = token === undefined ? "" : `Authorization: Bearer ${token}\r\n`;
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const socket = connect(this.port, "127.0.0.1");
    let text = "";
    socket.on("data", (data) => text += data.toString("latin1"));
    socket.on("error", reject);
    socket.on("close", () => resolve(text));
    socket.write(`GET ${target} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n${authorization}${head}\r\n`);
    return promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.process[Symbol.asyncDispose]();
    this.volumes[Symbol.dispose]();
  }
}

async function mint(jwk: unknown, scopes: string[], now = Date.now()): Promise<{ token: string; id: string }> {
  return await mintToken(await parseKeySet(JSON.stringify({ keys: [jwk] })), { scopes, expires: HOUR, now });
}

const one = await generateKey("EdDSA", "one");
const two = await generateKey("HS256", "two");

Deno.test("the sidecar's routes over a socket: each with each kind of token", async () => {
  await using stage = await Stage.start([one]);
  const read = `/read?file_id=${FID}&offset=0&size=10`;
  const { token: admin } = await mint(one, ["admin"]);
  const { token: volume } = await mint(one, ["needle:read:3"]);
  const { token: other } = await mint(one, ["needle:read:4"]);
  const refused: Record<string, string> = {
    wrong: (await mint(await generateKey("EdDSA", "one"), ["admin"])).token,
    expired: (await mint(one, ["admin"], Date.now() - HOUR * 1000)).token,
    early: (await mint(one, ["admin"], Date.now() + HOUR * 1000)).token,
    broken: "a.b.c",
  };
  const table: [string, number, number, number, number][] = [
    // without any, with admin, with needle:read:3, with needle:read:4
    ["/health", 200, 200, 200, 200],
    [read, 200, 200, 200, 403],
    ["/stats", 401, 200, 403, 403],
    [`/benchmark?file_id=${FID}&size=10&iterations=1`, 401, 200, 403, 403],
    ["/cleanup", 405, 405, 405, 405],
    ["/metrics", 401, 200, 403, 403],
    [`/v1/needles/${FID}`, 401, 200, 200, 403],
  ];
  for (const [target, ...expected] of table) {
    const statuses = await Promise.all([undefined, admin, volume, other].map((token) => stage.status(target, token)));
    assertEquals([target, ...statuses], [target, ...expected]);
    if (target === "/cleanup") continue;
    for (const [kind, token] of Object.entries(refused)) {
      assertEquals([target, kind, await stage.status(target, token)], [target, kind, 401]);
    }
  }
});

Deno.test("targets that lie about where they lead are refused over a socket as they are anywhere", async () => {
  await using stage = await Stage.start([one]);
  const { token } = await mint(one, ["needle:read:4"]);
  const table: [string, number][] = [
    [`/v1/needles/4,01637037d6/../${FID}`, 403],
    [`/v1/needles/4,01637037d6/%2e%2e/${FID}`, 403],
    [`/health/../v1/needles/${FID}`, 403],
    [`//v1/needles/${FID}`, 404],
    [`/v1/needles//${FID}`, 404],
    [`/V1/needles/${FID}`, 404],
    [`/v1/needles/${FID.replace("3", "%33")}`, 403],
    [`http://127.0.0.1/v1/needles/${FID}`, 403],
    [`/read?file_id=4,01637037d6&file_id=${FID}&size=1`, 400],
    [`/read?file_id=${FID}&size=1#&file_id=4,01637037d6`, 403],
  ];
  for (const [target, status] of table) assertEquals([target, await stage.status(target, token)], [target, status]);
  const anonymous: [string, number][] = [
    [`/health/../v1/needles/${FID}`, 401],
    [`/read/../v1/needles/${FID}`, 401],
    [`/read/%2e%2e/stats`, 401],
    ["/health/..%2fstats", 404],
    ["/Health", 404],
    ["//health", 404],
    ["/health;/../stats", 401],
  ];
  for (const [target, status] of anonymous) assertEquals([target, await stage.status(target)], [target, status]);
  assertEquals(await stage.status("/health", undefined, "X-Forwarded-For: 192.0.2.7\r\n"), 401);
  for (const host of ["", "a:99999", "1.2.3.999", "a b"]) {
    assertEquals([host, await stage.status(`/x/v1/needles/${FID}`, token, "", host)], [host, 400]);
  }
});

Deno.test("keys are rotated and tokens revoked while the service runs, and a file that is wrong changes nothing", async () => {
  await using stage = await Stage.start([one]);
  const old = await mint(one, ["stats:read"]);
  const fresh = await mint(two, ["stats:read"]);
  const statuses = async (): Promise<number[]> => [
    await stage.status("/v1/stats", old.token),
    await stage.status("/v1/stats", fresh.token),
  ];
  assertEquals(await statuses(), [200, 401]);
  await stage.writeKeys([two, one]);
  await stage.reload();
  assertEquals(await statuses(), [200, 200]);
  await Deno.writeTextFile(stage.revoked, `${old.id} # lost\n`);
  await stage.reload();
  assertEquals(await statuses(), [401, 200]);
  await Deno.writeTextFile(stage.revoked, "");
  await Deno.writeTextFile(stage.keyFile, "{");
  await stage.reload(/"message":"the configuration was not read anew/);
  assertEquals(await statuses(), [401, 200]);
  await stage.writeKeys([two]);
  await stage.reload();
  assertEquals(await statuses(), [401, 200]);
});

Deno.test("no answer names a folder, a key or a token", async () => {
  await using stage = await Stage.start([one, two], "--anonymous", "/v1", "--anonymous", "/stats");
  // What is asked for may be named in its own answer, and nowhere else.
  for (const key of ["01", "02"]) await stage.say(`/v1/needles/3,${key}637037d5`);
  await stage.say("/v1/needles/9,01637037d6");
  const answers: string[] = [];
  for (
    const target of [
      "/stats",
      "/health",
      "/v1/stats",
      "/v1/volumes",
      "/v1/volumes/3/needles",
      "/v1/connections",
      "/v1/regions",
      "/v1/sessions",
      "/v1/providers",
      "/v1/devices",
      "/nothing",
    ]
  ) answers.push(await stage.say(target));
  const all = answers.join("\n");
  for (const secret of [stage.volumes.directory, "/tmp/", "keys.json", "637037d", one.d, one.x, two.k]) {
    assertEquals([secret, all.includes(String(secret))], [secret, false]);
  }
  assertMatch(all, '"id":3');
});
