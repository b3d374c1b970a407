/**
 * What went wrong with a connection's set-up: the connection manager's events in the words of the contract.
 *
 * @module
 */
import { errnoName } from "../../../ffi/mod.ts";
import { formatAddress } from "../../rdma/address.ts";
import { SystemError, VerbsError } from "../../rdma/errors.ts";
import { printable } from "../../rdma/private_data.ts";
import type { ConnectionEvent } from "./connection_event.ts";

/** InfiniBand's and RoCE's reasons of a rejection (`enum ib_cm_rej_reason`, IBTA 12.6.7.2) that are told apart. */
const REJECTIONS: ReadonlyMap<number, [code: string, words: string]> = new Map([
  [1, ["rejected", "the peer has no queue pair left"]],
  [3, ["rejected", "the peer has no resources left"]],
  [4, ["timeout", "the peer waited in vain for an answer"]],
  [8, ["refused", "nothing listens there; start the peer or check the address"]],
  [10, ["rejected", "the peer still holds an earlier connection of this queue pair; try again"]],
]);
/** The peer's program said no, and may have said why. */
const CONSUMER_DEFINED = 28;

/** The error of an event that is not the one a set-up waits for. `call` names the set-up. */
export function setupFailure(call: string, event: ConnectionEvent): VerbsError {
  const { type, status } = event;
  switch (type) {
    case "REJECTED":
      return rejection(call, event);
    case "ADDR_ERROR":
    case "ROUTE_ERROR":
      return new VerbsError(call, "unreachable", unreachable(status));
    case "UNREACHABLE":
      return isErrno(status, "ETIMEDOUT")
        ? new VerbsError(call, "timeout", "the peer's host does not answer")
        : new VerbsError(call, "unreachable", unreachable(status));
    case "CONNECT_ERROR":
      return isErrno(status, "ETIMEDOUT")
        ? new VerbsError(call, "timeout", "the peer did not complete the set-up")
        : new VerbsError(call, "protocol", `the set-up failed (${reason(status)})`);
    case "DEVICE_REMOVAL":
      return new VerbsError(call, "lost", "the RDMA device is gone");
    default:
      return new VerbsError(call, "lost", `the connection ended during its set-up (${type}, ${reason(status)})`);
  }
}

function rejection(call: string, { status, privateData }: ConnectionEvent): VerbsError {
  if (isErrno(status, "ECONNREFUSED")) {
    return new VerbsError(call, "refused", "nothing listens there; start the peer or check the address");
  }
  const known = REJECTIONS.get(status);
  if (known !== undefined) return new VerbsError(call, ...known);
  const words = printable(privateData);
  if (words !== "") return new VerbsError(call, "rejected", words);
  const why = status === CONSUMER_DEFINED || status < 0 ? "" : `, reason ${status}`;
  return new VerbsError(call, "rejected", `the peer refused the connection${why}`);
}

function unreachable(status: number): string {
  return `no route from an RDMA device of this machine (${reason(status)}); check the address, and \`rdma link\``;
}

function reason(status: number): string {
  return status < 0 ? errnoName(status) : `reason ${status}`;
}

function isErrno(status: number, name: string): boolean {
  return status < 0 && errnoName(status) === name;
}

/** The error of the connection manager's own calls, in the words of the contract. */
export function connectFailure(call: string, error: unknown): unknown {
  if (!(error instanceof VerbsError)) return error;
  switch (error.code) {
    case "ECONNREFUSED":
      return new VerbsError(call, "refused", "nothing listens there; start the peer or check the address");
    case "ETIMEDOUT":
      return new VerbsError(call, "timeout", error.message);
    case "ENODEV":
    case "ENETUNREACH":
    case "EHOSTUNREACH":
    case "EADDRNOTAVAIL":
    case "EAFNOSUPPORT":
      return new VerbsError(call, "unreachable", `no RDMA device of this machine has a route there (${error.message})`);
    case "ECONNRESET":
    case "EINVAL":
      return new VerbsError(call, "lost", `the peer went away (${error.message})`);
    default:
      return error;
  }
}

/** An error of rdma-core's as one of the system's, where the contract wants that. */
export function systemError(call: string, error: unknown): unknown {
  if (!(error instanceof VerbsError)) return error;
  const code = /^E[A-Z0-9]+$/.test(error.code) ? error.code : "EADDRNOTAVAIL";
  return new SystemError(call, code, error.message);
}

/** A set-up's name in errors. */
export function callOf(what: "connect" | "accept" | "listen", address: Parameters<typeof formatAddress>[0]): string {
  return `${what} ${formatAddress(address)}`;
}
