/**
 * Roles: what each command's permission set lets it do, and what Deno itself refuses it; a service that needs no RDMA and
 * no foreign functions, with an engine behind a Unix socket.
 *
 * @module
 */
import { formatFileId } from "../../src/seaweed/mod.ts";
import { assert, assertEquals, assertMatch } from "../assert.ts";
import { Random } from "../random.ts";
import { NOW, Volumes } from "../seaweed/volumes.ts";
import type { Needle } from "./corpus.ts";
import { eventually, Process, run } from "./process.ts";
import { ReaderLoop } from "./reader_loop.ts";
import { Engine, Serve } from "./service.ts";

const CONFIG = new URL("../../deno.json", import.meta.url).pathname;
const MAIN = new URL("../../main.ts", import.meta.url).pathname;
/** What a read may take by the service's own clock, in milliseconds. */
const TIMEOUT = 2_000;
/** When a read counts as hanging. */
const PATIENCE = 10 * TIMEOUT;

/** Tries everything, and prints for each how it ended: `done`, or the error's class. */
const PROBE = `
const outcomes = {};
const probe = async (name, act) => {
  try {
    await act();
    outcomes[name] = "done";
  } catch (error) {
    outcomes[name] = error.name;
  }
};
await probe("dlopen", () => Deno.dlopen("libc.so.6", {}).close());
await probe("run", () => new Deno.Command("true").outputSync());
await probe("run deno", () => new Deno.Command("deno", { args: ["--version"] }).outputSync());
await probe("connect", async () => (await Deno.connect({ hostname: "127.0.0.1", port: 9 })).close());
await probe("listen", () => Deno.listen({ hostname: "127.0.0.1", port: 0 }).close());
await probe("read", () => Deno.readTextFileSync("/etc/passwd"));
await probe("write", () => Deno.writeTextFileSync(Deno.args[0] + "/elsewhere", ""));
await probe("write to /tmp", () => Deno.writeTextFileSync(Deno.args[1] + "/temporary", ""));
await probe("HOME", () => Deno.env.get("HOME"));
await probe("password", () => Deno.env.get("VERBENA_SMB_PASSWORD"));
await probe("hostname", () => Deno.hostname());
await probe("umask", () => Deno.umask());
console.log(JSON.stringify(outcomes));
`;

const NO = "NotCapable";
const YES = "done";
/** What {@linkcode PROBE} meets under a set that allows nothing. */
const NOTHING = {
  dlopen: NO,
  run: NO,
  "run deno": NO,
  connect: NO,
  listen: NO,
  read: NO,
  write: NO,
  "write to /tmp": NO,
  HOME: NO,
  password: NO,
  hostname: NO,
  umask: NO,
};
/** Who may use the network may also be refused by whom it connects to. */
const NET = { connect: "ConnectionRefused", listen: YES };

/** What each set allows beyond that: nothing else, and no set a program but Deno. */
const ROLES: Record<string, Partial<Record<keyof typeof NOTHING, string>>> = {
  launch: { "run deno": YES },
  config: { read: YES, password: YES },
  token: { read: YES, write: YES, "write to /tmp": YES, password: YES },
  serve: { ...NET, read: YES, "write to /tmp": YES },
  "serve-rdma": { ...NET, read: YES, "write to /tmp": YES, dlopen: YES },
  engine: { ...NET, read: YES, dlopen: YES, umask: YES },
  client: { ...NET, read: YES, write: YES, "write to /tmp": YES, dlopen: YES, password: YES },
};

/** Runs with two folders, of which only the second is below `/tmp`. */
async function withFolders(act: (elsewhere: string, temporary: string) => Promise<void>): Promise<void> {
  const elsewhere = Deno.makeTempDirSync({ dir: "/var/tmp", prefix: "verbena-roles-" });
  const temporary = Deno.makeTempDirSync({ dir: "/tmp", prefix: "verbena-roles-" });
  try {
    await act(elsewhere, temporary);
  } finally {
    for (const folder of [elsewhere, temporary]) Deno.removeSync(folder, { recursive: true });
  }
}

for (const [role, allowed] of Object.entries(ROLES)) {
  Deno.test(`the role ${role} may do what it must, and Deno refuses it the rest`, () =>
    withFolders(async (elsewhere, temporary) => {
      const probe = `${temporary}/probe.js`;
      Deno.writeTextFileSync(probe, PROBE);
      const flags = ["run", "--quiet", "--no-prompt", `--permission-set=${role}`, "--config", CONFIG];
      const printed = await run(Deno.execPath(), [...flags, probe, elsewhere, temporary]);
      assertEquals(JSON.parse(printed), { ...NOTHING, ...allowed });
    }));
}

/** A volume of 24 needles. */
function writeNeedles(volumes: Volumes, random: Random): Needle[] {
  const writer = volumes.writer(3);
  return Array.from({ length: 24 }, (_, index) => {
    const bytes = random.bytes(1 + random.below(index % 4 === 0 ? 3_000_000 : 100_000));
    const id = writer.append({ key: BigInt(index + 1), cookie: random.next(), data: bytes }, NOW);
    return { fileId: formatFileId(id), bytes, of: "roles" };
  });
}

