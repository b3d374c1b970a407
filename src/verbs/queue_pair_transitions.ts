/**
 * Which attributes a queue pair must and may be given on its way from state to state, as the kernel checks them before the
 * driver is asked (`ib_modify_qp_is_ok`).
 *
 * @module
 */
import type { QueuePairAttributes, QueuePairState } from "./queue_pair_attributes.ts";

/** Reliable connection, unreliable connection, unreliable datagram. */
export type QueuePairType = "RC" | "UC" | "UD";

/** The name of an attribute. */
export type AttributeName = keyof QueuePairAttributes;

type Names = Readonly<Record<QueuePairType, readonly AttributeName[]>>;

/** What a change of state asks for and allows. */
interface Transition {
  readonly required: Names;
  readonly optional: Names;
}

const NONE: Names = { RC: [], UC: [], UD: [] };
const FREELY: Transition = { required: NONE, optional: NONE };

const INITIAL: Names = {
  RC: ["partitionKeyIndex", "port", "access"],
  UC: ["partitionKeyIndex", "port", "access"],
  UD: ["partitionKeyIndex", "port", "queueKey"],
};
const CONNECTING: Names = {
  RC: ["path", "pathMtu", "destination", "receivePacketNumber", "maxReadAtomicDestination", "minRnrTimer"],
  UC: ["path", "pathMtu", "destination", "receivePacketNumber"],
  UD: [],
};
const CONNECTING_TOO: Names = {
  RC: ["alternatePath", "access", "partitionKeyIndex"],
  UC: ["alternatePath", "access", "partitionKeyIndex"],
  UD: ["partitionKeyIndex", "queueKey"],
};
const SENDING: Names = {
  RC: ["timeout", "retryCount", "rnrRetry", "sendPacketNumber", "maxReadAtomic"],
  UC: ["sendPacketNumber"],
  UD: ["sendPacketNumber"],
};
const SENDING_TOO: Names = {
  RC: ["currentState", "alternatePath", "access", "minRnrTimer", "migration"],
  UC: ["currentState", "alternatePath", "access", "migration"],
  UD: ["currentState", "queueKey"],
};
const DRAINING: Names = { RC: ["drainNotification"], UC: ["drainNotification"], UD: ["drainNotification"] };
const DRAINED: Names = {
  RC: [
    "port",
    "path",
    "timeout",
    "retryCount",
    "rnrRetry",
    "maxReadAtomic",
    "maxReadAtomicDestination",
    "alternatePath",
    "access",
    "partitionKeyIndex",
    "minRnrTimer",
    "migration",
  ],
  UC: ["path", "alternatePath", "access", "partitionKeyIndex", "migration"],
  UD: ["partitionKeyIndex", "queueKey"],
};
const RECOVERING: Names = { RC: [], UC: ["currentState", "access"], UD: ["currentState", "queueKey"] };

const TRANSITIONS: Readonly<Record<QueuePairState, Partial<Record<QueuePairState, Transition>>>> = {
  RESET: { RESET: FREELY, INIT: { required: INITIAL, optional: NONE } },
  INIT: {
    RESET: FREELY,
    ERR: FREELY,
    INIT: { required: NONE, optional: INITIAL },
    RTR: { required: CONNECTING, optional: CONNECTING_TOO },
  },
  RTR: { RESET: FREELY, ERR: FREELY, RTS: { required: SENDING, optional: SENDING_TOO } },
  RTS: {
    RESET: FREELY,
    ERR: FREELY,
    RTS: { required: NONE, optional: SENDING_TOO },
    SQD: { required: NONE, optional: DRAINING },
  },
  SQD: {
    RESET: FREELY,
    ERR: FREELY,
    RTS: { required: NONE, optional: SENDING_TOO },
    SQD: { required: NONE, optional: DRAINED },
  },
  SQE: { RESET: FREELY, ERR: FREELY, RTS: { required: NONE, optional: RECOVERING } },
  ERR: { RESET: FREELY, ERR: FREELY },
};

/** States of which `currentState` may be asserted. */
const ASSERTABLE: readonly QueuePairState[] = ["RTR", "RTS", "SQD", "SQE"];

/** The attributes that a change of state asks for; undefined where there is no such change. */
export function requiredAttributes(
  type: QueuePairType,
  from: QueuePairState,
  to: QueuePairState,
): readonly AttributeName[] | undefined {
  return TRANSITIONS[from][to]?.required[type];
}

/**
 * What is wrong with changing a queue pair that is in state `from` to `attributes`, in words; undefined when the kernel
 * would hand it on to the driver.
 */
export function transitionFault(
  type: QueuePairType,
  from: QueuePairState,
  attributes: QueuePairAttributes,
): string | undefined {
  const to = attributes.state ?? from;
  if (attributes.currentState !== undefined && !ASSERTABLE.includes(from)) {
    return `currentState can be one of ${ASSERTABLE.join(", ")}`;
  }
  const transition = TRANSITIONS[from][to];
  if (transition === undefined) {
    return `a queue pair in ${from} goes to ${Object.keys(TRANSITIONS[from]).join(", ")}, not to ${to}`;
  }
  const required = transition.required[type];
  const allowed = [...required, ...transition.optional[type]];
  const given = (Object.keys(attributes) as AttributeName[])
    .filter((name) => name !== "state" && attributes[name] !== undefined);
  const missing = required.filter((name) => !given.includes(name));
  const surplus = given.filter((name) => !allowed.includes(name));
  const faults = [
    ...(missing.length > 0 ? [`missing ${missing.join(", ")}`] : []),
    ...(surplus.length > 0 ? [`not taken here: ${surplus.join(", ")}`] : []),
  ];
  return faults.length > 0 ? faults.join("; ") : undefined;
}
