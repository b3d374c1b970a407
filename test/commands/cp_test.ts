import { createHash } from "node:crypto";
import { FileAttribute } from "../../src/smb/mod.ts";
import { assert, assertEquals, assertMatch } from "../assert.ts";
import { MADE, PIECE } from "./memory_share.ts";
import { Stage } from "./smb_run.ts";

const NAS = "smb://ada:pw@nas/data";

/** Bytes that differ from place to place. */
function bytesOf(size: number, seed = 1): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size);
  for (let index = 0; index < size; index++) bytes[index] = (index * 31 + (index >>> 8) * 7 + seed) & 0xff;
  return bytes;
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** A stage and a folder of this machine that goes when the test ends. */
class CopyStage extends Stage implements AsyncDisposable {
  private constructor(readonly folder: string) {
    super();
  }

  static async make(): Promise<CopyStage> {
    return new CopyStage(await Deno.makeTempDir({ prefix: "verbena-cp-" }));
  }

  /** The names in the folder, of a directory of it. */
  async names(directory = ""): Promise<string[]> {
    const names: string[] = [];
    for await (const { name } of Deno.readDir(`${this.folder}/${directory}`)) names.push(name);
    return names.sort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    assertEquals(this.server.data.open_, 0);
    assertEquals(this.server.closed, this.connections.length);
    await Deno.remove(this.folder, { recursive: true });
  }
}

Deno.test("cp copies from a share and to one, whatever the size, and leaves nothing beside", async () => {
  await using stage = await CopyStage.make();
  const { data } = stage.server;
  for (const size of [0, 1, 4095, 4097, PIECE, PIECE + 1, (3 << 20) + 5]) {
    const bytes = bytesOf(size);
    data.put("in.bin", bytes);
    const down = await stage.run(["cp", "-f", "--verify", `${NAS}/in.bin`, `${stage.folder}/in.bin`]);
    assertEquals(down, { code: 0, printed: [`${sha256(bytes)}  ${stage.folder}/in.bin`], reported: [] });
    assertEquals(await Deno.readFile(`${stage.folder}/in.bin`), bytes);
    const up = await stage.run(["cp", "-f", "--verify", `${stage.folder}/in.bin`, `${NAS}/out.bin`]);
    assertEquals(up, { code: 0, printed: [`${sha256(bytes)}  smb://ada@nas/data/out.bin`], reported: [] });
    assertEquals(data.nodes.get("out.bin")?.bytes, bytes);
    assertEquals([data.paths, await stage.names()], [["in.bin", "out.bin"], ["in.bin"]]);
  }
});

Deno.test("cp copies between two shares", async () => {
  await using stage = await CopyStage.make();
  stage.server.data.put("a", bytesOf(200_000));
  assertEquals((await stage.run(["cp", "--verify", `${NAS}/a`, "smb://bob:x@nas/data/b"])).code, 0);
  assertEquals(stage.server.data.nodes.get("b")?.bytes, bytesOf(200_000));
  assertEquals(stage.connections.length, 2);
});

Deno.test("cp puts files of patterns and directories of -r into a directory, under their own names", async () => {
  await using stage = await CopyStage.make();
  const { data } = stage.server;
  for (const path of ["a.txt", "B.TXT", "c.bin", "tree/one", "tree/deep/two", "tree/.dot"]) data.put(path, path);
  data.putDirectory("tree/empty");
  assertEquals(await stage.run(["cp", "-r", `${NAS}/*.txt`, `${NAS}/tree`, stage.folder]), {
    code: 0,
    printed: [],
    reported: [],
  });
  assertEquals(await stage.names(), ["B.TXT", "a.txt", "tree"]);
  assertEquals(await stage.names("tree"), [".dot", "deep", "empty", "one"]);
  assertEquals(await Deno.readTextFile(`${stage.folder}/tree/deep/two`), "tree/deep/two");
  // where the target is not there, it becomes the copy
  assertEquals((await stage.run(["cp", "-r", `${stage.folder}/tree`, `${NAS}/again`])).code, 0);
  assertEquals(data.paths.filter((path) => path.startsWith("again")), [
    "again",
    "again/.dot",
    "again/deep",
    "again/deep/two",
    "again/empty",
    "again/one",
  ]);
  assertEquals((await stage.run(["cp", "-r", NAS, `${stage.folder}/tree`])).code, 0);
  assertEquals((await stage.names("tree/data")).length, 5);
});

