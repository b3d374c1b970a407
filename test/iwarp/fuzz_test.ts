import fc from "fast-check";
import { Opcode, Status } from "../../src/rdma/completion.ts";
import { WireError } from "../../src/rdma/errors.ts";
import { Access } from "../../src/rdma/memory.ts";
import { decodeMpaFrame, encodeMpaFrame, MPA_MAX_PRIVATE_DATA } from "../../src/iwarp/mpa.ts";
import type { IwarpRegion } from "../../src/iwarp/region.ts";
import { StagTable } from "../../src/iwarp/region.ts";
import { parseSegment, Segment } from "../../src/iwarp/wire.ts";
import { assert, assertEquals } from "../assert.ts";
import { FUZZ_RUNS } from "../fuzz.ts";
import { fpdu, readRequest, tagged, ulpdusOf, untagged } from "./frames.ts";
import { Buffers, Machine } from "./pair.ts";

const RUNS = { numRuns: FUZZ_RUNS };

const template = encodeMpaFrame("request", {
  markers: false,
  crc: true,
  reject: false,
  revision: 2,
  enhanced: { ird: 1, ord: 2, peerToPeer: true, rtrSend: false, rtrWrite: true, rtrRead: true },
  privateData: new Uint8Array(20),
});

Deno.test("decodeMpaFrame() reads any bytes as a frame, as the start of one, or as a WireError", () => {
  const bytes = fc.uint8Array({ maxLength: 48 });
  fc.assert(
    fc.property(bytes, fc.nat(20), fc.nat(44), (noise, at, length) => {
      const input = template.slice(0, length);
      input.set(noise.subarray(0, Math.max(0, length - at)), Math.min(at, length));
      for (const candidate of [input, noise]) {
        try {
          const decoded = decodeMpaFrame("request", candidate);
          if (decoded === undefined) assert(candidate.length < 20 + MPA_MAX_PRIVATE_DATA);
          else {
            const { frame, size } = decoded;
            assert(size <= candidate.length && size === 20 + frame.privateData.length + (frame.enhanced ? 4 : 0));
          }
        } catch (error) {
          if (!(error instanceof WireError)) throw error;
        }
      }
    }),
    RUNS,
  );
});

Deno.test("parseSegment() reads any bytes within their bounds", () => {
  const segment = new Segment();
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), fc.nat(40), fc.nat(40), (bytes, at, size) => {
      if (at + size > bytes.length) return;
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
      const whole = parseSegment(view, at, size, segment);
      assertEquals(whole, size >= 2 && size >= (segment.tagged ? 14 : 18));
    }),
    RUNS,
  );
});

/** What a peer does next: mostly something sensible, with numbers that decide what is wrong with it. */
interface Step {
  kind: number;
  pick: number;
  size: number;
  flaw: number;
}

const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.nat(11),
  pick: fc.nat(7),
  size: fc.nat(70),
  flaw: fc.nat(40),
});
const script = fc.record({
  steps: fc.array(step, { minLength: 1, maxLength: 8 }),
  piece: fc.integer({ min: 1, max: 400 }),
  responder: fc.boolean(),
  damageAt: fc.nat(600),
  damage: fc.nat(255),
  leaves: fc.boolean(),
});

const table = new StagTable();
const buffers = new Buffers(new Uint8Array(140_000), new Uint8Array(70_000));
const GUARD = 0x5a;

/** A machine with work posted, between guard bytes that nothing may change. */
class Target extends Machine {
  readonly open = this.#region(48, Access.LOCAL_WRITE | Access.REMOTE_WRITE | Access.REMOTE_READ);
  readonly closed = this.#region(48, Access.LOCAL_WRITE);
  readonly readable = this.#region(48, Access.REMOTE_READ);
  readonly offered = this.#region(48, Access.LOCAL_WRITE | Access.REMOTE_INVALIDATE);
  readonly inbox = this.#region(96, Access.LOCAL_WRITE); // receives lie within 16 … 80
  readonly sink = this.#region(96, Access.LOCAL_WRITE); // Reads likewise
  readonly posted: number[] = [];

  constructor(crc: boolean, responder: boolean) {
    super({ crc, responder, ird: 2, ord: 2, sendDepth: 4, receiveDepth: 2, table, buffers, ulpduSize: 128 });
    for (const id of [1, 2]) this.connection.postReceive(id, this.inbox, 16 + 32 * (id - 1), 32);
    for (const id of [3, 4]) {
      const where = { region: this.sink, offset: 16 + 32 * (id - 3), length: 32, remoteAddress: 1n, remoteKey: 9 };
      this.connection.postSend({ id, opcode: Opcode.READ, ...where });
    }
    this.connection.postSend({ id: 5, opcode: Opcode.SEND, region: this.readable, offset: 0, length: 48 });
    this.posted.push(1, 2, 3, 4, 5);
  }

