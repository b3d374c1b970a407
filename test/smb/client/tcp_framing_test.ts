import fc from "fast-check";
import { WireError } from "../../../src/rdma/errors.ts";
import { MOST_TCP_MESSAGE, putTcpPrefix, TCP_PREFIX, TcpFraming } from "../../../src/smb/client/tcp_framing.ts";
import type { Placement } from "../../../src/smb/client/transport.ts";
import { assert, assertEquals, assertThrows } from "../../assert.ts";
import { FUZZ_RUNS } from "../../fuzz.ts";

/** What is read at once. */
const STAGING = 65_536;
/** What must be there of a message that is longer than that before it is asked where it goes. */
const HEAD = 256;

/** Bytes that tell which message they are of, and where in it. */
function message(length: number, seed: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length }, (_, index) => (index * 31 + (index >>> 8) + seed * 7) & 0xff);
}

/** Messages as they stand in the stream. */
function stream(messages: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(messages.reduce((sum, { length }) => sum + TCP_PREFIX + length, 0));
  let at = 0;
  for (const each of messages) {
    putTcpPrefix(bytes.subarray(at), each.length);
    bytes.set(each, at + TCP_PREFIX);
    at += TCP_PREFIX + each.length;
  }
  return bytes;
}

/** A receiver that keeps what it is told; `place` says where long messages go. */
class Receiver {
  readonly messages: Uint8Array[] = [];
  /** Bytes of each message that were placed. */
  readonly elsewhere: number[] = [];
  /** How much of each long message there was when it was asked where it goes, and how long it was to be. */
  readonly asked: [come: number, length: number][] = [];
  /** The most memory that bytes were read into at once. */
  widest = 0;
  readonly framing: TcpFraming;
  #placed: Placement | undefined;

  constructor(place: (length: number) => Placement | undefined = () => undefined, longest = MOST_TCP_MESSAGE) {
    const events = {
      heard: () => {},
      message: (view: Uint8Array, elsewhere: number) => {
        const into = elsewhere === 0 ? new Uint8Array(0) : this.#placed?.into ?? new Uint8Array(0);
        assertEquals(into.length, elsewhere);
        const whole = new Uint8Array(view.length + elsewhere);
        whole.set(view);
        whole.set(into, view.length);
        this.messages.push(whole);
        this.elsewhere.push(elsewhere);
      },
      place: (head: Uint8Array, length: number) => {
        this.asked.push([head.length, length]);
        return this.#placed = place(length);
      },
    };
    this.framing = new TcpFraming(longest, events);
  }

  /** Gives it `bytes`, as many at once as `sizes` say in turn. */
  feed(bytes: Uint8Array, sizes: readonly number[] = [Infinity]): this {
    for (let turn = 0; bytes.length > 0; turn++) {
      const { space } = this.framing;
      assert(space.length > 0, "there is always space to read to");
      this.widest = Math.max(this.widest, space.length);
      const part = bytes.subarray(0, Math.max(1, Math.min(space.length, sizes[turn % sizes.length] as number)));
      space.set(part);
      bytes = bytes.subarray(part.length);
      this.framing.take(part.length);
    }
    return this;
  }
}

const AWKWARD = [64, 65, 127, 128, 255, 256, 257, 4_096, 65_531, 65_532, 65_533, 65_536, 65_537, 131_072, 200_001];

Deno.test("a message's length stands in front of it in 24 bits, big-endian", () => {
  const frame = new Uint8Array(5).fill(0xff);
  putTcpPrefix(frame, 0x12_3456);
  assertEquals(frame, Uint8Array.of(0, 0x12, 0x34, 0x56, 0xff));
  putTcpPrefix(frame, MOST_TCP_MESSAGE);
  assertEquals(frame, Uint8Array.of(0, 0xff, 0xff, 0xff, 0xff));
});

