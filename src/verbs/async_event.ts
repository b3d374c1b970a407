/**
 * Asynchronous events: what happens to a device, its ports and queues without being asked for.
 *
 * @module
 */
import { errno, errnoName, ibv_event_type, layout, prepareErrno, Struct, viewAt } from "../../ffi/mod.ts";
import type { CompletionQueue } from "./completion_queue.ts";
import { verbsFailure } from "./failure.ts";
import { verbs } from "./libraries.ts";
import type { QueuePair } from "./queue_pair.ts";
import { makeNonBlocking } from "./readiness.ts";
import type { SharedReceiveQueue } from "./shared_receive_queue.ts";

const EVENT = layout.ibv_async_event;
const E = ibv_event_type;

/** Something that happened. One of the objects is there, where the event concerns one that still lives. */
export interface AsyncEvent {
  /** Of `ibv_event_type`. */
  readonly type: number;
  /** Its name in words, `qp fatal`, `port active`. */
  readonly name: string;
  /** The queue pair it concerns. */
  readonly queuePair?: QueuePair;
  /** The completion queue it concerns. */
  readonly completionQueue?: CompletionQueue;
  /** The shared receive queue it concerns. */
  readonly sharedReceiveQueue?: SharedReceiveQueue;
  /** The port it concerns, from 1. */
  readonly port?: number;
}

const NAMES = new Map<number, string>(
  Object.entries(ibv_event_type).map(([name, value]) => [
    value,
    name.replace("IBV_EVENT_", "").toLowerCase().replaceAll("_", " "),
  ]),
);

/** An event's type in words, `qp fatal`. */
export function asyncEventText(type: number): string {
  return NAMES.get(type) ?? `event ${type}`;
}

const QUEUE_PAIR_EVENTS: readonly number[] = [
  E.IBV_EVENT_QP_FATAL,
  E.IBV_EVENT_QP_REQ_ERR,
  E.IBV_EVENT_QP_ACCESS_ERR,
  E.IBV_EVENT_COMM_EST,
  E.IBV_EVENT_SQ_DRAINED,
  E.IBV_EVENT_PATH_MIG,
  E.IBV_EVENT_PATH_MIG_ERR,
  E.IBV_EVENT_QP_LAST_WQE_REACHED,
];
const SHARED_QUEUE_EVENTS: readonly number[] = [E.IBV_EVENT_SRQ_ERR, E.IBV_EVENT_SRQ_LIMIT_REACHED];
const PORT_EVENTS: readonly number[] = [
  E.IBV_EVENT_PORT_ACTIVE,
  E.IBV_EVENT_PORT_ERR,
  E.IBV_EVENT_LID_CHANGE,
  E.IBV_EVENT_PKEY_CHANGE,
  E.IBV_EVENT_SM_CHANGE,
  E.IBV_EVENT_CLIENT_REREGISTER,
  E.IBV_EVENT_GID_CHANGE,
];

/** The events of one open device, and the objects they may name. */
export class AsyncEvents {
  /** The descriptor, readable while events wait. */
  readonly fd: number;
  readonly #queuePairs = new Map<bigint, QueuePair>();
  readonly #completionQueues = new Map<bigint, CompletionQueue>();
  readonly #sharedQueues = new Map<bigint, SharedReceiveQueue>();
  #nonBlocking = false;

  /** Those of a `struct ibv_context *`. */
  constructor(/** The pointer. */ readonly context: bigint) {
    this.fd = viewAt(context, layout.ibv_context.size).getInt32(layout.ibv_context.async_fd, true);
  }

  /** Knows a queue pair from now on; returns what forgets it. */
  knowQueuePair(queuePair: QueuePair): () => void {
    return know(this.#queuePairs, queuePair.handle, queuePair);
  }

  /** Knows a completion queue from now on; returns what forgets it. */
  knowCompletionQueue(queue: CompletionQueue): () => void {
    return know(this.#completionQueues, queue.handle, queue);
  }

  /** Knows a shared receive queue from now on; returns what forgets it. */
  knowSharedReceiveQueue(queue: SharedReceiveQueue): () => void {
    return know(this.#sharedQueues, queue.handle, queue);
  }

  /** Takes one event and acknowledges it; undefined when none waits. Throws VerbsError. */
  take(): AsyncEvent | undefined {
    if (!this.#nonBlocking) makeNonBlocking(this.fd);
    this.#nonBlocking = true;
    const struct = new Struct(EVENT.size);
    prepareErrno();
    while (verbs().ibv_get_async_event(this.context, struct.bytes) !== 0) {
      const code = errno();
      if (errnoName(code) === "EAGAIN") return undefined;
      if (errnoName(code) !== "EINTR") throw verbsFailure("ibv_get_async_event", code);
    }
    const event = this.#read(struct.view);
    verbs().ibv_ack_async_event(struct.bytes); // one that is not acknowledged blocks its object's destruction for ever
    return event;
  }

  #read(view: DataView<ArrayBuffer>): AsyncEvent {
    const type = view.getInt32(EVENT.event_type, true);
    const handle = view.getBigUint64(EVENT.element, true);
    const event = { type, name: asyncEventText(type) };
    if (QUEUE_PAIR_EVENTS.includes(type)) return { ...event, ...named("queuePair", this.#queuePairs.get(handle)) };
    if (SHARED_QUEUE_EVENTS.includes(type)) {
      return { ...event, ...named("sharedReceiveQueue", this.#sharedQueues.get(handle)) };
    }
    if (type === E.IBV_EVENT_CQ_ERR) {
      return { ...event, ...named("completionQueue", this.#completionQueues.get(handle)) };
    }
    return PORT_EVENTS.includes(type) ? { ...event, port: view.getInt32(EVENT.element, true) } : event;
  }
}

function know<T>(map: Map<bigint, T>, handle: bigint, object: T): () => void {
  map.set(handle, object);
  return () => {
    if (map.get(handle) === object) map.delete(handle);
  };
}

function named<K extends string, T>(name: K, object: T | undefined): { [key in K]?: T } {
  return object === undefined ? {} : { [name]: object } as { [key in K]: T };
}
