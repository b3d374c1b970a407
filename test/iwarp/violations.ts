/**
 * The ways in which a peer can break the rules of an open stream.
 *
 * @module
 */
import { Status } from "../../src/rdma/completion.ts";
import { atomics } from "./atomic_violations.ts";
import { concat, tagged, untagged } from "./frames.ts";
import { payload, read, readOf, send, type Victim, write } from "./victim.ts";

/** A fault, and what must follow from it. */
export interface Violation {
  what: string;
  /** What leads up to it and is no fault, whole ULPDUs. */
  before?: (victim: Victim) => Uint8Array[];
  /** The ULPDU at fault. */
  offend: (victim: Victim) => Uint8Array;
  /** First two bytes of the Terminate's control word. */
  control: string;
  /** Bytes of the ULPDU that the Terminate quotes. */
  quoted: number;
  /** The reason as counted. */
  reason: string;
  /** Bytes that what came before placed, by region and offset. */
  touched?: string[];
  /** Completions besides the posted receive's flush. */
  completions?: [number, Status][];
}

const range = (name: string, from: number, to: number) =>
  Array.from({ length: to - from }, (_, index) => `${name} ${from + index}`);

const writes: Violation[] = [
  {
    what: "an RDMA Write to an STag that opens nothing",
    offend: ({ open }) => tagged({ opcode: 0, stag: open.remoteKey ^ 1, address: open.address }, payload(8)),
    control: "1100",
    quoted: 14,
    reason: "invalid STag",
  },
  {
    what: "an RDMA Write to an STag that was rotated away",
    offend: ({ open }) => {
      const old = write(open, 0, 8);
      open.rotateKey();
      return old;
    },
    control: "1100",
    quoted: 14,
    reason: "invalid STag",
  },
  {
    what: "an RDMA Write to an invalidated STag",
    offend: ({ open }) => {
      open.invalidate();
      return write(open, 0, 8);
    },
    control: "1100",
    quoted: 14,
    reason: "invalid STag",
  },
  {
    what: "an RDMA Write to a disposed region",
    offend: ({ open }) => {
      const old = write(open, 0, 8);
      open[Symbol.dispose]();
      return old;
    },
    control: "1100",
    quoted: 14,
    reason: "invalid STag",
  },
  ...([
    ["one byte past the end", (address: bigint) => address + 57n],
    ["from the end on", (address: bigint) => address + 64n],
    ["one byte in front of the start", (address: bigint) => address - 1n],
    ["4 GiB behind", (address: bigint) => address + (1n << 32n)],
    ["at an offset that wraps", () => (1n << 64n) - 4n],
    ["at offset 0", () => 0n],
  ] as const).map(([where, place]): Violation => ({
    what: `an RDMA Write ${where}`,
    offend: ({ open }) => tagged({ opcode: 0, stag: open.remoteKey, address: place(open.address) }, payload(8)),
    control: "1101",
    quoted: 14,
    reason: "base or bounds violation",
  })),
  {
    what: "an RDMA Write to memory that gives no such right",
    offend: ({ closed }) => write(closed, 0, 8),
    control: "0102",
    quoted: 14,
    reason: "access right violation",
  },
];

const headers: Violation[] = [
  ...[0, 2, 3].flatMap((ddpVersion): Violation[] => [
    {
      what: `DDP version ${ddpVersion} in a tagged segment`,
      offend: ({ open }) => write(open, 0, 8, { ddpVersion }),
      control: "1104",
      quoted: 14,
      reason: "invalid DDP version",
    },
    {
      what: `DDP version ${ddpVersion} in an untagged segment`,
      offend: () => send(8, { ddpVersion }),
      control: "1206",
      quoted: 18,
      reason: "invalid DDP version",
    },
  ]),
  ...[0, 2, 3].map((rdmapVersion): Violation => ({
    what: `RDMAP version ${rdmapVersion}`,
    offend: ({ open }) => write(open, 0, 8, { rdmapVersion }),
    control: "0205",
    quoted: 14,
    reason: "invalid RDMAP version",
  })),
  ...[1, 3, 7, 8, 15].map((opcode): Violation => ({
    what: `opcode ${opcode} in a tagged segment`,
    offend: ({ open }) => write(open, 0, 8, { opcode }),
    control: "0206",
    quoted: 14,
    reason: "unexpected opcode",
  })),
  ...([
    [0, [0, 1, 2, 7, 8, 9, 10, 11, 12, 15]],
    [1, [3, 7, 8, 11]],
    [2, [1, 3, 8, 10, 11]],
    [3, [1, 3, 7, 8, 10]],
  ] as const).flatMap(([queue, opcodes]) =>
    opcodes.map((opcode): Violation => ({
      what: `opcode ${opcode} in untagged queue ${queue}`,
      offend: () => untagged({ opcode, queue }, payload(4)),
      control: "0206",
      quoted: 18,
      reason: "unexpected opcode",
    }))
  ),
  ...[4, 0xffff_ffff].map((queue): Violation => ({
    what: `untagged queue ${queue}`,
    offend: () => send(8, { queue }),
    control: "1201",
    quoted: 18,
    reason: "invalid queue number",
  })),
  ...[0, 1, 2, 13].map((length): Violation => ({
    what: `a ULPDU of ${length} bytes`,
    offend: ({ open }) => write(open, 0, 8).slice(0, length),
    control: "2003",
    quoted: 0,
    reason: "ULPDU length mismatch",
  })),
  ...[14, 17].map((length): Violation => ({
    what: `an untagged ULPDU of ${length} bytes`,
    offend: () => send(8).slice(0, length),
    control: "2003",
    quoted: 0,
    reason: "ULPDU length mismatch",
  })),
];

