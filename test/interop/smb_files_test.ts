import { WireError } from "../../src/rdma/errors.ts";
import { type SmbChange, type SmbShare } from "../../src/smb/mod.ts";
import { NtStatus } from "../../src/smb/wire/status.ts";
import { assert, assertEquals, assertRejects } from "../assert.ts";
import { testWith } from "../capabilities.ts";
import { pattern } from "../smbdirect/sides.ts";
import { eventually } from "./process.ts";
import { SmallDisk } from "./small_disk.ts";
import { BOB } from "./smb_conf.ts";
import { assertStatus, connect, get, openSmbStage, put } from "./smb_stage.ts";

async function listed(share: SmbShare, path: string): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of share.readDir(path)) names.push(name);
  return names.sort();
}

await testWith(
  ["samba"],
  "files of awkward lengths come back as they were, by read, by pieces and by stream",
  async () => {
    await using stage = await openSmbStage({}, { readSize: 65_536, writeSize: 65_536 });
    const { share } = stage;
    for (const size of [0, 1, 4_095, 4_096, 4_097, 65_535, 65_536, 65_537, 8 * 65_536, 8 * 65_536 + 1, 2_000_003]) {
      const bytes = pattern(size, size & 0xff);
      await put(share, "file", bytes);
      assertEquals(await get(share, "file"), bytes, `${size} bytes`);
      await using file = await share.open("file");
      const parts: number[] = [];
      for await (const piece of file.readPieces(0, size + 10)) parts.push(...piece);
      assertEquals(Uint8Array.from(parts), bytes, `${size} bytes in pieces`);
      assertEquals(await new Response(file.readable() as ReadableStream<Uint8Array<ArrayBuffer>>).bytes(), bytes);
    }
  },
);

await testWith(["samba"], "a range is read from anywhere, and nothing beyond the end", async () => {
  await using stage = await openSmbStage();
  const { share } = stage;
  await put(share, "file", pattern(100_000, 5));
  await using file = await share.open("file");
  const into = new Uint8Array(1_000);
  for (const [offset, count] of [[0, 1_000], [99_000, 1_000], [99_500, 500], [100_000, 0], [200_000, 0]] as const) {
    assertEquals(await file.read(offset, into), count);
    assertEquals(into.slice(0, count), pattern(100_000, 5).slice(offset, offset + count));
  }
  await assertRejects(() => file.read(-1, into), RangeError);
  await assertRejects(() => file.read(0.5, into), RangeError);
});

await testWith(["samba"], "a stream into a file writes all that goes through it, in order", async () => {
  await using stage = await openSmbStage({}, { writeSize: 65_536 });
  const { share } = stage;
  const bytes = pattern(1_000_000, 9);
  {
    await using file = await share.open("file", { write: true, create: true });
    const writer = file.writable({ offset: 10 }).getWriter();
    for (let at = 0; at < bytes.length; at += 7_777) await writer.write(bytes.subarray(at, at + 7_777));
    await writer.close();
  }
  const read = await get(share, "file");
  assertEquals([read.slice(0, 10), read.slice(10)], [new Uint8Array(10), bytes]);
});

await testWith(["samba"], "names with every awkward character go there and come back", async () => {
  await using stage = await openSmbStage();
  const { share } = stage;
  const names = [
    "ünïcödé",
    "e\u0301 decomposed",
    "\u00e9 composed",
    "日本語のファイル名.txt",
    "🎈🧵 beyond the basic plane",
    "اللغة العربية",
    "\u200Fright to left mark",
    "space  within",
    "-rf",
    "~tilde$&'()+,;=@[]^`{}!#%",
    ".hidden",
    "ß and ẞ",
    "ﬁ ligature",
    "İstanbul",
    "a".repeat(255),
  ];
  for (const name of names) await put(share, name, new TextEncoder().encode(name));
  assertEquals(await listed(share, ""), [...names].sort());
  for (const name of names) assertEquals(new TextDecoder().decode(await get(share, name)), name);
  for (const name of names) await share.remove(name);
  assertEquals(await listed(share, ""), []);
});

await testWith(
  ["samba"],
  "names that the server cannot have, and paths that lead out of the share, are refused",
  async () => {
    await using stage = await openSmbStage();
    const { share } = stage;
    for (const name of ["a*b", "a?b", "a<b", "a|b", 'a"b', "a\u0007b"]) {
      await assertStatus(() => put(share, name, pattern(1)), NtStatus.OBJECT_NAME_INVALID);
    }
    await assertStatus(() => put(share, "b".repeat(256), pattern(1)), NtStatus.OBJECT_NAME_INVALID);
    await assertRejects(() => share.stat("../other"), WireError, "no component ..");
    await assertRejects(() => share.stat("a\0b"), WireError, "no NUL");
  },
);

