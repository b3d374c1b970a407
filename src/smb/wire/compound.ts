/**
 * Chains of messages in one: each header's NextCommand says where the next starts, a multiple of 8 on (MS-SMB2 3.2.4.1.4).
 *
 * @module
 */
import { WireError } from "../../rdma/errors.ts";
import { align8, viewOf } from "./cursor.ts";
import { decodeHeader, Header } from "./header.ts";

/** The most messages taken in one chain. */
export const MAX_CHAIN = 64;

/** Where one message of a chain is. */
export interface ChainLink {
  /** Where its header starts. */
  readonly at: number;
  /** Its bytes, padding of up to 7 included unless it is the last. */
  readonly length: number;
}

/**
 * Finds the messages of the chain at `at`; one alone is a chain of one.
 *
 * @param length Bytes of the whole chain.
 * @throws WireError when a header does not hold, or there are more than {@linkcode MAX_CHAIN}.
 */
export function splitChain(view: DataView, at: number, length: number): ChainLink[] {
  const links: ChainLink[] = [];
  const header = new Header();
  const end = at + length;
  while (links.length < MAX_CHAIN) {
    decodeHeader(view, at, end - at, header);
    if (header.nextCommand === 0) {
      links.push({ at, length: end - at });
      return links;
    }
    links.push({ at, length: header.nextCommand });
    at += header.nextCommand;
  }
  throw new WireError("smb2", `messages of a chain are at most ${MAX_CHAIN}`, `more, at ${at}`);
}

/**
 * Makes the message at `at` one that another follows: pads it with zeros, writes its NextCommand, and returns the padded
 * length. Sign it afterwards: a signature covers both.
 */
export function linkNext(view: DataView, at: number, length: number): number {
  const padded = align8(length);
  viewOf(view, at + length, padded - length).fill(0);
  view.setUint32(at + 20, padded, true);
  return padded;
}
