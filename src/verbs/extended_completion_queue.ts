/**
 * Extended completion queues: completions are read one at a time, through functions of the queue's own, and only those
 * fields that were asked for. Deno pays for each call, so the plain kind is the faster one; this kind has what it has not,
 * hardware timestamps above all.
 *
 * @module
 */
import {
  errno,
  errnoName,
  EXTENDED_POLLING,
  type ExtendedPolling,
  extendedPolling,
  ibv_create_cq_wc_flags,
  layout,
  prepareErrno,
  Struct,
  viewAt,
} from "../../ffi/mod.ts";
import { VerbsError } from "../rdma/errors.ts";
import type { CompletionChannel } from "./completion_channel.ts";
import { CompletionQueue, type CompletionQueueOptions } from "./completion_queue.ts";
import type { Context } from "./context.ts";
import { verbsFailure } from "./failure.ts";
import { networkOrder } from "./request_builder.ts";
import type { WorkCompletions } from "./work_completions.ts";

const CQ = layout.ibv_cq_ex;
const INIT = layout.ibv_cq_init_attr_ex;
const FIELDS = ibv_create_cq_wc_flags;
/** What a plain completion has (`IBV_WC_STANDARD_FLAGS`). */
const STANDARD = FIELDS.IBV_WC_EX_WITH_BYTE_LEN | FIELDS.IBV_WC_EX_WITH_IMM | FIELDS.IBV_WC_EX_WITH_QP_NUM |
  FIELDS.IBV_WC_EX_WITH_SRC_QP | FIELDS.IBV_WC_EX_WITH_SLID | FIELDS.IBV_WC_EX_WITH_SL |
  FIELDS.IBV_WC_EX_WITH_DLID_PATH_BITS;
/** Bytes of `struct ibv_cq_ex` up to the functions. */
const HEAD_SIZE = CQ.start_poll;

/** How an extended completion queue is made. */
export interface ExtendedCompletionQueueOptions extends CompletionQueueOptions {
  /** The fields that will be read, an or of `ibv_create_cq_wc_flags`. Default: all that plain completions have. */
  fields?: number;
}

/**
 * An extended completion queue. {@linkcode start} it, read the completion, {@linkcode next} as long as there are more,
 * and {@linkcode end} it: until then the queue is locked, and nothing else may be done with it.
 */
export class ExtendedCompletionQueue extends CompletionQueue {
  readonly #functions: Required<ExtendedPolling>;
  readonly #view: DataView<ArrayBuffer>;
  readonly #nothing = new Uint8Array(layout.ibv_poll_cq_attr.size);
  #polling = false;
  #locked = false;

  /** Creates one on an open device. Throws VerbsError. */
  static override create(context: Context, options: ExtendedCompletionQueueOptions): ExtendedCompletionQueue {
    const { entries, channel, vector = 0, fields = STANDARD } = options;
    const { create_cq_ex: create } = context.extended;
    const call = `ibv_create_cq_ex(${context.deviceName}, ${entries} entries)`;
    if (create === undefined) throw new VerbsError(call, "EOPNOTSUPP", "this device has none: make a plain one");
    channel?.ensureAlive(call);
    const attributes = new Struct(INIT.size);
    attributes.view.setUint32(INIT.cqe, entries, true);
    attributes.view.setBigUint64(INIT.channel, channel?.handle ?? 0n, true);
    attributes.view.setUint32(INIT.comp_vector, vector, true);
    attributes.view.setBigUint64(INIT.wc_flags, BigInt(fields), true);
    prepareErrno();
    const handle = create(context.handle, attributes.bytes);
    if (handle === 0n) throw verbsFailure(call, errno());
    return new ExtendedCompletionQueue(context, handle, channel);
  }

  /** Takes a `struct ibv_cq_ex *`. */
  protected constructor(context: Context, handle: bigint, channel: CompletionChannel | undefined) {
    super(context, handle, channel);
    this.#view = viewAt(handle, HEAD_SIZE);
    this.#functions = withRefusals(extendedPolling(handle));
  }

  /** Goes to the first completion and locks the queue; false when none waits, and it is not locked then. */
  start(): boolean {
    this.#ensureUnlocked("ibv_start_poll");
    this.#polling = this.#begin();
    return this.#polling;
  }

  /**
   * Goes to the next completion; false when there is none, and the last one cannot be read any more then.
   * {@linkcode end} comes after it either way.
   */
  next(): boolean {
    this.#ensureLocked("ibv_next_poll");
    // ibv_next_poll is not for us: up to release 58 rxe's library unlocks the queue in it where there is no more, and
    // ibv_end_poll, which comes after it, then does so again and goes past the end
    this.#finish();
    return this.#begin();
  }

