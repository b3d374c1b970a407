import { OutputClosed } from "../../commands/command.ts";
import { FileAttribute, NtStatus, NtStatusError } from "../../src/smb/mod.ts";
import { assertEquals, assertMatch } from "../assert.ts";
import { Stage } from "./smb_run.ts";

const NAS = "smb://ada:pw@nas/data";

function written(stage: Stage): string {
  return stage.outside.written.map((bytes) => new TextDecoder().decode(bytes)).join("");
}

Deno.test("cat writes files one after another, byte for byte", async () => {
  const stage = new Stage();
  stage.server.data.put("a", "one\n");
  stage.server.data.put("b", "x".repeat(200_000));
  assertEquals(await stage.run(["cat", `${NAS}/a`, `${NAS}/b`, `${NAS}/a`]), { code: 0, printed: [], reported: [] });
  assertEquals(written(stage), `one\n${"x".repeat(200_000)}one\n`);
  assertEquals([stage.server.data.open_, stage.server.closed], [0, 1]);
});

Deno.test("cat goes on after a file it cannot read, and says that one became shorter", async () => {
  const stage = new Stage();
  const { data } = stage.server;
  const node = data.put("a", "x".repeat(100_000));
  data.put("b", "y");
  data.putDirectory("d");
  data.onPiece = () => void (node.bytes = new Uint8Array(10));
  const { code, reported } = await stage.run(["cat", `${NAS}/a`, `${NAS}/d`, `${NAS}/b`]);
  assertEquals([code, reported, written(stage).at(-1)], [1, [
    "verbena cat: smb://ada@nas/data/a: it ended after 65536 of 100000 bytes",
    "verbena cat: open d: STATUS_FILE_IS_A_DIRECTORY: it is a directory",
  ], "y"]);
});

Deno.test("cat whose reader goes ends at once, with 1 and no line", async () => {
  const stage = new Stage();
  stage.server.data.put("a", "x".repeat(1_000_000));
  let pieces = 0;
  const ran = await stage.run(["cat", `${NAS}/a`, `${NAS}/a`], (outside) => {
    Object.assign(outside, {
      writeBytes: () => ++pieces === 2 ? Promise.reject(new OutputClosed("gone")) : Promise.resolve(),
    });
  });
  assertEquals([ran, pieces, stage.server.data.open_], [{ code: 1, printed: [], reported: [] }, 2, 0]);
});

Deno.test("mkdir makes directories, and with -p those above", async () => {
  const stage = new Stage();
  const { data } = stage.server;
  assertEquals((await stage.run(["mkdir", `${NAS}/a`, `${NAS}/b%2Ac`])).code, 0);
  assertEquals((await stage.run(["mkdir", "-p", `${NAS}/a`, `${NAS}/x/y/z`])).code, 0);
  assertEquals(data.paths, ["a", "b*c", "x", "x/y", "x/y/z"]);
  const { code, reported } = await stage.run(["mkdir", `${NAS}/a`, `${NAS}/n/m`, `${NAS}/d`]);
  assertEquals([code, reported.length, data.paths.includes("d")], [1, 2, true]);
  assertMatch(reported[0] ?? "", /^verbena mkdir: mkdir a: STATUS_OBJECT_NAME_COLLISION/);
  assertEquals((await stage.run(["mkdir", `${NAS}/a*`])).code, 2);
});

Deno.test("rm removes files and links, and directories with -r", async () => {
  const stage = new Stage();
  const { data } = stage.server;
  for (const path of ["a.txt", "b.txt", "c", "tree/x", "tree/deep/y"]) data.put(path, "x");
  data.putDirectory("tree/link", FileAttribute.REPARSE_POINT);
  data.put("other", "precious");
  assertEquals(await stage.run(["rm", `${NAS}/*.txt`, `${NAS}/tree`]), {
    code: 1,
    printed: [],
    reported: ["verbena rm: smb://ada@nas/data/tree: it is a directory; -r removes it"],
  });
  assertEquals(data.paths, ["c", "other", "tree", "tree/deep", "tree/deep/y", "tree/link", "tree/x"]);
  data.calls.length = 0;
  assertEquals((await stage.run(["rm", "-r", `${NAS}/tree`])).code, 0);
  assertEquals(data.paths, ["c", "other"]);
  assertEquals(data.calls.filter((call) => /link/.test(call)), ["remove tree/link"]);
});

Deno.test("rm never leaves the directory it was told to remove, whatever a listing says", async () => {
  const stage = new Stage();
  const { data } = stage.server;
  data.put("tree/x", "x");
  data.put("other", "precious");
  data.lies.set("tree", ["..", "../other", "..\\other", "/", "", ".", "a/../../other"]);
  const { code, reported } = await stage.run(["rm", "-r", `${NAS}/tree`]);
  assertEquals([code, reported], [1, [
    "verbena rm: remove tree: STATUS_DIRECTORY_NOT_EMPTY: the directory is not empty",
  ]]);
  assertEquals([data.paths, data.calls.filter((call) => call.startsWith("remove"))], [
    ["other", "tree"],
    ["remove tree/x", "remove tree"],
  ]);
});

Deno.test("rm -f does not mind what is not there, and minds everything else", async () => {
  const stage = new Stage();
  stage.server.data.put("a", "x");
  assertEquals((await stage.run(["rm", "-f", `${NAS}/none`, `${NAS}/no*`, `${NAS}/a`])).code, 0);
  assertEquals(stage.server.data.paths, []);
  assertEquals((await stage.run(["rm", `${NAS}/none`])).code, 1);
  stage.server.data.fails = () => new NtStatusError("stat b", NtStatus.ACCESS_DENIED);
  assertEquals((await stage.run(["rm", "-f", `${NAS}/b`])).reported, [
    "verbena rm: stat b: STATUS_ACCESS_DENIED: access is denied",
  ]);
  assertEquals(await stage.run(["rm", "-r", NAS]), {
    code: 2,
    printed: [],
    reported: ["verbena rm: smb://ada@nas/data: the share itself cannot be removed; see verbena rm --help"],
  });
});

Deno.test("interrupted, a command ends with 1 and one line, and logs off", async () => {
  const stage = new Stage();
  for (let index = 0; index < 9; index++) stage.server.data.put(`tree/${index}`, "x");
  stage.server.data.fails = (call) => {
    if (call === "remove tree/3") stage.outside.controller.abort();
  };
  assertEquals(await stage.run(["rm", "-r", `${NAS}/tree`]), {
    code: 1,
    printed: [],
    reported: ["verbena rm: interrupted"],
  });
  assertEquals([stage.server.data.paths.length, stage.server.closed], [6, 1]);
});
