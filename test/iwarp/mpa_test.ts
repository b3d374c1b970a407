import { WireError } from "../../src/rdma/errors.ts";
import { decodeMpaFrame, encodeMpaFrame, MPA_MAX_USER_DATA, type MpaFrame } from "../../src/iwarp/mpa.ts";
import { assert, assertEquals, assertThrows, hex } from "../assert.ts";
import { concat, digits } from "./frames.ts";

const REQUEST = "4d504120494420526571204672616d65";
const REPLY = "4d504120494420526570204672616d65";

function frame(more: Partial<MpaFrame> = {}): MpaFrame {
  return { markers: false, crc: false, reject: false, revision: 1, privateData: new Uint8Array(0), ...more };
}

function enhanced(more: Partial<NonNullable<MpaFrame["enhanced"]>> = {}): NonNullable<MpaFrame["enhanced"]> {
  return { ird: 0, ord: 0, peerToPeer: false, rtrSend: false, rtrWrite: false, rtrRead: false, ...more };
}

/** Frames as the three implementations that matter send them, and what they say. */
const KNOWN: [string, "request" | "reply", string, MpaFrame][] = [
  [
    "siw's request",
    "request",
    `${REQUEST}10020004 00010001`,
    frame({ revision: 2, enhanced: enhanced({ ird: 1, ord: 1 }) }),
  ],
  [
    "siw's reply with CRC",
    "reply",
    `${REPLY}50020004 00800080`,
    frame({
      crc: true,
      revision: 2,
      enhanced: enhanced({ ird: 128, ord: 128 }),
    }),
  ],
  [
    "siw's reply that takes a ready-to-receive Write",
    "reply",
    `${REPLY}10020004 80108010`,
    frame({
      revision: 2,
      enhanced: enhanced({ ird: 16, ord: 16, peerToPeer: true, rtrWrite: true }),
    }),
  ],
  [
    "cxgb4's request: CRC, peer to peer, a ready-to-receive Read",
    "request",
    `${REQUEST}50020004 80204020`,
    frame({
      crc: true,
      revision: 2,
      enhanced: enhanced({ ird: 32, ord: 32, peerToPeer: true, rtrRead: true }),
    }),
  ],
  [
    "irdma's request: CRC, peer to peer, Write or Read",
    "request",
    `${REQUEST}50020004 8040c040`,
    frame({
      crc: true,
      revision: 2,
      enhanced: enhanced({ ird: 64, ord: 64, peerToPeer: true, rtrWrite: true, rtrRead: true }),
    }),
  ],
  [
    "a ready-to-receive Send, depths not negotiated",
    "request",
    `${REQUEST}10020006 ffff3fff abcd`,
    frame({
      revision: 2,
      enhanced: enhanced({ ird: 0x3fff, ord: 0x3fff, peerToPeer: true, rtrSend: true }),
      privateData: hex("abcd"),
    }),
  ],
  [
    "revision 1 with private data",
    "request",
    `${REQUEST}40010003 010203`,
    frame({
      crc: true,
      privateData: hex("010203"),
    }),
  ],
  [
    "a reply that refuses markers",
    "reply",
    `${REPLY}30020004 00000000`,
    frame({
      reject: true,
      revision: 2,
      enhanced: enhanced(),
    }),
  ],
  ["a request for markers", "request", `${REQUEST}80010000`, frame({ markers: true })],
  [
    "a reply of revision 1 that refuses, with words",
    "reply",
    `${REPLY}20010002 6e6f`,
    frame({
      reject: true,
      privateData: hex("6e6f"),
    }),
  ],
];

