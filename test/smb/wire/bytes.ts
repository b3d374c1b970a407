/**
 * What the tests of SMB2's bytes share: messages of a body alone, and hostile variants of sound ones.
 *
 * @module
 */
import fc from "fast-check";
import { WireError } from "../../../src/rdma/errors.ts";
import { HEADER_LENGTH } from "../../../src/smb/wire/mod.ts";
import { assert, assertThrows } from "../../assert.ts";
import { FUZZ_RUNS } from "../../fuzz.ts";

/** Sixteen bytes that tell their order. */
export const ID = Uint8Array.from({ length: 16 }, (_, index) => index);
/** Where the tests' messages start in their buffers: nothing may count from the buffer's start. */
export const AT = 8;

/** A view of all of `bytes`. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** The body that an encoder writes, in a buffer full of ones that it must leave alone before and after. */
export function bodyOf(encode: (view: DataView, at: number) => number): Uint8Array {
  const bytes = new Uint8Array(1024).fill(0xff);
  const end = AT + encode(viewOf(bytes), AT);
  assert(bytes.every((byte, index) => (index >= AT + HEADER_LENGTH && index < end) || byte === 0xff));
  return bytes.slice(AT + HEADER_LENGTH, end);
}

/** What an encoder of a piece writes, in a buffer full of ones that it must leave alone before and after. */
export function pieceOf(encode: (view: DataView, at: number) => number): Uint8Array {
  const bytes = new Uint8Array(1024).fill(0xff);
  const end = AT + encode(viewOf(bytes), AT);
  assert(bytes.every((byte, index) => (index >= AT && index < end) || byte === 0xff));
  return bytes.slice(AT, end);
}

/** Decodes a message that consists of 64 bytes of header, which the decoder does not look at, and `body`. */
export function decoded<T>(decode: (view: DataView, at: number, length: number) => T, body: Uint8Array): T {
  const bytes = new Uint8Array(AT + HEADER_LENGTH + body.length).fill(0xff);
  bytes.set(body, AT + HEADER_LENGTH);
  return decode(viewOf(bytes), AT, HEADER_LENGTH + body.length);
}

/** Fails unless the body's first `least` bytes are needed: every shorter message is a WireError. */
export function refusesShorter(
  decode: (view: DataView, at: number, length: number) => unknown,
  body: Uint8Array,
  least: number,
): void {
  for (let length = 0; length < least; length++) {
    assertThrows(() => decoded(decode, body.slice(0, length)), WireError, "smb2");
  }
}

/** Runs `decode` on sound bytes, cut anywhere, with up to three fields overwritten by hostile numbers. */
export function survives(decode: (bytes: Uint8Array) => unknown, sound: Uint8Array, runs = FUZZ_RUNS): void {
  const number = fc.oneof(
    fc.constantFrom(0, 1, 7, 8, 0x7f, 0xff, 0xffff, 0x7fff_ffff, 0xffff_fff8, 0xffff_ffff),
    fc.nat(300),
    fc.nat(0xffff_ffff),
  );
  const change = fc.record({ at: fc.nat(sound.length + 4), width: fc.constantFrom(1, 2, 4), number });
  fc.assert(
    fc.property(fc.array(change, { maxLength: 3 }), fc.option(fc.nat(sound.length)), (changes, cut) => {
      const bytes = sound.slice(0, cut ?? sound.length);
      const view = viewOf(bytes);
      for (const { at, width, number } of changes) {
        if (at + width > bytes.length) continue;
        if (width === 1) view.setUint8(at, number);
        else if (width === 2) view.setUint16(at, number, true);
        else view.setUint32(at, number, true);
      }
      try {
        decode(bytes);
      } catch (error) {
        if (!(error instanceof WireError)) throw error;
      }
    }),
    { numRuns: runs },
  );
}

/** {@linkcode survives} for a decoder of messages, given a sound body. */
export function messageSurvives(
  decode: (view: DataView, at: number, length: number) => unknown,
  body: Uint8Array,
  runs?: number,
): void {
  survives((bytes) => decoded(decode, bytes), body, runs);
}
