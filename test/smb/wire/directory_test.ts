import { WireError } from "../../../src/rdma/errors.ts";
import {
  decodeChanges,
  decodeDirectory,
  DirectoryClass,
  DirectoryFlag,
  encodeChangeNotifyRequest,
  encodeQueryDirectoryRequest,
  NotifyAction,
  NotifyFilter,
  WATCH_TREE,
} from "../../../src/smb/wire/mod.ts";
import { assert, assertEquals, assertThrows, hex } from "../../assert.ts";
import { bodyOf, ID, survives } from "./bytes.ts";

const TIMES = "0100000000000000 0200000000000000 0300000000000000 0400000000000000";
const SIZES = "0500000000000000 0800000000000000 20000000";
const SHORT_NAME = `41004200 ${"00".repeat(20)}`;
const ATTRIBUTES = {
  creationTime: 1n,
  lastAccessTime: 2n,
  lastWriteTime: 3n,
  changeTime: 4n,
  endOfFile: 5,
  allocationSize: 8,
  attributes: 32,
  eaSize: 6,
  fileId: 77n,
};
// smbprotocol 1.17.0: FileIdBothDirectoryInformation with these fields, pack(); by hand its times, the short name's
// length, the first entry's NextEntryOffset, and the second entry.
const ID_BOTH_BYTES = hex(
  `78000000 03000000 ${TIMES} ${SIZES} 0e000000 06000000 04 00 ${SHORT_NAME} 0000
   4d00000000000000 6100620063002e00740078007400 0000
   00000000 00000000 ${TIMES} ${SIZES} 02000000 06000000 00 00 000000000000000000000000000000000000000000000000 0000
   4d00000000000000 00d8`,
);
const ID_FULL_BYTES = hex(
  `00000000 00000000 ${TIMES} ${SIZES} 04000000 06000000 00000000 4d00000000000000 2e002e00`,
);
const NAMES_BYTES = hex("10000000 00000000 02000000 6100 0000 00000000 00000000 04000000 62006200");
const CHANGES_BYTES = hex(
  "14000000 01000000 06000000 6e0065007700 0000 00000000 03000000 06000000 78005c007900",
);

Deno.test("encodeQueryDirectoryRequest() asks by pattern", () => {
  const request = {
    fileId: ID,
    informationClass: DirectoryClass.ID_BOTH,
    flags: DirectoryFlag.RESTART_SCANS,
    pattern: "*",
    maxOutput: 65_536,
  };
  // smbprotocol 1.17.0: SMB2QueryDirectoryRequest with these fields, pack().
  assertEquals(
    bodyOf((view, at) => encodeQueryDirectoryRequest(view, at, request)),
    hex("2100 25 01 00000000 000102030405060708090a0b0c0d0e0f 6000 0200 00000100 2a00"),
  );
});

Deno.test("encodeChangeNotifyRequest() says what to tell", () => {
  const { FILE_NAME, DIR_NAME, ATTRIBUTES, SIZE, LAST_WRITE } = NotifyFilter;
  const filter = FILE_NAME | DIR_NAME | ATTRIBUTES | SIZE | LAST_WRITE;
  // smbprotocol 1.17.0: the CHANGE_NOTIFY request with these fields, pack().
  assertEquals(
    bodyOf((view, at) => encodeChangeNotifyRequest(view, at, ID, WATCH_TREE, filter, 4096)),
    hex("2000 0100 00100000 000102030405060708090a0b0c0d0e0f 1f000000 00000000"),
  );
});

Deno.test("decodeDirectory() reads each class, lone surrogates in names too", () => {
  assertEquals(decodeDirectory(DirectoryClass.ID_BOTH, ID_BOTH_BYTES), [
    { name: "abc.txt", shortName: "AB", attributes: ATTRIBUTES },
    { name: "\ud800", shortName: "", attributes: ATTRIBUTES },
  ]);
  assertEquals(decodeDirectory(DirectoryClass.ID_FULL, ID_FULL_BYTES), [
    { name: "..", shortName: "", attributes: ATTRIBUTES },
  ]);
  assertEquals(decodeDirectory(DirectoryClass.NAMES, NAMES_BYTES), [
    { name: "a", shortName: "", attributes: undefined },
    { name: "bb", shortName: "", attributes: undefined },
  ]);
  assertEquals(decodeDirectory(DirectoryClass.NAMES, new Uint8Array(0)), []);
});

Deno.test("decodeDirectory() refuses what leaves the output, and lists without end", () => {
  const cases: [number, string, string][] = [
    [0, "67000000", "NextEntryOffset is an entry within the list: got 103"],
    [0, "ffffffff", "NextEntryOffset is an entry within the list: got 4294967295"],
    [0, "e2000000", "NextEntryOffset is an entry within the list: got 226"],
    [60, "ffffffff", "length has room for every field: got 226"],
    [60, "0d000000", "FileName has an even number of bytes: got 13"],
    [68, "19", "ShortNameLength is at most 24: got 25"],
    [68, "03", "ShortName has an even number of bytes: got 3"],
    [40, "0000000000002000", "EndOfFile is below 2^53: got 9007199254740992"],
  ];
  for (const [at, bytes, message] of cases) {
    const input = ID_BOTH_BYTES.slice();
    input.set(hex(bytes), at);
    assertThrows(() => decodeDirectory(DirectoryClass.ID_BOTH, input), WireError, message);
  }
  assertThrows(() => decodeDirectory(99, ID_BOTH_BYTES), WireError, "the class of a listing is one read here: got 99");
});

Deno.test("decodeDirectory() reads any bytes as entries or a WireError", () => {
  survives((bytes) => {
    assert(decodeDirectory(DirectoryClass.ID_BOTH, bytes).length <= 2);
  }, ID_BOTH_BYTES);
  survives((bytes) => decodeDirectory(DirectoryClass.ID_FULL, bytes), ID_FULL_BYTES);
  survives((bytes) => decodeDirectory(DirectoryClass.NAMES, bytes), NAMES_BYTES);
});

Deno.test("decodeChanges() reads what happened", () => {
  // The second entry: impacket 0.13.1's smb3structs.FILE_NOTIFY_INFORMATION, getData().
  assertEquals(decodeChanges(CHANGES_BYTES), [
    { action: NotifyAction.ADDED, name: "new" },
    { action: NotifyAction.MODIFIED, name: "x\\y" },
  ]);
  assertThrows(() => decodeChanges(hex("00000000 01000000 02000000 61")), WireError, "smb2: change: length has room");
  survives(decodeChanges, CHANGES_BYTES);
});