  #region(length: number, access: number): IwarpRegion {
    const region = table.register(length, access);
    region.bytes.fill(GUARD);
    return region;
  }

  checkGuards(): void {
    const fixed = [this.closed.bytes, this.readable.bytes, this.offered.bytes];
    for (const { bytes } of [this.inbox, this.sink]) fixed.push(bytes.subarray(0, 16), bytes.subarray(80));
    for (const bytes of fixed) for (const byte of bytes) if (byte !== GUARD) throw new Error("a guard byte changed");
  }

  [Symbol.dispose](): void {
    const { open, closed, readable, offered, inbox, sink } = this;
    for (const region of [open, closed, readable, offered, inbox, sink]) region[Symbol.dispose]();
  }
}

/** The ULPDU of a step. Sequence numbers count up in `sequences` as a right peer's would. */
function ulpduOf(
  { kind, pick, size, flaw }: Step,
  target: Target,
  sequences: { send: number; read: number },
): Uint8Array {
  const { open, closed, readable, offered, inbox, sink } = target;
  const region = [open, open, open, open, closed, readable, offered, inbox][pick] as IwarpRegion;
  const payload = new Uint8Array(size).fill(0xee);
  const last = flaw !== 1;
  const odd = flaw < 8 ? flaw : 0;
  const header = { last, stag: region.remoteKey, address: region.address + BigInt(flaw % 3), sequence: 0 };
  if (kind < 3) return tagged({ opcode: 0, ...header }, payload.subarray(0, flaw > 30 ? 70 : 46));
  if (kind < 6) {
    const opcode = kind === 5 ? 4 : 3;
    const stag = pick < 4 ? offered.remoteKey : header.stag;
    const sequence = odd === 2 ? size : sequences.send;
    if (last) sequences.send++;
    return untagged({ opcode, last, stag, sequence, messageOffset: odd === 3 ? size : 0 }, payload);
  }
  if (kind < 8) {
    const sequence = odd === 2 ? size : sequences.read++;
    const source = { stag: header.stag, address: header.address };
    return untagged({ opcode: 1, last, queue: 1, sequence }, readRequest({ stag: 1, address: 2n }, size, source));
  }
  if (kind < 10) {
    const address = sink.address + BigInt(16 + (pick > 5 ? size : 0));
    return tagged({ opcode: 2, last, stag: sink.remoteKey, address }, payload.subarray(0, flaw > 20 ? 32 : size));
  }
  if (kind === 10) return untagged({ opcode: size & 15, queue: pick, sequence: flaw }, payload);
  return untagged({ opcode: 7, queue: 2 }, payload.subarray(0, size));
}

function play(crc: boolean, input: typeof script extends fc.Arbitrary<infer T> ? T : never, raw?: Uint8Array): void {
  using target = new Target(crc, input.responder);
  target.drain();
  const sequences = { send: 1, read: 1 };
  const stream = raw === undefined ? input.steps.map((each) => fpdu(ulpduOf(each, target, sequences), crc)) : [raw];
  const bytes = new Uint8Array(stream.reduce((sum, { length }) => sum + length, 0));
  let end = 0;
  for (const part of stream) {
    bytes.set(part, end);
    end += part.length;
  }
  if (input.damageAt < end) bytes[input.damageAt] = input.damage;
  for (let at = 0; at < end; at += input.piece) {
    target.feed(bytes.subarray(at, at + input.piece));
    ulpdusOf(target.drain(), crc); // what leaves is well-formed whatever came
  }
  target.checkGuards();
  if (input.leaves) target.connection.peerClosed(target.unread);
  target.connection.close();
  assert(target.connection.closure !== undefined);
  ulpdusOf(target.drain(), crc);
  const done = target.poll();
  assertEquals(done.map(({ id }) => id).sort(), target.posted);
  for (const { id, length } of done.filter(({ status }) => status === Status.SUCCESS)) {
    assert(id === 5 ? length === 48 : length <= 32);
  }
  target.checkGuards();
}

for (const crc of [false, true]) {
  Deno.test(`a peer that errs in every way, CRC ${crc ? "on" : "off"}: nothing misplaced, every request completes once`, () => {
    fc.assert(fc.property(script, (input) => play(crc, input)), RUNS);
  });
}

Deno.test("a stream of noise: nothing misplaced, every request completes once", () => {
  const noise = fc.uint8Array({ maxLength: 64 });
  const input = { steps: [], piece: 13, responder: false, damageAt: 600, damage: 0, leaves: true };
  fc.assert(
    fc.property(noise, fc.nat(48), (bytes, length) => {
      if (bytes.length >= 2) {
        bytes[0] = 0; // a length that may be complete
        bytes[1] = length;
      }
      play(false, input, bytes);
    }),
    RUNS,
  );
});
