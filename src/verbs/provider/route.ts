/**
 * Which device owns an address of this machine, or reaches one of another.
 *
 * @module
 */
import { ibv_port_state } from "../../../ffi/mod.ts";
import { formatAddress } from "../../rdma/address.ts";
import { CapabilityError, reasonOf, VerbsError } from "../../rdma/errors.ts";
import type { RdmaAddress } from "../../rdma/provider.ts";
import { SetupDeadline } from "../../rdma/setup_deadline.ts";
import { EventDispatcher, EventQueue, expectEvent } from "../connection/event_dispatcher.ts";
import { managedContexts } from "../connection/managed_contexts.ts";
import { isWildcard, type SocketAddress, socketAddresses, withPort } from "../connection/socket_address.ts";
import type { Context } from "../context.ts";
import { listDevices } from "../devices.ts";
import { librariesFault } from "../libraries.ts";

/** How long looking for a route may take, in milliseconds. */
const ROUTE_TIMEOUT = 2_000;

/**
 * The device that owns `address`, else the one that reaches it; for the wildcard, the first with an active port. Throws
 * CapabilityError that says what is missing, and what to do.
 */
export async function deviceFor(address: RdmaAddress): Promise<Context> {
  const fault = librariesFault();
  if (fault !== undefined) throw new CapabilityError(fault);
  try {
    const names = listDevices().map(({ name }) => name);
    if (names.length === 0) {
      throw new CapabilityError(
        "no RDMA device (a software one: modprobe rdma_rxe && rdma link add rxe0 type rxe netdev eth0)",
      );
    }
    using dispatcher = new EventDispatcher();
    for (const one of await socketAddresses(address)) {
      const context = await contextFor(dispatcher, one);
      if (context !== undefined) return context;
    }
    throw new CapabilityError(`no RDMA device (${names.join(", ")}) owns or reaches ${formatAddress(address)}`);
  } catch (error) {
    throw error instanceof VerbsError ? new CapabilityError(reasonOf(error)) : error;
  }
}

async function contextFor(dispatcher: EventDispatcher, address: SocketAddress): Promise<Context | undefined> {
  if (isWildcard(address)) return managedContexts().find(isActive);
  return owner(dispatcher, address) ?? await reacher(dispatcher, address);
}

function isActive(context: Context): boolean {
  const { ports } = context.queryDevice();
  const states = Array.from({ length: ports }, (_, index) => context.queryPort(index + 1).state);
  return states.includes(ibv_port_state.IBV_PORT_ACTIVE);
}

function owner(dispatcher: EventDispatcher, address: SocketAddress): Context | undefined {
  using id = dispatcher.channel.createId();
  try {
    id.bind(withPort(address, 0));
    return id.context;
  } catch (error) {
    if (error instanceof VerbsError) return undefined; // no address of this machine's, or of no RDMA device
    throw error;
  }
}

async function reacher(dispatcher: EventDispatcher, address: SocketAddress): Promise<Context | undefined> {
  using id = dispatcher.channel.createId();
  using deadline = new SetupDeadline(2 * ROUTE_TIMEOUT);
  try {
    const events = new EventQueue(dispatcher, id);
    id.resolveAddress(address, { timeout: ROUTE_TIMEOUT });
    await expectEvent("rdma_resolve_addr", events, "ADDR_RESOLVED", deadline.signal);
    return id.context;
  } catch {
    return undefined;
  } finally {
    dispatcher.forget(id);
  }
}
