/**
 * The right frames of a session, each field of each, and what can be put there instead.
 *
 * @module
 */
import { hex } from "../assert.ts";
import { atomicRequest, atomicResponse, concat, fpdu, readRequest, tagged, untagged } from "./frames.ts";
import type { Memory } from "./referee.ts";

/** The memory that the frames of a session speak of. */
export interface Places {
  /** May be written. */ readonly open: Memory;
  /** May be read. */ readonly readable: Memory;
  /** May be the target of atomics. */ readonly counters: Memory;
  /** Sink of two Reads, 24 bytes at 8 and none at 40, and of an atomic, 8 bytes at 48. */ readonly sink: Memory;
  /** May be invalidated. */ readonly offered: readonly [Memory, Memory];
}

/** Bytes that tell where they came from. */
const payload = (length: number, seed: number) => Uint8Array.from({ length }, (_, at) => 1 + (seed * 32 + at) % 255);
const at = ({ stag, address }: Memory, offset: number) => ({ stag, address: address + BigInt(offset) });
const SINK = { stag: 0x7700_0001, address: 0x1_ffff_fff8n };
/** The counters' bytes run from a8 to af: the comparison holds. */
const OPERANDS = {
  value: 0x6162_6364_6566_6768n,
  mask: 0x00ff_8000_0000_0010n,
  compare: 0xafae_adac_abaa_a9a8n,
  compareMask: 0xffff_0000_ffff_ff0fn,
};
const NOWHERE = { stag: 1, address: 0n };

/** The frames of a session, in the order in which they come, by their names; of the two Terminates either ends it. */
export const FRAMES: readonly [string, (places: Places) => Uint8Array<ArrayBuffer>][] = [
  ["Write, first segment", ({ open }) => tagged({ opcode: 0, last: false, ...at(open, 8) }, payload(12, 1))],
  ["Write", ({ open }) => tagged({ opcode: 0, ...at(open, 20) }, payload(10, 2))],
  ["Send, first segment", () => untagged({ opcode: 3, last: false }, payload(11, 3))],
  ["Send", () => untagged({ opcode: 3, messageOffset: 11 }, payload(9, 4))],
  [
    "Read Request",
    ({ readable }) => untagged({ opcode: 1, queue: 1 }, readRequest(SINK, 24, at(readable, 16))),
  ],
  ["Read Response, first segment", ({ sink }) => tagged({ opcode: 2, last: false, ...at(sink, 8) }, payload(16, 5))],
  ["Read Response", ({ sink }) => tagged({ opcode: 2, ...at(sink, 24) }, payload(8, 6))],
  ["Send with Invalidate", ({ offered }) => untagged({ opcode: 4, sequence: 2, stag: offered[0].stag }, payload(7, 7))],
  ["Send with Solicited Event", () => untagged({ opcode: 5, sequence: 3 }, payload(14, 8))],
  [
    "Send with Solicited Event and Invalidate",
    ({ offered }) => untagged({ opcode: 6, sequence: 4, stag: offered[1].stag }, payload(5, 9)),
  ],
  ["Write of nothing", () => tagged({ opcode: 0, ...NOWHERE })],
  ["Read Request of nothing", () => untagged({ opcode: 1, queue: 1, sequence: 2 }, readRequest(SINK, 0, NOWHERE))],
  ["Read Response of nothing", ({ sink }) => tagged({ opcode: 2, ...at(sink, 40) })],
  ["Immediate Data", () => untagged({ opcode: 8, sequence: 5 }, payload(8, 10))],
  ["Immediate Data with Solicited Event", () => untagged({ opcode: 9, sequence: 6 }, payload(8, 11))],
  [
    "Atomic Request, Fetch and Add",
    ({ counters }) =>
      untagged({ opcode: 10, queue: 1, sequence: 3 }, atomicRequest(0, 0x5151, at(counters, 8), OPERANDS)),
  ],
  [
    "Atomic Request, Compare and Swap",
    ({ counters }) =>
      untagged({ opcode: 10, queue: 1, sequence: 4 }, atomicRequest(2, 0x5252, at(counters, 24), OPERANDS)),
  ],
  ["Atomic Response", () => untagged({ opcode: 11, queue: 3 }, atomicResponse(3, 0x0102_0304_0506_0708n))],
  ["Terminate", ({ open }) => terminate("1100c000 001a", tagged({ opcode: 0, ...at(open, 0) }))],
  ["Terminate of Linux siw", ({ open }) => terminate("11000300 000c", tagged({ opcode: 0, ...at(open, 0) }))],
];

