import { OutputClosed } from "../../commands/command.ts";
import { Console, type Input, type Output } from "../../commands/terminal.ts";
import { VerbenaError } from "../../src/rdma/errors.ts";
import { assertEquals, assertRejects, assertThrows } from "../assert.ts";

/** A stream that keeps what it is given, at most `most` bytes at once. */
class FakeOutput implements Output {
  readonly #decoder = new TextDecoder();
  text = "";
  closed = false;
  terminal = true;
  most = 3;

  writeSync(bytes: Uint8Array): number {
    if (this.closed) throw new Deno.errors.BrokenPipe("Broken pipe (os error 32)");
    this.text += this.#decoder.decode(bytes.subarray(0, this.most), { stream: true });
    return Math.min(bytes.length, this.most);
  }

  write(bytes: Uint8Array): Promise<number> {
    return new Promise((resolve) => resolve(this.writeSync(bytes)));
  }

  isTerminal(): boolean {
    return this.terminal;
  }
}

/** A terminal on which keys are pressed. */
class Keyboard implements Input {
  readonly modes: boolean[] = [];
  terminal = true;
  #keys: Uint8Array;

  constructor(keys: string) {
    this.#keys = new TextEncoder().encode(keys);
  }

  read(into: Uint8Array): Promise<number | null> {
    const piece = this.#keys.subarray(0, 3);
    this.#keys = this.#keys.subarray(piece.length);
    into.set(piece);
    return Promise.resolve(piece.length === 0 ? null : piece.length);
  }

  isTerminal(): boolean {
    return this.terminal;
  }

  setRaw(raw: boolean): void {
    this.modes.push(raw);
  }
}

function consoleOf(): { output: FakeOutput; errors: FakeOutput; outside: Console } {
  const output = new FakeOutput();
  const errors = new FakeOutput();
  return { output, errors, outside: new Console(output, errors, () => 40) };
}

Deno.test("a line that is shown gives way to the next, and to what is printed and reported", async () => {
  const { output, errors, outside } = consoleOf();
  const { terminal } = outside;
  terminal?.show("10 %");
  terminal?.show("20 %");
  outside.print("a");
  outside.report("b");
  terminal?.show("30 %");
  await outside.writeBytes(new TextEncoder().encode("raw"));
  assertEquals(terminal?.columns, 40);
  assertEquals(output.text, "a\nraw");
  assertEquals(errors.text, "\r\x1b[K10 %\r\x1b[K20 %\r\x1b[Kb\n\r\x1b[K30 %\r\x1b[K");
});

Deno.test("there is no terminal where errors go elsewhere", () => {
  const { errors, outside } = consoleOf();
  errors.terminal = false;
  assertEquals(outside.terminal, undefined);
});

Deno.test("output that nobody reads is told as OutputClosed", async () => {
  const { output, outside } = consoleOf();
  output.closed = true;
  assertThrows(() => outside.print("a"), OutputClosed);
  await assertRejects(() => outside.writeBytes(new Uint8Array(1)), OutputClosed);
});

Deno.test("askSecret() reads one line without showing it, and leaves the terminal as it was", async () => {
  for (const [keys, secret] of [["geheim\r", "geheim"], ["xä\x7f\x7fpÄß\nrest", "pÄß"], ["ab\x15\n", ""]]) {
    const { errors, outside } = consoleOf();
    const keyboard = new Keyboard(keys ?? "");
    assertEquals(await outside.askSecret("Password: ", keyboard), secret);
    assertEquals([errors.text, keyboard.modes], ["Password: \n", [true, false]]);
  }
});

Deno.test("askSecret() rejects where the answer is broken off, and leaves the terminal as it was", async () => {
  for (const keys of ["ab\x03", "\x04", "ab"]) {
    const { outside } = consoleOf();
    const keyboard = new Keyboard(keys);
    await assertRejects(() => outside.askSecret("Password: ", keyboard), VerbenaError, "no answer was given");
    assertEquals(keyboard.modes, [true, false]);
  }
});

Deno.test("askSecret() asks nobody where input or errors are no terminal", async () => {
  const { errors, outside } = consoleOf();
  const keyboard = new Keyboard("x\n");
  keyboard.terminal = false;
  assertEquals(await outside.askSecret("Password: ", keyboard), undefined);
  assertEquals([errors.text, keyboard.modes], ["", []]);
});
