import { createHash } from "node:crypto";
import { assert, assertEquals, assertMatch, assertRejects } from "../assert.ts";
import { testWith } from "../capabilities.ts";
import { Kdc } from "./kdc.ts";
import { Process } from "./process.ts";
import { Samba } from "./samba.ts";
import { SmallDisk } from "./small_disk.ts";
import { ALICE, BOB, type SmbConf, type SmbUser } from "./smb_conf.ts";

const ROOT = new URL("../../", import.meta.url).pathname;
const MIB = 1 << 20;

/** Samba, a folder beside it, and `verbena` as a user starts it: a process with the permissions of its role. */
class CommandStage implements AsyncDisposable {
  private constructor(readonly samba: Samba, readonly folder: string) {}

  static async start(conf: SmbConf = {}): Promise<CommandStage> {
    return new CommandStage(await Samba.start(conf), await Deno.makeTempDir({ prefix: "verbena-cp-" }));
  }

  /** The URL of a path in a share, without a password. */
  url(path = "", { name }: SmbUser = ALICE, share = "share"): string {
    return `smb://${name}@127.0.0.1:${this.samba.port}/${share}/${path}`;
  }

  /** Starts a command; TCP alone, for the sake of a machine that has SMB Direct listening. */
  spawn(args: string[], { password }: SmbUser = ALICE): Process {
    const flags = ["run", "--quiet", "--no-check", "--permission-set=client", "main.ts", ...args, "--rdma", "off"];
    return new Process("deno", flags, { cwd: ROOT, env: { VERBENA_SMB_PASSWORD: password }, name: "verbena" });
  }

  /** Runs a command; its exit code, and what it said. */
  async run(args: string[], user?: SmbUser): Promise<{ code: number; printed: string[]; reported: string[] }> {
    await using process = this.spawn(args, user);
    const { code } = await process.ended;
    return { code, printed: process.stdout, reported: process.stderr };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.samba[Symbol.asyncDispose]();
    await Deno.remove(this.folder, { recursive: true });
  }
}

const QUIET = { code: 0, printed: [], reported: [] };

/** SHA-256 of each file of a folder, by name. */
async function digests(folder: string): Promise<Record<string, string>> {
  const entries: [string, string][] = [];
  for await (const { name } of Deno.readDir(folder)) {
    const hash = createHash("sha256");
    using file = await Deno.open(`${folder}/${name}`);
    for await (const piece of file.readable) hash.update(piece);
    entries.push([name, hash.digest("hex")]);
  }
  return Object.fromEntries(entries.sort(([a], [b]) => a < b ? -1 : 1));
}

/** Writes a file of bytes that nobody can guess, a MiB at a time. */
async function writeRandom(path: string, size: number): Promise<void> {
  using file = await Deno.open(path, { write: true, create: true, truncate: true });
  const bytes = new Uint8Array(MIB);
  for (let left = size; left > 0; left -= MIB) {
    for (let at = 0; at < MIB; at += 65_536) crypto.getRandomValues(bytes.subarray(at, at + 65_536));
    await file.write(bytes.subarray(0, Math.min(left, MIB)));
  }
}

async function names(folder: string): Promise<string[]> {
  return Object.keys(await digests(folder));
}

await testWith(["samba"], "cp brings files of every size to Samba and back, byte for byte", async () => {
  await using stage = await CommandStage.start();
  await Deno.mkdir(`${stage.folder}/there`);
  for (const size of [0, 1, 4095, 4097, MIB, 100 * MIB]) await writeRandom(`${stage.folder}/there/${size}`, size);
  const sent = await digests(`${stage.folder}/there`);
  assertEquals(await stage.run(["cp", "-r", `${stage.folder}/there`, stage.url()]), QUIET);
  assertEquals(await digests(`${stage.samba.path()}/there`), sent);
  const back = await stage.run(["cp", "-r", "-p", "--verify", stage.url("there"), `${stage.folder}/back`]);
  assertEquals(
    [back.code, back.reported, back.printed.toSorted()],
    [0, [], Object.entries(sent).map(([name, digest]) => `${digest}  ${stage.folder}/back/${name}`).toSorted()],
  );
  assertEquals(await digests(`${stage.folder}/back`), sent);
  const modified = async (path: string) => (await Deno.stat(path)).mtime?.getTime();
  assertEquals(await modified(`${stage.folder}/back/4097`), await modified(`${stage.samba.path()}/there/4097`));
});

