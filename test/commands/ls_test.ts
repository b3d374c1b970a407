import { FileAttribute, NtStatus, NtStatusError } from "../../src/smb/mod.ts";
import { assertEquals } from "../assert.ts";
import { MADE } from "./memory_share.ts";
import { Stage } from "./smb_run.ts";

const NAS = "smb://ada:pw@nas/data";
const SHOWN = "smb://ada@nas/data";

function staged(): Stage {
  const stage = new Stage();
  const { data } = stage.server;
  data.put("b.txt", "hello");
  data.put("A.txt", "x".repeat(1234), FileAttribute.READONLY);
  data.put(".dot", "");
  data.put("hid", "", FileAttribute.HIDDEN);
  data.put("sub/deep/x.txt", "x");
  data.put("sub/\x1b[2J", "x");
  data.put("junk/x.txt", "x");
  data.putDirectory("junk", FileAttribute.REPARSE_POINT);
  return stage;
}

Deno.test("ls lists a directory in the order of names, without what is hidden", async () => {
  assertEquals(await staged().run(["ls", NAS]), {
    code: 0,
    printed: ["A.txt", "b.txt", "junk/", "sub/"],
    reported: [],
  });
  assertEquals((await staged().run(["ls", "-a", NAS])).printed, [".dot", "A.txt", "b.txt", "hid", "junk/", "sub/"]);
  assertEquals((await staged().run(["ls", `${NAS}/.dot`])).printed, [".dot"]);
});

Deno.test("ls -l shows attributes, size and time", async () => {
  assertEquals((await staged().run(["ls", "-l", NAS])).printed, [
    "--r--a---  1234  2026-01-02 03:04:05Z  A.txt",
    "-----a---     5  2026-01-02 03:04:05Z  b.txt",
    "dl-------     0  2026-01-02 03:04:05Z  junk/",
    "d--------     0  2026-01-02 03:04:05Z  sub/",
  ]);
});

Deno.test("ls -R goes into directories, not into links, and nothing in a name reaches the terminal as it is", async () => {
  assertEquals((await staged().run(["ls", "-R", NAS])).printed, [
    `${SHOWN}:`,
    "A.txt",
    "b.txt",
    "junk/",
    "sub/",
    "",
    `${SHOWN}/sub:`,
    "\\u{1b}[2J",
    "deep/",
    "",
    `${SHOWN}/sub/deep:`,
    "x.txt",
  ]);
});

Deno.test("ls of several takes files first, and heads each directory", async () => {
  assertEquals((await staged().run(["ls", `${NAS}/[ab].*`, `${NAS}/sub/deep`])).printed, [
    "A.txt",
    "b.txt",
    "",
    `${SHOWN}/sub/deep:`,
    "x.txt",
  ]);
});

Deno.test("ls takes ** for any directories, none among them, without links", async () => {
  const table: [string, string[]][] = [
    ["**/*.txt", ["A.txt", "b.txt", "sub/deep/x.txt"]],
    ["s*/deep/x.txt", ["x.txt"]],
    ["*/x.txt", ["x.txt"]],
  ];
  for (const [pattern, names] of table) {
    assertEquals(await staged().run(["ls", `${NAS}/${pattern}`]), { code: 0, printed: names, reported: [] }, pattern);
  }
  assertEquals((await staged().run(["ls", `${NAS}/**/`])).printed.filter((line) => line.endsWith(":")), [
    `${SHOWN}/junk:`,
    `${SHOWN}/sub:`,
    `${SHOWN}/sub/deep:`,
  ]);
});

Deno.test("ls --json tells all that is known", async () => {
  const { printed } = await staged().run(["ls", "--json", `${NAS}/A*`]);
  const time = new Date(MADE).toISOString();
  assertEquals(JSON.parse(printed.join("\n")), [{
    url: `${SHOWN}/A.txt`,
    name: "A.txt",
    type: "file",
    size: 1234,
    allocated: 4096,
    attributes: ["read-only", "archive"],
    created: time,
    accessed: time,
    modified: time,
    changed: time,
    file_id: "7",
  }]);
  assertEquals((await staged().run(["ls", "--json", `${NAS}/sub/deep`])).printed.join("").includes("x.txt"), true);
});

Deno.test("ls reports what it cannot list in a line each, and goes on with the rest", async () => {
  const stage = staged();
  stage.server.data.fails = (call) => {
    return call === "list sub/deep" ? new NtStatusError("open sub/deep", NtStatus.ACCESS_DENIED) : undefined;
  };
  const { code, printed, reported } = await stage.run(["ls", `${NAS}/none`, "-R", `${NAS}/sub`]);
  assertEquals([code, printed], [1, [`${SHOWN}/sub:`, "\\u{1b}[2J", "deep/"]]);
  assertEquals(reported, [
    "verbena ls: stat none: STATUS_OBJECT_NAME_NOT_FOUND: there is no such file or directory",
    "verbena ls: open sub/deep: STATUS_ACCESS_DENIED: access is denied",
  ]);
});

Deno.test("stat shows what is known of each", async () => {
  const { code, printed } = await staged().run(["stat", `${NAS}/b.txt`, `${NAS}/junk`]);
  assertEquals([code, printed.slice(0, 4), printed.length], [0, [
    `url         ${SHOWN}/b.txt`,
    "type        file",
    "size        5",
    "allocated   4096",
  ], 21]);
  assertEquals(printed[12], "type        directory link");
  const json = await staged().run(["stat", "--json", `${NAS}/sub`, `${NAS}/none`]);
  assertEquals(json.code, 1);
  assertEquals(JSON.parse(json.printed.join("\n"))[0].type, "directory");
});
