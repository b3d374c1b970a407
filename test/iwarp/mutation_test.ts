import fc from "fast-check";
import { Opcode, Status } from "../../src/rdma/completion.ts";
import { VerbsError } from "../../src/rdma/errors.ts";
import { Access } from "../../src/rdma/memory.ts";
import { type IwarpRegion, StagTable } from "../../src/iwarp/region.ts";
import { assert, assertEquals } from "../assert.ts";
import { FUZZ_RUNS } from "../fuzz.ts";
import { digits, ulpdusOf } from "./frames.ts";
import { bordersOf, type Field, fieldsOf, FRAMES, mutated, type Places, valueOf, widthOf } from "./mutations.ts";
import { OUTCOMES } from "./outcomes.ts";
import { Buffers, Machine } from "./pair.ts";
import { type Memory, type Posted, Referee, terminateOf } from "./referee.ts";

/** The request that is no Read and no atomic. */
const SEND = 8;

const table = new StagTable();
const buffers = new Buffers(new Uint8Array(140_000), new Uint8Array(70_000));
const RULES = { ird: 4, ord: 4, immediate: true, sendDepth: 4, receiveDepth: 7, table, buffers, ulpduSize: 128 };

/** Fails unless the strings are the same: much faster than assertEquals() where they are. */
function assertSame(actual: readonly string[], expected: readonly string[]): void {
  if (actual.join() !== expected.join()) assertEquals(actual, expected);
}

/** A machine with work posted, and the referee that knows what must become of it. */
class Match implements Disposable {
  readonly machine: Machine;
  readonly referee: Referee;
  readonly places: Places;
  readonly #crc: boolean;
  readonly #pairs: [IwarpRegion, Memory][] = [];
  readonly #posted: Posted[] = []; // by the machine's user, as they are to leave
  readonly #requests: Posted[];
  #over = false;
  #terminate: string | undefined;