Deno.test("every split of short messages gives the same messages", () => {
  const messages = [64, 65, 71, 64, 300].map(message);
  const bytes = stream(messages);
  for (let first = 1; first < bytes.length; first++) {
    assertEquals(new Receiver().feed(bytes, [first, Infinity]).messages, messages);
    assertEquals(new Receiver().feed(bytes, [first]).messages, messages);
  }
});

for (const length of AWKWARD) {
  Deno.test(`a message of ${length} bytes comes whole between others, however the stream is cut around its ends`, () => {
    const messages = [message(64, 1), message(length, 2), message(70, 3)];
    const bytes = stream(messages);
    const end = TCP_PREFIX + 64 + TCP_PREFIX + length;
    for (let near = -5; near <= 5; near++) {
      for (const cut of [TCP_PREFIX + 64 + near, TCP_PREFIX + 64 + TCP_PREFIX + HEAD + near, end + near]) {
        const receiver = new Receiver().feed(bytes, [cut, Infinity]);
        assertEquals(receiver.messages.map(({ length }) => length), [64, length, 70]);
        assertEquals(receiver.messages, messages);
        assert(receiver.framing.between);
      }
    }
  });
}

Deno.test("messages of awkward lengths come whole, whatever the reads bring", () => {
  const lengths = fc.array(fc.oneof(fc.constantFrom(...AWKWARD), fc.integer({ min: 64, max: 900 })), { maxLength: 6 });
  const sizes = fc.array(fc.oneof(fc.integer({ min: 1, max: 300 }), fc.constantFrom(4_096, 65_536, 1e9)), {
    minLength: 1,
    maxLength: 6,
  });
  fc.assert(
    fc.property(lengths, sizes, fc.boolean(), fc.integer({ min: 64, max: 256 }), (lengths, sizes, places, offset) => {
      const messages = lengths.map(message);
      const place = (length: number) => places ? { offset, into: new Uint8Array(length - offset) } : undefined;
      const receiver = new Receiver(place).feed(stream(messages), sizes);
      assertEquals(receiver.messages.length, messages.length);
      for (const [index, each] of messages.entries()) {
        assert(each.every((byte, at) => receiver.messages[index]?.[at] === byte));
        const payload = places && (receiver.elsewhere[index] as number) > 0 ? each.length - offset : 0;
        assertEquals(receiver.elsewhere[index], payload);
      }
      assert(receiver.framing.between && receiver.widest <= 200_001);
    }),
    { numRuns: 300 },
  );
});

Deno.test("a message that fits is delivered from where it was read, and nobody asks where it goes", () => {
  const fits = STAGING - TCP_PREFIX;
  const receiver = new Receiver((length) => ({ offset: 80, into: new Uint8Array(length - 80) }));
  receiver.feed(stream([message(fits, 1)]), [1_000]);
  assertEquals([receiver.asked, receiver.elsewhere], [[], [0]]);
  receiver.feed(stream([message(fits + 1, 1)]), [1_000]);
  assertEquals([receiver.asked, receiver.elsewhere], [[[996, fits + 1]], [0, fits + 1 - 80]]);
});

Deno.test("the payload of a long one goes straight to its place, from its first byte to its last", () => {
  const into = new Uint8Array(100_000);
  const whole = message(100_080, 5);
  const receiver = new Receiver(() => ({ offset: 80, into })).feed(stream([whole]), [100, 160, 50_000]);
  assertEquals([receiver.asked, receiver.elsewhere], [[[256, 100_080]], [100_000]]);
  assertEquals(receiver.messages, [whole]);
  assertEquals(into, whole.slice(80));
});

Deno.test("no one is asked before 256 bytes of a long message are there", () => {
  const receiver = new Receiver();
  const bytes = stream([message(70_000, 1)]);
  receiver.feed(bytes.subarray(0, TCP_PREFIX + HEAD - 1));
  assertEquals(receiver.asked, []);
  receiver.feed(bytes.subarray(TCP_PREFIX + HEAD - 1), [1, Infinity]);
  assertEquals(receiver.asked, [[256, 70_000]]);
});

