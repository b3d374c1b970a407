/**
 * What posting a work request and polling a completion cost on this side of the library: the real classes, over a device
 * made of memory, whose every verb is libc's isascii(3), which is over at once. Prints nanoseconds as JSON. The argument
 * is how functions at addresses are reached: `shim` or `pointer`.
 *
 * @module
 */
import {
  functionsAt,
  ibv_wc_status,
  layout,
  NativeMemory,
  OPERATIONS,
  type Operations,
  type Reach,
} from "../ffi/mod.ts";
import {
  CompletionQueue,
  Context,
  ProtectionDomain,
  QueuePair,
  ReceiveBatch,
  SendBatch,
  WorkCompletions,
} from "../src/verbs/mod.ts";
import { quantile } from "./figures.ts";

/** Nanoseconds of each thing. */
export interface CallCosts {
  /** Writing a Send of one piece of memory into its batch. */
  readonly fillSend: number;
  /** Posting it, once written. */
  readonly callSend: number;
  /** Both. */
  readonly postSend: number;
  /** Writing a receive, and posting it. */
  readonly postReceive: number;
  /** Polling one completion. */
  readonly callPoll: number;
  /** Polling it, and reading its status, identifier, opcode and length. */
  readonly poll: number;
  /** The library function alone, with three arguments. */
  readonly bare: number;
}

const ROUNDS = 9;
/** Calls of a round; those through pointers take a hundred times as long. */
const COUNT = { shim: 2_000_000, pointer: 50_000 };

const { isascii } = Deno.dlopen("libc.so.6", { isascii: { type: "pointer" } }).symbols;
const address = Deno.UnsafePointer.value(isascii);

/** A device whose functions are reached as was asked for. */
class StandInContext extends Context {
  override readonly operations: Operations;

  constructor(reach: Reach) {
    super(contextMemory(), "stand-in", false);
    this.operations = functionsAt(OPERATIONS, functionAddresses(), reach);
  }
}

function functionAddresses(): Record<keyof typeof OPERATIONS, bigint> {
  const names = Object.keys(OPERATIONS) as (keyof typeof OPERATIONS)[];
  return Object.fromEntries(names.map((name) => [name, address])) as Record<keyof typeof OPERATIONS, bigint>;
}

// A `struct ibv_context`, its device behind it; both live as long as the program.
function contextMemory(): bigint {
  const { ibv_context: fields } = layout;
  const memory = new NativeMemory(fields.size + layout.ibv_device.size);
  memory.view.setBigUint64(fields.device, memory.address + BigInt(fields.size), true);
  for (const name of ["post_send", "post_recv", "post_srq_recv", "poll_cq", "req_notify_cq"] as const) {
    memory.view.setBigUint64(fields[`ops_${name}`], address, true);
  }
  for (const name of ["alloc_mw", "bind_mw", "dealloc_mw"] as const) {
    memory.view.setBigUint64(fields[`ops_${name}`], address, true);
  }
  return memory.address;
}

/** A completion queue that always has one: isascii says 1 to the handle 1. */
class StandInQueue extends CompletionQueue {
  constructor(context: Context) {
    super(context, 1n, undefined);
  }
}

/** A queue pair that takes everything: isascii says 0 to the address of its struct. */
class StandInQueuePair extends QueuePair {
  constructor(domain: ProtectionDomain, queue: CompletionQueue) {
    super(domain, new NativeMemory(layout.ibv_qp.size).address, { sendQueue: queue });
  }
}

function costs(reach: Reach): CallCosts {
  const context = new StandInContext(reach);
  const queue = new StandInQueue(context);
  const queuePair = new StandInQueuePair(new ProtectionDomain(context, 1n), queue);
  const send = new SendBatch(1);
  const receive = new ReceiveBatch(1);
  const completions = filledCompletions();
  const memory = new NativeMemory(4_096);
  const region = { at: memory.at, length: memory.length, localKey: 0x1234, disposed: false };
  const { handle } = queuePair;
  const { post_send: bare } = context.operations;
  let sum = 0;
  const measured = {
    fillSend: (id: number) => void send.reset().send(id).from(region, 0, 64),
    callSend: () => queuePair.postSend(send),
    postSend: (id: number) => queuePair.postSend(send.reset().send(id).from(region, 0, 64)),
    postReceive: (id: number) => queuePair.postReceive(receive.reset().receive(id).into(region, 0, 64)),
    callPoll: () => void (sum += queue.poll(completions)),
    poll: () => {
      const count = queue.poll(completions);
      for (let index = 0; index < count; index++) {
        if (completions.status(index) !== ibv_wc_status.IBV_WC_SUCCESS) throw new Error("a stand-in never fails");
        sum += completions.id(index) + completions.opcode(index) + completions.byteLength(index);
      }
    },
    bare: () => void (sum += bare(handle, send.address, send.refusedAddress)),
  };
  const times = Object.entries(measured).map(([name, run]): [string, number] => [name, nanoseconds(run, COUNT[reach])]);
  if (!Number.isFinite(sum)) throw new Error("the sum is there to be used");
  return Object.fromEntries(times) as unknown as CallCosts;
}

// Each loop is a function of its own, so that it is compiled for the one thing it calls.
function nanoseconds(run: (id: number) => void, count: number): number {
  const loop = new Function("run", "count", "for (let id = 0; id < count; id++) run(id);") as (
    run: (id: number) => void,
    count: number,
  ) => void;
  const rounds: number[] = [];
  for (let round = -2; round < ROUNDS; round++) { // the first two warm up
    const started = performance.now();
    loop(run, count);
    if (round >= 0) rounds.push((performance.now() - started) * 1e6 / count);
  }
  return quantile(rounds, 0.5);
}

function filledCompletions(): WorkCompletions {
  const completions = new WorkCompletions(16);
  const { ibv_wc: fields } = layout;
  const view = new DataView(new Deno.UnsafePointerView(pointerTo(completions.address)).getArrayBuffer(fields.size));
  view.setBigUint64(fields.wr_id, 7n, true);
  view.setUint32(fields.byte_len, 64, true);
  return completions;
}

function pointerTo(at: bigint): Deno.PointerObject {
  const pointer = Deno.UnsafePointer.create(at);
  if (pointer === null) throw new Error("memory is not at 0");
  return pointer;
}

// deno-lint-ignore no-console -- the figures are what it is for
if (import.meta.main) console.log(JSON.stringify(costs(Deno.args[0] === "pointer" ? "pointer" : "shim")));
