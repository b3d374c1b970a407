/**
 * An open file on one session: how it is opened, and opened again after its connection was lost.
 *
 * @module
 */
import { randomBytes } from "node:crypto";
import { SystemError } from "../../rdma/errors.ts";
import { type CreateRequest, type CreateResponse, OplockLevel } from "../wire/create.ts";
import { type CreateRequestContexts, type Lease, LeaseState } from "../wire/create_contexts.ts";
import { Dialect } from "../wire/negotiate.ts";
import { NtStatus } from "../wire/status.ts";
import type { BreakListener, Session, Tree } from "./session.ts";
import { closeCall, createCall, leaseCall, oplockCall } from "./requests.ts";
import { type SmbStat, statOf } from "./stat.ts";
import { NtStatusError } from "./status_error.ts";

/** How long a durable handle shall outlive its connection, in milliseconds. */
const DURABLE_TIMEOUT = 60_000;

/** Pauses before a durable handle is asked for again, in milliseconds. */
const RECONNECT_PAUSES: readonly number[] = [50, 100, 200, 400, 800];
/** What servers answer while the old connection's end has not reached the handle. */
const STILL_OPEN: ReadonlySet<number> = new Set([
  NtStatus.OBJECT_NAME_NOT_FOUND,
  NtStatus.FILE_NOT_AVAILABLE,
  NtStatus.SHARING_VIOLATION,
]);

/** How a file is opened; the same again after the connection was lost. */
export interface OpenPlan {
  /** `\\server\share\path`, for errors. */
  readonly what: string;
  /** The request, contexts and oplock aside. */
  readonly request: Omit<CreateRequest, "contexts" | "oplock">;
  /** Whether what it writes must not be lost with the connection. */
  readonly writes: boolean;
  /** Whether a lease is asked for. */
  readonly lease: boolean;
  /** Names this open among all of this client's. */
  readonly createGuid: Uint8Array;
  /** Names its lease. */
  readonly leaseKey: Uint8Array;
}

/** Completes a plan with names that are its own. */
export function planOf(plan: Omit<OpenPlan, "createGuid" | "leaseKey">): OpenPlan {
  return { ...plan, createGuid: randomBytes(16), leaseKey: randomBytes(16) };
}

/** An open file. */
export interface OpenHandle {
  /** The session it is open on. */
  readonly session: Session;
  /** The share. */
  readonly tree: Tree;
  /** What the server calls it. */
  readonly fileId: Uint8Array;
  /** Whether the server keeps it when the connection is lost. */
  readonly durable: boolean;
  /** The file as it was opened. */
  readonly stat: SmbStat;
  /** LeaseState bits granted. */
  readonly lease: number;
  /** The OplockLevel granted. */
  readonly oplock: number;
}

/** Opens it. Throws NtStatusError, ConnectionLost. */
export async function openHandle(
  session: Session,
  tree: Tree,
  plan: OpenPlan,
  signal: AbortSignal | undefined,
): Promise<OpenHandle> {
  const contexts = { onDiskId: true, ...leaseContext(session, plan), ...durableContext(session, plan) };
  return await create(session, tree, plan, plan.request, contexts, signal);
}

/**
 * Opens a file again on a new session: the server's durable handle where there was one; else, if nothing was written
 * through it, by its path, if it is the file it was.
 *
 * @throws SystemError ESTALE when it cannot be what it was; NtStatusError, ConnectionLost.
 */
export async function reopenHandle(
  session: Session,
  tree: Tree,
  plan: OpenPlan,
  lost: OpenHandle,
): Promise<OpenHandle> {
  if (lost.durable) {
    const handle = await reconnectHandle(session, tree, plan, lost);
    if (handle !== undefined) return handle;
  }
  if (plan.writes) throw staleHandle(plan);
  // what opened or made it is not to empty or make another now
  const request = { ...plan.request, disposition: 1 };
  const contexts = { onDiskId: true, ...leaseContext(session, plan) };
  const handle = await create(session, tree, plan, request, contexts, undefined);
  const { stat } = handle;
  const same = stat.fileId === lost.stat.fileId && stat.created === lost.stat.created &&
    stat.size === lost.stat.size && stat.modifiedTime === lost.stat.modifiedTime;
  if (same) return handle;
  await session.call(tree, closeCall(`close ${plan.what}`, handle.fileId)).catch(() => {}); // what matters is told below
  throw new SystemError(`open ${plan.what} again`, "ESTALE", "the file changed while the connection was lost");
}

/**
 * Asks for the server's durable handle, and again while the server may not have seen yet that the old connection ended;
 * undefined when it has none and none is needed.
 */
