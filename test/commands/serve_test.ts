import type { OpenReader } from "../../commands/open_reader.ts";
import { serve } from "../../commands/run_serve.ts";
import { serveHttp } from "../../commands/http.ts";
import { serveOptions } from "../../commands/serve_options.ts";
import { Arguments } from "../../commands/command.ts";
import { silentLog } from "../../routes/log.ts";
import { SystemError } from "../../src/rdma/errors.ts";
import { assert, assertEquals, assertMatch, assertRejects } from "../assert.ts";
import { bytesAt, FakeReader } from "../routes/fake_reader.ts";
import { Outside } from "./outside.ts";

/** `verbena serve` in this process over a fake reader, on a port of the system's choice. */
class Running {
  readonly reader = new FakeReader();
  readonly logged: Record<string, unknown>[] = [];
  readonly printed: string[] = [];
  readonly #stop = new AbortController();
  readonly #listening = Promise.withResolvers<string>();
  readonly done: Promise<void>;

  constructor(flags: Record<string, string> = {}) {
    const given = { listen: ["127.0.0.1:0"], anonymous: ["/health", "/read", "/v1/needles"] };
    const more = Object.entries(flags).map(([name, value]): [string, string[]] => [name, [value]]);
    const options = serveOptions(new Arguments(new Map([...Object.entries(given), ...more]), []));
    const open = (): Promise<OpenReader> =>
      Promise.resolve({
        reader: this.reader,
        samples: [{ fileId: "3,01637037d6", size: 1000 }],
        [Symbol.asyncDispose]: () => Promise.resolve(),
      });
    const outside = new Outside();
    const print = (line: string): void => {
      this.printed.push(line);
      const origin = /^verbena serve listening on (http:\/\/127\.0\.0\.1:\d+)$/.exec(line)?.[1];
      if (origin !== undefined) this.#listening.resolve(origin);
    };
    const report = (line: string): void => void this.logged.push(JSON.parse(line));
    this.done = serve(options, { ...outside, print, report, stop: this.#stop.signal }, open);
  }

  get origin(): Promise<string> {
    return this.#listening.promise;
  }

  stop(): void {
    this.#stop.abort();
  }
}

Deno.test("verbena serve answers weed mount's read over a socket, byte for byte and with its length", async () => {
  const running = new Running();
  running.reader.needleSize = 3 << 20;
  const origin = await running.origin;
  const path = "/read?file_id=3,01637037d6&offset=7&size=2097152&volume_server=http://10.0.0.1:8080";
  const response = await fetch(origin + path);
  assertEquals([response.status, response.headers.get("content-length")], [200, "2097152"]);
  assertEquals(response.headers.get("x-rdma-used"), "true");
  assertEquals(new Uint8Array(await response.arrayBuffer()), bytesAt(7, 2 << 20));
  assertEquals(running.reader.lent, 0);
  assertMatch(running.printed.join("\n"), `curl -s ${origin}/health`);
  running.stop();
  await running.done;
});

Deno.test("verbena serve streams /v1/needles with its length, not in chunks", async () => {
  const running = new Running();
  running.reader.needleSize = (2 << 20) + 3;
  const response = await fetch(`${await running.origin}/v1/needles/3,01637037d6`);
  assertEquals([response.headers.get("content-length"), response.headers.get("transfer-encoding")], ["2097155", null]);
  assertEquals(new Uint8Array(await response.arrayBuffer()), bytesAt(0, (2 << 20) + 3));
  running.stop();
  await running.done;
});

Deno.test("a stream that breaks off reaches the client as an error, never as a short answer", async () => {
  const running = new Running({ "log-level": "error" });
  running.reader.needleSize = 4 << 20;
  running.reader.failsFrom = 2 << 20;
  const response = await fetch(`${await running.origin}/v1/needles/3,01637037d6`);
  await assertRejects(() => response.arrayBuffer(), TypeError);
  running.stop();
  await running.done;
});

Deno.test("verbena serve finishes the reads in progress before it stops, and takes no more", async () => {
  const running = new Running();
  const gate = Promise.withResolvers<void>();
  running.reader.gate = gate.promise;
  const origin = await running.origin;
  const reading = fetch(`${origin}/read?file_id=3,01637037d6&size=10`);
  while (running.reader.requests.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  running.stop();
  await assertRejects(async () => {
    // The listening socket closes at the next turn of the loop.
    for (let attempt = 0; attempt < 100; attempt++) await (await fetch(`${origin}/health`)).body?.cancel();
  }, TypeError);
  gate.resolve();
  const response = await reading;
  assertEquals([response.status, new Uint8Array(await response.arrayBuffer())], [200, bytesAt(0, 10)]);
  await running.done;
  assertEquals(running.logged.map(({ message }) => message), ["stopping: no more connections are taken"]);
});

Deno.test("verbena serve does not wait longer than the grace for what is still in progress", async () => {
  const running = new Running({ grace: "10" });
  const gate = Promise.withResolvers<void>();
  running.reader.gate = gate.promise;
  const reading = fetch(`${await running.origin}/read?file_id=3,01637037d6&size=10`);
  while (running.reader.requests.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  running.stop();
  await running.done;
  assertEquals(running.logged[1]?.message, "requests still in progress are cut off");
  gate.resolve(); // the process would have ended here
  assertEquals((await (await reading).arrayBuffer()).byteLength, 10);
});

Deno.test("verbena serve abandons a read when the client closes its connection", async () => {
  const running = new Running();
  running.reader.gate = new Promise(() => {});
  const port = Number(new URL(await running.origin).port);
  const connection = await Deno.connect({ port });
  await connection.write(
    new TextEncoder().encode("GET /read?file_id=3,01637037d6&size=10 HTTP/1.1\r\nHost: localhost\r\n\r\n"),
  );
  while (running.reader.requests.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  connection.close();
  while (running.reader.aborted.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  running.stop();
  await running.done;
});

Deno.test("a client that stops taking bytes makes the service read no more than a few pieces ahead of it", async () => {
  const running = new Running({ "log-level": "error" });
  running.reader.needleSize = 64 << 20;
  const connection = await Deno.connect({ port: Number(new URL(await running.origin).port) });
  await connection.write(
    new TextEncoder().encode("GET /read?file_id=3,01637037d6&size=67108864 HTTP/1.1\r\nHost: localhost\r\n\r\n"),
  );
  await connection.read(new Uint8Array(1000));
  for (let before = -1; before !== running.reader.requests.length;) {
    before = running.reader.requests.length;
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
  assert(running.reader.requests.length < 40, `${running.reader.requests.length} pieces`);
  connection.close();
  running.stop();
  await running.done;
  assertEquals(running.reader.lent, 0);
});

Deno.test("an address that another program has is refused with what to do", async () => {
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const address = { hostname: "127.0.0.1", port: (taken.addr as Deno.NetAddr).port };
  const stop = new AbortController().signal;
  const options = { address, grace: 0, stop, log: silentLog, onListening: () => assert(false) };
  await assertRejects(
    () => serveHttp(() => new Response(), options),
    SystemError,
    `listen 127.0.0.1:${address.port}: EADDRINUSE: another program has it; choose a port with --listen, 0 for any`,
  );
});