Deno.test("cp leaves a file that is there alone unless --force, and goes on with the others", async () => {
  await using stage = await CopyStage.make();
  const { data } = stage.server;
  data.put("a", "new");
  data.put("b", "new");
  await Deno.writeTextFile(`${stage.folder}/a`, "old");
  const ran = await stage.run(["cp", `${NAS}/a`, `${NAS}/b`, stage.folder]);
  assertEquals(ran, {
    code: 1,
    printed: [],
    reported: [`verbena cp: ${stage.folder}/a: it is there; --force replaces it`],
  });
  assertEquals(await Deno.readTextFile(`${stage.folder}/a`), "old");
  assertEquals(await Deno.readTextFile(`${stage.folder}/b`), "new");
  assertEquals((await stage.run(["cp", "-f", `${NAS}/a`, stage.folder])).code, 0);
  assertEquals(await Deno.readTextFile(`${stage.folder}/a`), "new");
});

Deno.test("a file that takes the name while cp is under way keeps it", async () => {
  await using stage = await CopyStage.make();
  stage.server.data.put("a", bytesOf(PIECE));
  stage.server.data.onPiece = () => Deno.writeTextFile(`${stage.folder}/a`, "somebody else's");
  const { code, reported } = await stage.run(["cp", `${NAS}/a`, stage.folder]);
  assertEquals(code, 1);
  assertMatch(reported.join(), /^verbena cp: rename .* to .*\/a: EEXIST: File exists/);
  assertEquals(await Deno.readTextFile(`${stage.folder}/a`), "somebody else's");
  assertEquals(await stage.names(), ["a"]);
});

Deno.test("cp -p gives the copy the source's time, and cp without it does not", async () => {
  await using stage = await CopyStage.make();
  const { data } = stage.server;
  data.put("a", "x");
  await stage.run(["cp", "-p", `${NAS}/a`, stage.folder]);
  assertEquals((await Deno.stat(`${stage.folder}/a`)).mtime?.getTime(), MADE);
  await Deno.utime(`${stage.folder}/a`, new Date(), new Date(MADE + 5));
  await stage.run(["cp", "-p", `${stage.folder}/a`, `${NAS}/b`]);
  assertEquals(data.nodes.get("b")?.modified, MADE + 5);
  await stage.run(["cp", `${stage.folder}/a`, `${NAS}/c`]);
  assertEquals(data.nodes.get("c")?.modified, MADE + 60_000);
});

Deno.test("cp whose source fails half-way leaves nothing, and with --resume a part that the next one finishes", async () => {
  await using stage = await CopyStage.make();
  const { data } = stage.server;
  const bytes = bytesOf(4 << 20);
  data.put("a", bytes);
  const breakOff = (moved: number): void => {
    if (moved > 3 << 20) throw new Error("the wire was cut");
  };
  data.onPiece = breakOff;
  const plain = await stage.run(["cp", `${NAS}/a`, stage.folder]);
  assertEquals([plain.code, plain.reported, await stage.names()], [1, ["verbena cp: the wire was cut"], []]);
  assertEquals((await stage.run(["cp", "--resume", `${NAS}/a`, stage.folder])).code, 1);
  const [partial = ""] = await stage.names();
  assertMatch(partial, /^a\.partial-[0-9a-f]{16}$/);
  assertEquals((await Deno.stat(`${stage.folder}/${partial}`)).size, 3 << 20);
  // the last piece may be anything after a crash
  using file = await Deno.open(`${stage.folder}/${partial}`, { write: true });
  await file.seek((3 << 20) - 5, Deno.SeekMode.Start);
  await file.write(new Uint8Array(5));
  const reads: number[] = [];
  data.onPiece = (moved) => void reads.push(moved);
  const again = await stage.run(["cp", "--resume", `${NAS}/a`, stage.folder]);
  assertEquals(again, { code: 0, printed: [], reported: [] });
  assertEquals(reads.length, (2 << 20) / PIECE);
  assertEquals([await stage.names(), await Deno.readFile(`${stage.folder}/a`)], [["a"], bytes]);
});

