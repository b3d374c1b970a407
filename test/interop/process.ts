/**
 * A program run beside the tests: its output in lines, its signals, its end. Only what was started here is ever ended.
 *
 * @module
 */
import { TextLineStream } from "./lines.ts";

/** Lines of each output that are kept for messages and searches; older ones are dropped. */
const LINES_KEPT = 10_000;
/** How long a program may take to end after a signal before it is killed, in milliseconds. */
const GRACE = 10_000;

/** How a program is started. */
export interface ProcessOptions {
  /** Its working directory. */
  cwd?: string;
  /** Variables added to the environment. */
  env?: Record<string, string>;
  /** What messages call it. */
  name?: string;
  /** What it reads on its standard input, which then ends. Default nothing. */
  input?: string;
}

/** A running program. Disposing it ends it by its process id. */
export class Process implements AsyncDisposable {
  /** Lines written to standard output so far. */
  readonly stdout: string[] = [];
  /** Lines written to standard error so far. */
  readonly stderr: string[] = [];
  /** Fulfilled when it has ended and all its output was read. */
  readonly ended: Promise<Deno.CommandStatus>;
  readonly #child: Deno.ChildProcess;
  readonly #name: string;
  #status: Deno.CommandStatus | undefined;
  #wake = Promise.withResolvers<void>();

  /** Starts `command`. */
  constructor(command: string, args: readonly string[], options: ProcessOptions = {}) {
    this.#name = options.name ?? command;
    this.#child = new Deno.Command(command, {
      args: [...args],
      stdin: options.input === undefined ? "null" : "piped",
      stdout: "piped",
      stderr: "piped",
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      ...(options.env === undefined ? {} : { env: options.env }),
    }).spawn();
    this.ended = this.#follow(options.input);
  }

  /** The process id. */
  get pid(): number {
    return this.#child.pid;
  }

  /** Whether it is still there. */
  get running(): boolean {
    return this.#status === undefined;
  }

  /** Sends a signal; nothing happens if it has ended. */
  signal(name: Deno.Signal): void {
    if (!this.running) return;
    try {
      this.#child.kill(name);
    } catch (error) {
      if (!(error instanceof TypeError)) throw error; // it has ended, and what it wrote is still being read
    }
  }

  /** The first line of either output, past or to come, that matches. Throws when it ends or `timeout` milliseconds pass first. */
  async line(pattern: RegExp, timeout = 60_000): Promise<RegExpMatchArray> {
    const deadline = performance.now() + timeout;
    for (;;) {
      const woken = this.#wake.promise;
      for (const text of [...this.stdout, ...this.stderr]) {
        const match = text.match(pattern);
        if (match) return match;
      }
      if (!this.running) throw new Error(`${this.#name} ended before it printed ${pattern}:\n${this.tail()}`);
      const left = deadline - performance.now();
      if (left <= 0) throw new Error(`${this.#name} did not print ${pattern} in ${timeout} ms:\n${this.tail()}`);
      await within(woken, left);
    }
  }

  /** Sends `name`, and SIGKILL if that does not end it in time; how it ended. */
  async stop(name: Deno.Signal = "SIGTERM", grace: number = GRACE): Promise<Deno.CommandStatus> {
    this.signal(name);
    await within(this.ended, grace);
    this.signal("SIGKILL");
    return await this.ended;
  }

  /** The last lines of both outputs, for messages. */
  tail(count = 20): string {
    return [...this.stdout.slice(-count), ...this.stderr.slice(-count)].join("\n");
  }

  /** Ends it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #follow(input: string | undefined): Promise<Deno.CommandStatus> {
    const [status] = await Promise.all([
      this.#child.status,
      input === undefined ? undefined : this.#give(input),
      this.#collect(this.#child.stdout, this.stdout),
      this.#collect(this.#child.stderr, this.stderr),
    ]);
    this.#status = status;
    this.#notify();
    return status;
  }

  async #give(input: string): Promise<void> {
    try {
      await new Blob([input]).stream().pipeTo(this.#child.stdin);
    } catch (error) {
      if (!(error instanceof Deno.errors.BrokenPipe)) throw error; // it ended without reading it all
    }
  }

  async #collect(stream: ReadableStream<Uint8Array<ArrayBuffer>>, lines: string[]): Promise<void> {
    for await (const line of stream.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream())) {
      lines.push(line);
      if (lines.length > LINES_KEPT) lines.splice(0, LINES_KEPT / 2);
      this.#notify();
    }
  }

  #notify(): void {
    this.#wake.resolve();
    this.#wake = Promise.withResolvers<void>();
  }
}

/** Runs a program to its end; its standard output. Throws with its standard error when it fails. */
export async function run(command: string, args: readonly string[], options: ProcessOptions = {}): Promise<string> {
  const child = new Process(command, args, options);
  const status = await child.ended;
  if (!status.success) throw new Error(`${command} ${args.join(" ")} ended with ${status.code}:\n${child.tail()}`);
  return child.stdout.join("\n");
}

/** Waits for `promise`, at most `timeout` milliseconds; whether it was fulfilled in time. */
export async function within(promise: Promise<unknown>, timeout: number): Promise<boolean> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<boolean>((resolve) => timer = setTimeout(() => resolve(false), timeout));
  try {
    return await Promise.race([promise.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Asks `probe` again and again until it gives something; throws with `what` after `timeout` milliseconds. */
export async function eventually<T>(
  what: string,
  probe: () => Promise<T | undefined>,
  timeout = 30_000,
): Promise<T> {
  const deadline = performance.now() + timeout;
  let last: unknown;
  for (;;) {
    try {
      const answer = await probe();
      if (answer !== undefined) return answer;
    } catch (error) {
      last = error;
    }
    if (performance.now() > deadline) throw new Error(`${what}: not within ${timeout} ms (${last ?? "no answer"})`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Ports of 127.0.0.1 that the system chose and that were free a moment ago. */
export function freePorts(count: number): number[] {
  const listeners = Array.from({ length: count }, () => Deno.listen({ hostname: "127.0.0.1", port: 0 }));
  const ports = listeners.map((listener) => listener.addr.port);
  for (const listener of listeners) listener.close();
  return ports;
}
