import fc from "fast-check";
import { compileGlob, foldName, isPattern, literalName, literalPattern } from "../../commands/glob.ts";
import { assert, assertEquals } from "../assert.ts";

Deno.test("a pattern takes whole names, whatever their case", () => {
  const table: [string, string[], string[]][] = [
    ["*", ["a", "a.b", "Ä"], [".a"]],
    ["*.txt", ["a.txt", "A.TXT", "a.b.txt"], ["a.txt~", "txt", ".txt"]],
    ["a*b*c", ["abc", "aXbYc", "abbc"], ["ab", "acb"]],
    ["?", ["a", "ä", "😀", "\ud800"], ["", "ab"]],
    ["[a-c]x", ["ax", "Bx"], ["dx", "x"]],
    ["[!a-c]", ["d", "-"], ["a", "C"]],
    ["[^a]", ["b"], ["a"]],
    ["[]a]", ["]", "a"], ["b"]],
    ["[a-]", ["a", "-"], ["b"]],
    ["[a", ["[a", "[A"], ["a"]],
    [".*", [".a", "."], ["a"]],
    ["\\*", ["*"], ["a"]],
    ["\\.*", [".x"], ["x"]],
    ["a\\[b\\]", ["a[b]"], ["ab"]],
    ["[a\\-z]", ["a", "-", "z"], ["m"]],
    ["straße", ["STRAßE"], ["STRASSE"]],
    ["**", ["a"], [".a"]],
    ["a\\", ["a\\"], ["a"]],
  ];
  for (const [pattern, taken, left] of table) {
    const matches = compileGlob(pattern);
    for (const name of taken) assertEquals(matches(name), true, `${pattern} and ${name}`);
    for (const name of left) assertEquals(matches(name), false, `${pattern} and ${name}`);
  }
});

Deno.test("isPattern() tells what stands for more than itself", () => {
  for (const pattern of ["*", "a?", "[a]", "\\\\*"]) assertEquals(isPattern(pattern), true, pattern);
  for (const name of ["a", "a]", "\\*", "\\[a]", "", "a\\"]) assertEquals(isPattern(name), false, name);
});

Deno.test("literalPattern() makes a pattern that takes one name and its other cases", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), fc.string({ unit: "binary" }), (name, other) => {
    const pattern = literalPattern(name);
    assertEquals([isPattern(pattern), literalName(pattern)], [false, name]);
    assert(name === "" || compileGlob(pattern)(name));
    assertEquals(compileGlob(pattern)(other), foldName(name) === foldName(other));
  }));
});

Deno.test("a pattern made to take long takes no longer than the product of the lengths", () => {
  assertEquals(compileGlob("*a".repeat(100) + "b")("a".repeat(10_000)), false);
});
