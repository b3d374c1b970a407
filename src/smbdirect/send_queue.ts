/**
 * Messages waiting to be sent, and their fragmentation (MS-SMBD 3.1.5.1).
 *
 * @module
 */

/** No key to invalidate. */
export const NO_KEY: number = -1;

/** One message of the queue. */
class QueuedMessage {
  sent = 0;
  owned = false;
  constructor(public bytes: Uint8Array, readonly invalidateKey: number, readonly barrier: number) {}
}

/**
 * First in, first out; a message's fragments leave with nothing between them. What is pushed is borrowed until
 * {@linkcode own} copies what has not left yet, so that a message that leaves at once is copied once.
 */
export class SendQueue {
  #ring: (QueuedMessage | undefined)[];
  #first = 0;
  #messages = 0;
  #bytes = 0;

  /** Takes messages while fewer than `maxMessages` of fewer than `maxBytes` bytes in all wait. */
  constructor(
    /** Messages that may wait. */ readonly maxMessages: number,
    /** Bytes beyond which none is taken. */ readonly maxBytes: number,
  ) {
    this.#ring = new Array(Math.min(16, maxMessages));
  }

  /** Messages waiting, one partly sent included. */
  get messages(): number {
    return this.#messages;
  }

  /** Bytes not yet sent. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Whether another message is taken. */
  get hasRoom(): boolean {
    return this.#messages < this.maxMessages && this.#bytes < this.maxBytes;
  }

  /** Whether some fragments of the first message have left and others not: nothing else may be sent now. */
  get midMessage(): boolean {
    return this.#messages > 0 && this.#head.sent > 0;
  }

  /** What must have happened before the first message may leave, as `push` was told; -1 when there is none. */
  get barrier(): number {
    return this.#messages === 0 ? -1 : this.#head.barrier;
  }

  /** The key that the next fragment is to invalidate, or {@linkcode NO_KEY}: only a first fragment has one. */
  get invalidateKey(): number {
    return this.#head.sent === 0 ? this.#head.invalidateKey : NO_KEY;
  }

  /** Bytes of the first message not yet sent. */
  get headRemaining(): number {
    return this.#head.bytes.length - this.#head.sent;
  }

  get #head(): QueuedMessage {
    return this.#ring[this.#first] as QueuedMessage;
  }

  /** Appends a message of at least one byte; ask {@linkcode hasRoom} first. */
  push(message: Uint8Array, invalidateKey: number, barrier: number): void {
    if (this.#messages === this.#ring.length) this.#grow();
    this.#ring[(this.#first + this.#messages) % this.#ring.length] = new QueuedMessage(message, invalidateKey, barrier);
    this.#messages++;
    this.#bytes += message.length;
  }

  /** Copies the next `length` bytes of the first message to `at` of `out`, and drops the message after its last. */
  take(out: Uint8Array, at: number, length: number): void {
    const head = this.#head;
    const end = head.sent + length;
    out.set(head.sent === 0 && end === head.bytes.length ? head.bytes : head.bytes.subarray(head.sent, end), at);
    head.sent = end;
    this.#bytes -= length;
    if (end < head.bytes.length) return;
    this.#ring[this.#first] = undefined;
    this.#first = (this.#first + 1) % this.#ring.length;
    this.#messages--;
  }

  /** Copies what is left of the message pushed last, so that its bytes are the caller's again. */
  own(): void {
    if (this.#messages === 0) return;
    const last = this.#ring[(this.#first + this.#messages - 1) % this.#ring.length] as QueuedMessage;
    if (last.owned) return;
    last.owned = true;
    last.bytes = last.bytes.slice();
  }

  #grow(): void {
    const ring = new Array<QueuedMessage | undefined>(Math.min(this.#ring.length * 2, this.maxMessages));
    for (let i = 0; i < this.#messages; i++) ring[i] = this.#ring[(this.#first + i) % this.#ring.length];
    this.#ring = ring;
    this.#first = 0;
  }
}
