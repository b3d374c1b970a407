/**
 * Long segments that come in pieces: without CRCs each piece is placed as it comes.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import fc from "fast-check";
import { iwarpProvider } from "../../src/iwarp/mod.ts";
import type { IwarpRegion } from "../../src/iwarp/region.ts";
import { Opcode, Status } from "../../src/rdma/completion.ts";
import { Access } from "../../src/rdma/memory.ts";
import { assert, assertEquals } from "../assert.ts";
import { complete, connectPlayers, pattern } from "../rdma/players.ts";
import { readWork, writeWork } from "../rdma/works.ts";
import { LOOPBACK } from "./bare_peer.ts";
import { digits, fpdu, tagged, ulpdusOf } from "./frames.ts";
import { Machine } from "./pair.ts";

const SIZE = 12_000;
const RUNS = { numRuns: 200 };
const pieceSizes = fc.array(fc.oneof(fc.integer({ min: 1, max: 30 }), fc.integer({ min: 1, max: 15_000 })), {
  minLength: 1,
  maxLength: 20,
});

interface Target {
  machine: Machine;
  /** Where the segment goes, from byte 8 on. */
  region: IwarpRegion;
  /** Of a segment with all of the pattern. */
  opcode: number;
}

function writeTarget(crc = false): Target {
  const machine = new Machine({ crc });
  return { machine, region: machine.table.register(SIZE + 16, Access.LOCAL_WRITE | Access.REMOTE_WRITE), opcode: 0 };
}

function readTarget(crc = false): Target {
  const machine = new Machine({ crc });
  const region = machine.table.register(SIZE + 16, Access.LOCAL_WRITE);
  const work = { id: 9, opcode: Opcode.READ, region, offset: 8, length: SIZE, remoteAddress: 0n, remoteKey: 1 };
  machine.connection.postSend(work);
  machine.drain();
  return { machine, region, opcode: 2 };
}

function segment({ region, opcode }: Target, shift = 8, last = true): Uint8Array {
  const address = region.address + BigInt(shift);
  return tagged({ opcode, stag: region.remoteKey, address, last }, pattern(SIZE));
}

/** The bytes that must be there when `count` of the payload have come, the rest untouched. */
function expected(count: number): Uint8Array {
  const bytes = new Uint8Array(SIZE + 16);
  bytes.set(pattern(SIZE).subarray(0, count), 8);
  return bytes;
}

/** Both kinds of segments that name their place. */
const kinds: [string, (crc?: boolean) => Target][] = [["Write", writeTarget], ["Read Response", readTarget]];

for (const [kind, open] of kinds) {
  Deno.test(`a long ${kind} is placed exactly, whatever the pieces it comes in`, () => {
    fc.assert(
      fc.property(pieceSizes, fc.boolean(), (sizes, window) => {
        const target = open();
        const { machine, region } = target;
        const { connection } = machine;
        const frame = fpdu(segment(target), false);
        const lead = fpdu(tagged({ opcode: 0, stag: 1 }), false); // a Write of nothing, in front and behind
        const stream = new Uint8Array([...lead, ...frame, ...lead]);
        let at = 0;
        for (let turn = 0; at < stream.length; turn++) {
          const room = connection.window;
          const size = sizes[turn % sizes.length] as number;
          if (window && room !== undefined) {
            const count = Math.min(size, room.length);
            room.set(stream.subarray(at, at + count));
            connection.placed(count);
            at += count;
          } else {
            machine.feed(stream.subarray(at, at + size));
            at += size;
          }
          // Once begun, the segment's bytes are where they belong as soon as they are there.
          const came = Math.min(SIZE, at - lead.length - 16);
          if (room !== undefined) assert(equal(region.bytes, expected(came)), `after ${came} bytes`);
        }
        assertEquals(region.bytes.slice(), expected(SIZE));
        assertEquals([machine.unread, connection.closure], [0, undefined]);
        if (kind === "Write") assertEquals(connection.statistics.placedBytes, SIZE);
        else assertEquals(machine.poll().map(({ id, status, length }) => [id, status, length]), [[9, 0, SIZE]]);
        connection.peerClosed(0);
        assertEquals(connection.closure, { graceful: true });
      }),
      RUNS,
    );
  });

  Deno.test(`with CRCs nothing of a long ${kind} is placed before all of it has come`, () => {
    const target = open(true);
    const { machine, region } = target;
    const frame = fpdu(segment(target));
    machine.feed(frame.subarray(0, frame.length - 1));
    assertEquals([machine.connection.window, region.bytes.slice()], [undefined, new Uint8Array(SIZE + 16)]);
    machine.feed(frame.subarray(frame.length - 1));
    assertEquals(region.bytes.slice(), expected(SIZE));
  });

  for (const [where, shift] of [["past the end", 17], ["in front of the start", -1], ["far away", 2 ** 33]] as const) {
    Deno.test(`a long ${kind} ${where} places nothing, though its first pieces would fit`, () => {
      const target = open();
      const { machine, region } = target;
      const offending = segment(target, shift);
      const frame = fpdu(offending, false);
      for (let at = 0; at < frame.length; at += 3_000) machine.feed(frame.subarray(at, at + 3_000));
      assertEquals([machine.connection.window, region.bytes.slice()], [undefined, new Uint8Array(SIZE + 16)]);
      assertTerminated(machine, "1101", offending);
    });
  }

  Deno.test(`a long ${kind} that ends within its payload, or just before its CRC's end, is no orderly end`, () => {
    for (const missing of [1, 4, 5, 7_000, SIZE]) {
      const target = open();
      const frame = fpdu(segment(target), false);
      target.machine.feed(frame.subarray(0, frame.length - missing));
      target.machine.connection.peerClosed(target.machine.unread);
      assertEquals([missing, target.machine.connection.closure?.graceful], [missing, false]);
    }
  });
}

