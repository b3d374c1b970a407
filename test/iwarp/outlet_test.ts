/**
 * Long payloads leave from where they lie, through an outlet that takes as much as it likes.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import fc from "fast-check";
import { Opcode } from "../../src/rdma/completion.ts";
import { Access } from "../../src/rdma/memory.ts";
import type { Outlet } from "../../src/iwarp/fpdu_writer.ts";
import { assert, assertEquals } from "../assert.ts";
import { pattern } from "../rdma/players.ts";
import { concat, digits, fpdu, readRequest, ulpdusOf, untagged } from "./frames.ts";
import { Machine } from "./pair.ts";

/** Takes of each piece what the next share says, and notes it. */
class Taker implements Outlet {
  readonly taken: Uint8Array[] = [];
  #turn = 0;

  constructor(readonly shares: readonly number[]) {}

  send(bytes: Uint8Array): number {
    const share = this.shares[this.#turn++ % this.shares.length] as number;
    const count = Math.floor(share * bytes.length);
    if (count === 0) return -1; // as a full socket answers
    this.taken.push(bytes.slice(0, count));
    return count;
  }
}

/** All that a machine sends, through `outlet` and otherwise. */
function streamOf(machine: Machine, outlet?: Taker): Uint8Array {
  const parts: Uint8Array[] = [];
  const into = new Uint8Array(200_000);
  while (machine.connection.pending) {
    const size = machine.connection.transmit(into, outlet && (() => outlet));
    if (outlet !== undefined) parts.push(...outlet.taken.splice(0));
    parts.push(into.slice(0, size));
  }
  return concat(...parts);
}

const SIZES = [0, 1, 32_767, 32_768, 32_769, 65_504, 65_505, 200_001] as const;

/** A machine with Writes and Sends posted, and a peer's Read to answer. */
function loaded(crc: boolean, sizes: readonly number[]): Machine {
  const machine = new Machine({ crc, sendDepth: 64 });
  const region = machine.table.register(200_003, Access.LOCAL_WRITE | Access.REMOTE_READ);
  region.bytes.set(pattern(200_003));
  for (const [id, length] of sizes.entries()) {
    const opcode = [Opcode.WRITE, Opcode.SEND, Opcode.WRITE_IMMEDIATE][id % 3] as typeof Opcode.WRITE;
    const offset = id % 3;
    machine.connection.postSend({
      id,
      opcode,
      region,
      offset,
      length,
      remoteAddress: 77n,
      remoteKey: 9,
      immediate: id,
    });
  }
  const source = { stag: region.remoteKey, address: region.address + 1n };
  const request = readRequest({ stag: 4, address: 2n ** 40n }, 150_000, source);
  machine.feed(fpdu(untagged({ opcode: 1, queue: 1 }, request), crc));
  return machine;
}

for (const crc of [true, false]) {
  Deno.test(`the stream is the same whatever the outlet takes, CRC ${crc ? "on" : "off"}`, () => {
    const share = fc.oneof(fc.constantFrom(0, 1), fc.double({ min: 0, max: 1, noNaN: true }));
    const sizes = fc.array(fc.constantFrom(...SIZES), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(fc.array(share, { minLength: 1, maxLength: 12 }), sizes, (shares, lengths) => {
        const expected = streamOf(loaded(crc, lengths));
        const machine = loaded(crc, lengths);
        assert(Buffer.compare(streamOf(machine, new Taker(shares)), expected) === 0, "the same stream");
        assertEquals(machine.poll().map(({ id, status }) => [id, status]), lengths.map((_, id) => [id, 0]));
      }),
      { numRuns: 150 },
    );
  });

  Deno.test(`a region disposed behind a long Write that has left: its end leaves, then a Terminate, CRC ${crc ? "on" : "off"}`, () => {
    for (const shares of [[1], [0.5], [0]]) {
      const machine = new Machine({ crc });
      const [first, second] = [machine.table.register(40_001, 0), machine.table.register(40_000, 0)];
      const remote = { remoteAddress: 0n, remoteKey: 9, offset: 0 };
      machine.connection.postSend([
        { id: 1, opcode: Opcode.WRITE, region: first, length: 40_001, ...remote },
        { id: 2, opcode: Opcode.WRITE, region: second, length: 40_000, ...remote },
      ]);
      second[Symbol.dispose]();
      const ulpdus = ulpdusOf(streamOf(machine, new Taker(shares)), crc);
      assertEquals(ulpdus.map(({ length }) => length), [14 + 40_001, 18 + 4]);
      assertEquals(digits(ulpdus[1]?.subarray(0, 2) as Uint8Array), "4147");
    }
  });
}