const sends: Violation[] = [
  ...[0, 2, 0xffff_ffff].map((sequence): Violation => ({
    what: `a Send with message sequence number ${sequence} for 1`,
    offend: () => send(8, { sequence }),
    control: "1203",
    quoted: 18,
    reason: "message sequence number out of range",
  })),
  {
    what: "a Send that begins at message offset 4",
    offend: () => send(8, { messageOffset: 4 }),
    control: "1204",
    quoted: 18,
    reason: "invalid message offset",
  },
  ...[0, 7, 9, 0xffff_fff8].map((messageOffset): Violation => ({
    what: `a Send's second segment at message offset ${messageOffset} for 8`,
    before: () => [send(8, { last: false })],
    offend: () => send(8, { messageOffset }),
    control: "1204",
    quoted: 18,
    reason: "invalid message offset",
    touched: range("receive", 16, 24),
  })),
  {
    what: "a Send's second segment under another opcode",
    before: () => [send(8, { last: false })],
    offend: ({ offered }) => send(8, { opcode: 4, stag: offered.remoteKey, messageOffset: 8 }),
    control: "0206",
    quoted: 18,
    reason: "unexpected opcode",
    touched: range("receive", 16, 24),
  },
  {
    what: "the same behind an empty first segment",
    before: () => [send(0, { last: false })],
    offend: ({ offered }) => send(8, { opcode: 4, stag: offered.remoteKey }),
    control: "0206",
    quoted: 18,
    reason: "unexpected opcode",
  },
  {
    what: "a Send one byte longer than the receive",
    offend: () => send(33),
    control: "1205",
    quoted: 18,
    reason: "message too long for the buffer",
    completions: [[1, Status.LOCAL_LENGTH]],
  },
  {
    what: "a Send whose second segment is one byte too long",
    before: () => [send(30, { last: false })],
    offend: () => send(3, { messageOffset: 30 }),
    control: "1205",
    quoted: 18,
    reason: "message too long for the buffer",
    touched: range("receive", 16, 46),
    completions: [[1, Status.LOCAL_LENGTH]],
  },
  {
    what: "a second Send where one receive was posted",
    before: () => [send(32)],
    offend: () => send(0, { sequence: 2 }),
    control: "1202",
    quoted: 18,
    reason: "no buffer available",
    touched: range("receive", 16, 48),
    completions: [[1, Status.SUCCESS]],
  },
  ...([4, 6] as const).flatMap((opcode): Violation[] => [
    {
      what: `opcode ${opcode} that invalidates an STag of nothing`,
      offend: ({ offered }) => send(8, { opcode, stag: offered.remoteKey ^ 1 }),
      control: "0109",
      quoted: 18,
      reason: "STag cannot be invalidated",
    },
    {
      what: `opcode ${opcode} that invalidates a region not offered for it`,
      offend: ({ open }) => send(8, { opcode, stag: open.remoteKey }),
      control: "0109",
      quoted: 18,
      reason: "STag cannot be invalidated",
    },
    {
      what: `opcode ${opcode} that invalidates a region a second time`,
      offend: ({ offered }) => {
        offered.invalidate();
        return send(8, { opcode, stag: offered.remoteKey });
      },
      control: "0109",
      quoted: 18,
      reason: "STag cannot be invalidated",
    },
  ]),
  {
    what: "a Send into a receive whose region was disposed",
    offend: ({ receive }) => {
      receive[Symbol.dispose]();
      return send(8);
    },
    control: "0000",
    quoted: 18,
    reason: "local catastrophic error",
    completions: [[1, Status.LOCAL_PROTECTION]],
  },
];