Deno.test("cp --resume to a share leaves the writes that may have been under way out", async () => {
  await using stage = await CopyStage.make();
  const { data } = stage.server;
  const bytes = bytesOf(3 << 20);
  await Deno.writeFile(`${stage.folder}/a`, bytes);
  data.onPiece = (moved) => {
    if (moved === 2 << 20) throw new Error("the wire was cut");
  };
  const settings = (outside: { variables: Map<string, string> }): void => {
    outside.variables.set("VERBENA_SMB_WRITE_SIZE", "65536").set("VERBENA_SMB_IN_FLIGHT", "8");
  };
  assertEquals((await stage.run(["cp", "--resume", `${stage.folder}/a`, `${NAS}/a`], settings)).code, 1);
  const [partial = ""] = data.paths;
  // eight writes of 64 KiB, some of which never came
  data.nodes.get(partial)?.bytes?.fill(0, (2 << 20) - (8 << 16));
  const moved: number[] = [];
  data.onPiece = (bytes) => void moved.push(bytes);
  const again = await stage.run(["cp", "--resume", "--verify", `${stage.folder}/a`, `${NAS}/a`], settings);
  assertEquals([again.code, data.paths, moved[0]], [0, ["a"], PIECE]);
  assertEquals(data.nodes.get("a")?.bytes, bytes);
  assertEquals(again.printed, [`${sha256(bytes)}  smb://ada@nas/data/a`]);
});

Deno.test("cp --resume begins anew where the source has changed, and finishes what has all its bytes", async () => {
  await using stage = await CopyStage.make();
  const { data } = stage.server;
  const node = data.put("a", bytesOf(3 << 20));
  data.onPiece = (moved) => {
    if (moved > 2 << 20) throw new Error("cut");
  };
  await stage.run(["cp", "--resume", `${NAS}/a`, stage.folder]);
  data.onPiece = () => {};
  node.bytes = bytesOf(3 << 20, 9);
  node.modified++;
  assertEquals((await stage.run(["cp", "--resume", `${NAS}/a`, stage.folder])).code, 0);
  assertEquals(await Deno.readFile(`${stage.folder}/a`), bytesOf(3 << 20, 9));
});

Deno.test("cp refuses to continue over a link that somebody has put there, and does not touch what it leads to", async () => {
  await using stage = await CopyStage.make();
  const { data } = stage.server;
  data.put("a", bytesOf(3 << 20));
  data.onPiece = (moved) => {
    if (moved > 2 << 20) throw new Error("cut");
  };
  await stage.run(["cp", "--resume", `${NAS}/a`, stage.folder]);
  data.onPiece = () => {};
  const [partial = ""] = await stage.names();
  await Deno.remove(`${stage.folder}/${partial}`);
  await Deno.writeTextFile(`${stage.folder}/precious`, "precious");
  await Deno.symlink(`${stage.folder}/precious`, `${stage.folder}/${partial}`);
  for (const flags of [["--resume"], []]) {
    const { code, reported } = await stage.run(["cp", ...flags, `${NAS}/a`, stage.folder]);
    assertEquals([code, reported], [
      1,
      [`verbena cp: create ${stage.folder}/${partial}: EEXIST: something that is no file has the name`],
    ]);
  }
  assertEquals(await Deno.readTextFile(`${stage.folder}/precious`), "precious");
});

Deno.test("two copies of one source to one target do not write one file", async () => {
  await using stage = await CopyStage.make();
  const other = new Stage();
  stage.server.data.put("a", bytesOf(1 << 20));
  other.server.data.put("a", bytesOf(1 << 20));
  let second: Promise<unknown> | undefined;
  stage.server.data.onPiece = async () => {
    second ??= other.run(["cp", `${NAS}/a`, stage.folder]).then(({ code, reported }) => {
      assertEquals(code, 1);
      assertMatch(reported.join(), /partial-[0-9a-f]{16}: EBUSY: another copy is writing it$/);
    });
    await second;
  };
  assertEquals((await stage.run(["cp", `${NAS}/a`, stage.folder])).code, 0);
  assertEquals([await stage.names(), await Deno.readFile(`${stage.folder}/a`)], [["a"], bytesOf(1 << 20)]);
});

