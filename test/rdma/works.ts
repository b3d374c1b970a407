/**
 * Work requests between two regions.
 *
 * @module
 */
import { Opcode } from "../../src/rdma/completion.ts";
import type { MemoryRegion } from "../../src/rdma/memory.ts";
import type { SendWork } from "../../src/rdma/provider.ts";

/** Work that names the peer's memory. */
export type RemoteWork = SendWork & Required<Pick<SendWork, "remoteAddress" | "remoteKey">>;

/** A Send. */
export function sendWork(id: number, region: MemoryRegion, offset: number, length: number): SendWork {
  return { id, opcode: Opcode.SEND, region, offset, length };
}

/** An RDMA Write to `at` of a region. */
export function writeWork(
  id: number,
  source: MemoryRegion,
  length: number,
  target: MemoryRegion,
  at: number,
): RemoteWork {
  const { remoteKey } = target;
  const remoteAddress = target.address + BigInt(at);
  return { id, opcode: Opcode.WRITE, region: source, offset: 0, length, remoteAddress, remoteKey };
}

/** An RDMA Read from `at` of a region. */
export function readWork(
  id: number,
  sink: MemoryRegion,
  offset: number,
  length: number,
  source: MemoryRegion,
  at: number,
): RemoteWork {
  const { remoteKey } = source;
  const remoteAddress = source.address + BigInt(at);
  return { id, opcode: Opcode.READ, region: sink, offset, length, remoteAddress, remoteKey };
}
