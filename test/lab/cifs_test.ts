/**
 * The kernel's SMB client and server with each other: what the tests of ours are held against.
 *
 * @module
 */
import { assertEquals } from "../assert.ts";
import { testWith } from "../capabilities.ts";
import { run } from "../interop/process.ts";
import { ALICE } from "../interop/smb_conf.ts";
import { Ksmbd } from "./ksmbd.ts";
import { HOSTS } from "./provider_stage.ts";

/** What cifs asks for at a time. Its own choice may be a page more than it can register, which it then tries for ever. */
const REQUEST = 512 * 1024;
/** Of each file. */
const SIZE = 3 * 1024 * 1024 + 17;

/** Mounts `share` of the ksmbd at `hostname`; where. */
async function mount(hostname: string, options: string): Promise<{ path: string } & AsyncDisposable> {
  const path = await Deno.makeTempDir();
  const { name, password } = ALICE;
  const common = `username=${name},password=${password},vers=3.1.1,cache=none,rsize=${REQUEST},wsize=${REQUEST}`;
  await run("mount", ["-t", "cifs", "-o", `${common},${options}`, `//${hostname}/share`, path]);
  return {
    path,
    async [Symbol.asyncDispose]() {
      await run("umount", [path]);
      await Deno.remove(path);
    },
  };
}

for (
  const [way, hostname, options] of [
    ["TCP", HOSTS.rxe0, "soft"],
    ["SMB Direct over rxe0", HOSTS.rxe0, "rdma"],
    ["SMB Direct over siw0", HOSTS.siw0, "rdma"],
  ] as const
) {
  await testWith(["rxe", "siw"], `cifs reads and writes files at ksmbd: ${way}`, async () => {
    await using ksmbd = await Ksmbd.start();
    await using mounted = await mount(hostname, options);
    const bytes = new Uint8Array(SIZE).map((_, i) => (i * 7) ^ (i >> 8));
    await Deno.writeFile(`${ksmbd.path()}/theirs`, bytes);
    assertEquals(await Deno.readFile(`${mounted.path}/theirs`), bytes);
    await Deno.writeFile(`${mounted.path}/ours`, bytes);
    assertEquals(await Deno.readFile(`${ksmbd.path()}/ours`), bytes);
    assertEquals(/^RDMA/m.test(await run("cat", ["/proc/fs/cifs/DebugData"])), options === "rdma", "by SMB Direct");
  });
}