Deno.test("cp says that a source changed while it was copied, and leaves nothing", async () => {
  await using stage = await CopyStage.make();
  const { data } = stage.server;
  const changes: ((node: { bytes: Uint8Array | undefined; modified: number }) => void)[] = [
    (node) => node.modified++,
    (node) => node.bytes = bytesOf(2 << 20),
    (node) => node.bytes = bytesOf(10),
  ];
  for (const change of changes) {
    const node = data.put("a", bytesOf(1 << 20));
    let once = true;
    data.onPiece = () => {
      if (once) change(node);
      once = false;
    };
    const { code, reported } = await stage.run(["cp", "--resume", `${NAS}/a`, stage.folder]);
    assertEquals([code, reported], [1, ["verbena cp: smb://ada@nas/data/a: it changed while it was copied"]]);
    assertEquals(await stage.names(), []);
  }
});

Deno.test("cp --verify finds what was written wrong, and leaves nothing", async () => {
  await using stage = await CopyStage.make();
  const { data } = stage.server;
  await Deno.writeFile(`${stage.folder}/a`, bytesOf(200_000));
  data.onPiece = () => {
    for (const { name, bytes } of data.nodes.values()) if (name.startsWith("a.partial") && bytes) bytes[77] = 0;
  };
  const { code, reported } = await stage.run(["cp", "--verify", `${stage.folder}/a`, `${NAS}/a`]);
  const wrong = bytesOf(200_000);
  wrong[77] = 0;
  assertEquals([code, reported, data.paths], [
    1,
    [`verbena cp: smb://ada@nas/data/a: SHA-256 is ${sha256(wrong)}, the source's ${sha256(bytesOf(200_000))}`],
    [],
  ]);
});

Deno.test("interrupted, cp leaves nothing half-written, and with --resume the parts", async () => {
  await using stage = await CopyStage.make();
  const { data } = stage.server;
  for (const name of ["a", "b", "c"]) data.put(name, bytesOf(1 << 20));
  data.onPiece = (moved) => {
    if (moved > 1 << 19) stage.outside.controller.abort();
  };
  const sources = ["a", "b", "c"].map((name) => `${NAS}/${name}`);
  assertEquals(await stage.run(["cp", ...sources, stage.folder]), {
    code: 1,
    printed: [],
    reported: ["verbena cp: interrupted"],
  });
  assertEquals(await stage.names(), []);
  assertEquals((await stage.run(["cp", "--resume", ...sources, stage.folder])).code, 1);
  assertEquals((await stage.names()).every((name) => /^[abc]\.partial-/.test(name)), true);
});

Deno.test("names that would leave the directory, or cannot be here, are told and not written", async () => {
  await using stage = await CopyStage.make();
  const { data } = stage.server;
  data.put("tree/good", "x");
  data.lies.set("tree", ["..", ".", "../evil", "a/b", "a\\b", "", "nul\0"]);
  data.put("tree/half\ud800", "x");
  await Deno.mkdir(`${stage.folder}/in`);
  const { code, reported } = await stage.run(["cp", "-r", `${NAS}/tree`, `${stage.folder}/in`]);
  assertEquals([code, reported], [1, [
    'verbena cp: smb://ada@nas/data/tree/half\ufffd: the target cannot have the name "half\\ud800": ' +
    "it is not well-formed Unicode, as names here are",
  ]]);
  assertEquals([await stage.names(), await stage.names("in/tree")], [["in"], ["good"]]);
});

