import { WireError } from "../../../src/rdma/errors.ts";
import {
  decodeFileAll,
  decodeFileBasic,
  decodeFileInternal,
  decodeFileNetworkOpen,
  decodeFileNumber,
  decodeFilePosition,
  decodeFileStandard,
  decodeFsAttribute,
  decodeFsFullSize,
  decodeFsSize,
  decodeFsVolume,
  decodeOutputResponse,
  DispositionFlag,
  encodeFileBasic,
  encodeFileDisposition,
  encodeFileNumber,
  encodeFileRename,
  encodeFileSize,
  encodeQueryInfoRequest,
  encodeSetInfoRequest,
  FileClass,
  InfoType,
} from "../../../src/smb/wire/mod.ts";
import { assertEquals, assertThrows, hex } from "../../assert.ts";
import { bodyOf, decoded, ID, messageSurvives, pieceOf, refusesShorter, survives } from "./bytes.ts";

const FUZZ = 30_000;
const NOTHING = new Uint8Array(0);

Deno.test("encodeQueryInfoRequest() names a class", () => {
  const request = {
    fileId: ID,
    infoType: InfoType.FILE,
    infoClass: FileClass.ALL,
    maxOutput: 4096,
    additional: 0,
    input: NOTHING,
  };
  // smbprotocol 1.17.0: SMB2QueryInfoRequest with these fields, pack().
  assertEquals(
    bodyOf((view, at) => encodeQueryInfoRequest(view, at, request)),
    hex("2900 01 12 00100000 0000 0000 00000000 00000000 00000000 000102030405060708090a0b0c0d0e0f"),
  );
  const more = { ...request, infoType: InfoType.SECURITY, infoClass: 0, additional: 7, input: hex("aabb") };
  assertEquals(
    bodyOf((view, at) => encodeQueryInfoRequest(view, at, more)),
    hex("2900 03 00 00100000 6800 0000 02000000 07000000 00000000 000102030405060708090a0b0c0d0e0f aabb"),
  );
});

Deno.test("encodeSetInfoRequest() bears the information", () => {
  const information = hex("0500000000000000");
  const request = { fileId: ID, infoType: InfoType.FILE, infoClass: FileClass.END_OF_FILE, additional: 0, information };
  // smbprotocol 1.17.0: SMB2SetInfoRequest with these fields, pack().
  assertEquals(
    bodyOf((view, at) => encodeSetInfoRequest(view, at, request)),
    hex("2100 01 14 08000000 6000 0000 00000000 000102030405060708090a0b0c0d0e0f 0500000000000000"),
  );
});

Deno.test("decodeOutputResponse() gives no more bytes than were asked for", () => {
  const decode = (view: DataView, at: number, length: number) => decodeOutputResponse(view, at, length, 8);
  // smbprotocol 1.17.0: SMB2QueryInfoResponse with eight bytes, pack().
  const bytes = hex("0900 4800 08000000 3132333435363738");
  assertEquals(decoded(decode, bytes), new TextEncoder().encode("12345678"));
  assertEquals(decoded(decode, hex("0900 0000 00000000")), NOTHING);
  refusesShorter(decode, bytes, bytes.length);
  messageSurvives(decode, bytes);
  bytes[4] = 9;
  assertThrows(() => decoded(decode, bytes), WireError, "OutputBufferLength is no more than asked for: got 9");
});

const BASIC = { creationTime: 1n, lastAccessTime: 2n, lastWriteTime: 3n, changeTime: 4n, attributes: 32 };
const STANDARD = { allocationSize: 8192, endOfFile: 5000, numberOfLinks: 2, deletePending: true, directory: false };
// Each of the following: impacket 0.13.1's structure of the class (smb3structs.FILE_…_INFORMATION, smb.SMBFile…Info,
// smb.…Fs…) with the values tested for, getData().
const BASIC_BYTES = "0100000000000000 0200000000000000 0300000000000000 0400000000000000 20000000 00000000";
const STANDARD_BYTES = "0020000000000000 8813000000000000 02000000 01 00 0000";
const ALL_BYTES = hex(
  `${BASIC_BYTES} ${STANDARD_BYTES} 4d00000000000000 06000000 89001200 0900000000000000 40000000 03000000
   04000000 5c006100`,
);
const NETWORK_OPEN_BYTES = hex(
  `0100000000000000 0200000000000000 0300000000000000 0400000000000000 0020000000000000 8813000000000000
   20000000 00000000`,
);
const ALL = {
  basic: BASIC,
  standard: STANDARD,
  fileId: 77n,
  eaSize: 6,
  access: 0x120089,
  position: 9n,
  mode: 64,
  alignment: 3,
  name: "\\a",
};

