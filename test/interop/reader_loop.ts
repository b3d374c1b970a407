/**
 * Readers that never rest: each reads a random range of a random needle, checks every byte, and counts how it went.
 *
 * @module
 */
import type { Needle } from "./corpus.ts";
import { eventually } from "./process.ts";
import type { Random } from "../random.ts";
import type { Serve } from "./service.ts";

/** The longest range asked for. */
const LONGEST = 1024 * 1024;
/** How long a reader rests after a refusal, in milliseconds: an open circuit answers at once. */
const REST = 20;

/** The loop; it reads from its construction to its disposal. */
export class ReaderLoop implements AsyncDisposable {
  /** Reads that gave the right bytes. */
  right = 0;
  /** Refusals, by HTTP status. */
  readonly refused = new Map<number, number>();
  /** What must never happen, one line each: wrong bytes, a broken answer, a hang, a 503 without Retry-After. */
  readonly violations: string[] = [];
  readonly #readers: Promise<void>[];
  #stopped = false;

  /** Starts `readers` readers. A read that takes longer than `patience` milliseconds counts as a hang. */
  constructor(
    private readonly serve: Serve,
    private readonly needles: readonly Needle[],
    private readonly random: Random,
    private readonly patience: number,
    readers = 4,
  ) {
    this.#readers = Array.from({ length: readers }, () => this.#read());
  }

  /** All refusals. */
  get refusals(): number {
    return [...this.refused.values()].reduce((sum, count) => sum + count, 0);
  }

  /** Resolves when `count` more reads were right. */
  async moreRight(count: number, timeout = 60_000): Promise<void> {
    const goal = this.right + count;
    await eventually(
      `${count} more right reads (so far ${this})`,
      () => Promise.resolve(this.right >= goal || undefined),
      timeout,
    );
  }

  /** Resolves when `count` more reads were refused. */
  async moreRefused(count: number, timeout = 60_000): Promise<void> {
    const goal = this.refusals + count;
    await eventually(
      `${count} more refusals (so far ${this})`,
      () => Promise.resolve(this.refusals >= goal || undefined),
      timeout,
    );
  }

  /** Resolves when every read that was under way has ended, and no other begins. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#readers);
  }

  /** `120 right, 503: 4`. */
  toString(): string {
    return [`${this.right} right`, ...[...this.refused].map(([status, count]) => `${status}: ${count}`)].join(", ");
  }

  /** Stops. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #read(): Promise<void> {
    while (!this.#stopped) {
      const needle = this.random.pick(this.needles);
      const { offset, size } = this.random.range(needle.bytes.length);
      const status = await this.#one(needle, offset, Math.min(size, LONGEST));
      if (status !== 200) await new Promise((resolve) => setTimeout(resolve, REST));
    }
  }

  async #one(needle: Needle, offset: number, size: number): Promise<number> {
    const what = `${needle.fileId} [${offset}, +${size})`;
    try {
      const answer = await this.serve.read(needle.fileId, offset, size, AbortSignal.timeout(this.patience));
      const body = new Uint8Array(await answer.arrayBuffer());
      if (answer.status === 200) {
        const wrong = firstDifference(body, needle.bytes.subarray(offset, offset + size));
        if (wrong === undefined) this.right++;
        else this.violations.push(`${what}: ${wrong}`);
      } else {
        this.refused.set(answer.status, (this.refused.get(answer.status) ?? 0) + 1);
        if (answer.status === 503 && answer.headers.get("retry-after") === null) {
          this.violations.push(`${what}: 503 without Retry-After`);
        }
      }
      return answer.status;
    } catch (error) {
      this.violations.push(`${what}: ${error}`);
      return 0;
    }
  }
}

/** Where two byte strings part, in words; undefined when they are equal. */
export function firstDifference(got: Uint8Array, expected: Uint8Array): string | undefined {
  if (got.length !== expected.length) return `${got.length} bytes instead of ${expected.length}`;
  for (let i = 0; i < got.length; i++) if (got[i] !== expected[i]) return `byte ${i} is wrong`;
  return undefined;
}