  /** Gives the completions read back, and unlocks the queue. */
  end(): void {
    this.ensureAlive("ibv_end_poll");
    if (!this.#polling) throw notStarted("ibv_end_poll");
    this.#polling = false;
    if (this.#locked) this.#finish();
  }

  /** The identifier given with the work request; exact up to 2^53. */
  get id(): number {
    this.#ensureLocked("ibv_cq_ex.wr_id");
    return this.#view.getUint32(CQ.wr_id, true) + this.#view.getUint32(CQ.wr_id + 4, true) * 0x1_0000_0000;
  }

  /** How it ended, of `ibv_wc_status`. */
  get status(): number {
    this.#ensureLocked("ibv_cq_ex.status");
    return this.#view.getInt32(CQ.status, true);
  }

  /** What completed, of `ibv_wc_opcode`. */
  get opcode(): number {
    return this.#read("read_opcode");
  }

  /** The driver's own code of an error. */
  get vendorError(): number {
    return this.#read("read_vendor_err");
  }

  /** An or of `ibv_wc_flags`. */
  get flags(): number {
    return this.#read("read_wc_flags");
  }

  /** Bytes received. */
  get byteLength(): number {
    return this.#read("read_byte_len");
  }

  /** Immediate data, where {@linkcode flags} has `IBV_WC_WITH_IMM`. */
  get immediate(): number {
    return networkOrder(this.#read("read_imm_data"));
  }

  /** The key that the peer's Send withdrew, where {@linkcode flags} has `IBV_WC_WITH_INV`. */
  get invalidatedKey(): number {
    return this.#read("read_imm_data");
  }

  /** The number of the queue pair it is of. */
  get queuePair(): number {
    return this.#read("read_qp_num");
  }

  /** The number of the queue pair that sent it, of a datagram. */
  get sourceQueuePair(): number {
    return this.#read("read_src_qp");
  }

  /** When it completed, by the device's clock. */
  get timestamp(): bigint {
    this.#ensureLocked("ibv_wc_read_completion_ts");
    return this.#functions.read_completion_ts(this.handle);
  }

  /** When it completed, in nanoseconds of the day. */
  get wallClock(): bigint {
    this.#ensureLocked("ibv_wc_read_completion_wallclock_ns");
    return this.#functions.read_completion_wallclock_ns(this.handle);
  }

  /** Polls as a plain completion queue does. */
  override poll(completions: WorkCompletions): number {
    this.#ensureUnlocked("ibv_poll_cq");
    return super.poll(completions);
  }

  /** Makes it hold another number of completions. */
  override resize(entries: number): void {
    this.#ensureUnlocked("ibv_resize_cq");
    super.resize(entries);
  }

  /** Gives it back. */
  protected override destroy(): void {
    if (this.#polling) this.end();
    super.destroy();
    this.#view.buffer.transfer();
  }

  #begin(): boolean {
    const result = this.#functions.start_poll(this.handle, this.#nothing);
    this.#locked = result === 0;
    if (this.#locked || errnoName(result) === "ENOENT") return this.#locked;
    throw verbsFailure("ibv_start_poll", result);
  }

  #finish(): void {
    this.#locked = false;
    this.#functions.end_poll(this.handle);
  }

  #read(field: NumericReader): number {
    this.#ensureLocked(`ibv_wc_${field}`);
    return this.#functions[field](this.handle);
  }

  #ensureLocked(call: string): void {
    this.ensureAlive(call);
    if (!this.#locked) throw notStarted(call);
  }

  // The lock is a spin lock: whoever asks for it a second time on this thread spins for ever.
  #ensureUnlocked(call: string): void {
    this.ensureAlive(call);
    if (this.#polling) throw new VerbsError(call, "EBUSY", "completions are being read: end() comes first");
  }
}

type NumericReader =
  | "read_opcode"
  | "read_vendor_err"
  | "read_wc_flags"
  | "read_byte_len"
  | "read_imm_data"
  | "read_qp_num"
  | "read_src_qp";

// Functions that the queue does not have throw instead of being undefined.
function withRefusals(functions: ExtendedPolling): Required<ExtendedPolling> {
  const refusals = Object.keys(EXTENDED_POLLING).map((name) => [name, () => {
    throw new VerbsError(`ibv_wc_${name}`, "EOPNOTSUPP", "ask for the field when the queue is made");
  }]);
  return { ...Object.fromEntries(refusals), ...functions } as Required<ExtendedPolling>;
}

function notStarted(call: string): VerbsError {
  return new VerbsError(call, "EINVAL", "there is no completion to read: start() comes first");
}