/** Fails unless `decode` reads `bytes` as `expected`, needs its first `least` bytes, and survives hostile ones. */
function reads<T>(decode: (output: Uint8Array) => T, bytes: Uint8Array, expected: T, least = bytes.length): void {
  assertEquals(decode(bytes), expected);
  for (let length = 0; length < least; length++) {
    assertThrows(() => decode(bytes.slice(0, length)), WireError, "length has room for every field");
  }
  survives(decode, bytes, FUZZ);
}

Deno.test("classes of information on files are read", () => {
  reads(decodeFileBasic, hex(BASIC_BYTES), BASIC);
  reads(decodeFileStandard, hex(STANDARD_BYTES), STANDARD);
  reads(decodeFileNetworkOpen, NETWORK_OPEN_BYTES, { ...BASIC, allocationSize: 8192, endOfFile: 5000 }, 52);
  reads(decodeFileInternal, hex("4d00000000000000"), 77n);
  reads(decodeFilePosition, hex("0900000000000000"), 9n);
  reads(decodeFileNumber, hex("89001200"), 0x120089);
  reads(decodeFileAll, ALL_BYTES, ALL, 96);
});

Deno.test("FileAllInformation without room for the name has none", () => {
  for (const length of [96, 99, 100, 103]) {
    assertEquals(decodeFileAll(ALL_BYTES.slice(0, length)), { ...ALL, name: undefined });
  }
});

Deno.test("sizes beyond 2^53 are refused by name", () => {
  const bytes = hex(STANDARD_BYTES);
  bytes.fill(0xff, 8, 16);
  assertThrows(
    () => decodeFileStandard(bytes),
    WireError,
    "smb2: FileStandardInformation: EndOfFile is below 2^53: got 18446744073709551615",
  );
});

Deno.test("classes of information on file systems are read", () => {
  const size = { total: 1000n, available: 200n, unitSize: 4096 };
  reads(
    decodeFsFullSize,
    hex("e803000000000000 c800000000000000 2c01000000000000 08000000 00020000"),
    { total: 1000n, available: 200n, free: 300n, unitSize: 4096 },
  );
  reads(decodeFsSize, hex("e803000000000000 c800000000000000 08000000 00020000"), size);
  const attribute = hex("ff00c700 ff000000 08000000 4e00540046005300");
  reads(decodeFsAttribute, attribute, { attributes: 0xc700ff, maxComponentLength: 255, name: "NTFS" }, 12);
  assertEquals(decodeFsAttribute(attribute.slice(0, 19)).name, undefined);
  const volume = hex("0500000000000000 cdab0000 06000000 0000 76006f006c00");
  reads(decodeFsVolume, volume, { creationTime: 5n, serialNumber: 0xabcd, label: "vol" }, 18);
  assertEquals(decodeFsVolume(volume.slice(0, 23)).label, undefined);
  const huge = hex("e803000000000000 c800000000000000 ffffffff ffffffff");
  assertThrows(() => decodeFsSize(huge), WireError, "bytes of an allocation unit are below 2^53");
});

Deno.test("what SET_INFO is told is written", () => {
  assertEquals(pieceOf((view, at) => encodeFileBasic(view, at, BASIC)), hex(BASIC_BYTES));
  // smbprotocol 1.17.0: FileRenameInformation with these fields, pack().
  assertEquals(
    pieceOf((view, at) => encodeFileRename(view, at, "d\\e", true)),
    hex("01 00000000000000 0000000000000000 06000000 64005c006500"),
  );
  assertEquals(
    pieceOf((view, at) => encodeFileRename(view, at, "d", false)),
    hex("00 00000000000000 0000000000000000 02000000 6400 0000"),
  );
  assertEquals(pieceOf((view, at) => encodeFileDisposition(view, at, true)), hex("01"));
  assertEquals(pieceOf((view, at) => encodeFileDisposition(view, at, false)), hex("00"));
  assertEquals(
    pieceOf((view, at) => encodeFileNumber(view, at, DispositionFlag.DELETE | DispositionFlag.POSIX_SEMANTICS)),
    hex("03000000"),
  );
  assertEquals(pieceOf((view, at) => encodeFileSize(view, at, 0x1_0000_0005)), hex("0500000001000000"));
  assertThrows(() => pieceOf((view, at) => encodeFileSize(view, at, -1)), WireError, "below 2^53: got -1");
  assertThrows(() => pieceOf((view, at) => encodeFileRename(view, at, "\0", true)), WireError, "a path has no NUL");
});
