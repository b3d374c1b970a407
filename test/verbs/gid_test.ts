/**
 * GIDs as text and bytes, and which of a port's to speak with.
 *
 * @module
 */
import { chooseGid, type GidEntry, gidText, type GidType, parseGid, readGidTable } from "../../src/verbs/mod.ts";
import { assertEquals, assertThrows, hex } from "../assert.ts";

Deno.test("a GID is written as RFC 5952 writes IPv6, and read back", () => {
  for (
    const [digits, text] of [
      ["fe80 0000 0000 0000 58c1 a6ff fe35 06ae", "fe80::58c1:a6ff:fe35:6ae"],
      ["0000 0000 0000 0000 0000 ffff 0a07 0001", "::ffff:10.7.0.1"],
      ["0000 0000 0000 0000 0000 0000 0000 0000", "::"],
      ["0000 0000 0000 0000 0000 0000 0000 0001", "::1"],
      ["2001 0db8 0000 0000 0001 0000 0000 0000", "2001:db8:0:0:1::"],
      ["2001 0db8 0000 0001 0001 0001 0001 0001", "2001:db8:0:1:1:1:1:1"],
      ["f628 ffcd e338 0000 0000 0000 0000 0000", "f628:ffcd:e338::"],
    ] as const
  ) {
    assertEquals(gidText(hex(digits)), text);
    assertEquals(parseGid(text), hex(digits));
  }
});

Deno.test("an IPv4 address is the GID that maps it, also where it ends an IPv6 address", () => {
  assertEquals(gidText(parseGid("192.168.77.1")), "::ffff:192.168.77.1");
  assertEquals(parseGid("::ffff:192.168.77.1"), parseGid("192.168.77.1"));
  assertEquals(parseGid("64:ff9b::192.0.2.33"), hex("0064ff9b 00000000 00000000 c0000221"));
  assertEquals(parseGid("FE80::A"), parseGid("fe80:0:0:0:0:0:0:a"));
});

Deno.test("what is no address is no GID", () => {
  for (
    const text of [
      "",
      "10.7.0",
      "10.7.0.256",
      "1:2:3:4:5:6:7",
      "1:2:3:4:5:6:7:8:9",
      "1::2::3",
      "fe80::g",
      "::12345",
      ":1::",
    ]
  ) assertThrows(() => parseGid(text), RangeError, "neither an IPv6 nor an IPv4 address");
  assertThrows(() => parseGid("1:2:3:4:5:6:7::8"), RangeError);
  assertThrows(() => gidText(new Uint8Array(4)), RangeError, "a GID of 4 bytes: 16 are wanted");
});

Deno.test("a table of GIDs is read as C lays it out", () => {
  const view = new DataView(new ArrayBuffer(64));
  new Uint8Array(view.buffer).set(parseGid("10.7.0.1"), 32);
  view.setUint32(32 + 16, 5, true); // gid_index
  view.setUint32(32 + 20, 2, true); // port_num
  view.setUint32(32 + 24, 2, true); // gid_type
  view.setUint32(32 + 28, 7, true); // ndev_ifindex
  assertEquals(readGidTable(view, 2), [
    { index: 0, port: 0, gid: new Uint8Array(16), type: "IB", interfaceIndex: 0 },
    { index: 5, port: 2, gid: parseGid("::ffff:10.7.0.1"), type: "RoCE v2", interfaceIndex: 7 },
  ]);
});

const table = (...rows: [text: string, type: GidType | undefined][]): GidEntry[] =>
  rows.map(([text, type], index) => ({ index, port: 1, gid: parseGid(text), type, interfaceIndex: 1 }));

const USUAL = table(
  ["fe80::1", "RoCE v1"],
  ["fe80::1", "RoCE v2"],
  ["10.7.0.1", "RoCE v1"],
  ["10.7.0.1", "RoCE v2"],
  ["2001:db8::1", "RoCE v1"],
  ["2001:db8::1", "RoCE v2"],
);

Deno.test("RoCE v2 with an IPv4 address goes first, then a global address, link-local last", () => {
  const rest = [...USUAL];
  const order: number[] = [];
  for (let best = chooseGid(rest); best !== undefined; best = chooseGid(rest)) {
    order.push(best.index);
    rest.splice(rest.indexOf(best), 1);
  }
  assertEquals(order, [3, 5, 1, 2, 4, 0]);
});

Deno.test("this side's own address, and an address of the peer's kind, go before all", () => {
  assertEquals(chooseGid(USUAL, { address: "2001:db8::1" })?.index, 5);
  assertEquals(chooseGid(USUAL, { peer: "fe80::2" })?.index, 1);
  assertEquals(chooseGid(USUAL, { peer: "2001:db8::2" })?.index, 5);
  assertEquals(chooseGid(USUAL, { peer: "10.7.0.2" })?.index, 3);
  assertEquals(chooseGid(USUAL, { address: "10.7.0.1", peer: "fe80::2" })?.index, 3);
  assertEquals(chooseGid(USUAL, { address: "10.9.9.9" })?.index, 3);
});

Deno.test("the first of equals is taken; of no GIDs there is none", () => {
  assertEquals(chooseGid(table(["10.7.0.1", "RoCE v2"], ["10.8.0.1", "RoCE v2"]))?.index, 0);
  assertEquals(chooseGid(table(["f628:ffcd:e338::", "IB"]))?.index, 0);
  assertEquals(chooseGid(table(["fe80::1", "RoCE v1"], ["fe80::1", undefined]))?.index, 1);
  assertEquals(chooseGid([]), undefined);
});
