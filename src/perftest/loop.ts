/**
 * Loops that spin, and let the program's event loop have its turn now and then.
 *
 * @module
 */
import { setImmediate } from "node:timers";
import { VerbsError } from "../rdma/errors.ts";

/** How long a loop spins between two turns of the event loop, in milliseconds. */
const SLICE = 100;

/** How a loop is run. */
export interface LoopOptions {
  /** What errors call it. */
  readonly call: string;
  /** How long it may go without progress, in milliseconds. */
  readonly timeout: number;
  /** Ends it, with its reason. */
  readonly signal?: AbortSignal;
}

/** A loop whose state outlives its slices. */
export abstract class Loop {
  /** Milliseconds that other things of the program took, to be left out of what is measured. */
  protected paused = 0;

  /** A number that changes whenever something was achieved. */
  protected abstract get progress(): number;

  /** Goes on until it is done, and returns true; or at least until `until`, by the program's clock. */
  protected abstract slice(until: number): boolean;

  /** Runs it to its end. Throws VerbsError with code `timeout`, and what the slices throw. */
  async run({ call, timeout, signal }: LoopOptions): Promise<void> {
    let progress = this.progress;
    let since = performance.now();
    while (!this.slice(performance.now() + SLICE)) {
      const stopped = performance.now();
      if (this.progress !== progress) {
        progress = this.progress;
        since = stopped;
      } else if (stopped - since > timeout) {
        throw new VerbsError(call, "timeout", `nothing moved for ${timeout} ms`);
      }
      await turn();
      if (signal?.aborted) {
        if (this.slice(0)) return; // what came before the end counts
        throw signal.reason;
      }
      this.paused += performance.now() - stopped;
    }
  }

  /** The program's clock less what was paused. */
  protected now(): number {
    return performance.now() - this.paused;
  }
}

/** One turn of the event loop. */
export function turn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}
