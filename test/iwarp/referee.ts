/**
 * What a receiver must make of a peer's stream, written from the RFCs and not from src/iwarp: the second opinion that
 * tests compare it with. Rules that are broken at once are all named, since the RFCs put few of them in order: MPA's
 * come first, then the versions, by which all else is read.
 *
 * @module
 */
import { crc32c } from "../../src/rdma/crc32c.ts";
import { concat, digits, tagged, u32 } from "./frames.ts";

/** Memory as it must be. */
export interface Memory {
  stag: number;
  readonly address: bigint;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly rights: { readonly write: boolean; readonly read: boolean; readonly invalidate: boolean };
  valid: boolean;
}

/** A request posted, and how it must have ended: `length` is undefined of one that failed. */
export interface Posted {
  readonly id: number;
  readonly memory: Memory;
  readonly offset: number;
  readonly room: number;
  done: boolean;
  length?: number;
  key?: number;
}

/** Why the stream is over. */
export interface Verdict {
  /** The Terminates, any of which is right; the first two bytes of their control words. None: no word may be said. */
  readonly controls: readonly string[];
  /** The ULPDU they speak of, unless nothing in it can be believed. */
  readonly frame?: Uint8Array;
}

/** The referee. */
export class Referee {
  /** Set once the stream is over. */
  verdict: Verdict | undefined;
  /** Read Responses owed, in hexadecimal; whoever sees them leave takes them out. */
  readonly answers: string[] = [];
  /** Reads whose requests have left; the oldest first. */
  readonly asked: Posted[] = [];
  /** A frame came that RFC 7306 defines, of which this referee knows nothing: nothing follows from it here. */
  undecided = false;
  #rest = new Uint8Array(0);
  #spokenTo = false; // by a frame whose versions could be read
  #sendSequence = 1;
  #readSequence = 1;
  #message: { opcode: number; offset: number } | undefined; // a Send whose last segment is to come
  #writeOpen = false;

  constructor(
    readonly memories: readonly Memory[],
    /** Posted receives, the oldest first. */ readonly receives: Posted[],
    readonly rules: { crc: boolean; responder: boolean; ird: number },
  ) {}

  /** Whether an FPDU is not yet whole. */
  get waits(): boolean {
    return this.#rest.length > 0;
  }

  /** Whether the stream may end here in order, as far as what came is concerned. */
  get settled(): boolean {
    return this.#rest.length === 0 && this.#message === undefined && !this.#writeOpen;
  }

  /** Takes bytes as they come (RFC 5044 §4). */
  feed(bytes: Uint8Array): void {
    const stream = concat(this.#rest, bytes);
    let at = 0;
    while (this.verdict === undefined && stream.length - at >= 2) {
      const length = (stream[at] ?? 0) << 8 | (stream[at + 1] ?? 0);
      const covered = at + Math.ceil((2 + length) / 4) * 4;
      if (stream.length < covered + 4) break;
      const found = digits(stream.subarray(covered, covered + 4).toReversed());
      if (this.rules.crc && found !== u32(crc32c(stream.subarray(at, covered)))) this.#end(["2002"]);
      else this.#take(stream.slice(at + 2, at + 2 + length));
      at = covered + 4;
    }
    this.#rest = stream.slice(at);
  }

  #end(controls: Iterable<string>, frame?: Uint8Array): void {
    // A responder to whom nothing readable was said may not speak (RFC 5044 §7.1.2).
    const mute = this.rules.responder && !this.#spokenTo;
    this.verdict = { controls: mute ? [] : [...controls], ...(frame === undefined ? {} : { frame }) };
  }

