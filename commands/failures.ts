/**
 * What failed of a command that goes on with the rest: one line each.
 *
 * @module
 */
import { ConfigError, reasonOf, VerbenaError } from "../src/rdma/errors.ts";
import { type Context, OutputClosed, SilentFailure } from "./command.ts";
import { shown } from "./shown.ts";

/** The failures of one run of a command. */
export class Failures {
  readonly #command: string;
  readonly #context: Context;
  #count = 0;

  /** Reports them as the command's. */
  constructor(command: string, context: Context) {
    this.#command = command;
    this.#context = context;
  }

  /**
   * Reports one failure, after which the command goes on. Throws it where it cannot: arguments that make no sense, output
   * that nobody reads, and whatever came of being told to stop.
   */
  add(error: unknown): void {
    if (this.#context.stop.aborted) throw new VerbenaError("interrupted");
    if (error instanceof ConfigError || error instanceof OutputClosed) throw error;
    this.#count++;
    this.warn(reasonOf(error));
  }

  /** Reports what is no failure. */
  warn(line: string): void {
    this.#context.report(`verbena ${this.#command}: ${shown(line)}`);
  }

  /** Does something, and reports its failure. Throws as {@linkcode add} does. */
  async of(body: () => Promise<void>): Promise<void> {
    try {
      if (this.#context.stop.aborted) throw new VerbenaError("interrupted");
      await body();
    } catch (error) {
      this.add(error);
    }
  }

  /** Throws SilentFailure where anything failed. */
  end(): void {
    if (this.#context.stop.aborted) throw new VerbenaError("interrupted");
    if (this.#count > 0) throw new SilentFailure(`${this.#count} failed`);
  }
}
