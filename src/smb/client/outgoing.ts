/**
 * Requests as frames: headers, bodies, signatures, encryption.
 *
 * @module
 */
import { TRANSFORM_HEADER_LENGTH } from "../security/transform.ts";
import { linkNext } from "../wire/compound.ts";
import { align8 } from "../wire/cursor.ts";
import { encodeEmpty } from "../wire/empty.ts";
import { Command, encodeHeader, Header, HEADER_LENGTH, HeaderFlag, RELATED_ID, RELATED_TREE } from "../wire/header.ts";
import type { Call } from "./call.ts";
import type { CreditWindow } from "./credit_window.ts";
import type { Pending } from "./pending.ts";
import type { Security } from "./security.ts";

/** Bytes of a request, payload aside, unless its call says more. */
const ROOM = 512;

/** What is to be sent. */
export interface Outgoing {
  /** Room for the transport's framing, and the message; its payload too, unless that follows. */
  readonly frame: Uint8Array<ArrayBuffer>;
  /** What follows the frame from where it lies. */
  readonly payload: Uint8Array | undefined;
}

/** Makes a connection's frames. */
export class FrameMaker {
  /** Whether requests cost several credits. */
  multiCredit = false;
  readonly #header = new Header();

  /** Leaves `headroom` bytes before each message; asks for credits as `window` has it. */
  constructor(private readonly headroom: number, private readonly window: CreditWindow) {}

  /** One message of requests that have their numbers; each is told how it is protected. */
  frameOf(links: readonly Pending[], security: Security | undefined): Outgoing {
    const [head] = links as [Pending];
    const sealer = head.call.sessionless || !(security?.encrypts || links.some(({ call }) => call.encrypted))
      ? undefined
      : security?.sealer;
    const encrypted = sealer !== undefined;
    const contiguous = encrypted || links.length > 1 || signs(head.call, security);
    const start = this.headroom + (encrypted ? TRANSFORM_HEADER_LENGTH : 0);
    const frame = new Uint8Array(links.reduce((sum, { call }) => sum + roomOf(call, contiguous), start));
    const view = new DataView(frame.buffer);
    let at = start;
    for (const [index, link] of links.entries()) {
      link.encrypted = encrypted;
      link.signed = !encrypted && signs(link.call, security);
      at += this.#encode(frame, view, at, link, security, contiguous, index === links.length - 1);
    }
    if (encrypted) at = this.headroom + sealer.seal(frame.subarray(start, at), frame.subarray(this.headroom));
    return { frame: frame.subarray(0, at), payload: contiguous ? undefined : head.call.payload };
  }

  /** Asks the server to give a request up; there is no answer to this, and it costs nothing (MS-SMB2 3.2.4.24). */
  cancelOf(link: Pending, security: Security | undefined): Uint8Array<ArrayBuffer> {
    const sealer = link.encrypted ? security?.sealer : undefined;
    const start = this.headroom + (sealer === undefined ? 0 : TRANSFORM_HEADER_LENGTH);
    const frame = new Uint8Array(start + HEADER_LENGTH + 8);
    const view = new DataView(frame.buffer);
    const header = new Header();
    header.command = Command.CANCEL;
    header.messageId = link.messageId;
    header.treeId = link.call.treeId ?? 0;
    header.sessionId = security?.sessionId ?? 0n;
    if (link.asyncId !== undefined) {
      header.flags = HeaderFlag.ASYNC;
      header.asyncId = link.asyncId;
    }
    encodeHeader(view, start, header);
    const end = start + encodeEmpty(view, start);
    if (link.signed) security?.signer?.sign(frame.subarray(start, end));
    if (sealer === undefined) return frame.subarray(0, end);
    const length = sealer.seal(frame.subarray(start, end), frame.subarray(this.headroom));
    return frame.subarray(0, this.headroom + length);
  }

  /** Writes one request at `at` and returns its length. */
  #encode(
    frame: Uint8Array,
    view: DataView,
    at: number,
    link: Pending,
    security: Security | undefined,
    contiguous: boolean,
    last: boolean,
  ): number {
    const { call, related } = link;
    const header = this.#header;
    header.creditCharge = this.multiCredit ? link.charge : 0;
    header.command = call.command;
    header.credits = this.window.asked(link.charge);
    header.flags = related ? HeaderFlag.RELATED : 0;
    header.messageId = link.messageId;
    header.treeId = related ? RELATED_TREE : call.treeId ?? 0;
    header.sessionId = call.sessionless ? 0n : related ? RELATED_ID : security?.sessionId ?? 0n;
    encodeHeader(view, at, header);
    let length = call.encode(view, at);
    if (call.payload !== undefined && contiguous) {
      frame.set(call.payload, at + length);
      length += call.payload.length;
    }
    if (!last) length = linkNext(view, at, length);
    const message = frame.subarray(at, at + length);
    if (link.signed) security?.signer?.sign(message);
    call.sent?.(message);
    return length;
  }
}

function roomOf(call: Call<unknown>, contiguous: boolean): number {
  return align8((call.room ?? ROOM) + (contiguous ? call.payload?.length ?? 0 : 0));
}

function signs(call: Call<unknown>, security: Security | undefined): boolean {
  return security?.signer !== undefined && !call.sessionless && (security.signs || call.signed === true);
}
