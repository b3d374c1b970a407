/**
 * The checks that every provider makes of work before it takes it, in the same words.
 *
 * @module
 */
import { Opcode } from "./completion.ts";
import { ConfigError, SystemError, VerbsError } from "./errors.ts";
import { Access, checkRange, type MemoryRegion } from "./memory.ts";
import type { SendWork } from "./provider.ts";

/** From such an address no request reaches past the end of all addresses. */
const WELL_WITHIN = 0xffff_ffff_0000_0000n;

/** What can be posted to a send queue. */
const KNOWN: ReadonlySet<number> = new Set([
  Opcode.SEND,
  Opcode.SEND_INVALIDATE,
  Opcode.WRITE,
  Opcode.WRITE_IMMEDIATE,
  Opcode.READ,
  Opcode.FETCH_ADD,
  Opcode.COMPARE_SWAP,
]);

/** A depth of {@linkcode EndpointOptions}. Throws ConfigError unless it is a whole number from `least` to 65,536. */
export function checkDepth(name: string, value: number, least = 1): number {
  if (Number.isInteger(value) && value >= least && value <= 65_536) return value;
  throw new ConfigError(`${name}: ${value} is not a whole number from ${least} to 65536`);
}

/** Throws RangeError unless a receive may fill that part of `region`. */
export function checkReceive(region: MemoryRegion, offset: number, length: number): void {
  checkRange(offset, length, region.length);
  requireLocalWrite(region, "postReceive");
}

/** Throws RangeError for work that makes no sense, VerbsError for an RDMA Read or an atomic where the peer allows none. */
export function checkSend(work: SendWork, readsAllowed: boolean): void {
  const { opcode } = work;
  checkRange(work.offset, work.length, work.region.length);
  if (opcode === Opcode.SEND) return;
  if (!KNOWN.has(opcode)) throw new RangeError(`postSend: opcode ${opcode} is no Send, Write, Read or atomic`);
  if (work.remoteKey === undefined) throw new RangeError("postSend: remoteKey is missing");
  if (opcode === Opcode.SEND_INVALIDATE) return;
  if (work.remoteAddress === undefined) throw new RangeError("postSend: remoteAddress is missing");
  if (work.remoteAddress < 0n || work.remoteAddress > WELL_WITHIN) checkEnd(work.remoteAddress, work.length);
  if (opcode === Opcode.WRITE) return;
  if (opcode === Opcode.WRITE_IMMEDIATE) return checkImmediate(work.immediate);
  requireLocalWrite(work.region, opcode === Opcode.READ ? "postSend of an RDMA Read" : "postSend of an atomic");
  if (opcode !== Opcode.READ) checkAtomic(work, work.remoteAddress);
  if (!readsAllowed) {
    throw new VerbsError("postSend", "no reads", "the peer allows no RDMA Reads on this connection");
  }
}

function checkImmediate(value: number | undefined): void {
  if (value !== undefined && value >>> 0 === value) return;
  throw new RangeError(`postSend: immediate ${value} is not a whole number of 32 bits`);
}

function checkAtomic({ opcode, length, add, compare, swap }: SendWork, remoteAddress: bigint): void {
  if (length !== 8) throw new RangeError(`postSend: an atomic of ${length} bytes, not 8`);
  if ((remoteAddress & 7n) !== 0n) {
    throw new RangeError(`postSend: remoteAddress ${remoteAddress} of an atomic is not aligned to 8`);
  }
  const operands = opcode === Opcode.FETCH_ADD ? { add } : { compare, swap };
  for (const [name, value] of Object.entries(operands)) {
    if (value === undefined || BigInt.asUintN(64, value) !== value) {
      throw new RangeError(`postSend: ${name} ${value} is not a whole number of 64 bits`);
    }
  }
}

// Only for addresses close to the end: adding up bigints takes longer than all else here.
function checkEnd(address: bigint, length: number): void {
  if (address >= 0n && address + BigInt(length) <= 1n << 64n) return;
  throw new RangeError(`postSend: remoteAddress ${address}`);
}

function requireLocalWrite(region: MemoryRegion, call: string): void {
  if ((region.access & Access.LOCAL_WRITE) !== 0) return;
  throw new RangeError(`${call}: the region was registered without Access.LOCAL_WRITE`);
}

/** The error of work on a region that is none of the endpoint's. */
export function foreignRegion(call: string): RangeError {
  return new RangeError(`${call}: the region is disposed, or of another protection domain`);
}

/** The error of a queue that has no room. */
export function queueFull(call: string, depth: number): SystemError {
  return new SystemError(call, "ENOMEM", `all ${depth} slots are taken; poll completions, or ask for a deeper queue`);
}
