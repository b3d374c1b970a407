import fc from "fast-check";
import {
  FrameReader,
  type FrameSink,
  MAX_PIECE_SIZE,
  messageFrame,
  PIECE_HEADER_SIZE,
  pieceHeader,
} from "../../src/engine/frames.ts";
import { MAX_REQUEST_SIZE } from "../../src/engine/messages.ts";
import { PieceBoard } from "../../src/engine/piece_board.ts";
import { WireError } from "../../src/rdma/mod.ts";
import { assert, assertEquals, assertThrows, hex } from "../assert.ts";
import { noise } from "../seaweed/volumes.ts";

/** What was taken from a stream: messages, and pieces where they went. */
class Taken implements FrameSink {
  readonly frames: (string | [id: number, at: number, bytes: Uint8Array])[] = [];

  message(bytes: Uint8Array): void {
    this.frames.push(bytes.toHex());
  }

  piece(id: number, at: number, length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    this.frames.push([id, at, bytes]);
    return bytes;
  }
}

/** Feeds a reader, at most `most(round)` bytes at a time. */
function feed(reader: FrameReader, bytes: Uint8Array, most: (round: number) => number): void {
  let round = 0;
  for (let at = 0; at < bytes.length;) {
    const space = reader.space();
    assert(space.length > 0);
    const count = Math.min(space.length, bytes.length - at, Math.max(1, most(round++)));
    space.set(bytes.subarray(at, at + count));
    reader.filled(count);
    at += count;
  }
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

Deno.test("frames have their length, little-endian, ahead of them; a piece its request and place", () => {
  assertEquals(messageFrame(hex("82a1")).toHex(), "0200000082a1");
  assertEquals(pieceHeader(0x01020304, 0x0a0b0c0d, 5).toHex(), "11000000c1000000040302010d0c0b0a");
  assertEquals(pieceHeader(1, 2, 3).length, PIECE_HEADER_SIZE);
});

Deno.test("messages and pieces are taken apart however the stream is cut", () => {
  const [small, long, longest] = [noise(70_000), noise(300_000, 2), noise(MAX_PIECE_SIZE, 3)];
  const largest = new Uint8Array(MAX_REQUEST_SIZE).fill(0x81);
  const stream = concat([
    messageFrame(hex("80")),
    pieceHeader(7, 0, small.length),
    small,
    messageFrame(largest),
    pieceHeader(0xffff_ffff, 0xffff_ffff, 1),
    Uint8Array.of(9),
    pieceHeader(8, 70_000, long.length),
    long,
    messageFrame(hex("8182")),
    messageFrame(largest),
    pieceHeader(9, 1, longest.length),
    longest,
    messageFrame(hex("83")),
  ]);
  const expected = [
    "80",
    [7, 0, small],
    largest.toHex(),
    [0xffff_ffff, 0xffff_ffff, Uint8Array.of(9)],
    [8, 70_000, long],
    "8182",
    largest.toHex(),
    [9, 1, longest],
    "83",
  ];
  let state = 3;
  const random = (): number => (state = Math.imul(state, 1664525) + 1013904223 | 0) >>> 8;
  const cuts = [() => Infinity, () => 3, () => 65_536, () => 1 + random() % 40, () => 1 + random() % 200_000];
  for (const most of cuts) {
    const taken = new Taken();
    const reader = new FrameReader(taken);
    feed(reader, stream, most);
    assertEquals(reader.midFrame, false);
    assertEquals(taken.frames.length, expected.length);
    for (const [index, frame] of taken.frames.entries()) assertEquals(frame, expected[index] as typeof frame);
  }
});

Deno.test("a frame that has come in part shows, down to its first byte", () => {
  const stream = concat([pieceHeader(1, 0, 4), hex("01020304"), messageFrame(hex("80"))]);
  for (let length = 0; length <= stream.length; length++) {
    const reader = new FrameReader(new Taken());
    feed(reader, stream.subarray(0, length), () => Infinity);
    assertEquals(reader.midFrame, length !== 0 && length !== PIECE_HEADER_SIZE + 4 && length !== stream.length);
  }
});

Deno.test("100,000 random streams are frames or a WireError, and none is read past its end", () => {
  const frame = fc.oneof(
    fc.uint8Array({ maxLength: 24 }),
    fc.tuple(fc.nat(20), fc.nat(40), fc.nat(30)).map(([id, at, length]) =>
      concat([pieceHeader(id, at, length), new Uint8Array(length)])
    ),
    fc.uint8Array({ minLength: 1, maxLength: 20 }).map((message) => messageFrame(message)),
  );
  const property = fc.property(fc.array(frame, { maxLength: 6 }), fc.nat(20), (frames, cut) => {
    const board = new PieceBoard();
    const buffers = Array.from({ length: 4 }, () => new Uint8Array(64).fill(0xee));
    for (const [id, buffer] of buffers.entries()) board.await(id, buffer.subarray(8, 40));
    let messages = 0;
    const reader = new FrameReader({
      message: () => void messages++,
      piece: (id, at, length) => board.place(id, at, length),
    });
    try {
      feed(reader, concat(frames), () => cut);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
    }
    for (const buffer of buffers) {
      if (!buffer.subarray(0, 8).every((byte) => byte === 0xee)) return false;
      if (!buffer.subarray(40).every((byte) => byte === 0xee)) return false;
    }
    return messages <= frames.length * 6;
  });
  fc.assert(property, { numRuns: 100_000 });
});

Deno.test("a board places pieces of awaited ranges in order, from the beginning at any time, and nothing else", () => {
  const board = new PieceBoard();
  const bytes = new Uint8Array(10);
  board.await(1, bytes);
  board.place(1, 0, 4).fill(1);
  assertThrows(() => board.place(1, 5, 1), WireError, "piece behind byte 4: got 5");
  assertThrows(() => board.place(1, 4, 7), WireError, "length: got 7");
  assertThrows(() => board.place(2, 0, 1), WireError, "piece of no request: got 2");
  board.place(1, 4, 2).fill(2);
  board.place(1, 0, 1).fill(3);
  assertEquals(bytes.toHex(), "03010101020200000000");
  assertEquals([board.forget(1), board.forget(1)], [1, 0]);
  assertThrows(() => board.place(1, 0, 1), WireError, "piece of no request");
});
