import { boundFunctions, cString, functionsAt, libc, type Reach } from "../../ffi/mod.ts";
import { assert, assertEquals, assertThrows } from "../assert.ts";

// Shims stay loaded for the life of the process; Deno's resource sanitizer would take that for a leak of a test.
const labs = libc().dlsym(0n, cString("labs"));
const toupper = libc().dlsym(0n, cString("toupper"));
const strlen = libc().dlsym(0n, cString("strlen"));
const DEFINITIONS = {
  labs: { parameters: ["i64"], result: "i64" },
  toupper: { parameters: ["i32"], result: "i32" },
  strlen: { parameters: ["buffer"], result: "usize" },
} as const;
const ADDRESSES = { labs, toupper, strlen };
const reached = (["shim", "pointer"] as Reach[]).map((by) => [by, functionsAt(DEFINITIONS, ADDRESSES, by)] as const);
const second = functionsAt({ other: DEFINITIONS.toupper }, { other: toupper }, "shim");
const bound = [boundFunctions(DEFINITIONS, ADDRESSES), boundFunctions(DEFINITIONS, ADDRESSES)] as const;

for (const [by, functions] of reached) {
  Deno.test(`functions at addresses are called through the ${by}`, () => {
    assertEquals(functions.labs(-5_000_000_000n), 5_000_000_000n);
    assertEquals(functions.toupper(97), 65);
    assertEquals(functions.strlen(cString("needle")), 6n);
  });
}

Deno.test("a second shim has functions of its own, not the first one's", () => {
  assertEquals(second.other(98), 66);
});

Deno.test("the same functions are bound once", () => {
  assert(bound[0] === bound[1]);
});

Deno.test("a function at address 0 is refused", () => {
  assertThrows(() => functionsAt(DEFINITIONS, { ...ADDRESSES, labs: 0n }, "pointer"), TypeError, "labs");
});
