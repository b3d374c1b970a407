import { generate } from "../../ffi/generate.ts";
import { aarch64, layout, x86_64 } from "../../ffi/mod.ts";
import { ENUMERATIONS, enumerators, errnoNames, probedValues } from "../../ffi/probe.ts";
import { assertEquals, assertThrows } from "../assert.ts";
import { testWith } from "../capabilities.ts";

await testWith(
  ["headers"],
  "the layouts and constants kept are those of the installed headers, on both architectures",
  async () => {
    for (const [path, text] of await generate()) {
      const kept = await Deno.readTextFile(new URL(`../../ffi/${path}`, import.meta.url));
      assertEquals(missing(kept.split("\n"), text.split("\n")), [], `ffi/${path} has drifted: deno task generate`);
    }
  },
);

// Later headers may have members of enumerations that the kept ones lack; what is kept must all be there, in order.
function missing(kept: string[], present: string[]): string[] {
  let at = 0;
  return kept.filter((line) => {
    const found = present.indexOf(line, at);
    if (found >= 0) at = found + 1;
    return found < 0;
  });
}

Deno.test("what comes before a mutex lies where it does on every architecture, what follows lies 8 bytes on", () => {
  assertEquals(aarch64.ibv_send_wr, x86_64.ibv_send_wr);
  assertEquals(aarch64.ibv_wc, x86_64.ibv_wc);
  assertEquals(aarch64.verbs_context, x86_64.verbs_context);
  assertEquals(aarch64.ibv_context.ops_post_send, x86_64.ibv_context.ops_post_send);
  assertEquals(aarch64.ibv_context.abi_compat, x86_64.ibv_context.abi_compat + 8);
  assertEquals(aarch64.ibv_cq_ex.start_poll, x86_64.ibv_cq_ex.start_poll + 8);
});

Deno.test("the layout in use is this machine's", () => {
  assertEquals(layout, { x86_64, aarch64 }[Deno.build.arch]);
});

Deno.test("members of enumerations are read through line markers and assignments", () => {
  const others = ENUMERATIONS.filter((name) => name !== "ibv_access_flags");
  const rest = others.map((name) => `enum ${name} { ${name}_MEMBER };`).join("\n");
  const source = `enum ibv_access_flags {\n A = 1,\n# 12 "verbs.h" 3\n B = (1 << 1),\n C\n};\n${rest}`;
  assertEquals(enumerators(source).get("ibv_access_flags"), ["A", "B", "C"]);
  assertThrows(() => enumerators(rest), Error, "enum ibv_access_flags is not in the headers");
});

Deno.test("values are read from the assembly of either architecture, negative ones too", () => {
  const assembly = "# VERBENA verbs_context/sz -8\n\t//APP\n# VERBENA ibv_wc/size 48\n\tret\n";
  assertEquals(
    [...probedValues(assembly)].map(([group, values]) => [group, [...values]]),
    [["verbs_context", [["sz", -8]]], ["ibv_wc", [["size", 48]]]],
  );
});

Deno.test("of two names for one errno the first in the alphabet is kept", () => {
  const macros = "#define EWOULDBLOCK EAGAIN\n#define EDEADLOCK 35\n#define EDEADLK 35\n#define EAGAIN 11\n";
  assertEquals([...errnoNames(macros)], [[11, "EAGAIN"], [35, "EDEADLK"]]);
});