Deno.test("names that SMB would take for something else are not sent there", async () => {
  await using stage = await CopyStage.make();
  await Deno.mkdir(`${stage.folder}/tree`);
  for (const name of ["good", "file:stream", "what?", "a\\b"]) {
    await Deno.writeTextFile(`${stage.folder}/tree/${name}`, "x");
  }
  const { code, reported } = await stage.run(["cp", "-r", `${stage.folder}/tree`, NAS]);
  assertEquals([code, reported.length, stage.server.data.paths], [1, 3, ["tree", "tree/good"]]);
  assertMatch(reported.join("\n"), 'the target cannot have the name "file:stream": SMB allows no name with :');
});

Deno.test("of two names that are one on the server only the first is copied", async () => {
  await using stage = await CopyStage.make();
  await Deno.mkdir(`${stage.folder}/tree`);
  for (const name of ["Readme", "README"]) await Deno.writeTextFile(`${stage.folder}/tree/${name}`, name);
  const { code, reported } = await stage.run(["cp", "-r", "-f", `${stage.folder}/tree`, NAS]);
  assertEquals([code, reported], [1, [
    "verbena cp: smb://ada@nas/data/tree/Readme: another source has just been copied there",
  ]]);
  assertEquals(stage.server.data.text("tree/readme"), "README");
});

Deno.test("links: one that is named is followed, others are told and left", async () => {
  await using stage = await CopyStage.make();
  const { data } = stage.server;
  data.put("target/file", "x");
  data.putDirectory("tree");
  data.putDirectory("tree/junction", FileAttribute.REPARSE_POINT);
  data.put("tree/junction/loop", "x");
  data.put("tree/kept-elsewhere", "y", FileAttribute.REPARSE_POINT);
  const { code, reported } = await stage.run(["cp", "-r", `${NAS}/tree`, stage.folder]);
  assertEquals([code, reported], [1, ["verbena cp: smb://ada@nas/data/tree/junction: a link, which is not followed"]]);
  assertEquals(await stage.names("tree"), ["kept-elsewhere"]);
  await Deno.mkdir(`${stage.folder}/up`);
  await Deno.symlink(`${stage.folder}/tree`, `${stage.folder}/up/link`);
  await Deno.symlink(`${stage.folder}/up`, `${stage.folder}/named`);
  const up = await stage.run(["cp", "-r", `${stage.folder}/named`, `${NAS}/up`]);
  assertEquals([up.code, up.reported], [1, [`verbena cp: ${stage.folder}/named/link: a link, which is not followed`]]);
});

Deno.test("what is no file, and what has no name that can be read, is told and not waited for", async () => {
  await using stage = await CopyStage.make();
  await Deno.mkdir(`${stage.folder}/tree`);
  await Deno.writeTextFile(`${stage.folder}/tree/good`, "x");
  const made = await new Deno.Command("sh", {
    args: ["-c", `mkfifo pipe && touch "$(printf 'bad\\377')"`],
    cwd: `${stage.folder}/tree`,
  }).output();
  assertEquals(made.code, 0);
  const { code, reported } = await stage.run(["cp", "-r", `${stage.folder}/tree`, NAS]);
  assertEquals([code, stage.server.data.paths], [1, ["tree", "tree/good"]]);
  assertEquals(reported.toSorted(), [
    `verbena cp: ${stage.folder}/tree/pipe: it is neither a file nor a directory`,
    `verbena cp: open ${stage.folder}/tree/bad\ufffd: ENOENT: No such file or directory`,
  ]);
  const named = await stage.run(["cp", `${stage.folder}/tree/pipe`, NAS]);
  assertEquals(named.reported, [`verbena cp: ${stage.folder}/tree/pipe: it is neither a file nor a directory`]);
});

Deno.test("cp refuses to copy a file to itself and a directory into itself", async () => {
  await using stage = await CopyStage.make();
  stage.server.data.put("tree/a", "x");
  const table: [string[], string][] = [
    [["-f", `${NAS}/tree/a`, `${NAS}/TREE/A`], "smb://ada@nas/data/tree/a: it cannot be copied to itself"],
    [["-r", `${NAS}/tree`, `${NAS}/Tree/sub`], "smb://ada@nas/data/tree: it cannot be copied into itself"],
    [["-r", NAS, "smb://bob:x@NAS:445/Data/sub"], "smb://ada@nas/data: it cannot be copied into itself"],
  ];
  for (const [args, line] of table) {
    assertEquals(await stage.run(["cp", ...args]), { code: 1, printed: [], reported: [`verbena cp: ${line}`] });
  }
  assertEquals(stage.server.data.text("tree/a"), "x");
});

