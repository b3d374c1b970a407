/**
 * As much of ASN.1's distinguished encoding (X.690) as SPNEGO needs. Nothing here recurses: how deep a value goes is up
 * to its reader's grammar.
 *
 * @module
 */
import { WireError } from "../../rdma/errors.ts";

/** Tags of the types that SPNEGO has. */
export const DerTag = {
  /** Bytes. */
  OCTET_STRING: 0x04,
  /** An object identifier. */
  OBJECT_IDENTIFIER: 0x06,
  /** A number with a name. */
  ENUMERATED: 0x0a,
  /** Fields, or values of one type. */
  SEQUENCE: 0x30,
  /** GSS-API's frame around a first token (RFC 2743 §3.1). */
  APPLICATION_0: 0x60,
  /** The first of a choice, or of optional fields; those after it count up. */
  CONTEXT_0: 0xa0,
} as const;

/** Reads values one after the other. */
export class DerReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  /** Takes the values' bytes. */
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** The tag of the next value, or undefined at the end. */
  get tag(): number | undefined {
    return this.#bytes[this.#at];
  }

  /**
   * The content of the next value, a view, and goes past it.
   *
   * @param tag What the value must be; anything unless said.
   * @throws WireError when it is another, goes beyond the end, or has a length that DER does not have.
   */
  next(tag: number | undefined = this.tag): Uint8Array {
    if (this.tag === undefined || this.tag !== tag || (this.tag & 0x1f) === 0x1f) {
      throw new WireError("spnego", `a value has tag 0x${tag?.toString(16)}`, this.tag ?? "the end");
    }
    const start = this.#at + 1;
    const first = this.#bytes[start];
    if (first === undefined) throw new WireError("spnego", "a tag has a length", "the end");
    let at = start + 1;
    let length = first;
    if (first > 0x7f) {
      // 0x80 is an indefinite length; four bytes would be more than any message
      if (first === 0x80 || first > 0x83) {
        throw new WireError("spnego", "a length has one to three bytes", first & 0x7f);
      }
      length = 0;
      for (let more = first & 0x7f; more > 0; more--) length = length * 256 + (this.#bytes[at++] ?? 0);
    }
    if (at + length > this.#bytes.length) {
      throw new WireError("spnego", `a value lies within the ${this.#bytes.length} bytes around it`, at + length);
    }
    this.#at = at + length;
    return this.#bytes.subarray(at, at + length);
  }

  /** The content of the next value if it has this tag, else undefined. */
  optional(tag: number): Uint8Array | undefined {
    return this.tag === tag ? this.next(tag) : undefined;
  }

  /**
   * Refuses what is left.
   *
   * @throws WireError when something is.
   */
  end(): void {
    if (this.tag !== undefined) throw new WireError("spnego", "nothing follows the last field", this.tag);
  }
}

/** A value of one tag around the contents in turn. */
export function der(tag: number, ...contents: readonly Uint8Array[]): Uint8Array {
  const length = contents.reduce((sum, content) => sum + content.length, 0);
  const head = [tag];
  if (length > 0xffff) head.push(0x83, length >>> 16, (length >>> 8) & 0xff);
  else if (length > 0xff) head.push(0x82, length >>> 8);
  else if (length > 0x7f) head.push(0x81);
  head.push(length & 0xff);
  const bytes = new Uint8Array(head.length + length);
  bytes.set(head);
  let at = head.length;
  for (const content of contents) {
    bytes.set(content, at);
    at += content.length;
  }
  return bytes;
}
