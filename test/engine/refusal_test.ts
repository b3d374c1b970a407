import { NeedleError, type NeedleErrorCode } from "../../src/seaweed/mod.ts";
import type { ReadErrorCode } from "../../src/engine/reader.ts";
import { Refusal, type RefusalCode, toReadError } from "../../src/engine/refusal.ts";
import { assertEquals } from "../assert.ts";

const NEEDLES: Record<NeedleErrorCode, [RefusalCode, ReadErrorCode]> = {
  "not-found": ["NeedleNotFound", "not-found"],
  deleted: ["NeedleNotFound", "not-found"],
  expired: ["NeedleNotFound", "not-found"],
  cookie: ["NeedleNotFound", "not-found"],
  range: ["RangeNotSatisfiable", "range"],
  unsupported: ["Unsupported", "unsupported"],
  corrupt: ["Corrupt", "corrupt"],
  changing: ["VolumeChanging", "unavailable"],
};

Deno.test("what became of a needle reaches the reader by its own code and reason", () => {
  for (const [code, [refused, read]] of Object.entries(NEEDLES)) {
    const refusal = Refusal.from(new NeedleError(code as NeedleErrorCode, `needle 3,01: ${code}`));
    assertEquals([refusal.code, refusal.message], [refused, `needle 3,01: ${code}`]);
    const error = toReadError(refusal.toMessage());
    assertEquals([error.code, error.message], [read, `needle 3,01: ${code}`]);
  }
});

const ENGINE: Record<string, [category: string, recoverable: boolean, read: ReadErrorCode, retryAfter?: number]> = {
  SessionNotFound: ["session", true, "internal"],
  SessionExpired: ["session", true, "timeout"],
  TooManySessions: ["capacity", true, "busy", 1],
  InvalidRequest: ["request", false, "internal"],
  ResourceExhausted: ["resource", true, "busy", 1],
  Internal: ["internal", false, "internal"],
  VolumeChanging: ["io", true, "unavailable", 1],
};

Deno.test("the engine's own refusals bear SeaweedFS's names, and say when to ask again", () => {
  for (const [code, [category, recoverable, read, retryAfter]] of Object.entries(ENGINE)) {
    const message = new Refusal(code as RefusalCode, "because").toMessage();
    assertEquals(message, { code, message: "because", category, recoverable });
    const error = toReadError(message);
    assertEquals([error.code, error.message, error.retryAfter], [read, "because", retryAfter]);
  }
});

Deno.test("an error that nobody foresaw is the engine's own fault", () => {
  const unforeseen: [unknown, string][] = [[new TypeError("no such thing"), "no such thing"], ["text", "text"]];
  for (const [thrown, reason] of unforeseen) {
    const refusal = Refusal.from(thrown);
    assertEquals([refusal.code, refusal.message], ["Internal", reason]);
  }
  const refusal = new Refusal("Corrupt", "x");
  assertEquals(Refusal.from(refusal), refusal);
});

Deno.test("a code that is not known is internal, and named", () => {
  for (const code of ["DeviceNotFound", "toString", "__proto__", ""]) {
    const error = toReadError({ code, message: "m" });
    assertEquals([error.code, error.message, error.retryAfter], [
      "internal",
      `the engine answered ${code}: m`,
      undefined,
    ]);
  }
});
