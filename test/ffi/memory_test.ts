import { addressOf, CallError, errnoName, libc, NativeMemory, stringAt, Struct, viewAt } from "../../ffi/mod.ts";
import { assert, assertEquals, assertThrows } from "../assert.ts";

// Opened before any test: libraries stay open, which the resource sanitizer would take for a leak.
libc();

Deno.test("native memory is zeroed, page-aligned, and as long as asked for", () => {
  using memory = new NativeMemory(5_000);
  assertEquals([memory.bytes.length, memory.view.byteLength, memory.length], [5_000, 5_000, 5_000]);
  assertEquals(memory.at % 4_096, 0);
  assertEquals(BigInt(memory.at), memory.address);
  assertEquals(memory.bytes.every((byte) => byte === 0), true);
});

Deno.test("native memory is at its address for C", () => {
  using memory = new NativeMemory(64);
  memory.bytes.set(new TextEncoder().encode("volume"), 8);
  assertEquals(stringAt(memory.address + 8n), "volume");
  assertEquals(viewAt(memory.address + 8n, 1).getUint8(0), "v".charCodeAt(0));
  assertEquals(addressOf(memory.bytes), memory.address);
});

Deno.test("a late reader of disposed memory meets a zero length or a TypeError, never other bytes", () => {
  const memory = new NativeMemory(64);
  const part = memory.bytes.subarray(8, 16);
  const words = new Int32Array(memory.bytes.buffer);
  memory[Symbol.dispose]();
  memory[Symbol.dispose]();
  assertEquals([part.length, memory.bytes.length, part[0]], [0, 0, undefined]);
  assertThrows(() => memory.view.getUint8(0), TypeError);
  assertThrows(() => Atomics.load(words, 0), TypeError);
});

Deno.test("no memory is no mapping: the error names the call and its errno", () => {
  const error = assertThrows(() => new NativeMemory(2 ** 52), CallError, "mmap(4503599627370496): ENOMEM");
  assertEquals(error.code, "ENOMEM");
});

Deno.test("memory of length 0 can be had", () => {
  using memory = new NativeMemory(0);
  assertEquals(memory.bytes.length, 0);
  assert(memory.at > 0);
});

Deno.test("a struct's address is where its bytes are", () => {
  const struct = new Struct(16);
  struct.view.setUint32(4, 0xfeed, true);
  assertEquals(viewAt(struct.address, 16).getUint32(4, true), 0xfeed);
});

Deno.test("errnos have names, of either sign", () => {
  assertEquals([errnoName(12), errnoName(-12), errnoName(4_096)], ["ENOMEM", "ENOMEM", "errno 4096"]);
});