await testWith(["samba"], "cp copies 32 files at once, and between two shares", async () => {
  await using stage = await CommandStage.start({ shares: { share: {}, other: {} } });
  for (let index = 0; index < 32; index++) await writeRandom(`${stage.samba.path()}/${index}`, 300_000 + index);
  const url = stage.url("", ALICE, "other");
  assertEquals(await stage.run(["cp", "-j", "32", stage.url("*"), url]), QUIET);
  assertEquals(await digests(stage.samba.path("other")), await digests(stage.samba.path()));
});

const AWKWARD = [
  "plain",
  "with space",
  " leading",
  "100%",
  "a#b",
  "[x]",
  "Ünï",
  "e\u0301 decomposed",
  "é composed",
  "漢字",
  "😀 astral",
  "👩‍👩‍👧",
  "\u202eright to left",
  "ﬃ ligature",
  "ß",
  "İ",
  "~tilde",
  "-dash",
  "$(x) `y` 'z'",
  ".hidden",
  "x".repeat(255),
  "ä".repeat(127),
];

await testWith(["samba"], "names with awkward Unicode come to Samba and back as they were", async () => {
  await using stage = await CommandStage.start();
  await Deno.mkdir(`${stage.folder}/there`);
  for (const name of AWKWARD) await Deno.writeTextFile(`${stage.folder}/there/${name}`, name);
  assertEquals(await stage.run(["cp", "-r", `${stage.folder}/there`, stage.url()]), QUIET);
  assertEquals(await names(`${stage.samba.path()}/there`), AWKWARD.toSorted());
  assertEquals(await stage.run(["cp", "-r", stage.url("there"), `${stage.folder}/back`]), QUIET);
  assertEquals(await digests(`${stage.folder}/back`), await digests(`${stage.folder}/there`));
  // each URL that ls tells names its file
  const { printed } = await stage.run(["ls", "-a", "--json", stage.url("there")]);
  const urls: string[] = JSON.parse(printed.join("\n")).map(({ url }: { url: string }) => url);
  const { code, printed: contents } = await stage.run(["cat", ...urls]);
  assertEquals([code, contents.join("")], [0, AWKWARD.toSorted().join("")]);
});

await testWith(["samba"], "what Samba refuses is told in one line: password, share, mode, missing file", async () => {
  await using stage = await CommandStage.start();
  await Deno.writeTextFile(`${stage.samba.path()}/mine`, "secret", { mode: 0o600 });
  await Deno.writeTextFile(`${stage.samba.path()}/ours`, "open", { mode: 0o644 });
  const wrong = await stage.run(["ls", stage.url()], { ...ALICE, password: "wrong" });
  assertEquals([wrong.code, wrong.printed, wrong.reported], [1, [], [
    "verbena ls: log alice on to 127.0.0.1: STATUS_LOGON_FAILURE: the user name or password is wrong",
  ]]);
  const denied = await stage.run(["cp", stage.url("mine", BOB), stage.url("ours", BOB), stage.folder], BOB);
  assertEquals([denied.code, denied.reported.length, await names(stage.folder)], [1, 1, ["ours"]]);
  assertMatch(denied.reported[0] ?? "", /^verbena cp: .*\\mine: STATUS_ACCESS_DENIED: access is denied/);
  const missing = await stage.run(["cat", stage.url("gone"), stage.url("ours")]);
  assertEquals([missing.code, missing.printed, missing.reported.length], [1, ["open"], 1]);
  assertMatch(missing.reported[0] ?? "", /STATUS_OBJECT_NAME_NOT_FOUND/);
  const share = await stage.run(["ls", stage.url("", ALICE, "none")]);
  assertMatch(share.reported.join(), /^verbena ls: .*STATUS_BAD_NETWORK_NAME: there is no such share$/);
});

