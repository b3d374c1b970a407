import fc from "fast-check";
import { WireError } from "../../src/rdma/errors.ts";
import { Causes, decodeTerminate, encodeTerminate } from "../../src/iwarp/terminate.ts";
import { assert, assertEquals, assertThrows, hex } from "../assert.ts";
import { concat, digits, tagged, untagged } from "./frames.ts";

const write = tagged({ opcode: 0, stag: 0x100, address: 64n });
const read = untagged({ opcode: 1, queue: 1 }, new Uint8Array(28).fill(9));
const send = untagged({ opcode: 3, sequence: 7 });

Deno.test("every cause survives encoding and decoding, with the header it quotes", () => {
  for (const cause of Object.values(Causes)) {
    for (const header of [write, send, read]) {
      const bytes = encodeTerminate(cause, header, 0x1234);
      assertEquals(decodeTerminate(bytes), { cause, control: digits(bytes.subarray(0, 4)), frame: digits(header) });
    }
  }
});

Deno.test("encodeTerminate() writes the RFC's form", () => {
  const none = new Uint8Array(0);
  assertEquals(digits(encodeTerminate(Causes.CRC, none, 0)), "20020000");
  assertEquals(digits(encodeTerminate(Causes.TAGGED_STAG, write, 22)), `1100c0000016${digits(write)}`);
  assertEquals(digits(encodeTerminate(Causes.NO_BUFFER, send, 18)), `1202c0000012${digits(send)}`);
  assertEquals(digits(encodeTerminate(Causes.READ_STAG, read, 46)), `0100e000002e${digits(read)}`);
});

Deno.test("decodeTerminate() reads what Linux siw sends, nibbles and flags the other way round", () => {
  const seen: [string, Uint8Array, string][] = [
    ["11000300 0008", write, Causes.TAGGED_STAG.words],
    ["10000700 001c", read, Causes.READ_STAG.words],
    ["21030300 0010", send, Causes.SEQUENCE.words],
    ["21020300 0000", send, Causes.NO_BUFFER.words],
  ];
  for (const [control, header, words] of seen) {
    const { cause, frame } = decodeTerminate(concat(hex(control), header));
    assertEquals([cause.words, frame], [words, digits(header)]);
  }
});

Deno.test("decodeTerminate() gives both readings where siw's form and the RFC's cannot be told apart", () => {
  assertEquals(decodeTerminate(hex("20060000")), {
    cause: { ...Causes.READ_DEPTH, words: "insufficient IRD; or, as Linux siw writes it, unexpected opcode" },
    control: "20060000",
    frame: "",
  });
  assertEquals(
    decodeTerminate(hex("02020000")).cause.words,
    "layer 0 type 2 code 2; or, as Linux siw writes it, CRC mismatch",
  );
  assertEquals(decodeTerminate(hex("20020000")).cause, Causes.CRC);
  assertEquals(decodeTerminate(hex("00000000")).cause, Causes.LOCAL);
  assertEquals(decodeTerminate(hex("11000000")).cause, Causes.TAGGED_STAG);
});

Deno.test("decodeTerminate() keeps the numbers of a cause it has no words for", () => {
  assertEquals(decodeTerminate(hex("f7fec000 0000")).cause, {
    layer: 15,
    type: 7,
    code: 254,
    words: "layer 15 type 7 code 254",
  });
});

Deno.test("decodeTerminate() takes for a header only what the flags say is one, and as much as one can be", () => {
  assertEquals(decodeTerminate(concat(hex("11000000"), write)).frame, "");
  assertEquals(decodeTerminate(concat(hex("11004000"), write)).frame, digits(write), "no length in front");
  assertEquals(decodeTerminate(concat(hex("1100c000ffff"), new Uint8Array(60_000))).frame.length, 2 * 46);
  assertEquals(decodeTerminate(hex("1100c000")).frame, "");
});

Deno.test("decodeTerminate() refuses less than a control word", () => {
  for (const bytes of ["", "11", "1100", "1100c0"]) {
    assertThrows(() => decodeTerminate(hex(bytes)), WireError, `terminate length, at least 4: got ${bytes.length / 2}`);
  }
});

Deno.test("decodeTerminate() makes something bounded of any bytes", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      try {
        const { cause, control, frame } = decodeTerminate(bytes);
        assert(cause.layer < 16 && cause.type < 16 && cause.code < 256 && cause.words.length < 120);
        assert(control.length === 8 && frame.length <= 92);
      } catch (error) {
        if (!(error instanceof WireError)) throw error;
        assert(bytes.length < 4);
      }
    }),
    { numRuns: 100_000 },
  );
});
