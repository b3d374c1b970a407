import fc from "fast-check";
import { VerbsError, WireError } from "../../src/rdma/errors.ts";
import { decodeMpaFrame, encodeMpaFrame, type MpaKind } from "../../src/iwarp/mpa.ts";
import { agreeAsInitiator, agreeAsResponder, type Agreement, type MpaWishes } from "../../src/iwarp/negotiation.ts";
import { writeAll } from "../../src/iwarp/setup.ts";
import { assert, assertEquals } from "../assert.ts";
import { FUZZ_RUNS } from "../fuzz.ts";
import { nextRequest } from "../rdma/players.ts";
import { BareInitiator, LOOPBACK, openDomain, readExactly, readToEnd, setupFrame, until } from "./bare_peer.ts";
import { concat, digits } from "./frames.ts";
import { bordersOf } from "./mutations.ts";

const OWN_DEPTH = 12;

/** A frame by its numbers (RFC 5044 §7.1, RFC 6581 §4.1), written without a look at src/iwarp. */
function frameOf(kind: MpaKind, flags: number, revision: number, length: number, words: number[], data: number) {
  const key = new TextEncoder().encode(`MPA ID ${kind === "request" ? "Req" : "Rep"} Frame`);
  const rest = new Uint8Array(4 + 2 * words.length + data).fill(0x41);
  const view = new DataView(rest.buffer);
  view.setUint8(0, flags);
  view.setUint8(1, revision);
  view.setUint16(2, length);
  words.forEach((word, at) => view.setUint16(4 + 2 * at, word));
  return concat(key, rest);
}

/** Every right form: with and without CRC, both revisions, every ready-to-receive flag, with private data and without. */
const FORMS = (["request", "reply"] as const).flatMap((kind) =>
  [0x00, 0x40].flatMap((crc) =>
    [0, 9].flatMap((data) => [
      { kind, bytes: frameOf(kind, crc, 1, data, [], data) },
      { kind, bytes: frameOf(kind, crc, 2, data, [], data) },
      ...[0x0000, 0x8000, 0xc000].flatMap((flags) =>
        [0x0000, 0x4000, 0x8000, 0xc000].map((rtr) => ({
          kind,
          bytes: frameOf(kind, crc | 0x10, 2, 4 + data, [flags | 5, rtr | 7], data),
        }))
      ),
    ])
  )
);

/** Where each field stands: byte, bytes, mask. Of the key, each byte is one. */
const FIELDS: readonly [string, number, 1 | 2, number][] = [
  ...Array.from({ length: 16 }, (_, at): [string, number, 1, number] => [`key, byte ${at}`, at, 1, 0xff]),
  ["M", 16, 1, 0x80],
  ["C", 16, 1, 0x40],
  ["R", 16, 1, 0x20],
  ["S", 16, 1, 0x10],
  ["reserved", 16, 1, 0x0f],
  ["revision", 17, 1, 0xff],
  ["private data length", 18, 2, 0xffff],
  ["A", 20, 2, 0x8000],
  ["B", 20, 2, 0x4000],
  ["IRD", 20, 2, 0x3fff],
  ["C of the ORD word", 22, 2, 0x8000],
  ["D", 22, 2, 0x4000],
  ["ORD", 22, 2, 0x3fff],
];

/** Puts another value into a field. */
function spoil(right: Uint8Array, [, at, size, mask]: (typeof FIELDS)[number], value: number): Uint8Array<ArrayBuffer> {
  const bytes = right.slice();
  if (at + size > bytes.length) return bytes;
  const view = new DataView(bytes.buffer);
  const old = size === 1 ? view.getUint8(at) : view.getUint16(at);
  const put = (old & ~mask) | ((value * (mask & -mask)) & mask);
  if (size === 1) view.setUint8(at, put);
  else view.setUint16(at, put);
  return bytes;
}

const wishes = (crc: boolean): MpaWishes => ({
  crc,
  readDepth: OWN_DEPTH,
  revision: 2,
  privateData: new Uint8Array(3),
});