for (
  const [how, withdraw] of [
    ["rotated", (region: IwarpRegion) => region.rotateKey()],
    ["invalidated", (region: IwarpRegion) => region.invalidate()],
    ["disposed", (region: IwarpRegion) => region[Symbol.dispose]()],
  ] as const
) {
  Deno.test(`what comes of a long Write after its region was ${how} is placed nowhere`, () => {
    for (const opened of [true, false]) {
      const target = writeTarget();
      const { machine, region } = target;
      const { bytes } = region;
      const offending = segment(target);
      const frame = fpdu(offending, false);
      machine.feed(frame.subarray(0, 16 + 5_000));
      assertEquals(machine.connection.window?.length, SIZE - 5_000);
      withdraw(region);
      assertEquals(machine.connection.window, undefined);
      machine.feed(frame.subarray(16 + 5_000, opened ? 16 + 5_001 : frame.length));
      if (how !== "disposed") assertEquals(bytes.slice(), expected(5_000));
      assertTerminated(machine, "1100", offending);
    }
  });
}

Deno.test("a Read whose sink is disposed between two pieces of its response ends the stream", () => {
  const target = readTarget();
  const { machine, region } = target;
  const offending = segment(target);
  const frame = fpdu(offending, false);
  machine.feed(frame.subarray(0, 5_000));
  region[Symbol.dispose]();
  assertEquals(machine.connection.window, undefined);
  machine.feed(frame.subarray(5_000));
  assertTerminated(machine, "0000", offending);
  assertEquals(machine.poll().map(({ id, status }) => [id, status]), [[9, Status.LOCAL_PROTECTION]]);
});

/** One Terminate left, with that control word and the header at fault. */
function assertTerminated(machine: Machine, control: string, offending: Uint8Array): void {
  const sent = ulpdusOf(machine.drain(), false).map(digits);
  assertEquals(sent.length, 1);
  const length = offending.length.toString(16).padStart(4, "0");
  assertEquals(sent[0]?.slice(36), `${control}c000${length}${digits(offending.subarray(0, 14))}`);
}

for (const ffi of ["inherit", false] as const) {
  Deno.test({
    name: `long Writes and Reads both ways keep every byte ${
      ffi ? "where the socket may be read directly" : "without FFI"
    }`,
    permissions: { net: "inherit", ffi },
    fn: async () => {
      const provider = iwarpProvider({ crc: "off" });
      using active = await provider.open(LOOPBACK);
      using passive = await provider.open(LOOPBACK);
      await using players = await connectPlayers({ active, passive, address: LOOPBACK });
      const rights = Access.LOCAL_WRITE | Access.REMOTE_READ | Access.REMOTE_WRITE;
      const size = 1_500_001;
      const [near, far] = [active.register(4 * size, rights), passive.register(4 * size, rights)];
      near.bytes.set(pattern(size, 1));
      far.bytes.set(pattern(size, 2));
      // From the first quarter to the peer's second, and from the peer's first to the third, and what was written to the last.
      const work = (from: typeof near, to: typeof near) => [
        writeWork(1, from, size, to, size),
        readWork(2, from, 2 * size, size, to, 0),
        readWork(3, from, 3 * size, size, to, size),
      ];
      players.active.postSend(work(near, far));
      players.passive.postSend(work(far, near));
      for (const endpoint of [players.active, players.passive]) {
        assertEquals((await complete(endpoint, 3)).map(({ id, status }) => [id, status]), [[1, 0], [2, 0], [3, 0]]);
      }
      for (const [region, own, others] of [[near, 1, 2], [far, 2, 1]] as const) {
        const quarters = [own, others, others, own].map((seed) => pattern(size, seed));
        for (const [index, quarter] of quarters.entries()) {
          assert(equal(region.bytes.subarray(index * size, (index + 1) * size), quarter), `quarter ${index}`);
        }
      }
    },
  });
}

function equal(one: Uint8Array, other: Uint8Array): boolean {
  return Buffer.compare(one, other) === 0;
}
