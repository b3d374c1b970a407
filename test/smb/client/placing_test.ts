import fc from "fast-check";
import { type Pending, pendingOf } from "../../../src/smb/client/pending.ts";
import { placementOf } from "../../../src/smb/client/placing.ts";
import type { Placement } from "../../../src/smb/client/transport.ts";
import { Command, HeaderFlag } from "../../../src/smb/wire/header.ts";
import { NtStatus } from "../../../src/smb/wire/status.ts";
import { assert, assertEquals } from "../../assert.ts";
import { FUZZ_RUNS } from "../../fuzz.ts";
import { viewOf } from "../wire/bytes.ts";
import { type AnswerFields, readAnswer, readInto } from "./answers.ts";

const ASKED = 1_000;
const PAYLOAD = new Uint8Array(ASKED).fill(7);
/** What there is of a message when it is asked where its payload goes. */
const HEAD = 256;
/** The longest message that a transport announces. */
const MOST = 0xff_ffff;

/** A READ of {@linkcode ASKED} bytes that left unprotected, unless said, as number 5. */
function pending(more: Partial<Pending> = {}, into: Uint8Array | undefined = new Uint8Array(ASKED)): Pending {
  const call = { ...readInto(into ?? new Uint8Array(ASKED)), into };
  return Object.assign(pendingOf(call, 1, false).link, { messageId: 5 }, more);
}

/** Where an answer to it is placed. */
function placed(
  link: Pending,
  message: Uint8Array = readAnswer(5, PAYLOAD),
  length = message.length,
): Placement | undefined {
  return placementOf(message.subarray(0, HEAD), length, (id) => id === link.messageId ? link : undefined);
}

Deno.test("the payload of a READ's answer goes to where the READ wants it", () => {
  const into = new Uint8Array(ASKED);
  const placement = placed(pending({}, into));
  assertEquals([placement?.offset, placement?.into.length], [80, ASKED]);
  assertEquals([placement?.into.buffer, placement?.into.byteOffset], [into.buffer, into.byteOffset]);
  const later = placed(pending({}, into), readAnswer(5, PAYLOAD, {}, 255));
  assertEquals([later?.offset, later?.into.length], [255, ASKED]);
});

Deno.test("fewer bytes than were asked for go to where those start", () => {
  const into = new Uint8Array(ASKED);
  const placement = placed(pending({}, into), readAnswer(5, PAYLOAD.subarray(0, 999)));
  assertEquals([placement?.into.byteOffset, placement?.into.length], [0, 999]);
});

Deno.test("an answer that came late, by its AsyncId, is placed as any other", () => {
  assertEquals(
    placed(pending(), readAnswer(5, PAYLOAD, { flags: HeaderFlag.RESPONSE | HeaderFlag.ASYNC }))?.offset,
    80,
  );
});

const RESPONSE = HeaderFlag.RESPONSE;
const FIELDS: readonly (readonly [what: string, AnswerFields])[] = [
  ["a signed message", { flags: RESPONSE | HeaderFlag.SIGNED }],
  ["a request", { flags: 0 }],
  ["an answer to WRITE", { command: Command.WRITE }],
  ["an answer to IOCTL", { command: Command.IOCTL }],
  ["an error", { status: NtStatus.END_OF_FILE }],
  ["a warning", { status: NtStatus.BUFFER_OVERFLOW }],
  ["an interim answer", { status: NtStatus.PENDING, flags: RESPONSE | HeaderFlag.ASYNC }],
  ["an answer to another request", { messageId: 6 }],
  ["an answer to no request", { messageId: -1 }],
];

for (const [what, fields] of FIELDS) {
  Deno.test(`${what} is not placed`, () => assertEquals(placed(pending(), readAnswer(5, PAYLOAD, fields)), undefined));
}

Deno.test("the answer to a request that was signed, or encrypted, is not placed", () => {
  assertEquals(placed(pending({ signed: true })), undefined);
  assertEquals(placed(pending({ encrypted: true })), undefined);
});

Deno.test("the answer to a request that says no place is not placed", () => {
  const link = pending();
  assertEquals(placed({ ...link, call: { ...link.call, into: undefined } }), undefined);
});

/** A READ's answer with `value` written at `at`. */
function changed(at: number, width: 1 | 2 | 4, value: number): Uint8Array {
  const message = readAnswer(5, PAYLOAD);
  const view = viewOf(message);
  if (width === 1) view.setUint8(at, value);
  else if (width === 2) view.setUint16(at, value, true);
  else view.setUint32(at, value, true);
  return message;
}

const MESSAGES: readonly (readonly [what: string, message: Uint8Array])[] = [
  ["an encrypted message", changed(0, 4, 0x424d_53fd)],
  ["a message of SMB1", changed(0, 4, 0x424d_53ff)],
  ["a header of another size", changed(4, 2, 65)],
  ["a message that another follows", changed(20, 4, 256)],
  ["an answer that is longer than asked for", readAnswer(5, new Uint8Array(ASKED + 1))],
  ["a payload that starts within the fixed fields", readAnswer(5, PAYLOAD, {}, 80).with(66, 79)],
  ["a payload that ends before the message", changed(68, 4, ASKED - 1)],
  ["a payload that ends after the message", changed(68, 4, ASKED + 1)],
  ["a payload of 2^32 − 1 bytes", changed(68, 4, 0xffff_ffff)],
];

for (const [what, message] of MESSAGES) {
  Deno.test(`${what} is not placed`, () => assertEquals(placed(pending(), message), undefined));
}

Deno.test("a message whose length is another than its payload says is not placed", () => {
  const message = readAnswer(5, PAYLOAD);
  for (const length of [message.length - 1, message.length + 1]) {
    assertEquals(placed(pending(), message, length), undefined);
  }
});

Deno.test("whatever is placed ends the message, lies within what was asked for, and is a sound answer to a bare READ", () => {
  const sound = readAnswer(5, PAYLOAD);
  const link = pending();
  const value = fc.oneof(fc.constantFrom(0, 1, 5, 8, 9, 80, 1_000, 0xff, 0xffff_ffff), fc.nat(0xffff_ffff));
  const change = fc.record({ at: fc.nat(18), value }).map(({ at, value }) => ({ at: at * 4, value }));
  const changes = fc.oneof(fc.array(change, { maxLength: 3 }), fc.array(change.map((each) => ({ ...each, at: 68 }))));
  const lengths = fc.oneof(fc.constant(sound.length), fc.nat(2_000), fc.nat(MOST));
  fc.assert(
    fc.property(changes, lengths, fc.boolean(), fc.boolean(), (changes, length, signed, encrypted) => {
      const message = sound.slice(0, HEAD);
      const view = viewOf(message);
      for (const { at, value } of changes) view.setUint32(at, value, true);
      Object.assign(link, { signed, encrypted });
      const placement = placementOf(message, length, (id) => id === 5 ? link : undefined);
      if (placement === undefined) return;
      const { offset, into } = placement;
      assert(!signed && !encrypted && offset >= 80 && offset + into.length === length && into.length <= ASKED);
      assertEquals(into.buffer, link.call.into?.buffer);
      assertEquals([view.getUint16(12, true), view.getUint32(8, true)], [Command.READ, NtStatus.SUCCESS]);
      assertEquals([view.getUint32(16, true) & 9, view.getUint32(20, true)], [1, 0]);
    }),
    { numRuns: FUZZ_RUNS },
  );
});
