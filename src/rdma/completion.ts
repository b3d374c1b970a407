/**
 * Work completions: what became of each posted operation.
 *
 * @module
 */

/** What a work request asked for, and what its {@linkcode Completion} reports. */
export const Opcode = {
  /** Send to the peer's next posted receive. */
  SEND: 0,
  /** Send that also invalidates a key the peer offered for that. */
  SEND_INVALIDATE: 1,
  /** RDMA Write into the peer's memory. */
  WRITE: 2,
  /** RDMA Read of the peer's memory. */
  READ: 3,
  /** A posted receive that a peer's Send filled. */
  RECEIVE: 4,
  /** RDMA Write, and 32 bits that complete the peer's next posted receive once its bytes are placed. */
  WRITE_IMMEDIATE: 5,
  /** A posted receive that a peer's Write with Immediate completed; its buffer is as it was. */
  RECEIVE_IMMEDIATE: 6,
  /** Atomic addition to eight bytes of the peer's memory. */
  FETCH_ADD: 7,
  /** Atomic exchange of eight bytes of the peer's memory, if they are what was expected. */
  COMPARE_SWAP: 8,
} as const;
/** One of {@linkcode Opcode}'s values. */
export type Opcode = typeof Opcode[keyof typeof Opcode];

const OPCODE_TEXTS = [
  "Send",
  "Send with Invalidate",
  "RDMA Write",
  "RDMA Read",
  "Receive",
  "RDMA Write with Immediate",
  "Receive of immediate data",
  "Fetch and Add",
  "Compare and Swap",
];

/** An opcode in words, `RDMA Read`. */
export function opcodeText(opcode: Opcode): string {
  return OPCODE_TEXTS[opcode] ?? `opcode ${opcode}`;
}

/** Whether an opcode asks the peer for an answer: RDMA Reads and atomics, which share the depth of Reads. */
export function isAnswered(opcode: Opcode): boolean {
  return opcode === Opcode.READ || opcode >= Opcode.FETCH_ADD;
}

/** How a work request ended; the numbers are rdma-core's `ibv_wc_status`. */
export const Status = {
  /** It happened. */
  SUCCESS: 0,
  /** A received message was longer than the buffer posted for it. */
  LOCAL_LENGTH: 1,
  /** A local buffer does not allow what was asked of it. */
  LOCAL_PROTECTION: 4,
  /** The connection ended before this request was carried out. Whether the peer saw it is not known. */
  FLUSHED: 5,
  /** The peer's answer does not fit the request. */
  BAD_RESPONSE: 7,
  /** The peer found the request malformed. */
  REMOTE_INVALID_REQUEST: 9,
  /** The peer refused the key, the range or the right. */
  REMOTE_ACCESS: 10,
  /** The peer could not carry it out. */
  REMOTE_OPERATION: 11,
} as const;
/** One of {@linkcode Status}'s values. */
export type Status = typeof Status[keyof typeof Status];

const STATUS_NAMES = new Map<number, string>(
  Object.entries(Status).map(([name, value]) => [value, name.toLowerCase().replaceAll("_", " ")]),
);

/** A status in words, `remote access`. */
export function statusText(status: Status): string {
  return STATUS_NAMES.get(status) ?? `status ${status}`;
}

/** One work completion. The caller of {@linkcode Endpoint.poll} owns the objects and has them filled again and again. */
export class Completion {
  /** The `id` given when the work was posted. */
  id = 0;
  /** What completed. */
  opcode: Opcode = Opcode.SEND;
  /** How it ended; of a flushed or failed completion only `id`, `opcode` and `status` mean anything. */
  status: Status = Status.SUCCESS;
  /** Bytes received, of a RECEIVE; 0 of a RECEIVE_IMMEDIATE; bytes moved, of anything else. */
  length = 0;
  /** The key that the peer's Send with Invalidate withdrew; 0 if none. */
  invalidatedKey = 0;
  /** The 32 bits that came with a RECEIVE_IMMEDIATE; 0 of anything else. */
  immediate = 0;
}

/** An array of `count` completions to poll into. */
export function completions(count: number): Completion[] {
  return Array.from({ length: count }, () => new Completion());
}