/** The folder where the engine's role lets a socket be, and one in it. */
function socketFolder(): string {
  Deno.mkdirSync("/tmp/verbena", { recursive: true });
  return Deno.makeTempDirSync({ dir: "/tmp/verbena", prefix: "roles-" });
}

Deno.test("a service without foreign functions reads through an engine's socket", async (t) => {
  const random = Random.fromEnvironment("roles_test");
  using volumes = new Volumes();
  const needles = writeNeedles(volumes, random);
  const folder = socketFolder();
  const socket = `${folder}/engine.sock`;
  try {
    await using engine = await Engine.start({ directories: [volumes.directory], socket });
    await using serve = await Serve.start({ engine: engine.address, timeout: TIMEOUT });
    await t.step("whole needles are the bytes written, and told to be local", async () => {
      for (const { fileId, bytes } of needles) {
        const answer = await serve.read(fileId, 0, bytes.length);
        const body = new Uint8Array(await answer.arrayBuffer());
        const { status, headers } = answer;
        assertEquals(
          [status, headers.get("x-source"), headers.get("x-rdma-used"), headers.get("x-transport")],
          [200, "local", "false", "local"],
        );
        assert(body.length === bytes.length && body.every((byte, at) => byte === bytes[at]), fileId);
      }
    });
    await t.step("5,000 random ranges, 8 at once, are the bytes written", async () => {
      await using loop = new ReaderLoop(serve, needles, random, PATIENCE, 8);
      await loop.moreRight(5_000, 120_000);
      await loop.stop();
      assertEquals([loop.violations, loop.refusals], [[], 0], loop.toString());
    });
    await t.step(
      "the engine is killed and started again: right bytes or a refusal, and the socket made anew",
      async () => {
        await using loop = new ReaderLoop(serve, needles, random, PATIENCE, 8);
        for (let round = 0; round < 4; round++) {
          await loop.moreRight(100);
          await engine.kill();
          assert(Deno.lstatSync(socket).isSocket, "what was left behind");
          await loop.moreRefused(10);
          await engine.restart();
        }
        await loop.moreRight(500);
        await loop.stop();
        assertEquals(loop.violations, [], loop.toString());
        assertEquals(
          [...loop.refused.keys()].filter((status) => status !== 503 && status !== 504),
          [],
          loop.toString(),
        );
      },
    );
    await t.step("the engine hangs: reads are refused in their time, and go on when it does", async () => {
      await using loop = new ReaderLoop(serve, needles, random, PATIENCE, 4);
      await loop.moreRight(50);
      engine.pause();
      try {
        await loop.moreRefused(10);
      } finally {
        engine.resume();
      }
      await loop.moreRight(50);
      await loop.stop();
      assertEquals(loop.violations, [], loop.toString());
    });
    await t.step("what is told over HTTP never says where the socket is", async () => {
      for (const path of ["/health", "/stats", "/metrics", "/v1/stats", "/read?file_id=9,01&size=1"]) {
        const text = await (await serve.get(path)).text();
        assert(!text.includes("engine.sock") && !text.includes(volumes.directory), `${path}: ${text}`);
      }
    });
    await t.step("both end by SIGTERM, and the socket is gone", async () => {
      assertEquals([await serve.terminate(), await engine.terminate()], [0, 0]);
      assertEquals([...Deno.readDirSync(folder)], []);
      assertEquals([serve.stray, engine.stray], [[], []]);
    });
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});

Deno.test("a socket may be anywhere where a launched command names it, and else only where its role has it", () =>
  withFolders(async (elsewhere) => {
    using volumes = new Volumes();
    volumes.writer(3);
    const socket = `${elsewhere}/engine.sock`;
    const args = (set: string) => ["run", "--quiet", `--permission-set=${set}`, MAIN, "engine", "--socket", socket];
    const cwd = new URL("../../", import.meta.url).pathname;
    const path = `${Deno.execPath().replace(/\/[^/]*$/, "")}:${Deno.env.get("PATH") ?? ""}`;
    const options = { cwd, env: { PATH: path } };
    await using refused = new Process(Deno.execPath(), [...args("engine"), "--dir", volumes.directory], options);
    const { code } = await refused.ended;
    assertEquals(code, 1, refused.tail());
    assertMatch(refused.tail(), /EACCES: Requires (read|write) access/);
    await using launched = new Process(Deno.execPath(), [...args("launch"), "--dir", volumes.directory], options);
    await launched.line(/^verbena engine listening on unix:/);
    assertEquals((Deno.lstatSync(socket).mode ?? 0) & 0o777, 0o600);
    const serveArgs = ["run", "--quiet", "--permission-set=launch", MAIN, "serve", "--listen", "127.0.0.1:0"];
    await using serve = new Process(Deno.execPath(), [...serveArgs, "--engine", `unix:${socket}`], options);
    await serve.line(/"engine connected".*"transport":"local"/);
    const [child = ""] = (await run("ps", ["-o", "args=", "--ppid", String(serve.pid)])).split("\n");
    assertMatch(child, ` run --quiet --permission-set=serve --allow-write=${socket} `);
    assertEquals((await serve.stop("SIGTERM")).code, 0, serve.tail());
    assertEquals((await launched.stop("SIGTERM")).code, 0, launched.tail());
    await eventually(
      "the socket is gone",
      () => Promise.resolve([...Deno.readDirSync(elsewhere)].length === 0 || undefined),
    );
  }));