  #take(ulpdu: Uint8Array<ArrayBuffer>): void {
    const [ddp = 0, rdmap = 0] = ulpdu;
    const isTagged = ddp >= 0x80;
    if (ulpdu.length < (isTagged ? 14 : 18)) return this.#end(["2003"]);
    if (ddp % 4 !== 1) return this.#end([isTagged ? "1104" : "1206"], ulpdu);
    if (rdmap >> 6 !== 1) return this.#end(["0205"], ulpdu);
    this.#spokenTo = true;
    const frame = new Frame(ulpdu, isTagged);
    if (!isTagged && frame.queue === 2 && frame.opcode === 7) return this.#end([]); // the peer's own Terminate
    if (!isTagged && [[8, 9], [10], [], [11]][frame.queue]?.includes(frame.opcode)) {
      this.undecided = true;
      return this.#end([]);
    }
    const broken = isTagged ? this.#brokenByTagged(frame) : this.#brokenByUntagged(frame);
    if (broken.length > 0) return this.#end(broken, ulpdu);
    if (isTagged) this.#carryOutTagged(frame);
    else if (frame.queue === 1) this.#carryOutRead(frame);
    else this.#carryOutSend(frame);
  }

  #brokenByTagged(frame: Frame): string[] {
    const { opcode, stag, address, payload, last } = frame;
    if (opcode === 0) {
      if (payload.length === 0) return []; // names no memory
      const at = this.#reached(stag, address, payload.length, ["1100", "1101", "1103"]);
      return this.#find(stag)?.rights.write ?? true ? at : [...at, "0102"];
    }
    const read = this.asked[0];
    if (opcode !== 2 || read === undefined) return ["0206"];
    const { memory, offset, room, length = 0 } = read;
    const ends = length + payload.length;
    const fits = address === memory.address + BigInt(offset + length) && ends <= room && last === (ends === room);
    return [...(stag === memory.stag ? [] : ["1100"]), ...(fits ? [] : ["1101"])];
  }

  #brokenByUntagged({ opcode, queue, sequence, messageOffset, stag, last, payload }: Frame): string[] {
    const broken: string[] = [];
    const queues = [[3, 4, 5, 6], [1], [7]];
    if (queue > 2) broken.push("1201");
    if (queue === 3) broken.push("0206"); // RFC 7306 knows it
    else if (!queues[queue]?.includes(opcode)) broken.push("0206");
    if (queue > 1) return broken;
    if (sequence !== (queue === 0 ? this.#sendSequence : this.#readSequence)) broken.push("1203");
    const due = queue === 0 ? this.#message?.offset ?? 0 : 0;
    if (messageOffset !== due) broken.push("1204");
    if (queue === 1) return [...broken, ...(opcode === 1 ? this.#brokenByRead(payload, last) : [])];
    if (this.#message !== undefined && this.#message.opcode !== opcode) broken.push("0206");
    const [receive] = this.receives;
    if (receive === undefined) broken.push("1202");
    else if (messageOffset + payload.length > receive.room) broken.push("1205");
    const withdrawn = this.#find(stag);
    if (last && (opcode === 4 || opcode === 6) && withdrawn?.rights.invalidate !== true) broken.push("0109");
    return broken;
  }

  #brokenByRead(payload: Uint8Array<ArrayBuffer>, last: boolean): string[] {
    if (!last || payload.length !== 28 || this.answers.length >= this.rules.ird) return ["02ff"];
    const view = new DataView(payload.buffer, payload.byteOffset);
    const size = view.getUint32(12);
    if (size === 0) return []; // names no memory
    const stag = view.getUint32(16);
    const at = this.#reached(stag, view.getBigUint64(20), size, ["0100", "0101", "0104"]);
    return this.#find(stag)?.rights.read ?? true ? at : [...at, "0102"];
  }

  #find(stag: number): Memory | undefined {
    return this.memories.find((each) => each.stag === stag && each.valid);
  }

  #reached(stag: number, address: bigint, length: number, [unknown, outside, wraps]: [string, string, string]) {
    const memory = this.#find(stag);
    if (memory === undefined) return [unknown];
    const end = address + BigInt(length);
    if (end > 1n << 64n) return [wraps, outside];
    return address < memory.address || end > memory.address + BigInt(memory.bytes.length) ? [outside] : [];
  }

  #carryOutTagged({ opcode, stag, address, payload, last }: Frame): void {
    if (opcode === 0) {
      this.#writeOpen = !last;
      const memory = this.#find(stag);
      if (memory !== undefined && payload.length > 0) memory.bytes.set(payload, Number(address - memory.address));
      return;
    }
    const read = this.asked[0] as Posted;
    const { memory, offset, length = 0 } = read;
    memory.bytes.set(payload, offset + length);
    read.length = length + payload.length;
    if (!last) return;
    read.done = true;
    this.asked.shift();
  }

  #carryOutSend({ opcode, stag, payload, last, messageOffset }: Frame): void {
    const receive = this.receives[0] as Posted;
    const end = messageOffset + payload.length;
    receive.memory.bytes.set(payload, receive.offset + messageOffset);
    this.#message = last ? undefined : { opcode, offset: end };
    if (!last) return;
    this.#sendSequence++;
    this.receives.shift();
    Object.assign(receive, { done: true, length: end, key: opcode === 4 || opcode === 6 ? stag : 0 });
    if (receive.key !== 0) (this.#find(stag) as Memory).valid = false;
  }

  #carryOutRead({ payload }: Frame): void {
    this.#readSequence++;
    const view = new DataView(payload.buffer, payload.byteOffset);
    const [size, stag] = [view.getUint32(12), view.getUint32(16)];
    const memory = this.#find(stag);
    const from = memory === undefined ? 0 : Number(view.getBigUint64(20) - memory.address);
    const bytes = size === 0 ? new Uint8Array(0) : memory?.bytes.subarray(from, from + size);
    const sink = { stag: view.getUint32(0), address: view.getBigUint64(4) };
    this.answers.push(digits(tagged({ opcode: 2, ...sink }, bytes)));
  }
}

/** A ULPDU's header (RFC 5041 §4.2 and §4.3, RFC 5040 §4.1). */
class Frame {
  readonly last: boolean;
  readonly opcode: number;
  readonly stag: number;
  readonly address: bigint;
  readonly queue: number;
  readonly sequence: number;
  readonly messageOffset: number;
  readonly payload: Uint8Array<ArrayBuffer>;

  constructor(ulpdu: Uint8Array<ArrayBuffer>, isTagged: boolean) {
    const view = new DataView(ulpdu.buffer);
    this.last = (view.getUint8(0) & 0x40) !== 0;
    this.opcode = view.getUint8(1) % 16;
    this.stag = view.getUint32(2);
    this.address = view.getBigUint64(6);
    this.queue = view.getUint32(6);
    this.sequence = view.getUint32(10);
    this.messageOffset = isTagged ? 0 : view.getUint32(14);
    this.payload = ulpdu.subarray(isTagged ? 14 : 18);
  }
}

/** The Terminate that answers `frame` with `control`, in hexadecimal (RFC 5040 §4.8). */
export function terminateOf(control: string, frame: Uint8Array | undefined): string {
  const head = `4147${u32(0)}${u32(2)}${u32(1)}${u32(0)}${control}`;
  if (frame === undefined) return `${head}0000`;
  const isTagged = (frame[0] ?? 0) >= 0x80;
  const isRead = !isTagged && (frame[1] ?? 0) % 16 === 1 && frame.length >= 46;
  const quoted = isTagged ? 14 : isRead ? 46 : 18;
  const length = frame.length.toString(16).padStart(4, "0");
  return `${head}${isRead ? "e0" : "c0"}00${length}${digits(frame.subarray(0, quoted))}`;
}
