/**
 * What a receiver must make of a peer's stream, written from RFC 5040, 5041, 5044 and 7306 and not from src/iwarp: the
 * second opinion that tests compare it with. Rules that are broken at once are all named, since the RFCs put few of them in order: MPA's
 * come first, then the versions, by which all else is read.
 *
 * @module
 */
import { crc32c } from "../../src/rdma/crc32c.ts";
import { atomicResponse, concat, digits, tagged, u32, untagged } from "./frames.ts";

/** Memory as it must be. */
export interface Memory {
  stag: number;
  readonly address: bigint;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly rights: Readonly<Record<"write" | "read" | "invalidate" | "atomic", boolean>>;
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
  immediate?: number;
  /** Of an atomic: what its response must bear. */
  identifier?: number;
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
  /** Responses owed, in hexadecimal; whoever sees them leave takes them out. */
  readonly answers: string[] = [];
  /** Reads and atomics whose requests have left; the oldest first. */
  readonly asked: Posted[] = [];
  #rest = new Uint8Array(0);
  #spokenTo = false; // by a frame whose versions could be read
  #sendSequence = 1;
  #readSequence = 1; // of Read and Atomic Requests
  #atomicSequence = 1; // of Atomic Responses
  #answered = 0; // Atomic Responses of ours
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
    const broken = isTagged ? this.#brokenByTagged(frame) : this.#brokenByUntagged(frame);
    if (broken.length > 0) return this.#end(broken, ulpdu);
    if (isTagged) this.#carryOutTagged(frame);
    else this.#carryOutUntagged(frame);
  }

  #brokenByTagged(frame: Frame): string[] {
    const { opcode, stag, address, payload, last } = frame;
    if (opcode === 0) {
      if (payload.length === 0) return []; // names no memory
      const at = this.#reached(stag, address, payload.length, ["1100", "1101", "1103"]);
      return this.#find(stag)?.rights.write ?? true ? at : [...at, "0102"];
    }
    const read = this.asked[0];
    if (opcode !== 2 || read === undefined || read.identifier !== undefined) return ["0206"];
    const { memory, offset, room, length = 0 } = read;
    const ends = length + payload.length;
    const fits = address === memory.address + BigInt(offset + length) && ends <= room && last === (ends === room);
    return [...(stag === memory.stag ? [] : ["1100"]), ...(fits ? [] : ["1101"])];
  }

  #brokenByUntagged(frame: Frame): string[] {
    const { opcode, queue, sequence, messageOffset } = frame;
    const broken: string[] = [];
    const queues = [[3, 4, 5, 6, 8, 9], [1, 10], [7], [11]];
    if (queue > 3) broken.push("1201");
    if (!queues[queue]?.includes(opcode)) broken.push("0206");
    const due = [this.#sendSequence, this.#readSequence, undefined, this.#atomicSequence][queue];
    if (due === undefined) return broken;
    if (sequence !== due) broken.push("1203");
    if (messageOffset !== (queue === 0 ? this.#message?.offset ?? 0 : 0)) broken.push("1204");
    if (broken.includes("0206")) return broken;
    return [
      ...broken,
      ...[this.#brokenBySend, this.#brokenByRequest, undefined, this.#brokenByAnswer][queue]?.call(this, frame) ?? [],
    ];
  }

  #brokenBySend({ opcode, stag, last, payload, messageOffset }: Frame): string[] {
    const broken: string[] = [];
    if (this.#message !== undefined && this.#message.opcode !== opcode) broken.push("0206");
    const [receive] = this.receives;
    if (receive === undefined) broken.push("1202");
    if (opcode > 6) return last && payload.length === 8 ? broken : [...broken, "02ff"];
    if (receive !== undefined && messageOffset + payload.length > receive.room) broken.push("1205");
    const withdrawn = this.#find(stag);
    if (last && (opcode === 4 || opcode === 6) && withdrawn?.rights.invalidate !== true) broken.push("0109");
    return broken;
  }

  #brokenByRequest({ opcode, payload, last, view }: Frame): string[] {
    const size = opcode === 1 ? 28 : 52;
    if (!last || payload.length !== size || this.answers.length >= this.rules.ird) return ["02ff"];
    const word = (at: number) => view.getUint32(18 + at);
    if (opcode === 1 && word(12) === 0) return []; // names no memory
    const [stag, address, length, right] = opcode === 1
      ? [word(16), view.getBigUint64(38), word(12), "read" as const]
      : [word(8), view.getBigUint64(30), 8, "atomic" as const];
    const broken = this.#reached(stag, address, length, ["0100", "0101", "0104"]);
    if (this.#find(stag)?.rights[right] === false) broken.push("0102");
    if (opcode === 1) return broken;
    if (![0, 2].includes(word(0) & 15)) broken.push("02ff");
    return address % 8n === 0n ? broken : [...broken, "0207"];
  }

  #brokenByAnswer({ payload, last, view }: Frame): string[] {
    const identifier = this.asked[0]?.identifier;
    if (identifier === undefined) return ["0206"];
    return last && payload.length === 12 && view.getUint32(18) === identifier ? [] : ["02ff"];
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

  #carryOutUntagged(frame: Frame): void {
    const { opcode } = frame;
    if (opcode === 1) this.#carryOutRead(frame);
    else if (opcode === 10) this.#carryOutAtomic(frame);
    else if (opcode === 11) this.#takeAnswer(frame);
    else this.#carryOutSend(frame);
  }

  #carryOutSend({ opcode, stag, payload, last, messageOffset, view }: Frame): void {
    const receive = this.receives[0] as Posted;
    const isImmediate = opcode > 6;
    const end = isImmediate ? 0 : messageOffset + payload.length;
    if (!isImmediate) receive.memory.bytes.set(payload, receive.offset + messageOffset);
    this.#message = last ? undefined : { opcode, offset: end };
    if (!last) return;
    this.#sendSequence++;
    this.receives.shift();
    const key = opcode === 4 || opcode === 6 ? stag : 0;
    Object.assign(receive, { done: true, length: end, key, immediate: isImmediate ? view.getUint32(18) : 0 });
    if (key !== 0) (this.#find(stag) as Memory).valid = false;
  }

  #carryOutRead({ view }: Frame): void {
    this.#readSequence++;
    const [size, stag] = [view.getUint32(30), view.getUint32(34)];
    const memory = this.#find(stag);
    const from = memory === undefined ? 0 : Number(view.getBigUint64(38) - memory.address);
    const bytes = size === 0 ? new Uint8Array(0) : memory?.bytes.subarray(from, from + size);
    const sink = { stag: view.getUint32(18), address: view.getBigUint64(22) };
    this.answers.push(digits(tagged({ opcode: 2, ...sink }, bytes)));
  }

  #carryOutAtomic({ view }: Frame): void {
    this.#readSequence++;
    const { bytes, address } = this.#find(view.getUint32(26)) as Memory;
    const target = new DataView(bytes.buffer, Number(view.getBigUint64(30) - address), 8);
    const old = target.getBigUint64(0, true);
    const [value, mask, compare, compareMask] = [38, 46, 54, 62].map((at) => view.getBigUint64(at));
    const adds = (view.getUint32(18) & 15) === 0;
    const result = adds
      ? maskedSum(old, value as bigint, mask as bigint)
      : (old ^ (compare as bigint)) & (compareMask as bigint);
    if (adds) target.setBigUint64(0, result, true);
    else if (result === 0n) {
      target.setBigUint64(0, old & ~(mask as bigint) | (value as bigint) & (mask as bigint), true);
    }
    const answer = atomicResponse(view.getUint32(22), old);
    this.answers.push(digits(untagged({ opcode: 11, queue: 3, sequence: ++this.#answered }, answer)));
  }

  #takeAnswer({ view }: Frame): void {
    this.#atomicSequence++;
    const request = this.asked.shift() as Posted;
    Object.assign(request, { done: true, length: 8 });
    new DataView(request.memory.bytes.buffer).setBigUint64(request.offset, view.getBigUint64(22), true);
  }
}

/** A sum in which a carry ends at each bit that the mask has (RFC 7306 §5.1.1). */
function maskedSum(a: bigint, b: bigint, mask: bigint): bigint {
  let sum = 0n;
  let carry = 0n;
  for (let bit = 0n; bit < 64n; bit++) {
    const digits = (a >> bit & 1n) + (b >> bit & 1n) + carry;
    sum |= (digits & 1n) << bit;
    carry = (mask >> bit & 1n) === 1n ? 0n : digits >> 1n;
  }
  return sum;
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
  /** Of the whole ULPDU. */
  readonly view: DataView<ArrayBuffer>;

  constructor(ulpdu: Uint8Array<ArrayBuffer>, isTagged: boolean) {
    const view = new DataView(ulpdu.buffer);
    this.view = view;
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