function terminate(control: string, frame: Uint8Array): Uint8Array<ArrayBuffer> {
  return untagged({ opcode: 7, queue: 2 }, concat(hex(control), frame));
}

/** A field: some bits of a number in the ULPDU or in the FPDU around it. */
export interface Field {
  readonly name: string;
  /** `length` is MPA's, set when all is sealed; `size` that of the ULPDU, cut or drawn out; `crc` turns bits over. */
  readonly of: "ulpdu" | "length" | "padding" | "crc" | "size";
  readonly offset: number;
  readonly bytes: 1 | 2 | 4;
  readonly mask: number;
}

const field = (name: string, offset: number, bytes: 1 | 2 | 4, mask = 2 ** (8 * bytes) - 1): Field => ({
  name,
  of: "ulpdu",
  offset,
  bytes,
  mask,
});

const COMMON: readonly Field[] = [
  { name: "length", of: "length", offset: 0, bytes: 2, mask: 0xffff },
  { name: "size", of: "size", offset: 0, bytes: 1, mask: 0xff },
  { name: "padding", of: "padding", offset: 0, bytes: 1, mask: 0xff },
  { name: "CRC", of: "crc", offset: 0, bytes: 4, mask: 0xffff_ffff },
  field("T", 0, 1, 0x80),
  field("L", 0, 1, 0x40),
  field("DDP reserved", 0, 1, 0x3c),
  field("DDP version", 0, 1, 0x03),
  field("RDMAP version", 1, 1, 0xc0),
  field("RDMAP reserved", 1, 1, 0x30),
  field("opcode", 1, 1, 0x0f),
  field("STag", 2, 4),
];
const TAGGED: readonly Field[] = [...COMMON, field("TO high", 6, 4), field("TO low", 10, 4)];
const UNTAGGED: readonly Field[] = [
  ...COMMON,
  field("queue number", 6, 4),
  field("MSN", 10, 4),
  field("MO", 14, 4),
];
const READ_REQUEST: readonly Field[] = [
  field("sink STag", 18, 4),
  field("sink TO high", 22, 4),
  field("sink TO low", 26, 4),
  field("read size", 30, 4),
  field("source STag", 34, 4),
  field("source TO high", 38, 4),
  field("source TO low", 42, 4),
];
const ATOMIC_REQUEST: readonly Field[] = [
  field("operation reserved", 18, 4, 0xffff_fff0),
  field("operation", 18, 4, 0x0f),
  field("request identifier", 22, 4),
  field("target STag", 26, 4),
  field("target TO high", 30, 4),
  field("target TO low", 34, 4),
  field("value high", 38, 4),
  field("value low", 42, 4),
  field("mask high", 46, 4),
  field("mask low", 50, 4),
  field("comparison high", 54, 4),
  field("comparison low", 58, 4),
  field("comparison's mask high", 62, 4),
  field("comparison's mask low", 66, 4),
];
const ATOMIC_RESPONSE: readonly Field[] = [
  field("request identifier", 18, 4),
  field("value high", 22, 4),
  field("value low", 26, 4),
];
const TERMINATE: readonly Field[] = [
  field("layer", 18, 1, 0xf0),
  field("error type", 18, 1, 0x0f),
  field("error code", 19, 1),
  field("header flags", 20, 1),
  field("reserved", 21, 1),
  field("segment length", 22, 2),
  field("quoted header", 24, 4),
];

