import { assertEquals, assertMatch, assertRejects } from "../assert.ts";
import { testWith } from "../capabilities.ts";
import { run } from "./process.ts";
import { Samba } from "./samba.ts";
import { SmallDisk } from "./small_disk.ts";
import { ALICE, BOB, type SmbUser } from "./smb_conf.ts";

/** Runs smbclient's commands at `share`; what it printed. */
function smbclient(samba: Samba, user: SmbUser, commands: string, share = "share"): Promise<string> {
  const server = [`//127.0.0.1/${share}`, "-p", String(samba.port), "-U", `${user.name}%${user.password}`];
  return run("smbclient", [...server, "--configfile=/dev/null", "-c", commands], { cwd: samba.folder });
}

await testWith(["samba"], "smbclient puts and gets a file at Samba", async () => {
  await using samba = await Samba.start();
  const bytes = crypto.getRandomValues(new Uint8Array(40_000));
  await Deno.writeFile(`${samba.folder}/here`, bytes);
  await smbclient(samba, ALICE, "put here there; get there back");
  assertEquals(await Deno.readFile(`${samba.path()}/there`), bytes);
  assertEquals(await Deno.readFile(`${samba.folder}/back`), bytes);
});

await testWith(["samba"], "Samba refuses a wrong password, and to a user what the mode of a file does", async () => {
  await using samba = await Samba.start();
  await assertRejects(
    () => smbclient(samba, { ...ALICE, password: "wrong" }, "ls"),
    Error,
    "NT_STATUS_LOGON_FAILURE",
  );
  await Deno.writeTextFile(`${samba.path()}/mine`, "secret", { mode: 0o600 });
  await smbclient(samba, ALICE, "get mine got");
  await assertRejects(() => smbclient(samba, BOB, "get mine got"), Error, "NT_STATUS_ACCESS_DENIED");
});

await testWith(["samba"], "Samba has the parameters a test gives it", async () => {
  await using samba = await Samba.start({
    global: { "server min protocol": "SMB3_11", "smb3 encryption algorithms": "AES-256-CCM" },
    shares: { sealed: { "smb encrypt": "required" }, fixed: { "read only": "yes", "valid users": "alice" } },
  });
  await Deno.writeTextFile(`${samba.folder}/here`, "bytes");
  await smbclient(samba, ALICE, "put here", "sealed");
  assertEquals(await Deno.readTextFile(`${samba.path("sealed")}/here`), "bytes");
  await assertRejects(() => smbclient(samba, ALICE, "put here", "fixed"), Error, "NT_STATUS_ACCESS_DENIED");
  await assertRejects(() => smbclient(samba, BOB, "ls", "fixed"), Error, "NT_STATUS_ACCESS_DENIED");
});

await testWith(["samba"], "Samba comes back on its port with its files after it was killed", async () => {
  await using samba = await Samba.start();
  await Deno.writeTextFile(`${samba.path()}/kept`, "bytes");
  await samba.kill();
  await assertRejects(() => smbclient(samba, ALICE, "ls"), Error, "NT_STATUS_CONNECTION_REFUSED");
  await samba.restart();
  assertMatch(await smbclient(samba, ALICE, "ls"), /kept/);
});

await testWith(["samba", "mount"], "a share on a small disk is full", async () => {
  await using disk = await SmallDisk.mount();
  await using samba = await Samba.start({ shares: { small: { path: disk.path } } });
  await Deno.writeFile(`${samba.folder}/large`, new Uint8Array(1024 * 1024 + 1));
  await assertRejects(() => smbclient(samba, ALICE, "put large", "small"), Error, "NT_STATUS_DISK_FULL");
});