/** Runs a command until the folder has a partial file of a size, does `then`, and waits for its end. */
async function breakOff(
  process: Process,
  folder: string,
  size: number,
  then: () => void | Promise<void>,
): Promise<number> {
  while (process.running) {
    const [partial] = await partials(folder);
    if (partial !== undefined && (await Deno.stat(`${folder}/${partial}`)).size >= size) break;
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await then();
  return (await process.ended).code;
}

async function partials(folder: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { name } of Deno.readDir(folder)) if (name.includes(".partial-")) found.push(name);
  return found;
}

await testWith(
  ["samba"],
  "an interrupted cp leaves nothing, and with --resume what the next one goes on with",
  async () => {
    await using stage = await CommandStage.start();
    const share = stage.samba.path();
    await Deno.mkdir(`${stage.folder}/there`);
    await writeRandom(`${stage.folder}/there/up`, 200 * MIB);
    await writeRandom(`${share}/down`, 200 * MIB);
    const [up, down] = [`${stage.folder}/there/up`, stage.url("down")];
    const ways: [string, string[], string, string, string][] = [
      ["down", [down, stage.folder], stage.folder, `${stage.folder}/down`, `${share}/down`],
      ["up", [up, stage.url()], share, `${share}/up`, up],
    ];
    for (const [way, paths, folder, target, source] of ways) {
      for (const flags of [[], ["--resume"]]) {
        await using process = stage.spawn(["cp", ...flags, ...paths]);
        const code = await breakOff(process, folder, 40 * MIB, () => process.signal("SIGINT"));
        assertEquals([code, process.stderr], [1, ["verbena cp: interrupted"]], way);
        assertEquals((await partials(folder)).length, flags.length, way);
        await assertRejects(() => Deno.stat(target), Deno.errors.NotFound);
      }
      const { code, reported } = await stage.run(["cp", "--resume", "--stats", ...paths]);
      const { readBytes, writeBytes } = JSON.parse(reported.join());
      const moved: number = way === "down" ? readBytes : writeBytes;
      assertEquals([code, moved < 170 * MIB], [0, true], `${way}: ${moved}`);
      assertEquals(await sameBytes(target, source), true, way);
      assertEquals(await partials(folder), []);
    }
  },
);

async function sameBytes(one: string, other: string): Promise<boolean> {
  const { success } = await new Deno.Command("cmp", { args: [one, other] }).output();
  return success;
}

