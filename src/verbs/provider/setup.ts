/**
 * What both sides of a connection's set-up need.
 *
 * @module
 */
import { VerbsError } from "../../rdma/errors.ts";
import { checkPrivateData } from "../../rdma/private_data.ts";
import type { EndpointOptions } from "../../rdma/provider.ts";
import type { SetupDeadline } from "../../rdma/setup_deadline.ts";
import { checkDepth } from "../../rdma/work_checks.ts";
import type { ConnectionEvent, ConnectionParameters } from "../connection/connection_event.ts";
import type { ConnectionId } from "../connection/connection_id.ts";
import { type EventQueue, expectEvent } from "../connection/event_dispatcher.ts";
import { VerbsEndpoint } from "./endpoint.ts";
import type { EndpointResources } from "./endpoint_resources.ts";

/** An endpoint's depths, chosen and within what the device can; the device says itself when queues are too deep. */
export function settingsOf(
  options: EndpointOptions,
  maxReadDepth: number,
): Pick<Required<EndpointOptions>, "sendDepth" | "receiveDepth" | "readDepth" | "immediate"> {
  return {
    immediate: options.immediate ?? false,
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
  const { capabilities } = resources;
  const settings = settingsOf(options, capabilities.maxReadDepth);
  const privateData = options.privateData ?? new Uint8Array(0);
  checkPrivateData(privateData, wishes.place, capabilities.privateData);
  const endpoint = new VerbsEndpoint(resources, id, settings);
  try {
    options.prepare?.(endpoint);
    const offered = wishes.request?.parameters;
    const responderResources = Math.min(settings.readDepth, offered?.responderResources ?? settings.readDepth);
    const initiatorDepth = Math.min(settings.readDepth, offered?.initiatorDepth ?? settings.readDepth);
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