Deno.test("a payload that starts beyond what has come is not placed: the message comes whole", () => {
  const whole = message(70_000, 9);
  const into = new Uint8Array(70_000 - 257);
  const receiver = new Receiver(() => ({ offset: 257, into })).feed(stream([whole]), [TCP_PREFIX + HEAD, Infinity]);
  assertEquals([receiver.elsewhere, receiver.messages], [[0], [whole]]);
  assert(into.every((byte) => byte === 0));
});

Deno.test("the stream may end between messages, and not within one", () => {
  const { framing } = new Receiver();
  assert(framing.between);
  const bytes = stream([message(70_000, 1)]);
  const receiver = new Receiver();
  for (const [from, to] of [[0, 1], [1, 4], [4, 300], [300, 69_999]] as const) {
    assert(!receiver.feed(bytes.subarray(from, to)).framing.between, `after ${to} bytes`);
  }
  assert(receiver.feed(bytes.subarray(69_999)).framing.between);
});

const REFUSALS: readonly (readonly [what: string, prefix: readonly number[], longest: number, message: string])[] = [
  ["a first byte that is not 0", [1, 0, 0, 64], 100, "the byte before a message's length over TCP is 0: got 1"],
  ["NetBIOS's keep-alive", [0x85, 0, 0, 0], 100, "the byte before a message's length over TCP is 0: got 133"],
  ["an empty message", [0, 0, 0, 0], 100, "length of a message over TCP is 64 to 100: got 0"],
  ["one shorter than a header", [0, 0, 0, 63], 100, "length of a message over TCP is 64 to 100: got 63"],
  ["one longer than the longest", [0, 0, 0, 101], 100, "length of a message over TCP is 64 to 100: got 101"],
  [
    "the longest there can be",
    [0, 0xff, 0xff, 0xff],
    8e6,
    "length of a message over TCP is 64 to 8000000: got 16777215",
  ],
];

for (const [what, prefix, longest, reason] of REFUSALS) {
  Deno.test(`${what} is refused as soon as its four bytes are there`, () => {
    const receiver = new Receiver(undefined, longest);
    receiver.feed(stream([message(64, 1)])).feed(Uint8Array.from(prefix.slice(0, 3)));
    const error = assertThrows(() => receiver.feed(Uint8Array.from(prefix.slice(3))), WireError);
    assertEquals([error.message, receiver.messages.length], [`smb2: ${reason}`, 1]);
  });
}

Deno.test("any stream gives messages within bounds or a WireError, and is read into no more than the longest", () => {
  const longest = 70_000;
  const prefix = fc.oneof(
    { weight: 6, arbitrary: fc.integer({ min: 64, max: 500 }) },
    { weight: 2, arbitrary: fc.constantFrom(65_532, 65_533, longest) },
    { weight: 2, arbitrary: fc.constantFrom(0, 63, longest + 1, MOST_TCP_MESSAGE, 0x0100_0040, 0xffff_ffff) },
    { weight: 1, arbitrary: fc.nat(0xffff_ffff) },
  );
  const piece = fc.record({ prefix, follows: fc.oneof(fc.nat(300), fc.constantFrom(-1, -1, -1)) });
  const placement = fc.option(fc.integer({ min: 0, max: 400 }));
  const zeros = new Uint8Array(longest);
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 5 }), fc.nat(4_000), placement, (pieces, size, offset) => {
      const place = (length: number) => offset === null ? undefined : { offset, into: zeros.subarray(offset, length) };
      const receiver = new Receiver(place, longest);
      try {
        for (const { prefix, follows } of pieces) {
          receiver.feed(Uint8Array.of(prefix >>> 24, prefix >>> 16, prefix >>> 8, prefix));
          receiver.feed(zeros.subarray(0, follows < 0 ? Math.min(prefix, 70_000) : follows), [size * 16]);
        }
      } catch (error) {
        if (!(error instanceof WireError)) throw error;
      }
      assert(receiver.widest <= longest);
      for (const { length } of receiver.messages) assert(length >= 64 && length <= longest);
    }),
    { numRuns: FUZZ_RUNS },
  );
});