await testWith(
  ["samba"],
  "a cp that was killed, or whose server was, is finished by --resume with the right bytes",
  async () => {
    await using stage = await CommandStage.start();
    const share = stage.samba.path();
    await writeRandom(`${stage.folder}/big`, 400 * MIB);
    const args = ["cp", "--resume", `${stage.folder}/big`, stage.url()];
    await using killed = stage.spawn(args);
    await breakOff(killed, share, 40 * MIB, () => killed.signal("SIGKILL"));
    assertEquals((await partials(share)).length, 1);
    await using cut = stage.spawn(args);
    const code = await breakOff(cut, share, 120 * MIB, () => stage.samba.kill());
    assertEquals(code, 1);
    assertMatch(cut.stderr[0] ?? "", /: SMB connection lost \(/);
    assertMatch(cut.stderr[1] ?? "", /^verbena cp: .*: not within 10000 ms$/);
    await stage.samba.restart();
    assertEquals(await stage.run([...args, "--verify"]).then(({ code, reported }) => [code, reported]), [0, []]);
    assertEquals([await sameBytes(`${share}/big`, `${stage.folder}/big`), await partials(share)], [true, []]);
  },
);

await testWith(["samba", "mount"], "cp to a disk that is full says so and leaves nothing", async () => {
  await using disk = await SmallDisk.mount();
  await using stage = await CommandStage.start({ shares: { share: {}, small: { path: disk.path } } });
  await writeRandom(`${stage.folder}/big`, 8 * MIB);
  const { code, reported } = await stage.run(["cp", `${stage.folder}/big`, stage.url("", ALICE, "small")]);
  assertEquals([code, reported.length], [1, 1]);
  assertMatch(reported[0] ?? "", /STATUS_DISK_FULL: the disk is full/);
  assertEquals(await names(disk.path), []);
});

await testWith(["samba"], "rm -r removes what Samba can hold, whatever its names, and nothing beside it", async () => {
  await using stage = await CommandStage.start();
  const share = stage.samba.path();
  await Deno.mkdir(`${share}/tree/deep/deeper`, { recursive: true });
  const hostile = [
    "a\\b",
    "..\\beside",
    "a:b",
    "a*b",
    "?",
    "new\nline",
    "\x1b[2J",
    "dot.",
    "space ",
    "con",
    "...",
    "~1",
  ];
  for (const name of [...hostile, ...AWKWARD]) {
    await Deno.writeTextFile(`${share}/tree/${name}`, "x");
    await Deno.writeTextFile(`${share}/tree/deep/deeper/${name}`, "x");
  }
  await Deno.writeTextFile(`${share}/beside`, "precious");
  const { code, printed, reported } = await stage.run(["ls", "-a", "-R", stage.url("tree")]);
  assertEquals([code, reported], [0, []]);
  assert(!printed.join("").includes("\x1b"));
  assertEquals(await stage.run(["rm", "-r", stage.url("tree")]), QUIET);
  assertEquals(await names(share), ["beside"]);
});

await testWith(["samba"], "mkdir, ls, stat and patterns find at Samba what was made there", async () => {
  await using stage = await CommandStage.start();
  assertEquals(await stage.run(["mkdir", "-p", stage.url("a/b"), stage.url("c")]), QUIET);
  assertEquals((await stage.run(["mkdir", stage.url("a")])).code, 1);
  await Deno.writeTextFile(`${stage.samba.path()}/a/b/Note.TXT`, "12345");
  await Deno.utime(`${stage.samba.path()}/a/b/Note.TXT`, 0, Date.UTC(2001, 1, 3, 4, 5, 6) / 1000);
  assertEquals((await stage.run(["ls", stage.url("**/*.txt")])).printed, ["Note.TXT"]);
  assertMatch(
    (await stage.run(["ls", "-l", stage.url("a/b")])).printed.join(),
    /^\S+ +5 +2001-02-03 04:05:06Z +Note\.TXT$/,
  );
  const { printed } = await stage.run(["stat", "--json", stage.url("a/b/NOTE.txt")]);
  const { size, type, modified } = JSON.parse(printed.join(""))[0];
  assertEquals([size, type, modified], [5, "file", "2001-02-03T04:05:06.000Z"]);
  assertEquals(await stage.run(["rm", stage.url("a/b/*"), stage.url("a/b"), "-r"]), QUIET);
  assertEquals(await stage.run(["rm", "-f", stage.url("a/b")]), QUIET);
});

await testWith(["samba"], "cat into a reader that leaves ends quietly", async () => {
  await using stage = await CommandStage.start();
  await writeRandom(`${stage.samba.path()}/big`, 20 * MIB);
  const command =
    `deno run --quiet --no-check --permission-set=client main.ts cat --rdma off "$0" | head -c 100 | wc -c`;
  const { stdout, stderr } = await new Deno.Command("sh", {
    args: ["-c", command, stage.url("big")],
    cwd: ROOT,
    env: { VERBENA_SMB_PASSWORD: ALICE.password },
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  assertEquals([text(stdout).trim(), text(stderr)], ["100", ""]);
});

await testWith(
  ["samba", "kerberos"],
  "--kerberos logs on with the tickets that there are, and says what to do without",
  async () => {
    await using kdc = await Kdc.start(["cifs/localhost"]);
    await using stage = await CommandStage.start({ global: kdc.sambaParameters });
    await Deno.writeTextFile(`${stage.samba.path()}/a`, "bytes");
    const args = ["cat", "--kerberos", `smb://localhost:${stage.samba.port}/share/a`];
    await kdc.within(async () => {
      const { code, reported } = await stage.run(args);
      assertEquals([code, reported.length], [1, 1]);
      assertMatch(reported[0] ?? "", /^verbena cat: Kerberos for cifs@localhost: .*: kinit first/);
      await kdc.logIn(ALICE);
      assertEquals(await stage.run(args), { code: 0, printed: ["bytes"], reported: [] });
    });
  },
);
