/**
 * What others have named, as it may stand on a terminal: a file's name can hold whatever its maker liked.
 *
 * @module
 */

// Control characters, those that turn the direction of text round, and halves of characters.
const UNSAFE = /[\p{Cc}\p{Zl}\p{Zp}\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]|\p{Cs}/gu;

/** The text with everything that a terminal could take for an order, or a reader for something else, as `\u{1b}`. */
export function shown(text: string): string {
  return text.replaceAll(UNSAFE, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`);
}
