/**
 * The ways in which a peer can break the rules of atomics.
 *
 * @module
 */
import { Status } from "../../src/rdma/completion.ts";
import { concat } from "./frames.ts";
import { atomic, atomicAnswer, payload, readOf, type Victim } from "./victim.ts";
import type { Violation } from "./violations.ts";

const requests: Violation[] = [
  {
    what: "an atomic on an STag that opens nothing",
    offend: ({ open }) => atomic(open.remoteKey ^ 1, open.address),
    control: "0100",
    quoted: 18,
    reason: "read of an invalid STag",
  },
  {
    what: "an atomic on an invalidated STag",
    offend: ({ open }) => {
      open.invalidate();
      return atomic(open.remoteKey, open.address);
    },
    control: "0100",
    quoted: 18,
    reason: "read of an invalid STag",
  },
  ...([56n + 8n, 57n, -8n, 1n << 32n, -(1n << 32n)] as const).map((at): Violation => ({
    what: `an atomic at ${at} of 64`,
    offend: ({ open }) => atomic(open.remoteKey, open.address + at),
    control: "0101",
    quoted: 18,
    reason: "read outside the region",
  })),
  ...[1n, 4n, 55n].map((at): Violation => ({
    what: `an atomic at ${at}, which is not aligned`,
    offend: ({ open }) => atomic(open.remoteKey, open.address + at),
    control: "0207",
    quoted: 18,
    reason: "catastrophic error of the stream",
  })),
  {
    what: "an atomic on memory that gives no such right",
    offend: ({ offered }) => atomic(offered.remoteKey, offered.address),
    control: "0102",
    quoted: 18,
    reason: "access right violation",
  },
  ...[1, 3, 15].map((operation): Violation => ({
    what: `atomic operation ${operation}`,
    offend: ({ open }) => atomic(open.remoteKey, open.address, { operation }),
    control: "02ff",
    quoted: 18,
    reason: "remote operation error",
  })),
  ...[0, 2].map((sequence): Violation => ({
    what: `an atomic with message sequence number ${sequence} for 1`,
    offend: ({ open }) => atomic(open.remoteKey, open.address, { sequence }),
    control: "1203",
    quoted: 18,
    reason: "message sequence number out of range",
  })),
  {
    what: "an Atomic Request at message offset 1",
    offend: ({ open }) => atomic(open.remoteKey, open.address, { messageOffset: 1 }),
    control: "1204",
    quoted: 18,
    reason: "invalid message offset",
  },
  {
    what: "an Atomic Request in several segments",
    offend: ({ open }) => atomic(open.remoteKey, open.address, { last: false }),
    control: "02ff",
    quoted: 18,
    reason: "remote operation error",
  },
  ...[0, 28, 51].map((length): Violation => ({
    what: `an Atomic Request of ${length} bytes`,
    offend: ({ open }) => atomic(open.remoteKey, open.address).slice(0, 18 + length),
    control: "02ff",
    quoted: 18,
    reason: "remote operation error",
  })),
  {
    what: "an Atomic Request of 53 bytes",
    offend: ({ open }) => concat(atomic(open.remoteKey, open.address), payload(1)),
    control: "02ff",
    quoted: 18,
    reason: "remote operation error",
  },
  {
    what: "an atomic behind two Reads where two were agreed on",
    before: ({ open }) => [readOf(open, 0, 8), readOf(open, 0, 8, { sequence: 2 })],
    offend: ({ open }) => atomic(open.remoteKey, open.address, { sequence: 3 }),
    control: "02ff",
    quoted: 18,
    reason: "remote operation error",
  },
];

const asks = (victim: Victim): Uint8Array[] => (victim.fetchAdd(), []);

const responses: Violation[] = [
  {
    what: "an Atomic Response that nobody asked for",
    offend: () => atomicAnswer(1, 7n),
    control: "0206",
    quoted: 18,
    reason: "unexpected opcode",
  },
  {
    what: "an Atomic Response to a Read",
    before: (victim) => (victim.read(), []),
    offend: () => atomicAnswer(1, 7n),
    control: "0206",
    quoted: 18,
    reason: "unexpected opcode",
    completions: [[2, Status.BAD_RESPONSE]],
  },
  {
    what: "a Read Response to an atomic",
    before: asks,
    offend: (victim) => victim.response(0, 8, true),
    control: "0206",
    quoted: 14,
    reason: "unexpected opcode",
    completions: [[2, Status.BAD_RESPONSE]],
  },
  {
    what: "an Atomic Response to another request",
    before: asks,
    offend: () => atomicAnswer(2, 7n),
    control: "02ff",
    quoted: 18,
    reason: "remote operation error",
    completions: [[2, Status.BAD_RESPONSE]],
  },
  ...[0, 2].map((sequence): Violation => ({
    what: `an Atomic Response with message sequence number ${sequence} for 1`,
    before: asks,
    offend: () => atomicAnswer(1, 7n, { sequence }),
    control: "1203",
    quoted: 18,
    reason: "message sequence number out of range",
    completions: [[2, Status.BAD_RESPONSE]],
  })),
  ...[11, 13].map((length): Violation => ({
    what: `an Atomic Response of ${length} bytes`,
    before: asks,
    offend: () => concat(atomicAnswer(1, 7n), payload(1)).slice(0, 18 + length),
    control: "02ff",
    quoted: 18,
    reason: "remote operation error",
    completions: [[2, Status.BAD_RESPONSE]],
  })),
  {
    what: "a second Atomic Response to one atomic",
    before: (victim) => [...asks(victim), atomicAnswer(1, 0xeen)],
    offend: () => atomicAnswer(1, 7n, { sequence: 2 }),
    control: "0206",
    quoted: 18,
    reason: "unexpected opcode",
    touched: ["sink 8"],
    completions: [[2, Status.SUCCESS]],
  },
  {
    what: "an Atomic Response into a region that was disposed",
    before: asks,
    offend: ({ sink }) => {
      sink[Symbol.dispose]();
      return atomicAnswer(1, 7n);
    },
    control: "0000",
    quoted: 18,
    reason: "local catastrophic error",
    completions: [[2, Status.LOCAL_PROTECTION]],
  },
];

/** Those of atomics. */
export const atomics: readonly Violation[] = [...requests, ...responses];
