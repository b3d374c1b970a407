/**
 * Where the payload of a READ's long answer goes while it is still on its way.
 *
 * @module
 */
import { isTransformed } from "../security/transform.ts";
import { Command, decodeHeader, Header, HEADER_LENGTH, HeaderFlag } from "../wire/header.ts";
import { READ_RESPONSE_LENGTH } from "../wire/io.ts";
import { NtStatus } from "../wire/status.ts";
import type { Pending } from "./pending.ts";
import type { Placement } from "./transport.ts";

const header = new Header();

/**
 * Straight to where the request wants it, when nothing is to be checked of the message as a whole; else undefined.
 *
 * @param head The message's start, more than its header.
 * @param length The message's length.
 * @param pendingOf Finds the request that it answers.
 */
export function placementOf(
  head: Uint8Array,
  length: number,
  pendingOf: (messageId: number) => Pending | undefined,
): Placement | undefined {
  if (isTransformed(head)) return undefined;
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  try {
    decodeHeader(view, 0, head.length, header);
  } catch {
    return undefined; // the whole message will say what is wrong
  }
  const { command, status, nextCommand, flags } = header;
  if (command !== Command.READ || status !== NtStatus.SUCCESS || nextCommand !== 0) return undefined;
  if ((flags & (HeaderFlag.SIGNED | HeaderFlag.RESPONSE)) !== HeaderFlag.RESPONSE) return undefined;
  const link = pendingOf(header.messageId);
  const into = link?.call.into;
  if (link === undefined || into === undefined || link.signed || link.encrypted) return undefined;
  const offset = head[HEADER_LENGTH + 2] as number;
  const size = view.getUint32(HEADER_LENGTH + 4, true);
  if (offset < READ_RESPONSE_LENGTH || offset + size !== length || size > into.length) return undefined;
  return { offset, into: into.subarray(0, size) };
}
