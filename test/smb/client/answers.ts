/**
 * A server's messages, written by hand, and requests whose bodies are text.
 *
 * @module
 */
import type { Call } from "../../../src/smb/client/call.ts";
import { linkNext } from "../../../src/smb/wire/compound.ts";
import {
  Command,
  decodeHeader,
  encodeHeader,
  Header,
  HEADER_LENGTH,
  HeaderFlag,
} from "../../../src/smb/wire/header.ts";
import { decodeReadResponse, encodeReadRequest, ReadResponse } from "../../../src/smb/wire/io.ts";
import { viewOf } from "../wire/bytes.ts";

/** What a test says of an answer; everything else is as in a sound one that brings one credit. */
export type AnswerFields = Partial<Omit<Header, "nextCommand">> & {
  /** The body. */ readonly body?: Uint8Array;
};

/** Bytes of a text. */
export const textBytes = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);

/** A server's message, of ECHO unless said. */
export function answer({ body = new Uint8Array(4), ...fields }: AnswerFields): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(HEADER_LENGTH + body.length);
  const sound = { command: Command.ECHO, flags: HeaderFlag.RESPONSE, credits: 1 };
  encodeHeader(viewOf(bytes), 0, Object.assign(new Header(), sound, fields));
  bytes.set(body, HEADER_LENGTH);
  return bytes;
}

/** Several messages in one. */
export function chained(...messages: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(messages.reduce((sum, { length }) => sum + length + 8, 0));
  let at = 0;
  for (const [index, message] of messages.entries()) {
    bytes.set(message, at);
    at += index === messages.length - 1 ? message.length : linkNext(viewOf(bytes), at, message.length);
  }
  return bytes.slice(0, at);
}

/** A message's header. */
export function headerOf(message: Uint8Array): Header {
  const header = new Header();
  decodeHeader(viewOf(message), 0, message.length, header);
  return header;
}

/** The headers of a chain's messages. */
export function headersOf(chain: Uint8Array): Header[] {
  const headers = [headerOf(chain)];
  for (let at = 0;;) {
    const { nextCommand } = headers.at(-1) as Header;
    if (nextCommand === 0) return headers;
    at += nextCommand;
    headers.push(headerOf(chain.subarray(at)));
  }
}

/** A request of FLUSH, unless said, whose answer is a text. */
export function ask(what: string, more: Partial<Call<string>> = {}): Call<string> {
  return {
    command: Command.FLUSH,
    what,
    encode: (view, at) => {
      const text = textBytes(what);
      new Uint8Array(view.buffer, view.byteOffset + at + HEADER_LENGTH, text.length).set(text);
      return HEADER_LENGTH + text.length;
    },
    decode: (view, at, length) =>
      new TextDecoder().decode(
        new Uint8Array(view.buffer, view.byteOffset + at + HEADER_LENGTH, length - HEADER_LENGTH),
      ),
    ...more,
  };
}

/** The answer to {@linkcode ask}. */
export function told(messageId: number, text: string, fields: AnswerFields = {}): Uint8Array<ArrayBuffer> {
  return answer({ command: Command.FLUSH, messageId, body: textBytes(text), ...fields });
}

/** A READ of `into`; its answer is how many bytes came. */
export function readInto(into: Uint8Array, more: Partial<Call<number>> = {}): Call<number> {
  const fileId = new Uint8Array(16);
  const request = { fileId, offset: 0, length: into.length, minimumCount: 0, flags: 0, channel: 0, descriptors: [] };
  return {
    command: Command.READ,
    what: "read",
    into,
    bytes: into.length,
    encode: (view, at) => encodeReadRequest(view, at, request),
    decode: (view, at, length, _header, elsewhere) => {
      const response = new ReadResponse();
      decodeReadResponse(view, at, length, into.length, response, elsewhere);
      const { dataAt, dataLength } = response;
      if (elsewhere === 0) into.set(new Uint8Array(view.buffer, view.byteOffset + dataAt, dataLength));
      return dataLength;
    },
    ...more,
  };
}

/** The answer to a READ, its payload `offset` bytes from the header. */
export function readAnswer(
  messageId: number,
  payload: Uint8Array,
  fields: AnswerFields = {},
  offset = 80,
): Uint8Array<ArrayBuffer> {
  const body = new Uint8Array(offset - HEADER_LENGTH + payload.length);
  const view = viewOf(body);
  view.setUint16(0, 17, true);
  view.setUint8(2, offset);
  view.setUint32(4, payload.length, true);
  body.set(payload, offset - HEADER_LENGTH);
  return answer({ command: Command.READ, messageId, body, ...fields });
}
