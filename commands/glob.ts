/**
 * Patterns of names, as shells have them: `*` any characters, `?` one, `[a-c]` and `[!a-c]` one of a set; `\` takes the
 * next character for what it is. Case does not matter, as it does not in SMB's names.
 *
 * @module
 */

/** Characters that make a pattern of a name. */
const SPECIAL = /[*?[]/;

/** What one place of a pattern takes. */
type Part =
  | { readonly kind: "any" }
  | { readonly kind: "one" }
  | { readonly kind: "character"; readonly folded: string }
  | { readonly kind: "set"; readonly negated: boolean; readonly ranges: readonly (readonly [number, number])[] };

/** Whether a component of a path is a pattern, and not a name. */
export function isPattern(text: string): boolean {
  return SPECIAL.test(text.replaceAll(/\\./gsu, ""));
}

/** A name as the text of a pattern that takes this name alone. */
export function literalPattern(name: string): string {
  return name.replaceAll(/[*?[\]\\!^-]/g, "\\$&");
}

/** A pattern without its `\`: the name it stands for, where it is none. */
export function literalName(pattern: string): string {
  return pattern.replaceAll(/\\(.)/gsu, "$1");
}

/**
 * What tells whether a name is of the pattern. A name that begins with a dot is of those patterns only that begin with
 * one. A `[` without its `]` is a character like others. The time it takes is at most the product of both lengths.
 */
export function compileGlob(pattern: string): (name: string) => boolean {
  const parts = partsOf(Array.from(pattern));
  const takesHidden = pattern.startsWith(".") || pattern.startsWith("\\.");
  return (name) => (takesHidden || !name.startsWith(".")) && matches(parts, Array.from(name));
}

function partsOf(pattern: readonly string[]): Part[] {
  const parts: Part[] = [];
  for (let at = 0; at < pattern.length; at++) {
    const character = pattern[at] as string;
    if (character === "*") {
      if (parts.at(-1)?.kind !== "any") parts.push({ kind: "any" });
    } else if (character === "?") {
      parts.push({ kind: "one" });
    } else if (character === "[") {
      const set = setOf(pattern, at + 1);
      parts.push(set?.part ?? { kind: "character", folded: "[" });
      at = set?.last ?? at;
    } else {
      const escaped = character === "\\" && at + 1 < pattern.length;
      if (escaped) at++;
      parts.push({ kind: "character", folded: fold(pattern[at] as string) });
    }
  }
  return parts;
}

// A `]` that comes first is one of the set, and so is a `-` at either end.
function setOf(pattern: readonly string[], start: number): { part: Part; last: number } | undefined {
  const negated = pattern[start] === "!" || pattern[start] === "^";
  const first = negated ? start + 1 : start;
  const ranges: [number, number][] = [];
  for (let at = first; at < pattern.length; at++) {
    if (pattern[at] === "]" && at > first) return { part: { kind: "set", negated, ranges }, last: at };
    if (pattern[at] === "\\" && at + 1 < pattern.length) at++;
    const low = codeOf(pattern[at] as string);
    const ranged = pattern[at + 1] === "-" && pattern[at + 2] !== undefined && pattern[at + 2] !== "]";
    if (ranged) at += pattern[at + 2] === "\\" && pattern[at + 3] !== undefined ? 3 : 2;
    ranges.push([low, ranged ? codeOf(pattern[at] as string) : low]);
  }
  return undefined;
}

// On a mismatch only the last `*` need take one more: what those before it took can stay.
function matches(parts: readonly Part[], name: readonly string[]): boolean {
  let [part, at, star, resume] = [0, 0, -1, 0];
  while (at < name.length) {
    const wanted = parts[part];
    if (wanted?.kind === "any") {
      star = part++;
      resume = at;
    } else if (wanted !== undefined && takes(wanted, name[at] as string)) {
      part++;
      at++;
    } else if (star >= 0) {
      part = star + 1;
      at = ++resume;
    } else {
      return false;
    }
  }
  while (parts[part]?.kind === "any") part++;
  return part === parts.length;
}

function takes(part: Part, character: string): boolean {
  if (part.kind === "character") return part.folded === fold(character);
  if (part.kind !== "set") return true;
  const cases = [character, character.toLowerCase(), character.toUpperCase()].map(codeOf);
  return part.negated !== part.ranges.some(([low, high]) => cases.some((code) => code >= low && code <= high));
}

/** One character, its case taken away as far as that leaves one. */
function fold(character: string): string {
  const upper = character.toUpperCase();
  return upper.length === character.length ? upper : character;
}

/** A name, its case taken away: names that a server takes for one have one of these. */
export function foldName(name: string): string {
  return Array.from(name, fold).join("");
}

function codeOf(character: string): number {
  return character.codePointAt(0) ?? 0;
}
