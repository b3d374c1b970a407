/**
 * Work completions, as verbs writes them.
 *
 * @module
 */
import { ibv_wc_status, layout, NativeMemory } from "../../ffi/mod.ts";
import { VerbsError } from "../rdma/errors.ts";

const WC = layout.ibv_wc;

/** What `ibv_poll_cq` fills: memory for some `struct ibv_wc`, made once and polled into again and again. */
export class WorkCompletions implements Disposable {
  /** Where it is. */
  readonly address: bigint;
  readonly #memory: NativeMemory;
  readonly #view: DataView<ArrayBuffer>;
  #disposed = false;

  /** Room for `capacity` completions. */
  constructor(/** Completions it holds. */ readonly capacity: number) {
    this.#memory = new NativeMemory(capacity * WC.size);
    this.address = this.#memory.address;
    this.#view = this.#memory.view;
  }

  /** The identifier given with the work request; exact up to 2^53. */
  id(index: number): number {
    const at = index * WC.size + WC.wr_id;
    return this.#view.getUint32(at, true) + this.#view.getUint32(at + 4, true) * 0x1_0000_0000;
  }

  /** The lower 32 bits of the identifier. */
  shortId(index: number): number {
    return this.#view.getUint32(index * WC.size + WC.wr_id, true);
  }

  /** How it ended, of `ibv_wc_status`. Where it is not success, only this, the identifier, queue pair and vendor error hold. */
  status(index: number): number {
    return this.#view.getInt32(index * WC.size + WC.status, true);
  }

  /** What completed, of `ibv_wc_opcode`. */
  opcode(index: number): number {
    return this.#view.getInt32(index * WC.size + WC.opcode, true);
  }

  /** The driver's own code of an error. */
  vendorError(index: number): number {
    return this.#view.getUint32(index * WC.size + WC.vendor_err, true);
  }

  /** Bytes received, of a receive; 40 of them are the global route header on unreliable datagrams. */
  byteLength(index: number): number {
    return this.#view.getUint32(index * WC.size + WC.byte_len, true);
  }

  /** Immediate data, where {@linkcode flags} has `IBV_WC_WITH_IMM`. */
  immediate(index: number): number {
    return this.#view.getUint32(index * WC.size + WC.imm_data); // the one field in network byte order
  }

  /** The key that the peer's Send withdrew, where {@linkcode flags} has `IBV_WC_WITH_INV`; rxe gives the kernel's number of it, 4. */
  invalidatedKey(index: number): number {
    return this.#view.getUint32(index * WC.size + WC.invalidated_rkey, true);
  }

  /** The number of the queue pair it is of. */
  queuePair(index: number): number {
    return this.#view.getUint32(index * WC.size + WC.qp_num, true);
  }

  /** The number of the queue pair that sent it, of a datagram. */
  sourceQueuePair(index: number): number {
    return this.#view.getUint32(index * WC.size + WC.src_qp, true);
  }

  /** An or of `ibv_wc_flags`. */
  flags(index: number): number {
    return this.#view.getUint32(index * WC.size + WC.wc_flags, true);
  }

  /** The address of one `struct ibv_wc`. */
  addressOf(index: number): bigint {
    return this.address + BigInt(index * WC.size);
  }

  /** Throws VerbsError once disposed: C would write where other memory may be by then. */
  ensureAlive(call: string): void {
    if (this.#disposed) throw new VerbsError(call, "disposed", "these WorkCompletions have been disposed");
  }

  /** Unmaps the memory. */
  [Symbol.dispose](): void {
    this.#disposed = true;
    this.#memory[Symbol.dispose]();
  }
}

const STATUS_NAMES = new Map<number, string>(
  Object.entries(ibv_wc_status).map(([name, value]) => [
    value,
    name.replace("IBV_WC_", "").toLowerCase().replaceAll("_", " "),
  ]),
);

/** A status in words, `rem access err`. */
export function workStatusText(status: number): string {
  return STATUS_NAMES.get(status) ?? `status ${status}`;
}
