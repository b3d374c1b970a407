/**
 * The process's streams as commands are offered them: output whose reader may go, a line that is shown anew, and a
 * question whose answer is not shown.
 *
 * @module
 */
import { VerbenaError } from "../src/rdma/errors.ts";
import { OutputClosed, type Terminal } from "./command.ts";

/** A stream to write to. */
export interface Output {
  /** Writes some of `bytes` and returns how many. */
  writeSync(bytes: Uint8Array): number;
  /** Writes some of `bytes` and resolves to how many. */
  write(bytes: Uint8Array): Promise<number>;
  /** Whether it is a terminal. */
  isTerminal(): boolean;
}

/** A stream to read from. */
export interface Input {
  /** Reads some bytes; null at the end. */
  read(into: Uint8Array): Promise<number | null>;
  /** Whether it is a terminal. */
  isTerminal(): boolean;
  /** Has a terminal hand on each key at once and show none, or ends that. */
  setRaw(raw: boolean): void;
}

/** Standard output and error, and what is shown there now. */
export class Console {
  readonly #output: Output;
  readonly #errors: Output;
  readonly #columns: () => number;
  #shown = false;

  /** Writes to these; `columns` tells the width of the terminal that the second is. */
  constructor(output: Output, errors: Output, columns: () => number) {
    this.#output = output;
    this.#errors = errors;
    this.#columns = columns;
  }

  /** Where progress is shown; undefined where errors go to a file or another program. */
  get terminal(): Terminal | undefined {
    if (!this.#errors.isTerminal()) return undefined;
    const columns = this.#columns;
    return {
      get columns(): number {
        return columns();
      },
      show: (line) => this.#show(line),
    };
  }

  /** Writes a line to standard output. Throws OutputClosed. */
  print(line: string): void {
    this.#show("");
    try {
      writeAll(this.#output, `${line}\n`);
    } catch (error) {
      throw outputError(error);
    }
  }

  /** Writes a line to standard error. */
  report(line: string): void {
    this.#show("");
    writeAll(this.#errors, `${line}\n`);
  }

  /** Writes bytes to standard output. Rejects with OutputClosed. */
  async writeBytes(bytes: Uint8Array): Promise<void> {
    this.#show("");
    try {
      for (let rest = bytes; rest.length > 0;) rest = rest.subarray(await this.#output.write(rest));
    } catch (error) {
      throw outputError(error);
    }
  }

  #show(line: string): void {
    if (!this.#shown && line === "") return;
    this.#shown = line !== "";
    writeAll(this.#errors, `\r\x1b[K${line}`);
  }

  /** Asks on the terminal that `input` is; undefined where it is none. Rejects when the answer is broken off. */
  async askSecret(question: string, input: Input): Promise<string | undefined> {
    if (!input.isTerminal() || !this.#errors.isTerminal()) return undefined;
    this.#show("");
    writeAll(this.#errors, question);
    input.setRaw(true);
    try {
      return await readSecret(input);
    } finally {
      input.setRaw(false);
      writeAll(this.#errors, "\n");
    }
  }
}

function writeAll(output: Output, text: string): void {
  let bytes = new TextEncoder().encode(text);
  while (bytes.length > 0) bytes = bytes.subarray(output.writeSync(bytes));
}

function outputError(error: unknown): unknown {
  return error instanceof Deno.errors.BrokenPipe ? new OutputClosed("standard output: nobody reads it") : error;
}

/** Longest answer, in bytes. */
const MAX_SECRET = 4096;

// A raw terminal hands on what it would else have acted upon: Ctrl-C and Ctrl-D, Backspace, Ctrl-U.
async function readSecret(input: Input): Promise<string> {
  const keys = new Uint8Array(256);
  let answer: number[] = [];
  for (;;) {
    const count = await input.read(keys);
    if (count === null) throw new VerbenaError("no answer was given");
    for (const key of keys.subarray(0, count)) {
      if (key === 0x0d || key === 0x0a) return new TextDecoder().decode(Uint8Array.from(answer));
      if (key === 0x03 || key === 0x04) throw new VerbenaError("no answer was given");
      if (key === 0x7f || key === 0x08) dropCharacter(answer);
      else if (key === 0x15) answer = [];
      else if (answer.length < MAX_SECRET) answer.push(key);
    }
  }
}

/** Takes the last character of UTF-8 away, all of its bytes. */
function dropCharacter(bytes: number[]): void {
  while (((bytes.pop() ?? 0) & 0xc0) === 0x80);
}
