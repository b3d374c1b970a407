/**
 * A request under way, or waiting for credits.
 *
 * @module
 */
import type { Call } from "./call.ts";

/** What is remembered of it until it is answered. */
export interface Pending {
  /** The request. */
  readonly call: Call<unknown>;
  /** Credits it costs. */
  readonly charge: number;
  /** Whether it follows another in its message, and uses that one's file. */
  readonly related: boolean;
  /** Tells the answer. */
  resolve: (value: unknown) => void;
  /** Tells that there is none. */
  reject: (error: unknown) => void;
  /** Its number; −1 before it leaves. */
  messageId: number;
  /** Credits it cost that no answer has brought back yet. */
  owed: number;
  /** The server's name for it, where it answers later. */
  asyncId: bigint | undefined;
  /** Whether it left signed. */
  signed: boolean;
  /** Whether it left encrypted. */
  encrypted: boolean;
  /** When the connection is given up for want of an answer. */
  deadline: number;
  /** Whether the server was asked to give it up. */
  cancelled: boolean;
  /** Lets go of the signal. */
  unhook: (() => void) | undefined;
}

/** A request that waits. */
export function pendingOf(
  call: Call<unknown>,
  charge: number,
  related: boolean,
): { link: Pending; answer: Promise<unknown> } {
  const { promise, resolve, reject } = Promise.withResolvers<unknown>();
  const link: Pending = {
    call,
    charge,
    related,
    resolve,
    reject,
    messageId: -1,
    owed: charge,
    asyncId: undefined,
    signed: false,
    encrypted: false,
    deadline: Infinity,
    cancelled: false,
    unhook: undefined,
  };
  return { link, answer: promise };
}
