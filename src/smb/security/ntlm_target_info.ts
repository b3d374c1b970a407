/**
 * The target information of NTLM: a list of attribute-value pairs that ends with an empty one (MS-NLMP 2.2.2.1).
 *
 * @module
 */
import { WireError } from "../../rdma/errors.ts";

/** Attributes by their number (MS-NLMP 2.2.2.1). */
export const NtlmAttribute = {
  /** The end of the list. */
  EOL: 0,
  /** The server's NetBIOS name. */
  NB_COMPUTER_NAME: 1,
  /** The NetBIOS name of its domain. */
  NB_DOMAIN_NAME: 2,
  /** The server's DNS name. */
  DNS_COMPUTER_NAME: 3,
  /** The DNS name of its domain. */
  DNS_DOMAIN_NAME: 4,
  /** The DNS name of its forest. */
  DNS_TREE_NAME: 5,
  /** Flags; bit 1 says that the AUTHENTICATE message has an integrity code. */
  FLAGS: 6,
  /** The server's time, a FILETIME. */
  TIMESTAMP: 7,
  /** Of the client's machine. */
  SINGLE_HOST: 8,
  /** The service the client means, `cifs/host`. */
  TARGET_NAME: 9,
  /** A hash of the TLS channel around; zeros where there is none. */
  CHANNEL_BINDINGS: 10,
} as const;

/** One pair. */
export interface NtlmPair {
  /** One of {@linkcode NtlmAttribute}, or another. */
  readonly id: number;
  /** Its bytes as they stand in the message. */
  readonly value: Uint8Array;
}

/** More pairs than this no server has a reason to send; Windows sends six or seven. */
const MOST_PAIRS = 64;
const FIXED_LENGTHS: ReadonlyMap<number, number> = new Map([[NtlmAttribute.FLAGS, 4], [NtlmAttribute.TIMESTAMP, 8]]);

/**
 * Reads a list of pairs, without its end; the values are views.
 *
 * @throws WireError when it has no end, a value goes beyond it, a fixed length is another, or an attribute comes twice.
 */
export function decodeTargetInfo(bytes: Uint8Array): NtlmPair[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const pairs: NtlmPair[] = [];
  const seen = new Set<number>();
  for (let at = 0;;) {
    if (at + 4 > bytes.length) throw new WireError("ntlm", "TargetInfo ends with an MsvAvEOL pair", `its end at ${at}`);
    const id = view.getUint16(at, true);
    const length = view.getUint16(at + 2, true);
    if (id === NtlmAttribute.EOL) return pairs;
    at += 4;
    if (at + length > bytes.length) throw new WireError("ntlm", `AvLen of AvId ${id} lies within TargetInfo`, length);
    if (length !== (FIXED_LENGTHS.get(id) ?? length)) {
      throw new WireError("ntlm", `AvLen of AvId ${id} is ${FIXED_LENGTHS.get(id)}`, length);
    }
    if (seen.has(id)) throw new WireError("ntlm", "no AvId comes twice in TargetInfo", id);
    if (pairs.length === MOST_PAIRS) throw new WireError("ntlm", `TargetInfo has at most ${MOST_PAIRS} pairs`, "more");
    seen.add(id);
    pairs.push({ id, value: bytes.subarray(at, at + length) });
    at += length;
  }
}

/** Writes a list of pairs and its end. */
export function encodeTargetInfo(pairs: readonly NtlmPair[]): Uint8Array {
  const bytes = new Uint8Array(pairs.reduce((sum, { value }) => sum + 4 + value.length, 4));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const { id, value } of pairs) {
    view.setUint16(at, id, true);
    view.setUint16(at + 2, value.length, true);
    bytes.set(value, at + 4);
    at += 4 + value.length;
  }
  return bytes;
}

/** The value of an attribute, or undefined. */
export function valueOf(pairs: readonly NtlmPair[], id: number): Uint8Array | undefined {
  return pairs.find((pair) => pair.id === id)?.value;
}
