import { quantile } from "../../bench/figures.ts";
import { type SampleNeedle, writeSampleVolume } from "../../src/seaweed/mod.ts";
import { assert, assertEquals, assertMatch } from "../assert.ts";
import type { Offered } from "./offer.ts";
import { eventually, Process, run } from "./process.ts";

const ROOT = new URL("../../", import.meta.url).pathname;
/** Requests a second that are offered, for how many seconds, over how many connections. */
const RATE = 10_000;
const SECONDS = 30;
const CONNECTIONS = 32;
/** Connections that are held open and slow, of each kind. */
const SLOW_HEADS = 80;
const PIPELINES = 60;
const SLOW_READERS = 20;
const HALF_BODIES = 60;
const SLOW = SLOW_HEADS + PIPELINES + SLOW_READERS + HALF_BODIES;
/** Requests that a pipeline begins with. */
const PIPELINED = 200;
/** The most resident memory of the service, in MiB. */
const MAX_RESIDENT = 512;
/** Milliseconds between two looks at /health and at memory. */
const LOOK = 100;

/** One request in so many reads a needle, the others ask for /health. */
const READS = 10;
/** Patience with reads: processors that are short of time are no failure of the service's. */
const CONFIGURATION = "[serve]\ntimeout = 60000\n";

/** A service on a sample volume, with a configuration file of its own. */
class Loaded implements AsyncDisposable {
  private constructor(
    readonly process: Process,
    readonly address: string,
    /** A short needle. */
    readonly short: SampleNeedle,
    /** One of 8 MiB, which no kernel takes for a client that does not. */
    readonly long: SampleNeedle,
    readonly folder: string,
  ) {}

  static async start(): Promise<Loaded> {
    const folder = await Deno.makeTempDir({ prefix: "verbena-load-" });
    await Deno.writeTextFile(`${folder}/verbena.toml`, CONFIGURATION);
    await Deno.mkdir(`${folder}/volumes`);
    const [short, , , long] = writeSampleVolume(`${folder}/volumes`, Date.now());
    if (short === undefined || long === undefined) throw new Error("the sample volume has fewer needles");
    const command = ["run", "--quiet", "-P=serve", "main.ts", "serve", "--listen", "127.0.0.1:0"];
    const args = [...command, "--dir", `${folder}/volumes`, "--config", `${folder}/verbena.toml`];
    const process = new Process(Deno.execPath(), args, { cwd: ROOT, name: "verbena serve" });
    const [, address = ""] = await process.line(/^verbena serve listening on http:\/\/(\S+)$/);
    return new Loaded(process, address, short, long, folder);
  }

  /** Megabytes that it has resident. */
  async resident(): Promise<number> {
    // Deno itself gives /proc only to processes that may do everything
    const status = await run("cat", [`/proc/${this.process.pid}/status`]);
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024;
  }