const reads: Violation[] = [
  {
    what: "a Read of an STag that opens nothing",
    offend: ({ open }) => read(open.remoteKey ^ 1, open.address, 8),
    control: "0100",
    quoted: 46,
    reason: "read of an invalid STag",
  },
  {
    what: "a Read of an invalidated STag",
    offend: ({ open }) => {
      open.invalidate();
      return readOf(open, 0, 8);
    },
    control: "0100",
    quoted: 46,
    reason: "read of an invalid STag",
  },
  ...([[57, 8], [64, 1], [-1, 8], [2 ** 32, 8], [0, 65], [0, 0xffff_ffff], [63, 0xffff_ffff]] as const).map((
    [at, size],
  ): Violation => ({
    what: `a Read of ${size} bytes at ${at} of 64`,
    offend: ({ open }) => readOf(open, at, size),
    control: "0101",
    quoted: 46,
    reason: "read outside the region",
  })),
  {
    what: "a Read of memory that gives no such right",
    offend: ({ closed }) => readOf(closed, 0, 8),
    control: "0102",
    quoted: 46,
    reason: "access right violation",
  },
  ...[0, 2].map((sequence): Violation => ({
    what: `a Read with message sequence number ${sequence} for 1`,
    offend: ({ open }) => readOf(open, 0, 8, { sequence }),
    control: "1203",
    quoted: 46,
    reason: "message sequence number out of range",
  })),
  {
    what: "a Read Request at message offset 1",
    offend: ({ open }) => readOf(open, 0, 8, { messageOffset: 1 }),
    control: "1204",
    quoted: 46,
    reason: "invalid message offset",
  },
  ...[0, 1, 27].map((length): Violation => ({
    what: `a Read Request of ${length} bytes`,
    offend: ({ open }) => readOf(open, 0, 8).slice(0, 18 + length),
    control: "02ff",
    quoted: 18,
    reason: "remote operation error",
  })),
  {
    what: "a Read Request of 29 bytes",
    offend: ({ open }) => concat(readOf(open, 0, 8), payload(1)),
    control: "02ff",
    quoted: 46,
    reason: "remote operation error",
  },
  {
    what: "a Read Request in several segments",
    offend: ({ open }) => readOf(open, 0, 8, { last: false }),
    control: "02ff",
    quoted: 46,
    reason: "remote operation error",
  },
  {
    what: "a third Read where two were agreed on",
    before: ({ open }) => [readOf(open, 0, 8), readOf(open, 0, 8, { sequence: 2 })],
    offend: ({ open }) => readOf(open, 0, 8, { sequence: 3 }),
    control: "02ff",
    quoted: 46,
    reason: "remote operation error",
  },
  {
    what: "a third Read of nothing where two were agreed on",
    before: ({ open }) => [readOf(open, 0, 8), readOf(open, 0, 0, { sequence: 2 })],
    offend: ({ open }) => readOf(open, 0, 0, { sequence: 3 }),
    control: "02ff",
    quoted: 46,
    reason: "remote operation error",
  },
];

const responses: Violation[] = [
  {
    what: "a Read Response that nobody asked for",
    offend: (victim) => victim.response(0, 8, true),
    control: "0206",
    quoted: 14,
    reason: "unexpected opcode",
  },
  ...([
    ["that ends too early", 0, 31, true],
    ["that ends one byte late", 0, 33, true],
    ["that goes on where it should end", 0, 32, false],
    ["that begins one byte late", 1, 8, false],
    ["that begins one byte early", -1, 8, false],
    ["of nothing", 0, 0, true],
  ] as const).map(([how, at, length, last]): Violation => ({
    what: `a Read Response ${how}`,
    before: (victim) => (victim.read(), []),
    offend: (victim) => victim.response(at, length, last),
    control: "1101",
    quoted: 14,
    reason: "base or bounds violation",
    completions: [[2, Status.BAD_RESPONSE]],
  })),
  {
    what: "a Read Response whose second segment repeats the first",
    before: (victim) => (victim.read(), [victim.response(0, 16, false)]),
    offend: (victim) => victim.response(0, 16, false),
    control: "1101",
    quoted: 14,
    reason: "base or bounds violation",
    touched: range("sink", 8, 24),
    completions: [[2, Status.BAD_RESPONSE]],
  },
  {
    what: "a Read Response in another region's name",
    before: (victim) => (victim.read(), []),
    offend: (victim) => victim.response(0, 32, true, victim.open.remoteKey),
    control: "1100",
    quoted: 14,
    reason: "invalid STag",
    completions: [[2, Status.BAD_RESPONSE]],
  },
  {
    what: "a second Read Response to one Read",
    before: (victim) => (victim.read(), [victim.response(0, 32, true)]),
    offend: (victim) => victim.response(0, 32, true),
    control: "0206",
    quoted: 14,
    reason: "unexpected opcode",
    touched: range("sink", 8, 40),
    completions: [[2, Status.SUCCESS]],
  },
  {
    what: "a Read Response into a region that was disposed",
    before: (victim) => (victim.read(), []),
    offend: (victim) => {
      const answer = victim.response(0, 32, true);
      victim.sink[Symbol.dispose]();
      return answer;
    },
    control: "0000",
    quoted: 14,
    reason: "local catastrophic error",
    completions: [[2, Status.LOCAL_PROTECTION]],
  },
];

/** All of them. */
export const violations: readonly Violation[] = [...writes, ...headers, ...sends, ...reads, ...responses, ...atomics];