  constructor(crc: boolean, responder: boolean) {
    this.#crc = crc;
    this.machine = new Machine({ crc, responder, ...RULES });
    const sink = this.#memory(64, Access.LOCAL_WRITE);
    const inbox = this.#memory(352, Access.LOCAL_WRITE);
    this.places = {
      open: this.#memory(64, Access.LOCAL_WRITE | Access.REMOTE_WRITE),
      readable: this.#memory(64, Access.REMOTE_READ),
      counters: this.#memory(64, Access.REMOTE_ATOMIC),
      offered: [this.#memory(16, Access.REMOTE_INVALIDATE), this.#memory(16, Access.REMOTE_INVALIDATE)],
      sink,
    };
    const { connection } = this.machine;
    const receives = [1, 2, 3, 4, 5, 6, 7].map((id) => this.#request(id, inbox, 16 + 48 * (id - 1), 32));
    for (const { id, offset, room } of receives) connection.postReceive(id, this.#regionOf(inbox), offset, room);
    const readable = this.#regionOf(this.places.readable);
    connection.postSend({ id: SEND, opcode: Opcode.SEND, region: readable, offset: 0, length: 9 });
    this.#posted.push(this.#request(SEND, this.places.readable, 0, 9));
    for (
      const [id, opcode, offset, length] of [
        [9, Opcode.READ, 8, 24],
        [10, Opcode.READ, 40, 0],
        [11, Opcode.FETCH_ADD, 48, 8],
      ] as const
    ) {
      const remote = { remoteAddress: 0n, remoteKey: 9, add: 1n };
      connection.postSend({ id, opcode, region: this.#regionOf(sink), offset, length, ...remote });
      this.#posted.push(this.#request(id, sink, offset, length));
    }
    this.#requests = [...receives, ...this.#posted];
    const memories = this.#pairs.map(([, memory]) => memory);
    this.referee = new Referee(memories, receives, { crc, responder, ird: RULES.ird });
    this.#watch();
  }

  #memory(length: number, access: number): Memory {
    const region = table.register(length, access);
    for (let at = 0; at < length; at++) region.bytes[at] = 0xa0 + at % 16;
    const has = (right: number) => (access & right) !== 0;
    const rights = {
      write: has(Access.REMOTE_WRITE),
      read: has(Access.REMOTE_READ),
      invalidate: has(Access.REMOTE_INVALIDATE),
      atomic: has(Access.REMOTE_ATOMIC),
    };
    const { remoteKey: stag, address } = region;
    const memory = { stag, address, bytes: region.bytes.slice(), rights, valid: true };
    this.#pairs.push([region, memory]);
    return memory;
  }

  #regionOf(memory: Memory): IwarpRegion {
    return this.#pairs.find(([, each]) => each === memory)?.[0] as IwarpRegion;
  }

  #request(id: number, memory: Memory, offset: number, room: number): Posted {
    return { id, memory, offset, room, done: false };
  }

  /** Hands both the same bytes in pieces; what leaves must be what the referee says is owed. */
  feed(bytes: Uint8Array, piece: number): void {
    for (let at = 0; at < bytes.length; at += piece) {
      const part = bytes.subarray(at, at + piece);
      this.machine.feed(part);
      this.referee.feed(part);
      this.#watch();
    }
  }

  /** What became of the stream: the Terminate's control word, or what else. */
  get outcome(): string {
    const { verdict, waits } = this.referee;
    if (verdict !== undefined) return this.#terminate ?? "over";
    return waits ? "waits" : "accepted";
  }

  // The user's own Send and Read Requests leave as soon as they may, answers when they are owed, then a Terminate.
  #watch(): void {
    const answers: string[] = [];
    for (const ulpdu of ulpdusOf(this.machine.drain(), this.#crc)) {
      const opcode = (ulpdu[1] ?? 0) % 16;
      if (opcode === 2 || opcode === 7 || opcode === 11) answers.push(digits(ulpdu));
      else this.#left(opcode, ulpdu);
    }
    const { verdict } = this.referee;
    const owed = this.referee.answers.splice(0);
    if (verdict === undefined || this.#over) return assertSame(answers, owed);
    this.#over = true;
    // What had not left when the stream ended does not leave any more: an answer is not owed then.
    const last = verdict.controls.map((control) => terminateOf(control, verdict.frame));
    if (last.length === 0) assertSame(answers, []);
    else assert(answers.length === 1 && last.includes(answers[0] ?? ""), `${answers} is none of ${last.join(", ")}`);
    this.#terminate = answers[0]?.slice(36, 40);
  }

  #left(opcode: number, ulpdu: Uint8Array): void {
    const request = this.#posted.shift();
    if (request?.id === SEND) {
      assert(opcode === 3);
      Object.assign(request, { done: true, length: 9 });
    } else if (request !== undefined) {
      assert(opcode === (request.id === 11 ? 10 : 1));
      if (opcode === 10) request.identifier = new DataView(ulpdu.buffer, ulpdu.byteOffset).getUint32(22);
      this.referee.asked.push(request);
    }
  }

  /** The peer leaves: everything that can be seen must be as the referee has it. */
  end(): void {
    const { connection } = this.machine;
    const { verdict } = this.referee;
    assertEquals(connection.closure === undefined, verdict === undefined);
    const settled = this.referee.settled && this.#posted.length === 0 && this.referee.asked.length === 0;
    connection.peerClosed(this.machine.unread);
    const { graceful, error } = connection.closure ?? {};
    assertEquals(graceful, verdict === undefined && settled);
    if (verdict?.frame !== undefined) assertEquals((error as VerbsError).code, "terminated");
    connection.close();
    this.#watch();
    const found = this.machine.poll().toSorted((a, b) => a.id - b.id);
    assertSame(
      found.map(({ id, status, length, invalidatedKey: key }) => `${id} ${status === Status.SUCCESS} ${length} ${key}`),
      this.#requests.map(({ id, done, length = 0, key = 0 }) =>
        done ? `${id} true ${length} ${key}` : `${id} false 0 0`
      ),
    );
    assertSame(
      this.#pairs.map(([{ bytes, valid }]) => `${valid} ${digits(bytes)}`),
      this.#pairs.map(([, { bytes, valid }]) => `${valid} ${digits(bytes)}`),
    );
  }

  [Symbol.dispose](): void {
    for (const [region] of this.#pairs) region[Symbol.dispose]();
  }
}

/** The frames' names; the last two are Terminates, either of which ends a session. */
const LAST = FRAMES.length - 2;

/** A session in which the frame at `index` is not as it should be. */
function play(index: number, crc: boolean, responder: boolean, piece: number, mutate: Mutate): string {
  using match = new Match(crc, responder);
  const session = [...FRAMES.slice(0, LAST), FRAMES[Math.max(index, LAST)] ?? FRAMES[LAST]];
  let outcome = "";
  for (const [at, frame] of session.entries()) {
    const ulpdu = frame?.[1](match.places) ?? new Uint8Array(0);
    const spoilt = at === Math.min(index, LAST);
    match.feed(mutated(ulpdu, spoilt ? mutate(ulpdu, match.places) : [], crc), spoilt ? piece : Infinity);
    if (spoilt) outcome = match.outcome;
    else if (match.referee.verdict !== undefined) break; // what came behind it changed nothing
  }
  match.end();
  return outcome;
}

/** What to put where in a right frame. */
type Mutate = (ulpdu: Uint8Array<ArrayBuffer>, places: Places) => readonly { field: Field; value: number }[];

for (const responder of [false, true]) {
  Deno.test(`a session of right frames is carried out, ${responder ? "accepted" : "asked for"} by us`, () => {
    for (const crc of [true, false]) {
      for (const last of [LAST, LAST + 1]) assertEquals(play(last, crc, responder, Infinity, () => []), "over");
      assertEquals(play(0, crc, responder, 1, () => []), "accepted");
    }
  });
}

/** The right frames, to read their fields from; the numbers in them do not matter here. */
const samples = (() => {
  using match = new Match(true, false);
  return FRAMES.map(([name, make]) => [name, fieldsOf(make(match.places))] as const);
})();

/** What may be put into a field instead of what is right there: the borders of its range, and other memory's STags. */
function valuesFor(field: Field, right: number, { open, readable, counters, sink, offered }: Places): number[] {
  const values = bordersOf(right, widthOf(field));
  if (field.name.endsWith("STag")) values.push(...[open, readable, counters, sink, ...offered].map(({ stag }) => stag));
  // Around every end that there is: of regions, of receives, of what is left of a message.
  if (/size|TO low/.test(field.name)) values.push(...Array.from({ length: 100 }, (_, at) => at));
  return values.filter((value) => value !== right);
}

for (const crc of [true, false]) {
  for (const [index, [name, fields]] of samples.entries()) {
    Deno.test(`each field of the ${name} at its borders has the outcome it must have, CRC ${crc ? "on" : "off"}`, () => {
      const found: Record<string, string> = {};
      for (const field of fields) {
        const seen = new Set<string>();
        let count = 1;
        for (let pick = 0; pick < count; pick++) {
          const mutate: Mutate = (ulpdu, places) => {
            const values = valuesFor(field, valueOf(field, ulpdu), places);
            count = values.length;
            return [{ field, value: values[pick] ?? 0 }];
          };
          seen.add(play(index, crc, false, 4_096, mutate));
          play(index, crc, true, 4_096, mutate); // the referee sees to it; one who may not speak yet ends in silence
        }
        found[field.name] = [...seen].toSorted().join(" ");
      }
      const { length, CRC, ...expected } = OUTCOMES[name] ?? {};
      const unsealed = { length: found.length, CRC: index < LAST ? "accepted" : "over" };
      assertEquals(found, { ...expected, ...crc ? { length, CRC } : unsealed });
    });
  }
}

const change = fc.record({ pick: fc.nat(99), border: fc.boolean(), number: fc.nat(0xffff_ffff) });
const spoilt = fc.record({
  index: fc.nat(FRAMES.length - 1),
  changes: fc.array(change, { minLength: 1, maxLength: 2 }),
  crc: fc.boolean(),
  responder: fc.boolean(),
  piece: fc.constantFrom(1, 7, 30, 4_096),
});

Deno.test("any values in one or two fields of any frame end as a reading of the RFCs says, byte for byte", () => {
  fc.assert(
    fc.property(spoilt, ({ index, changes, crc, responder, piece }) => {
      play(index, crc, responder, piece, (ulpdu, places) =>
        changes.map(({ pick, border, number }) => {
          const fields = fieldsOf(ulpdu);
          const field = fields[pick % fields.length] as Field;
          const values = valuesFor(field, valueOf(field, ulpdu), places);
          const value = border ? values[number % values.length] ?? 0 : number % 2 ** widthOf(field);
          return { field, value };
        }));
    }),
    { numRuns: FUZZ_RUNS },
  );
});