await testWith(["samba"], "a name is found whatever its case, and keeps the one it was given", async () => {
  await using stage = await openSmbStage();
  const { share } = stage;
  await put(share, "MixedCase.TXT", pattern(3));
  assertEquals((await share.stat("mixedcase.txt")).size, 3);
  assertEquals(await listed(share, ""), ["MixedCase.TXT"]);
});

await testWith(["samba"], "a name that is taken is told as such, and what was there stays", async () => {
  await using stage = await openSmbStage();
  const { share } = stage;
  await put(share, "one", pattern(10, 1));
  await put(share, "two", pattern(20, 2));
  await share.mkdir("dir");
  await assertStatus(() => share.open("one", { write: true, createNew: true }), NtStatus.OBJECT_NAME_COLLISION);
  await assertStatus(() => share.mkdir("dir"), NtStatus.OBJECT_NAME_COLLISION);
  await assertStatus(() => share.mkdir("one"), NtStatus.OBJECT_NAME_COLLISION);
  await assertStatus(() => share.rename("one", "two"), NtStatus.OBJECT_NAME_COLLISION);
  assertEquals([await get(share, "one"), await get(share, "two")], [pattern(10, 1), pattern(20, 2)]);
  await share.rename("one", "two", { replace: true });
  assertEquals([await listed(share, ""), await get(share, "two")], [["dir", "two"], pattern(10, 1)]);
  await assertStatus(() => share.open("dir"), NtStatus.FILE_IS_A_DIRECTORY);
  await assertStatus(() => share.open("missing"), NtStatus.OBJECT_NAME_NOT_FOUND);
  await assertStatus(() => share.open("missing/file"), NtStatus.OBJECT_PATH_NOT_FOUND);
  await share.mkdir("dir", { recursive: true });
  await share.mkdir("a/b/c/d", { recursive: true });
  await assertStatus(() => share.remove("a"), NtStatus.DIRECTORY_NOT_EMPTY);
  await assertStatus(() => listed(share, "two"), NtStatus.NOT_A_DIRECTORY);
});

await testWith(["samba"], "what a user may not do is told as ACCESS_DENIED, and nothing changes", async () => {
  await using stage = await openSmbStage();
  const { samba } = stage;
  await put(stage.share, "private", pattern(10, 1));
  await Deno.chmod(`${samba.path()}/private`, 0o600);
  await Deno.mkdir(`${samba.path()}/closed`, { mode: 0o700 });
  await using server = await connect(samba.port, { credentials: { user: BOB.name, password: BOB.password } });
  const share = await server.openShare("share");
  for (
    const attempt of [
      () => share.open("private"),
      () => share.open("private", { write: true }),
      () => listed(share, "closed"),
      () => put(share, "closed/file", pattern(1)),
    ]
  ) await assertStatus(attempt, NtStatus.ACCESS_DENIED);
  assertEquals(await Deno.readFile(`${samba.path()}/private`), pattern(10, 1));
});

await testWith(["samba"], "a share that is read-only is told as ACCESS_DENIED to who writes", async () => {
  await using stage = await openSmbStage({ shares: { share: { "read only": "yes" } } });
  await assertStatus(() => put(stage.share, "file", pattern(1)), NtStatus.ACCESS_DENIED);
});

await testWith(["samba", "mount"], "a disk that is full is told as DISK_FULL", async () => {
  await using disk = await SmallDisk.mount(1 << 20);
  await using stage = await openSmbStage({ shares: { share: { path: disk.path } } });
  const { share } = stage;
  await assertStatus(() => put(share, "large", pattern(3_000_000, 1)), NtStatus.DISK_FULL);
  await share.remove("large");
  await put(share, "small", pattern(500_000, 1));
  assertEquals(await get(share, "small"), pattern(500_000, 1));
  const { total, available } = await share.space();
  assertEquals([total, available < 600_000], [1 << 20, true]);
});

await testWith(["samba"], "a directory of 3,000 entries is listed whole, each once, in many answers", async () => {
  await using stage = await openSmbStage();
  const names = Array.from({ length: 3_000 }, (_, index) => `a name of some length, number ${index}`);
  for (const name of names) await Deno.writeFile(`${stage.samba.path()}/${name}`, new Uint8Array(0));
  const before = stage.server.statistics.receives;
  assertEquals(await listed(stage.share, ""), names.sort());
  assert(stage.server.statistics.receives - before > 5, "one answer does not hold them");
  const some: string[] = [];
  for await (const { name } of stage.share.readDir("", { pattern: "*number 29?" })) some.push(name);
  assertEquals(some.length, 10);
  const first = stage.share.readDir("");
  await first.next();
  await first.return();
});