/** What must become of a frame: what is agreed on, and how many bytes it has; or that it is refused, and why. */
function ruling(kind: MpaKind, bytes: Uint8Array, crc: boolean): string {
  const key = `MPA ID ${kind === "request" ? "Req" : "Rep"} Frame`;
  for (let at = 0; at < Math.min(16, bytes.length); at++) {
    if (bytes[at] !== key.charCodeAt(at)) return `refused: ${kind} key, byte ${at}`;
  }
  if (bytes.length < 20) return "waits";
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const [flags, revision, length] = [view.getUint8(16), view.getUint8(17), view.getUint16(18)];
  if (revision !== 1 && revision !== 2) return "refused: revision, 1 or 2 are known";
  if (length > 512) return "refused: private data length, at most 512";
  const isEnhanced = (flags & 0x10) !== 0 && revision === 2; // revision 1 has no such flag
  if (isEnhanced && length < 4) return "refused: enhanced private data length, at least 4";
  if (bytes.length < 20 + length) return "waits";
  const data = digits(bytes.subarray(isEnhanced ? 24 : 20, 20 + length));
  // R means something in a reply only (RFC 5044 §7.1.1), and there before all else.
  if (kind === "reply" && (flags & 0x20) !== 0) return "rejected";
  if ((flags & 0x80) !== 0) return "refused: markers";
  const both = crc || (flags & 0x40) !== 0;
  if (!isEnhanced) return `${both} 128 ${OWN_DEPTH} none ${data} of ${20 + length}`;
  const [irdWord, ordWord] = [view.getUint16(20), view.getUint16(22)];
  const least = (word: number) => (word & 0x3fff) === 0x3fff ? OWN_DEPTH : Math.min(OWN_DEPTH, word & 0x3fff);
  const rtr = ordWord & 0x8000 ? "write" : ordWord & 0x4000 ? "read" : irdWord & 0x4000 ? "send" : "none";
  // A responder takes up an offer only where the initiator means it: the A flag.
  const ready = kind === "reply" || (irdWord & 0x8000) !== 0 ? rtr : "none";
  return `${both} ${least(ordWord)} ${least(irdWord)} ${ready} ${data} of ${20 + length}`;
}

/** What does become of it. */
function reading(kind: MpaKind, bytes: Uint8Array, crc: boolean): string {
  try {
    const decoded = decodeMpaFrame(kind, bytes);
    if (decoded === undefined) return "waits";
    const { frame, size } = decoded;
    let agreement: Agreement;
    if (kind === "reply") agreement = agreeAsInitiator(wishes(crc), frame, "10.0.0.9:7");
    else {
      const answer = agreeAsResponder(wishes(crc), frame);
      agreement = answer.agreement;
      checkReply(bytes, encodeMpaFrame("reply", answer.reply), agreement);
    }
    const { ird, ord, readyToReceive, privateData } = agreement;
    return `${agreement.crc} ${ird} ${ord} ${readyToReceive} ${digits(privateData)} of ${size}`;
  } catch (error) {
    if (error instanceof WireError) return `refused: ${error.field.replace(/^.*markers.*$/, "markers")}`;
    assert(error instanceof VerbsError, `${error}`);
    return error.code;
  }
}

/** The reply says what is agreed on, in the form of the request, and names one ready-to-receive frame of those offered. */
function checkReply(request: Uint8Array, reply: Uint8Array, { crc, ird, ord, readyToReceive }: Agreement): void {
  const isEnhanced = ((request[16] ?? 0) & 0x10) !== 0 && request[17] === 2;
  const expected = frameOf("reply", (crc ? 0x40 : 0) | (isEnhanced ? 0x10 : 0), request[17] ?? 0, 3, [], 0);
  expected[19] = 3 + (isEnhanced ? 4 : 0);
  const words = {
    none: [ird, ord],
    send: [0xc000 | ird, ord],
    write: [0x8000 | ird, 0x8000 | ord],
    read: [0x8000 | ird, 0x4000 | ord],
  }[readyToReceive];
  const hexWords = isEnhanced ? words.map((word) => word.toString(16).padStart(4, "0")).join("") : "";
  assertEquals(digits(reply), `${digits(expected)}${hexWords}000000`);
}

for (const kind of ["request", "reply"] as const) {
  Deno.test(`each field of a ${kind} in each of its forms, at its borders and up to any byte, is read as it must be`, () => {
    for (const { bytes } of FORMS.filter((form) => form.kind === kind)) {
      for (let size = 0; size <= bytes.length; size++) {
        const part = bytes.subarray(0, size);
        assertEquals(reading(kind, part, true), ruling(kind, part, true));
      }
      for (const field of FIELDS) {
        const [, , , mask] = field;
        for (const value of bordersOf(0, Math.log2(mask / (mask & -mask) + 1))) {
          const spoilt = spoil(bytes, field, value);
          for (const crc of [false, true]) assertEquals(reading(kind, spoilt, crc), ruling(kind, spoilt, crc));
        }
      }
    }
  });
}

