/**
 * The way from an address to an identifier that can be connected to it.
 *
 * @module
 */
import type { SetupDeadline } from "../../rdma/setup_deadline.ts";
import { isIwarp } from "../device.ts";
import type { ConnectionId } from "./connection_id.ts";
import { type EventDispatcher, EventQueue, expectEvent } from "./event_dispatcher.ts";
import type { SocketAddress } from "./socket_address.ts";
import { tcpPortTaken } from "./tcp_port.ts";

/** Local ports of rdma_cm's choice that are looked at before one is taken as it comes. */
export const PORTS = 16;

/**
 * An identifier that has found its device and its way to `destination`, and its events. `check` is called when it has the
 * device. Whatever fails, nothing is left.
 */
export async function findRoute(
  call: string,
  dispatcher: EventDispatcher,
  destination: SocketAddress,
  deadline: SetupDeadline,
  check: (id: ConnectionId) => void = () => {},
): Promise<[ConnectionId, EventQueue]> {
  for (let port = 1;; port++) {
    const id = dispatcher.channel.createId();
    try {
      const events = new EventQueue(dispatcher, id);
      id.resolveAddress(destination, { timeout: deadline.timeout });
      await expectEvent(call, events, "ADDR_RESOLVED", deadline.signal);
      check(id);
      if (port === PORTS || !portTaken(id)) {
        id.resolveRoute(deadline.timeout);
        await expectEvent(call, events, "ROUTE_RESOLVED", deadline.signal);
        return [id, events];
      }
    } catch (error) {
      release(dispatcher, id);
      throw error;
    }
    release(dispatcher, id);
  }
}

/**
 * Whether an identifier of an iWARP device has a local port that TCP would refuse it: rdma_cm gives out ports without a
 * look at those of TCP, to which the connection, or the listener, must bind itself in the end.
 */
export function portTaken(id: ConnectionId): boolean {
  const { context, localSocketAddress } = id;
  if (localSocketAddress === undefined || (context !== undefined && !isIwarp(context.device))) return false;
  return tcpPortTaken(localSocketAddress);
}

function release(dispatcher: EventDispatcher, id: ConnectionId): void {
  dispatcher.forget(id);
  id[Symbol.dispose]();
}
