import fc from "fast-check";
import { WireError } from "../../../src/rdma/errors.ts";
import {
  checkText,
  fileTimeOf,
  isComponent,
  isError,
  millisecondsOf,
  nameOf,
  nanosecondsOf,
  NtStatus,
  sharePath,
  statusName,
  statusWords,
} from "../../../src/smb/wire/mod.ts";
import { assert, assertEquals, assertThrows, hex } from "../../assert.ts";

Deno.test("sharePath() writes a path as SMB does", () => {
  const cases: [string, string][] = [
    ["", ""],
    ["/", ""],
    [".", ""],
    ["a", "a"],
    ["/a/b/", "a\\b"],
    ["a\\b/c", "a\\b\\c"],
    ["//a/./b//c/.", "a\\b\\c"],
    ["a..b/...", "a..b\\..."],
    ["Grüße/日本/😀", "Grüße\\日本\\😀"],
    ["lone \ud800", "lone \ud800"],
  ];
  for (const [path, expected] of cases) assertEquals(sharePath(path), expected);
});

Deno.test("sharePath() refuses .., NUL and what 16 bits cannot measure", () => {
  for (const path of ["..", "a/../b", "a\\..", "/..", "../a"]) {
    assertThrows(() => sharePath(path), WireError, "a path has no component ..");
  }
  assertThrows(() => sharePath("a\0b"), WireError, 'smb2: a path has no NUL: got "a\\u0000b"');
  assertEquals(sharePath("x".repeat(32_767)).length, 32_767);
  assertThrows(() => sharePath("x".repeat(32_768)), WireError, "at most 32767 UTF-16 units: got 32768");
});

Deno.test("isComponent() keeps a server's names from becoming paths", () => {
  for (const name of ["a", "a b", ".a", "...", "a:b", "\ud800"]) assert(isComponent(name));
  for (const name of ["", ".", "..", "a/b", "a\\b", "..\\..\\etc", "a\0"]) assert(!isComponent(name));
});

Deno.test("nameOf() reads UTF-16LE from any address, lone surrogates too", () => {
  const bytes = hex("ff 6100 fc00 3dd800de 00d8");
  assertEquals(nameOf(bytes.subarray(1), "a name"), "aü😀\ud800");
  assertThrows(() => nameOf(bytes, "a name"), WireError, "smb2: a name has an even number of bytes: got 11");
});

Deno.test("checkText() refuses lone surrogates", () => {
  checkText("a share's path", "\\\\srv\\😀");
  assertThrows(() => checkText("a share's path", "\udc00"), WireError, "a share's path has no lone surrogate");
});

Deno.test("FILETIME and milliseconds are each other exactly", () => {
  assertEquals(fileTimeOf(0), 116_444_736_000_000_000n);
  assertEquals(fileTimeOf(-11_644_473_600_000), 0n);
  // Python: (datetime(2024,2,29,12,34,56,789000) - datetime(1601,1,1)) // timedelta(microseconds=1) * 10.
  assertEquals(fileTimeOf(Date.UTC(2024, 1, 29, 12, 34, 56, 789)), 133_536_836_967_890_000n);
  assertEquals(millisecondsOf(133_536_836_967_899_999n), Date.UTC(2024, 1, 29, 12, 34, 56, 789));
  assertEquals(millisecondsOf(116_444_735_999_999_999n), -1);
  assertEquals(nanosecondsOf(116_444_736_000_000_001n), 100n);
  fc.assert(
    fc.property(fc.integer({ min: -11_644_473_600_000, max: 8_640_000_000_000_000 }), (time) => {
      if (time <= 910_692_730_085_477) assertEquals(millisecondsOf(fileTimeOf(time)), time);
      else assertThrows(() => fileTimeOf(time), WireError);
    }),
  );
  for (const wrong of [0.5, NaN, Infinity, -11_644_473_600_001]) {
    assertThrows(() => fileTimeOf(wrong), WireError, "whole milliseconds that a FILETIME holds");
  }
});

Deno.test("statuses have names and words", () => {
  assertEquals(statusName(NtStatus.ACCESS_DENIED), "STATUS_ACCESS_DENIED");
  assertEquals(statusName(0xc0000022), "STATUS_ACCESS_DENIED");
  assertEquals(statusWords(NtStatus.OBJECT_NAME_NOT_FOUND), "there is no such file or directory");
  assertEquals(statusName(0x12ab), "0x000012AB");
  assertEquals(statusWords(0x12ab), "the server answered with a status unknown here");
  assert(isError(NtStatus.DISK_FULL) && !isError(NtStatus.BUFFER_OVERFLOW) && !isError(NtStatus.PENDING));
  assertEquals(new Set(Object.values(NtStatus)).size, Object.keys(NtStatus).length);
});