const change = fc.record({ pick: fc.nat(FIELDS.length - 1), value: fc.nat(0xffff), small: fc.boolean() });
const input = fc.record({
  form: fc.nat(FORMS.length - 1),
  changes: fc.array(change, { minLength: 1, maxLength: 3 }),
  crc: fc.boolean(),
  behind: fc.nat(600),
});

Deno.test("any values in any fields of a request or a reply are read as a reading of the RFCs says", () => {
  fc.assert(
    fc.property(input, ({ form, changes, crc, behind }) => {
      const { kind, bytes } = FORMS[form] as (typeof FORMS)[number];
      let spoilt: Uint8Array = concat(bytes, new Uint8Array(behind < 300 ? 0 : behind - 300));
      for (const { pick, value, small } of changes) {
        spoilt = spoil(spoilt, FIELDS[pick] as (typeof FIELDS)[number], small ? value % 8 : value);
      }
      const [found, expected] = [reading(kind, spoilt, crc), ruling(kind, spoilt, crc)];
      if (found !== expected) assertEquals(found, expected);
    }),
    { numRuns: FUZZ_RUNS },
  );
});

/** The frame with each of its bits turned over, one at a time. */
function* bitsOf(frame: Uint8Array): Generator<Uint8Array<ArrayBuffer>> {
  for (let bit = 0; bit < 8 * frame.length; bit++) {
    const bytes = frame.slice() as Uint8Array<ArrayBuffer>;
    bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ 1 << (bit & 7);
    yield bytes;
  }
}

Deno.test("a listener sent a request with any bit turned over counts why it refuses, or gives the request", async () => {
  await using peer = await BareInitiator.connect();
  const { listener } = peer;
  const expected: Record<string, number> = {};
  for (const bytes of bitsOf(setupFrame("request"))) {
    const rule = ruling("request", bytes, true);
    const socket = await Deno.connect({ hostname: "127.0.0.1", port: listener.address.port });
    await writeAll(socket, bytes);
    if (rule.endsWith("of 24")) {
      const endpoint = await (await nextRequest(listener)).accept();
      // Without the S flag there are no depths to agree on, in either frame.
      const isEnhanced = ((bytes[16] ?? 0) & 0x10) !== 0;
      assertEquals((await readExactly(socket, isEnhanced ? 24 : 20))[16], isEnhanced ? 0x50 : 0x40);
      socket.close();
      assertEquals(await endpoint.closed, { graceful: true });
      continue;
    }
    // What says that it is shorter than it is has bytes behind it; what says that it is longer is not whole at the end.
    const reason = rule === "waits"
      ? "lost"
      : rule.replace("refused: ", "").replace(/^.* of \d+$/, "bytes behind the request");
    expected[reason] = (expected[reason] ?? 0) + 1;
    await socket.closeWrite();
    const answer = await readToEnd(socket);
    assert(answer === (reason === "markers" ? 24 : 0) || answer === "reset", `${answer} bytes`);
    socket.close();
    const sum = Object.values(expected).reduce((total, count) => total + count);
    await until(() => [...listener.refused.values()].reduce((total, count) => total + count, 0) === sum);
  }
  assertEquals(Object.fromEntries([...listener.refused].toSorted()), sorted(expected));
});

Deno.test("connecting to a peer whose reply has any bit turned over fails as it must, or succeeds", async () => {
  using domain = await openDomain();
  const listener = Deno.listen(LOOPBACK);
  const address = { hostname: "127.0.0.1", port: listener.addr.port };
  for (const bytes of bitsOf(setupFrame("reply"))) {
    const rule = ruling("reply", bytes, true);
    const serving = listener.accept().then(async (socket) => {
      await readExactly(socket, 24);
      await writeAll(socket, bytes);
      await socket.closeWrite();
      await readToEnd(socket);
      socket.close();
    });
    let found: string;
    try {
      const endpoint = await domain.connect(address);
      found = "connected";
      const { graceful } = await endpoint.closed;
      assertEquals([rule, graceful], [rule, rule.endsWith("of 24")]); // behind a shorter one an FPDU begins
    } catch (error) {
      assert(error instanceof VerbsError, `${error}`);
      found = error.code;
    }
    await serving;
    const codes: Record<string, string> = { waits: "lost", rejected: "rejected" };
    assertEquals([rule, found], [rule, codes[rule] ?? (rule.startsWith("refused") ? "protocol" : "connected")]);
  }
  listener.close();
});

function sorted(counts: Record<string, number>): Record<string, number> {
  return Object.fromEntries(Object.entries(counts).toSorted());
}