  /** Has it asked by a process of its own. */
  async offer(rate: number, seconds: number): Promise<Offered> {
    const targets = Array.from({ length: READS }, () => "/health");
    targets[0] = `/read?file_id=${this.short.fileId}&offset=0&size=64`;
    const args = ["run", "--quiet", "-P=test", "test/interop/offer.ts", this.address, `${rate}`, `${seconds}`];
    return JSON.parse(await run(Deno.execPath(), [...args, `${CONNECTIONS}`, ...targets], { cwd: ROOT }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.process.stop();
    await Deno.remove(this.folder, { recursive: true });
  }
}

/** Connections that are slow in every way there is, each made anew when it is closed, until they are let go of. */
class Slow implements AsyncDisposable {
  /** Connections made. */
  made = 0;
  readonly #open = new Set<Deno.TcpConn>();
  readonly #loops: Promise<void>[];
  #ended = false;

  constructor(readonly loaded: Loaded) {
    const { short, long, address } = loaded;
    const head = `GET /health HTTP/1.1\r\nHost: ${address}\r\nX: `;
    const read = ({ fileId, size }: SampleNeedle): string =>
      `GET /read?file_id=${fileId}&offset=0&size=${size} HTTP/1.1\r\nHost: ${address}\r\n\r\n`;
    const health = `GET /health HTTP/1.1\r\nHost: ${address}\r\n\r\n`;
    const body = `DELETE /cleanup HTTP/1.1\r\nHost: ${address}\r\nContent-Length: 100\r\n\r\nhalf`;
    this.#loops = [
      ...Array.from({ length: SLOW_HEADS }, () => this.#hold(head, "y")),
      ...Array.from({ length: PIPELINES }, () => this.#hold(read(short).repeat(PIPELINED), health.repeat(5))),
      ...Array.from({ length: SLOW_READERS }, () => this.#hold(read(long).repeat(PIPELINED), health.repeat(5))),
      ...Array.from({ length: HALF_BODIES }, () => this.#hold(body, "")),
    ];
  }

  /** Sends `first`, then `more` each second, and takes nothing, until the service has had enough; then again. */
  async #hold(first: string, more: string): Promise<void> {
    const { hostname, port } = new URL(`http://${this.loaded.address}`);
    const encoder = new TextEncoder();
    while (!this.#ended) {
      const connection = await Deno.connect({ hostname, port: Number(port) });
      this.made++;
      this.#open.add(connection);
      try {
        await connection.write(encoder.encode(first));
        while (!this.#ended) {
          await new Promise((resolve) => setTimeout(resolve, 1_000));
          await connection.write(encoder.encode(more));
        }
      } catch {
        // It was cut off.
      }
      this.#open.delete(connection);
      connection.close();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended = true;
    await Promise.all(this.#loops);
  }
}

/** Looks at /health and at memory until it is ended; throws where /health is neither 200 nor says when to ask again. */
async function watch(loaded: Loaded, ended: () => boolean): Promise<{ times: number[]; resident: number[] }> {
  const [times, resident]: [number[], number[]] = [[], []];
  while (!ended()) {
    const before = performance.now();
    const answer = await fetch(`http://${loaded.address}/health`);
    const said = await answer.text();
    times.push(performance.now() - before);
    assert(answer.status === 200 || (answer.status === 503 && answer.headers.has("retry-after")), said);
    if (times.length % 10 === 0) resident.push(await loaded.resident());
    await new Promise((resolve) => setTimeout(resolve, LOOK));
  }
  return { times, resident };
}

Deno.test("220 slow connections and 10,000 requests a second: all are answered, and memory stays bounded", async () => {
  await using loaded = await Loaded.start();
  const before = await loaded.resident();
  await using slow = new Slow(loaded);
  await eventually("slow connections stand", () => Promise.resolve(slow.made >= SLOW || undefined));
  let ended = false;
  const watching = watch(loaded, () => ended);
  watching.catch(() => {}); // told when it is awaited
  const offered = await loaded.offer(RATE, SECONDS).finally(() => ended = true);
  const { times, resident } = await watching;
  const most = Math.max(...resident);
  const [first = NaN, ...later] = times; // when it is asked, all that they begin with comes at once
  // deno-lint-ignore no-console -- figures that depend on the machine are told, and not asserted
  console.log(
    `offered ${RATE}/s for ${SECONDS} s, reached ${offered.rate}/s: ${JSON.stringify(offered.statuses)}; ` +
      `${slow.made} slow connections; resident ${before.toFixed()} MiB before, ${most.toFixed()} at most, ` +
      `${resident.at(-1)?.toFixed()} at the end; /health ms: ${first.toFixed(1)} as these came, ` +
      `then p50 ${quantile(later, 0.5).toFixed(1)}, p99 ${quantile(later, 0.99).toFixed(1)}, ` +
      `max ${Math.max(...later).toFixed(1)} of ${later.length}`,
  );
  assertEquals(Object.keys(offered.statuses).filter((status) => !["200", "429", "503"].includes(status)), []);
  assertEquals(Object.values(offered.statuses).reduce((sum, count) => sum + count, 0), offered.sent);
  assertEquals(offered.unexplained, 0);
  assert((offered.statuses["200"] ?? 0) > 0);
  assert(most < MAX_RESIDENT, `${most} MiB resident, at most ${MAX_RESIDENT} are`);
});

Deno.test("a rate that is set while the service runs holds from the hang-up on: what is beyond it gets 429", async () => {
  await using loaded = await Loaded.start();
  assertEquals(Object.keys((await loaded.offer(500, 1)).statuses), ["200"]);
  await Deno.writeTextFile(`${loaded.folder}/verbena.toml`, `${CONFIGURATION}[http]\nrateNearby = 100\n`);
  loaded.process.signal("SIGHUP");
  await loaded.process.line(/the configuration was read anew/);
  const { statuses, sent, unexplained } = await loaded.offer(500, 2);
  assertEquals(Object.keys(statuses).toSorted(), ["200", "429"]);
  assertEquals([(statuses["200"] ?? 0) + (statuses["429"] ?? 0), unexplained], [sent, 0]);
  assert((statuses["200"] ?? 0) <= 100 + 100 * 3, `${statuses["200"]} passed`);
  await Deno.writeTextFile(`${loaded.folder}/verbena.toml`, `${CONFIGURATION}[http]\nrte = 1\n`);
  loaded.process.signal("SIGHUP");
  const [line] = await loaded.process.line(/^.*everything stays as it was.*$/);
  assertMatch(line, "http.rte: unknown key; did you mean rate?");
});
