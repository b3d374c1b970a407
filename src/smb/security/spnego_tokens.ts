/**
 * SPNEGO's tokens as bytes (RFC 4178 §4.2, MS-SPNG 2.2.1).
 *
 * @module
 */
import { WireError } from "../../rdma/errors.ts";
import { der, DerReader, DerTag } from "./der.ts";

/** SPNEGO's object identifier, 1.3.6.1.5.5.2, as DER content. */
const SPNEGO_IDENTIFIER = Uint8Array.of(0x2b, 6, 1, 5, 5, 2);
/** More mechanisms than this no server has. */
const MOST_MECHANISMS = 32;

/** How a negotiation stands (RFC 4178 §4.2.2). */
export const NegState = {
  /** Done. */
  ACCEPT_COMPLETED: 0,
  /** A further token is wanted. */
  ACCEPT_INCOMPLETE: 1,
  /** Refused. */
  REJECT: 2,
  /** Further, and the list of mechanisms must be signed. */
  REQUEST_MIC: 3,
} as const;
/** One of {@linkcode NegState}. */
export type NegState = typeof NegState[keyof typeof NegState];

/** What a server offers before it is asked, NegTokenInit2. */
export interface NegTokenInit {
  /** The mechanisms it has, the DER content of their identifiers, the one it likes best first. */
  readonly mechanisms: readonly Uint8Array[];
  /** A token for the first of them. */
  readonly token: Uint8Array | undefined;
}

/** An answer, NegTokenResp; every field is optional. */
export interface NegTokenResp {
  /** How the negotiation stands. */
  readonly state: NegState | undefined;
  /** The mechanism taken, the DER content of its identifier. */
  readonly mechanism: Uint8Array | undefined;
  /** The mechanism's token. */
  readonly token: Uint8Array | undefined;
  /** The integrity code of the list of mechanisms. */
  readonly listCode: Uint8Array | undefined;
}

/** Whether two identifiers are one. */
export function sameIdentifier(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}

/** The one value that `bytes` hold. */
function only(bytes: Uint8Array, tag: number): Uint8Array {
  const reader = new DerReader(bytes);
  const content = reader.next(tag);
  reader.end();
  return content;
}

/** A field with a context tag around a value of `tag`, if it is next. */
function field(reader: DerReader, number: number, tag: number): Uint8Array | undefined {
  const content = reader.optional(DerTag.CONTEXT_0 + number);
  return content === undefined ? undefined : only(content, tag);
}

/**
 * Reads what the server's NEGOTIATE response offers. Its hints and an integrity code, which MS-SPNG gives the place of
 * one another's, are passed over: nothing vouches for them.
 *
 * @throws WireError when it breaks a rule.
 */
export function decodeNegTokenInit(bytes: Uint8Array): NegTokenInit {
  const frame = new DerReader(only(bytes, DerTag.APPLICATION_0));
  const identifier = frame.next(DerTag.OBJECT_IDENTIFIER);
  if (!sameIdentifier(identifier, SPNEGO_IDENTIFIER)) {
    throw new WireError("spnego", "the mechanism of a first token is SPNEGO", identifier.toHex());
  }
  const fields = new DerReader(only(frame.next(DerTag.CONTEXT_0), DerTag.SEQUENCE));
  frame.end();
  const list = field(fields, 0, DerTag.SEQUENCE);
  if (list === undefined) throw new WireError("spnego", "NegTokenInit has mechTypes", "none");
  const mechanisms: Uint8Array[] = [];
  for (const reader = new DerReader(list); reader.tag !== undefined;) {
    if (mechanisms.length === MOST_MECHANISMS) {
      throw new WireError("spnego", `mechTypes are at most ${MOST_MECHANISMS}`, "more");
    }
    mechanisms.push(reader.next(DerTag.OBJECT_IDENTIFIER));
  }
  fields.optional(DerTag.CONTEXT_0 + 1);
  const token = field(fields, 2, DerTag.OCTET_STRING);
  fields.optional(DerTag.CONTEXT_0 + 3);
  fields.optional(DerTag.CONTEXT_0 + 4);
  fields.end();
  return { mechanisms, token };
}

/** The list of mechanisms as it stands in NegTokenInit: what an integrity code covers. */
export function encodeMechanismList(mechanisms: readonly Uint8Array[]): Uint8Array {
  return der(DerTag.SEQUENCE, ...mechanisms.map((identifier) => der(DerTag.OBJECT_IDENTIFIER, identifier)));
}

/** A client's first token: its mechanisms, and the first one's token. */
export function encodeNegTokenInit(mechanisms: readonly Uint8Array[], token: Uint8Array | undefined): Uint8Array {
  const fields = [der(DerTag.CONTEXT_0, encodeMechanismList(mechanisms))];
  if (token !== undefined) fields.push(der(DerTag.CONTEXT_0 + 2, der(DerTag.OCTET_STRING, token)));
  const init = der(DerTag.CONTEXT_0, der(DerTag.SEQUENCE, ...fields));
  return der(DerTag.APPLICATION_0, der(DerTag.OBJECT_IDENTIFIER, SPNEGO_IDENTIFIER), init);
}

/**
 * Reads an answer; its fields are views.
 *
 * @throws WireError when it breaks a rule.
 */
export function decodeNegTokenResp(bytes: Uint8Array): NegTokenResp {
  const fields = new DerReader(only(only(bytes, DerTag.CONTEXT_0 + 1), DerTag.SEQUENCE));
  const state = field(fields, 0, DerTag.ENUMERATED);
  if (state !== undefined && (state.length !== 1 || (state[0] as number) > NegState.REQUEST_MIC)) {
    throw new WireError("spnego", "negState is 0 to 3", state.toHex());
  }
  const mechanism = field(fields, 1, DerTag.OBJECT_IDENTIFIER);
  const token = field(fields, 2, DerTag.OCTET_STRING);
  const listCode = field(fields, 3, DerTag.OCTET_STRING);
  fields.end();
  return { state: state?.[0] as NegState | undefined, mechanism, token, listCode };
}

/** An answer with the fields there are. */
export function encodeNegTokenResp(response: Partial<NegTokenResp>): Uint8Array {
  const fields: Uint8Array[] = [];
  const add = (number: number, tag: number, content: Uint8Array | undefined) => {
    if (content !== undefined) fields.push(der(DerTag.CONTEXT_0 + number, der(tag, content)));
  };
  add(0, DerTag.ENUMERATED, response.state === undefined ? undefined : Uint8Array.of(response.state));
  add(1, DerTag.OBJECT_IDENTIFIER, response.mechanism);
  add(2, DerTag.OCTET_STRING, response.token);
  add(3, DerTag.OCTET_STRING, response.listCode);
  return der(DerTag.CONTEXT_0 + 1, der(DerTag.SEQUENCE, ...fields));
}