await testWith(["samba"], "times, sizes and attributes are as they were set", async () => {
  await using stage = await openSmbStage();
  const { share } = stage;
  await put(share, "file", pattern(1_000));
  const modified = Date.UTC(2001, 1, 3, 4, 5, 6, 789);
  {
    await using file = await share.open("file", { write: true, read: true });
    await file.truncate(400);
    await file.setTimes({ modified, accessed: modified + 1_000 });
    const stat = await file.refresh();
    assertEquals([stat.size, stat.modified, stat.accessed, stat.directory], [400, modified, modified + 1_000, false]);
    assertEquals(stat.fileId, file.stat.fileId);
    await file.flush();
  }
  assertEquals((await share.stat("file")).modified, modified);
  assertEquals((await Deno.stat(`${stage.samba.path()}/file`)).mtime?.getTime(), modified);
});

await testWith(
  ["samba"],
  "a range that one has locked, another cannot, until it is unlocked or waited for",
  async () => {
    await using stage = await openSmbStage();
    const { samba, share } = stage;
    await put(share, "file", pattern(1_000));
    await using server = await connect(samba.port);
    const other = await server.openShare("share");
    const open = { write: true, read: true, share: 7 };
    await using mine = await share.open("file", open);
    await using theirs = await other.open("file", open);
    await mine.lock(0, 100);
    await assertStatus(() => theirs.lock(50, 10), NtStatus.LOCK_NOT_GRANTED);
    await assertStatus(() => theirs.read(0, new Uint8Array(10)), NtStatus.FILE_LOCK_CONFLICT);
    await theirs.lock(100, 10, { shared: true });
    await mine.lock(100, 10, { shared: true });
    const controller = new AbortController();
    const given = theirs.lock(0, 10, { wait: true, signal: controller.signal });
    controller.abort(new Error("no longer wanted"));
    await assertRejects(() => given, Error, "no longer wanted");
    const waiting = theirs.lock(0, 10, { wait: true });
    await mine.unlock(0, 100);
    await waiting;
    await assertStatus(() => mine.lock(0, 1), NtStatus.LOCK_NOT_GRANTED);
  },
);

await testWith(
  ["samba"],
  "a lease is granted, and taken down when another writes, after its holder was heard",
  async () => {
    await using stage = await openSmbStage({ global: { "kernel oplocks": "no" } });
    const { samba, share } = stage;
    await put(share, "file", pattern(1_000));
    await using server = await connect(samba.port);
    const other = await server.openShare("share");
    await using mine = await share.open("file", { read: true, write: true, share: 7, lease: true });
    assertEquals(mine.lease, 7, "READ, HANDLE and WRITE");
    const broken: number[] = [];
    mine.onLeaseBreak = async (state) => {
      broken.push(state);
      await mine.write(0, pattern(10, 9)); // what it had kept to itself
    };
    await using theirs = await other.open("file", { share: 7 });
    const read = new Uint8Array(10);
    await theirs.read(0, read);
    assertEquals([broken, read], [[3], pattern(10, 9)]);
    assertEquals(await eventually("the lease is lower", () => Promise.resolve(mine.lease === 3 || undefined)), true);
  },
);

await testWith(["samba"], "changes to a watched directory are told, until that is given up", async () => {
  await using stage = await openSmbStage();
  const { share } = stage;
  await share.mkdir("dir/below", { recursive: true });
  const controller = new AbortController();
  const changes: SmbChange[] = [];
  const watching = (async () => {
    for await (const change of share.watch("dir", { recursive: true, signal: controller.signal })) changes.push(change);
  })();
  const told = (kind: SmbChange["kind"], path: string) => () =>
    Promise.resolve(changes.some((change) => change.kind === kind && change.path === path) || undefined);
  await eventually("the directory is watched", async () => {
    await put(share, `dir/probe`, pattern(1));
    return changes.length > 0 || undefined;
  });
  await put(share, "dir/below/new", pattern(1));
  await eventually("a new file is told", told("added", "below/new"));
  await share.rename("dir/below/new", "dir/below/newer");
  await eventually("its old name is told", told("renamed from", "below/new"));
  await eventually("its new name is told", told("renamed to", "below/newer"));
  await share.remove("dir/below/newer");
  await eventually("its end is told", told("removed", "below/newer"));
  controller.abort(new Error("enough"));
  await assertRejects(() => watching, Error, "enough");
  await stage.server.echo();
});

await testWith(
  ["samba"],
  "a request that is given up before or after it left ends with the signal's reason",
  async () => {
    await using stage = await openSmbStage();
    const { share } = stage;
    await put(share, "file", pattern(5_000_000, 1));
    await using file = await share.open("file");
    const gone = AbortSignal.abort(new Error("before"));
    await assertRejects(() => file.read(0, new Uint8Array(10), { signal: gone }), Error, "before");
    await assertRejects(() => share.stat("file", { signal: gone }), Error, "before");
    for (let trial = 0; trial < 20; trial++) {
      const controller = new AbortController();
      const reading = file.read(0, new Uint8Array(5_000_000), { signal: controller.signal });
      setTimeout(() => controller.abort(new Error("after")), trial / 4);
      await reading.catch((error) => assertEquals(error.message, "after"));
    }
    assertEquals(await get(share, "file"), pattern(5_000_000, 1));
  },
);
