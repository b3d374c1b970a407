/**
 * `verbena cp` and the kernel's SMB server: what a user types, as a process of its own, by RDMA and by TCP.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { assert, assertEquals, assertMatch } from "../assert.ts";
import { type Capability, testWith } from "../capabilities.ts";
import { Process, run } from "../interop/process.ts";
import { ALICE } from "../interop/smb_conf.ts";
import { pattern } from "../smbdirect/sides.ts";
import { Ksmbd } from "./ksmbd.ts";
import { HOSTS } from "./provider_stage.ts";

const ROOT = new URL("../../", import.meta.url).pathname;
/** Sizes of files that are long enough to go by RDMA, and of those that may go either way. */
const LONG = [4_097, 1 << 20, 100 << 20];
const SHORT = [0, 1, 4_095];

/** The network namespace of a host without an RDMA device, and what runs a program there. */
const PEER = ["ip", "netns", "exec", "peer"];

/** What moves the bytes, the capability it needs, where ksmbd is, the way that leads there, and from which host. */
const WAYS: readonly [string, Capability, string, string, string[]][] = [
  ["verbs:rxe0", "rxe", HOSTS.rxe0, "auto", []],
  ["verbs:siw0", "siw", HOSTS.siw0, "auto", []],
  ["iwarp", "siw", HOSTS.siw0, "auto", PEER],
  ["tcp", "rxe", HOSTS.rxe0, "off", []],
];

/** Starts `verbena` as its task does, by way of another program if there is one. */
function verbena(args: string[], by: string[] = []): Process {
  const flags = ["run", "--quiet", "--no-check", "--cached-only", "--permission-set=client", "main.ts", ...args];
  const [program = "", ...rest] = [...by, "deno", ...flags];
  return new Process(program, rest, { cwd: ROOT, env: { VERBENA_SMB_PASSWORD: ALICE.password }, name: "verbena" });
}

/** Runs a command that must succeed with `--stats`, and what it told then. */
async function statistics(args: string[], by: string[] = []): Promise<Record<string, unknown>> {
  await using process = verbena([...args, "--stats"], by);
  const { code } = await process.ended;
  assertEquals(code, 0, process.tail());
  return JSON.parse(process.stderr.join("\n"));
}

async function digests(folder: string): Promise<Record<string, string>> {
  const entries: [string, string][] = [];
  for await (const { name } of Deno.readDir(folder)) {
    entries.push([name, createHash("sha256").update(await Deno.readFile(`${folder}/${name}`)).digest("hex")]);
  }
  return Object.fromEntries(entries.sort(([a], [b]) => a < b ? -1 : 1));
}

/** A folder in the guest's memory: its layers have no room, and Deno leaves /dev/shm to processes that may do everything. */
async function makeFolder(): Promise<AsyncDisposable & { path: string }> {
  const path = await Deno.makeTempDir({ prefix: "cp-" });
  await run("mount", ["-t", "tmpfs", "cp", path]);
  return {
    path,
    async [Symbol.asyncDispose]() {
      await run("umount", [path]);
      await Deno.remove(path);
    },
  };
}

for (const [way, capability, hostname, rdma, by] of WAYS) {
  await testWith([capability], `cp brings files of every size to ksmbd and back over ${way}`, async () => {
    await using ksmbd = await Ksmbd.start();
    await using folder = await makeFolder();
    const url = `smb://${ALICE.name}@${hostname}/share`;
    for (const [name, sizes] of [["long", LONG], ["short", SHORT]] as const) {
      const here = `${folder.path}/${name}`;
      await Deno.mkdir(here);
      for (const size of sizes) await Deno.writeFile(`${here}/${size}`, pattern(size, size & 0xff));
      const sent = await digests(here);
      const up = await statistics(["cp", "-r", "--rdma", rdma, here, `${url}/`], by);
      assertEquals(await digests(`${ksmbd.path()}/${name}`), sent);
      await Deno.remove(here, { recursive: true });
      const down = await statistics(["cp", "-r", "--rdma", rdma, `${url}/${name}`, folder.path], by);
      assertEquals(await digests(here), sent);
      assertEquals([up["transport"], down["transport"]], [way, way]);
      if (name === "short") continue;
      const byRdma = way === "tcp" ? 0 : sizes.reduce((sum, size) => sum + size);
      assertEquals([up["writeRdmaBytes"], down["readRdmaBytes"]], [byRdma, byRdma]);
    }
  });
}

await testWith(
  ["rxe"],
  "cp copies 32 files at once by RDMA, between two places of a share, and verifies them",
  async () => {
    await using ksmbd = await Ksmbd.start();
    await Deno.mkdir(`${ksmbd.path()}/one`);
    for (let index = 0; index < 32; index++) {
      await Deno.writeFile(`${ksmbd.path()}/one/${index}`, pattern(300_000 + index, index));
    }
    const url = `smb://${ALICE.name}@${HOSTS.rxe0}/share`;
    const told = await statistics(["cp", "-r", "-j", "32", "--verify", `${url}/one`, `${url}/two`]);
    assertEquals(told["transport"], "verbs:rxe0");
    assertEquals(await digests(`${ksmbd.path()}/two`), await digests(`${ksmbd.path()}/one`));
  },
);

await testWith(["rxe"], "cp by RDMA whose server goes is finished by --resume with the right bytes", async () => {
  await using ksmbd = await Ksmbd.start();
  await using folder = await makeFolder();
  const bytes = pattern(200 << 20, 7);
  await Deno.writeFile(`${ksmbd.path()}/big`, bytes);
  const url = `smb://${ALICE.name}@${HOSTS.rxe0}/share/big`;
  {
    await using process = verbena(["cp", "--resume", url, folder.path]);
    while (process.running && await sizeOfPartial(folder.path) < 60 << 20) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await ksmbd.kill();
    assertEquals((await process.ended).code, 1, process.tail());
    assertMatch(process.tail(), /verbena cp: /);
  }
  assert(await sizeOfPartial(folder.path) > 0);
  await ksmbd.restart();
  const told = await statistics(["cp", "--resume", url, folder.path]);
  assert((told["readRdmaBytes"] as number) < 150 << 20, `${told["readRdmaBytes"]}`);
  const [copy] = Object.values(await digests(folder.path));
  assertEquals(copy, createHash("sha256").update(bytes).digest("hex"));
});

async function sizeOfPartial(folder: string): Promise<number> {
  for await (const { name } of Deno.readDir(folder)) return (await Deno.stat(`${folder}/${name}`)).size;
  return 0;
}