async function reconnectHandle(
  session: Session,
  tree: Tree,
  plan: OpenPlan,
  lost: OpenHandle,
): Promise<OpenHandle | undefined> {
  const contexts: CreateRequestContexts = {
    ...leaseContext(session, plan),
    reconnectV2: { fileId: lost.fileId, createGuid: plan.createGuid, flags: 0 },
  };
  for (let attempt = 0;; attempt++) {
    try {
      const handle = await create(session, tree, plan, plan.request, contexts, undefined);
      return { ...handle, durable: true, stat: lost.stat };
    } catch (error) {
      if (!(error instanceof NtStatusError)) throw error;
      const pause = RECONNECT_PAUSES[attempt];
      if (pause === undefined || !STILL_OPEN.has(error.status)) {
        if (plan.writes) throw staleHandle(plan, error);
        return undefined;
      }
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }
}

function staleHandle(plan: OpenPlan, error?: NtStatusError): SystemError {
  const why = error === undefined ? "the server keeps no durable handle of it" : error.message;
  const advice = `the connection was lost while it was open for writing: what was written last may be missing (${why})`;
  return new SystemError(`open ${plan.what} again`, "ESTALE", advice);
}

async function create(
  session: Session,
  tree: Tree,
  plan: OpenPlan,
  request: Omit<CreateRequest, "contexts" | "oplock">,
  contexts: CreateRequestContexts,
  signal: AbortSignal | undefined,
): Promise<OpenHandle> {
  const oplock = contexts.lease !== undefined
    ? OplockLevel.LEASE
    : contexts.durableV2 !== undefined || contexts.reconnectV2 !== undefined
    ? OplockLevel.BATCH
    : OplockLevel.NONE;
  const call = createCall(`open ${plan.what}`, { ...request, oplock, contexts }, signal);
  const response = await session.create(tree, call);
  return handleOf(session, tree, response);
}

function handleOf(session: Session, tree: Tree, response: CreateResponse): OpenHandle {
  const { contexts } = response;
  return {
    session,
    tree,
    fileId: response.fileId,
    durable: contexts.durableV2 !== undefined,
    stat: statOf(response, contexts.onDiskId?.fileId ?? 0n),
    lease: response.oplock === OplockLevel.LEASE ? contexts.lease?.state ?? 0 : 0,
    oplock: response.oplock,
  };
}

/** What is written is to be carried on with after a lost connection: that takes a handle that outlives it. */
function durableContext(session: Session, plan: OpenPlan): CreateRequestContexts {
  if (!plan.writes || session.agreement.dialect < Dialect.SMB_3_0) return {};
  return { durableV2: { timeout: DURABLE_TIMEOUT, flags: 0, createGuid: plan.createGuid } };
}

function leaseContext(session: Session, plan: OpenPlan): CreateRequestContexts {
  const { dialect } = session.agreement;
  if (!plan.lease || dialect < Dialect.SMB_2_1) return {};
  const state = LeaseState.READ | LeaseState.HANDLE | (plan.writes ? LeaseState.WRITE : 0);
  const lease: Lease = {
    key: plan.leaseKey,
    state,
    flags: 0,
    v2: dialect >= Dialect.SMB_3_0 ? { parentKey: new Uint8Array(16), epoch: 0 } : undefined,
  };
  return { lease };
}

/**
 * Has `onBreak` called when the server takes the handle's oplock or lease down, and answers the server after that.
 * Returns what stops it.
 */
export function watchBreaks(
  handle: OpenHandle,
  plan: OpenPlan,
  onBreak: (state: number) => Promise<void> | void,
): () => void {
  const { session, tree, fileId, oplock } = handle;
  if (oplock === OplockLevel.NONE) return () => {};
  const leased = oplock === OplockLevel.LEASE;
  let level = oplock;
  const listener: BreakListener = {
    async broken(state, acknowledge) {
      await onBreak(leased ? state : 0);
      // the loss of a shared oplock is told, not asked for (MS-SMB2 3.2.5.19.1)
      const answered = leased ? acknowledge : level !== OplockLevel.LEVEL_II;
      level = state;
      if (!answered || session.over) return;
      const what = `give back the ${leased ? "lease" : "oplock"} of ${plan.what}`;
      try {
        await session.call(tree, leased ? leaseCall(what, plan.leaseKey, state) : oplockCall(what, fileId, state));
      } catch (error) {
        // the handle was closed meanwhile, which gives it back as well
        if (!(error instanceof NtStatusError) || error.status === NtStatus.ACCESS_DENIED) throw error;
      }
    },
  };
  const key = (leased ? plan.leaseKey : fileId).toHex();
  session.listeners.set(key, listener);
  return () => void session.listeners.delete(key);
}