for (const [what, kind, bytes, content] of KNOWN) {
  Deno.test(`MPA frames: ${what} is read and written byte for byte`, () => {
    assertEquals(decodeMpaFrame(kind, hex(bytes)), { frame: content, size: hex(bytes).length });
    assertEquals(digits(encodeMpaFrame(kind, content)), digits(hex(bytes)));
  });

  Deno.test(`MPA frames: ${what} is waited for until its last byte, and what follows is left alone`, () => {
    const whole = hex(bytes);
    for (let size = 0; size < whole.length; size++) {
      assertEquals(decodeMpaFrame(kind, whole.subarray(0, size)), undefined);
    }
    assertEquals(decodeMpaFrame(kind, concat(whole, hex("4143")))?.size, whole.length);
  });
}

Deno.test("decodeMpaFrame() passes over flags that mean nothing to it", () => {
  const decoded = decodeMpaFrame("request", hex(`${REQUEST}1f020004 00010001`)); // siw's experimental 0x08 among them
  assertEquals(decoded?.frame, frame({ revision: 2, enhanced: enhanced({ ird: 1, ord: 1 }) }));
});

Deno.test("decodeMpaFrame() takes the S flag for nothing in revision 1", () => {
  assertEquals(
    decodeMpaFrame("request", hex(`${REQUEST}10010004 00010001`))?.frame,
    frame({ privateData: hex("00010001") }),
  );
});

Deno.test("decodeMpaFrame() takes private data of 0 to 512 bytes, and copies it", () => {
  for (let length = 0; length <= 512; length++) {
    const size = length.toString(16).padStart(4, "0");
    const bytes = concat(hex(`${REQUEST}0001${size}`), new Uint8Array(length).fill(7));
    const decoded = decodeMpaFrame("request", bytes);
    bytes.fill(0);
    assertEquals([decoded?.size, decoded?.frame.privateData], [20 + length, new Uint8Array(length).fill(7)]);
  }
});

Deno.test("decodeMpaFrame() refuses at the first byte that cannot be right", () => {
  const good = hex(`${REQUEST}10020004 00010001`);
  for (let at = 0; at < 16; at++) {
    const bytes = good.slice();
    bytes[at] = (bytes[at] ?? 0) ^ 0x20;
    const error = assertThrows(() => decodeMpaFrame("request", bytes.subarray(0, at + 1)), WireError);
    assertEquals([error.layer, error.field, error.value], ["mpa", `request key, byte ${at}`, bytes[at]]);
    assertEquals(decodeMpaFrame("request", bytes.subarray(0, at)), undefined);
  }
  assertThrows(() => decodeMpaFrame("reply", good), WireError, "reply key, byte 9");
});

Deno.test("decodeMpaFrame() refuses revisions, lengths and enhanced data that make no sense", () => {
  const bad: [string, string, number][] = [
    ["00000000", "revision, 1 or 2 are known", 0],
    ["00030000", "revision, 1 or 2 are known", 3],
    ["00ff0000", "revision, 1 or 2 are known", 255],
    ["00010201", "private data length, at most 512", 513],
    ["0002ffff", "private data length, at most 512", 65_535],
    ["10020003", "enhanced private data length, at least 4", 3],
    ["10020000", "enhanced private data length, at least 4", 0],
  ];
  for (const [rest, field, value] of bad) {
    const error = assertThrows(() => decodeMpaFrame("request", hex(REQUEST + rest)), WireError);
    assertEquals([error.field, error.value], [field, value]);
  }
});

Deno.test("encodeMpaFrame() takes as much private data as every stack can hold, and no more", () => {
  const most = new Uint8Array(MPA_MAX_USER_DATA).fill(1);
  assert(encodeMpaFrame("request", frame({ privateData: most, revision: 2, enhanced: enhanced() })).length <= 20 + 252);
  assertThrows(() => encodeMpaFrame("reply", frame({ privateData: new Uint8Array(249) })), RangeError, "at most 248");
});

Deno.test("encodeMpaFrame() lets no depth run into the flags beside it", () => {
  const bytes = encodeMpaFrame("request", frame({ revision: 2, enhanced: enhanced({ ird: 70_000, ord: 0x4000 }) }));
  assertEquals(digits(bytes.subarray(20)), "3fff3fff");
});