Deno.test("cp says what is wrong with its arguments, before it connects to anything", async () => {
  const stage = new Stage();
  const table: [string[], string][] = [
    [["a"], "an argument is missing"],
    [["a", "b"], "neither source nor target is on a server, as in smb://user@nas/share/path; cp copies files here"],
    [["a", `${NAS}/*`], "smb://ada@nas/data/*: a pattern cannot be used here; * is written %2A, ? %3F, [ %5B"],
    [["-j", "0", "a", NAS], '--jobs: got "0", want a whole number from 1 to 64'],
  ];
  for (const [args, line] of table) {
    assertEquals(await stage.run(["cp", ...args]), {
      code: 2,
      printed: [],
      reported: [`verbena cp: ${line}; see verbena cp --help`],
    });
  }
  assertEquals(stage.connections, []);
});

Deno.test("cp says what is wrong with its sources and its target", async () => {
  await using stage = await CopyStage.make();
  stage.server.data.put("dir/a", "x");
  stage.server.data.put("b", "x");
  const there = `${stage.folder}/there`;
  await Deno.writeTextFile(there, "x");
  const table: [string[], string][] = [
    [[`${NAS}/none`, stage.folder], "smb://ada@nas/data/none: there is nothing of the name"],
    [[`${NAS}/n*`, stage.folder], "smb://ada@nas/data/n*: nothing there is of this pattern"],
    [[`${NAS}/dir`, stage.folder], "smb://ada@nas/data/dir: it is a directory; -r copies it"],
    [[`${NAS}/b`, `${NAS}/dir/a`, there], `${there}: it is no directory`],
    [[`${NAS}/b`, `${stage.folder}/none/`], `${stage.folder}/none: there is no such directory`],
    [[`${NAS}/b`, `${stage.folder}/none/b`], `create ${stage.folder}/none/b.partial-`],
    [[`${NAS}/b`, "smb://ada:pw@nas/other/"], "open the share other: STATUS_BAD_NETWORK_NAME"],
  ];
  for (const [args, line] of table) {
    const { code, reported } = await stage.run(["cp", ...args]);
    assertEquals([code, reported.length], [1, 1], reported.join("\n"));
    assertMatch(reported[0] ?? "", `verbena cp: ${line}`);
  }
});

Deno.test("cp --jobs copies as many files at once, and no more", async () => {
  await using stage = await CopyStage.make();
  const { data } = stage.server;
  for (let index = 0; index < 20; index++) data.put(`tree/${index}`, bytesOf(3 * PIECE, index));
  let most = 0;
  data.onPiece = async () => {
    most = Math.max(most, data.open_);
    await new Promise((resolve) => setTimeout(resolve, 1));
  };
  assertEquals((await stage.run(["cp", "-r", "-j", "3", `${NAS}/tree`, stage.folder])).code, 0);
  assertEquals([most, (await stage.names("tree")).length], [3, 20]);
  for (let index = 0; index < 20; index++) {
    assertEquals(await Deno.readFile(`${stage.folder}/tree/${index}`), bytesOf(3 * PIECE, index));
  }
});

Deno.test("what a partial file cannot be rid of is told", async () => {
  await using stage = await CopyStage.make();
  const { data } = stage.server;
  await Deno.writeFile(`${stage.folder}/a`, bytesOf(100));
  data.fails = (call) => /^(rename|remove)/.test(call) ? new Error("not allowed") : undefined;
  const { code, reported } = await stage.run(["cp", `${stage.folder}/a`, NAS]);
  assertEquals([code, reported.length], [1, 2]);
  assertMatch(reported[0] ?? "", /^verbena cp: smb:.*a\.partial-[0-9a-f]{16} is left behind: not allowed$/);
  assertEquals(reported[1], "verbena cp: not allowed");
  assert(data.paths.length === 1);
});
