/**
 * The world around a command that a test runs in its own process.
 *
 * @module
 */
import type { Context, Terminal } from "../../commands/command.ts";

/** What a command says, and how it is told to stop. */
export class Outside implements Context {
  readonly printed: string[] = [];
  readonly reported: string[] = [];
  readonly written: Uint8Array[] = [];
  readonly variables = new Map<string, string>();
  readonly questions: string[] = [];
  readonly terminal: Terminal | undefined = undefined;
  /** What is answered to a question; undefined for nobody. */
  secret: string | undefined;
  readonly controller = new AbortController();
  /** What is done when the process is told that its configuration changed. */
  hangup = (): void => {};
  readonly version = "0.1.0";
  #news = Promise.withResolvers<void>();

  get stop(): AbortSignal {
    return this.controller.signal;
  }

  readonly print = (line: string): void => {
    this.printed.push(line);
    this.#news.resolve();
  };

  readonly report = (line: string): void => void this.reported.push(line);

  readonly writeBytes = (bytes: Uint8Array): Promise<void> => {
    this.written.push(bytes.slice());
    return Promise.resolve();
  };

  readonly environment = (name: string): string | undefined => this.variables.get(name);

  readonly askSecret = (question: string): Promise<string | undefined> => {
    this.questions.push(question);
    return Promise.resolve(this.secret);
  };

  readonly onHangup = (act: () => void): void => void (this.hangup = act);

  /** The first line printed, or to come, that matches. */
  async line(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      for (const line of this.printed) {
        const match = pattern.exec(line);
        if (match !== null) return match;
      }
      this.#news = Promise.withResolvers();
      await this.#news.promise;
    }
  }
}