/** The fields of a right frame. */
export function fieldsOf(ulpdu: Uint8Array): readonly Field[] {
  const [ddp = 0, rdmap = 0] = ulpdu;
  const isTagged = ddp >= 0x80;
  const header = isTagged ? 14 : 18;
  const fields = [...(isTagged ? TAGGED : UNTAGGED)];
  if (rdmap === 0x41) fields.push(...READ_REQUEST);
  else if (rdmap === 0x47) fields.push(...TERMINATE);
  else if (rdmap === 0x4a) fields.push(...ATOMIC_REQUEST);
  else if (rdmap === 0x4b) fields.push(...ATOMIC_RESPONSE);
  else if (ulpdu.length > header) fields.push(field("payload", header, 1), field("payload's end", ulpdu.length - 1, 1));
  return (2 + ulpdu.length) % 4 === 0 ? fields.filter(({ of }) => of !== "padding") : fields;
}

/** The values a field of `width` bits has at its borders, and around the right one. */
export function bordersOf(right: number, width: number): number[] {
  const most = 2 ** width - 1;
  const sign = 2 ** (width - 1);
  const values = [0, 1, 2, 3, right - 1, right + 1, sign - 1, sign, sign + 1, most - 1, most];
  if (width <= 4) { for (let value = 0; value <= most; value++) values.push(value); }
  return [...new Set(values.map((value) => ((value % (most + 1)) + most + 1) % (most + 1)))];
}

/** Bits of a field's number. */
export const widthOf = ({ mask }: Field): number => Math.log2(mask / lowest(mask) + 1);
const lowest = (mask: number) => (mask & -mask) >>> 0;

/** What stands in a field of a right frame. */
export function valueOf({ of, offset, bytes, mask }: Field, ulpdu: Uint8Array<ArrayBuffer>): number {
  if (of === "size" || of === "length") return ulpdu.length;
  if (of !== "ulpdu") return 0;
  return ((read(ulpdu, offset, bytes) & mask) >>> 0) / lowest(mask);
}

/** The FPDU with other values in fields of it: sealed anew, but where the seal itself is spoilt. */
export function mutated(
  right: Uint8Array<ArrayBuffer>,
  changes: readonly { field: Field; value: number }[],
  crc: boolean,
): Uint8Array<ArrayBuffer> {
  let ulpdu = right.slice();
  for (const { field: { of, offset, bytes, mask }, value } of changes) {
    if (of !== "ulpdu" || offset + bytes > ulpdu.length) continue;
    write(ulpdu, offset, bytes, ((read(ulpdu, offset, bytes) & ~mask) | (value * lowest(mask))) >>> 0);
  }
  const size = changes.find(({ field }) => field.of === "size")?.value ?? ulpdu.length;
  ulpdu = concat(ulpdu.subarray(0, size), new Uint8Array(Math.max(0, size - ulpdu.length)).fill(0xee));
  const padding = changes.find(({ field }) => field.of === "padding")?.value ?? 0;
  const bytes = fpdu(ulpdu, crc, padding);
  for (const { field: { of }, value } of changes) {
    if (of === "crc") write(bytes, bytes.length - 4, 4, (read(bytes, bytes.length - 4, 4) ^ value) >>> 0);
    if (of === "length") write(bytes, 0, 2, value);
  }
  return bytes;
}

function read(bytes: Uint8Array<ArrayBuffer>, offset: number, size: 1 | 2 | 4): number {
  const view = new DataView(bytes.buffer, offset);
  return size === 1 ? view.getUint8(0) : size === 2 ? view.getUint16(0) : view.getUint32(0);
}

function write(bytes: Uint8Array<ArrayBuffer>, offset: number, size: 1 | 2 | 4, value: number): void {
  const view = new DataView(bytes.buffer, offset);
  if (size === 1) view.setUint8(0, value);
  else if (size === 2) view.setUint16(0, value);
  else view.setUint32(0, value);
}
