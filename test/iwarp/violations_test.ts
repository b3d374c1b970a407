import { type Completion, Opcode, Status } from "../../src/rdma/completion.ts";
import { VerbsError } from "../../src/rdma/errors.ts";
import { Access } from "../../src/rdma/memory.ts";
import type { IwarpRegion } from "../../src/iwarp/region.ts";
import { assert, assertEquals, assertMatch } from "../assert.ts";
import { digits, fpdu, tagged, u32, ulpdusOf } from "./frames.ts";
import { Machine } from "./pair.ts";
import { OPEN, read, readOf, send, Victim, write } from "./victim.ts";
import { violations } from "./violations.ts";

/** The Terminate that must follow, and nothing else. */
function expectTerminate(sent: Uint8Array, crc: boolean, control: string, offending: Uint8Array, quoted: number): void {
  const flags = quoted === 0 ? "00" : quoted === 46 ? "e0" : "c0";
  const header = quoted === 0
    ? ""
    : offending.length.toString(16).padStart(4, "0") + digits(offending.subarray(0, quoted));
  const expected = `4147${u32(0)}${u32(2)}${u32(1)}${u32(0)}${control}${flags}00${header}`;
  assertEquals(ulpdusOf(sent, crc).map(digits), [expected]);
}

function expectCompletions(found: Completion[], completions: [number, Status][] = []): void {
  const expected = completions.some(([id]) => id === 1)
    ? completions
    : [...completions, [1, Status.FLUSHED] as [number, Status]];
  assertEquals(found.map(({ id, status }) => [id, status]), expected);
}

for (const crc of [true, false]) {
  for (const violation of violations) {
    const { what, before, offend, control, quoted, reason, touched = [], completions } = violation;
    Deno.test(`${what} ends the stream as it must, CRC ${crc ? "on" : "off"}`, () => {
      const victim = new Victim(crc);
      const early = before?.(victim) ?? [];
      const offending = offend(victim);
      // What stands behind the offence in the same read of the socket must not be looked at.
      const late = write(victim.open, 0, victim.open.bytes.length);
      victim.feed(...[...early, offending, late].map((ulpdu) => fpdu(ulpdu, crc)));
      assertEquals(victim.touched(), touched);
      const { closure, statistics } = victim.connection;
      assert(closure !== undefined && !closure.graceful && closure.error instanceof VerbsError);
      assertEquals([closure.error.code, statistics.errors.toJSON()], ["terminated", { [reason]: 1 }]);
      assertMatch(closure.error.message, reason);
      expectTerminate(victim.drain(), crc, control, offending, quoted);
      expectCompletions(victim.poll(), completions);
      victim.feed(fpdu(late, crc));
      assertEquals([victim.touched(), victim.drain().length, victim.poll()], [touched, 0, []]);
    });
  }
}

Deno.test("a wrong CRC ends the stream, and the Terminate quotes nothing", () => {
  const clean = fpdu(send(7));
  for (let at = 2; at < clean.length; at++) {
    const victim = new Victim(true);
    const spoilt = clean.slice();
    spoilt[at] = (spoilt[at] ?? 0) ^ 0x10;
    victim.feed(spoilt, fpdu(write(victim.open, 0, 8)));
    assertEquals([victim.touched(), victim.connection.statistics.errors.toJSON()], [[], { "CRC mismatch": 1 }]);
    expectTerminate(victim.drain(), true, "2002", send(7), 0);
    expectCompletions(victim.poll());
  }
});

Deno.test("without CRCs whatever stands in their place is let pass", () => {
  const victim = new Victim(false);
  const frame = fpdu(send(8), true);
  frame.fill(0xab, frame.length - 4);
  victim.feed(frame);
  assertEquals(victim.poll().map(({ id, status, length }) => [id, status, length]), [[1, Status.SUCCESS, 8]]);
});

Deno.test("a region disposed under a Send that has not left ends the stream and sends none of it", () => {
  const victim = new Victim(true);
  const { closed } = victim;
  closed.bytes.fill(0xee);
  victim.connection.postSend([
    { id: 5, opcode: Opcode.SEND, region: victim.sink, offset: 0, length: 4 },
    { id: 6, opcode: Opcode.SEND, region: closed, offset: 0, length: 64 },
    { id: 7, opcode: Opcode.SEND, region: victim.sink, offset: 0, length: 4 },
  ]);
  closed[Symbol.dispose]();
  expectTerminate(victim.drain(), true, "0000", send(0), 0);
  assertEquals(victim.poll().map(({ id, status }) => [id, status]), [
    [5, Status.FLUSHED],
    [6, Status.LOCAL_PROTECTION],
    [7, Status.FLUSHED],
    [1, Status.FLUSHED],
  ]);
});

for (
  const [how, withdraw] of [
    ["rotated", (region: IwarpRegion) => region.rotateKey()],
    ["invalidated", (region: IwarpRegion) => region.invalidate()],
    ["disposed", (region: IwarpRegion) => region[Symbol.dispose]()],
  ] as const
) {
  Deno.test(`a Read under way of a region that is ${how} is not answered`, () => {
    const victim = new Victim(true);
    victim.feed(fpdu(readOf(victim.open, 0, 64)));
    withdraw(victim.open);
    expectTerminate(victim.drain(), true, "0100", send(0), 0);
    assertEquals(victim.connection.statistics.errors.toJSON(), { "read of an invalid STag": 1 });
  });
}

Deno.test("a Read under way stops between two segments when its region is rotated", () => {
  const machine = new Machine({ ulpduSize: 128 });
  const region = machine.table.register(20_000, Access.REMOTE_READ);
  region.bytes.fill(0xee);
  machine.feed(fpdu(readOf(region, 0, 20_000)));
  const into = new Uint8Array(1_000);
  const first = machine.connection.transmit(into);
  assertEquals(ulpdusOf(into.subarray(0, first)).length, 7);
  region.rotateKey();
  expectTerminate(machine.drain(), true, "0100", send(0), 0);
});

Deno.test("a Read of nothing names no memory: any STag and address will do", () => {
  const victim = new Victim(true);
  victim.feed(fpdu(read(0, 0xffff_ffff_ffff_ffffn, 0)), fpdu(read(1, 0x7f12_f456_7890n, 0, { sequence: 2 })));
  const answer = digits(tagged({ opcode: 2, stag: 5, address: 6n }));
  assertEquals(ulpdusOf(victim.drain()).map(digits), [answer, answer]);
  assertEquals(victim.connection.closure, undefined);
});

Deno.test("an RDMA Write of nothing names no memory: any STag and address will do", () => {
  const victim = new Victim(true);
  victim.feed(fpdu(tagged({ opcode: 0, stag: 0, address: 0xffff_ffff_ffff_ffffn })));
  assertEquals([victim.connection.closure, victim.drain().length], [undefined, 0]);
});

Deno.test("where no Reads were agreed on, the first is one too many, and posting one is refused", () => {
  const machine = new Machine({ ird: 0, ord: 0 });
  const region = machine.table.register(64, OPEN);
  const work = { id: 1, opcode: Opcode.READ, region, offset: 0, length: 1, remoteAddress: 0n, remoteKey: 1 };
  try {
    machine.connection.postSend(work);
    assert(false, "the Read was taken");
  } catch (error) {
    assert(error instanceof VerbsError);
    assertEquals(error.code, "no reads");
  }
  const offending = readOf(region, 0, 1);
  machine.feed(fpdu(offending));
  expectTerminate(machine.drain(), true, "02ff", offending, 46);
  assertEquals(machine.poll(), []);
});
