/**
 * What both sides of a connection's set-up need.
 *
 * @module
 */
import { formatAddress } from "../rdma/address.ts";
import { SystemError, VerbsError } from "../rdma/errors.ts";
import { checkPrivateData, type PrivateDataLimits } from "../rdma/private_data.ts";
import type { EndpointOptions } from "../rdma/provider.ts";
import type { SetupDeadline } from "../rdma/setup_deadline.ts";
import { checkDepth } from "../rdma/work_checks.ts";
import type { ConnectionEvent, ConnectionEventType, ConnectionParameters } from "./connection_event.ts";
import { setupFailure } from "./connection_failure.ts";
import type { ConnectionId } from "./connection_id.ts";
import type { CompletionDelivery } from "./delivery.ts";
import { VerbsEndpoint } from "./endpoint.ts";
import type { EventDispatcher, EventQueue } from "./event_dispatcher.ts";
import type { ProtectionDomain } from "./protection_domain.ts";
import type { ReceiveBatch } from "./receive_batch.ts";
import type { SendBatch } from "./send_batch.ts";
import type { WorkCompletions } from "./work_completions.ts";

/** What a domain's endpoints share. The batches are for one call, and hold nothing after it. */
export interface EndpointResources {
  /** `verbs:rxe0`. */
  readonly transport: string;
  /** The protection domain of their queue pairs. */
  readonly domain: ProtectionDomain;
  /** Whether the device speaks iWARP. */
  readonly iwarp: boolean;
  /** Completions. */
  readonly delivery: CompletionDelivery;
  /** Events. */
  readonly dispatcher: EventDispatcher;
  /** What is polled into. */
  readonly completions: WorkCompletions;
  /** Room for one receive. */
  readonly receiveBatch: ReceiveBatch;
  /** Private data there is room for. */
  readonly privateData: PrivateDataLimits;
  /** RDMA Reads that an endpoint may have under way. */
  readonly maxReadDepth: number;
  /** Room for `count` sends. */
  sendBatch(count: number): SendBatch;
  /** Runs something once no call on the identifier is under way in another thread, which is now in most cases. */
  whenIdle(id: ConnectionId, run: () => void): void;
}

/** An endpoint's depths, chosen and within what the device can; the device says itself when queues are too deep. */
export function depthsOf(
  options: EndpointOptions,
  maxReadDepth: number,
): Pick<Required<EndpointOptions>, "sendDepth" | "receiveDepth" | "readDepth"> {
  return {
    sendDepth: checkDepth("sendDepth", options.sendDepth ?? 256),
    receiveDepth: checkDepth("receiveDepth", options.receiveDepth ?? 256),
    readDepth: Math.min(checkDepth("readDepth", options.readDepth ?? 16, 0), maxReadDepth),
  };
}

/** What a set-up is asked to come to. */
export interface Wishes {
  /** Which side asks for them. */
  readonly place: "request" | "reply";
  /** The connection's set-up, for errors. */
  readonly call: string;
  /** What came with the request, of a reply. */
  readonly request?: ConnectionEvent;
}

/**
 * Makes the endpoint of an identifier that is bound to its device, lets the user prepare it, has `begin` ask or answer the
 * peer, and waits until the connection stands. Whatever fails, nothing is left.
 */
export async function establish(
  resources: EndpointResources,
  id: ConnectionId,
  events: EventQueue,
  options: EndpointOptions,
  deadline: SetupDeadline,
  wishes: Wishes,
  begin: (parameters: ConnectionParameters) => void | Promise<void>,
): Promise<VerbsEndpoint> {
  const depths = depthsOf(options, resources.maxReadDepth);
  const privateData = options.privateData ?? new Uint8Array(0);
  checkPrivateData(privateData, wishes.place, resources.privateData);
  const endpoint = new VerbsEndpoint(resources, id, depths);
  try {
    options.prepare?.(endpoint);
    const offered = wishes.request?.parameters;
    const responderResources = Math.min(depths.readDepth, offered?.responderResources ?? depths.readDepth);
    const initiatorDepth = Math.min(depths.readDepth, offered?.initiatorDepth ?? depths.readDepth);
    await begin({ privateData, responderResources, initiatorDepth });
    if (wishes.place === "reply") endpoint.tune();
    const event = await expectEvent(wishes.call, events, "ESTABLISHED", deadline.signal);
    if (wishes.place === "request") endpoint.tune();
    const { parameters } = event;
    // What the peer grants stands in different places: iWARP's events speak of this side, InfiniBand's of the peer.
    const granted = resources.iwarp ? parameters.responderResources : parameters.initiatorDepth;
    const received = (wishes.request ?? event).privateData;
    endpoint.start(received, wishes.place === "request" ? granted : initiatorDepth);
    events.passTo((event) => endpoint.onEvent(event));
    return endpoint;
  } catch (error) {
    const cause = deadline.explain(wishes.call, error);
    const reason = cause instanceof VerbsError ? cause : new VerbsError(wishes.call, "failed", cause.message);
    resources.whenIdle(id, () => endpoint.abandon(reason));
    throw cause;
  }
}

/** The next event, which must be of `type`. Throws VerbsError for another, and the signal's reason. */
export async function expectEvent(
  call: string,
  events: EventQueue,
  type: ConnectionEventType,
  signal: AbortSignal,
): Promise<ConnectionEvent> {
  const event = await events.next(signal);
  if (event.type !== type || event.status !== 0) throw setupFailure(call, event);
  return event;
}

/** A promise's result, unless the signal aborts first: then its reason, and what comes of the promise goes nowhere. */
export async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(signal.reason);
  if (signal.aborted) onAbort();
  signal.addEventListener("abort", onAbort);
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", onAbort);
    promise.catch(() => {});
    aborted.catch(() => {});
  }
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
