/**
 * Answers that are one text: a server that has the text at hand need not read it out of a stream.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import type { OutgoingHttpHeaders, ServerResponse } from "node:http";

/** Writes an answer that is one text. */
export function writeText(outgoing: ServerResponse, status: number, headers: OutgoingHttpHeaders, text: string): void {
  outgoing.writeHead(status, { ...headers, "content-length": String(Buffer.byteLength(text)) });
  outgoing.end(text);
}

/**
 * A response with one text, that knows what it was made of. (A WeakMap would tell as much of any response, but what is in
 * one outlives each of V8's short garbage collections.)
 */
export class TextAnswer extends Response {
  /** The text. */
  readonly said: string;
  /** The headers; whoever sets one on the response later sets it here, too. */
  readonly fields: Record<string, string>;

  /** A response with this text. */
  constructor(said: string, status: number, fields: Record<string, string>) {
    super(said, { status, headers: fields });
    this.said = said;
    this.fields = fields;
  }
}
