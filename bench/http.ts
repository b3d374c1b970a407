/**
 * `deno task bench:http`: requests a second of /health and of needles whole, from `verbena serve` that has the volumes
 * itself, from one that reads them through an engine in another process, from the real weed volume server that they are
 * of, and from bare servers that answer as many bytes from memory.
 *
 * Contenders take turns within each round, so that what else the machine does hits them alike. Figures are medians over
 * the rounds. Prints a table, then one line of JSON.
 *
 * @module
 */
import { Process } from "../test/interop/process.ts";
import { Random } from "../test/random.ts";
import { Engine, Serve } from "../test/interop/service.ts";
import { Weed } from "../test/interop/weed.ts";
import { quantile, table, whole } from "./figures.ts";

const KIB = 1024;
const SIZES = [64, 64 * KIB] as const;
const SEED = 1;
/** Connections, each with one request at a time. */
const CONNECTIONS = 16;
/** Rounds of every contender in every case, and milliseconds of each. */
const ROUNDS = 5;
const ROUND_TIME = 1_000;
/** Milliseconds before a round is measured: connections, caches and compilers warm up. */
const WARM_UP = 200;

/** Whoever answers. */
type Name = "verbena" | "with engine" | "weed" | "bare Deno.serve" | "bare node:http";

/** What is asked of one contender. */
interface Asked {
  readonly who: Name;
  readonly address: string;
  readonly target: string;
}

/** One line of the table. */
interface Case {
  readonly what: string;
  readonly size: number;
  readonly asked: readonly Asked[];
}

/** Requests a second of one contender, medians over the rounds. */
interface Figures {
  readonly rate: number;
  readonly slowest: number;
  readonly fastest: number;
}

const decoder = new TextDecoder("latin1");

/** Asks again and again until `end`; how often it was answered since `measured`. */
async function ask({ who, address, target }: Asked, size: number, measured: number, end: number): Promise<number> {
  const { hostname, port } = new URL(`http://${address}`);
  using connection = await Deno.connect({ hostname, port: Number(port) });
  connection.setNoDelay(true);
  const request = new TextEncoder().encode(
    `GET ${target} HTTP/1.1\r\nHost: ${address}\r\nAccept-Encoding: identity\r\n\r\n`,
  );
  const buffer = new Uint8Array(size + 16 * KIB);
  for (let count = 0;;) {
    await connection.write(request);
    let [filled, length] = [0, Infinity];
    while (filled < length) {
      const read = await connection.read(buffer.subarray(filled));
      if (read === null) throw new Error(`${who} closed the connection`);
      filled += read;
      if (length === Infinity) length = lengthOf(decoder.decode(buffer.subarray(0, Math.min(filled, KIB))), who, size);
    }
    const now = performance.now();
    if (now > end) return count;
    if (now >= measured) count++;
  }
}

/** The length of an answer, head and body, once its head is there. Throws where it is not what was asked for. */
function lengthOf(text: string, who: Name, size: number): number {
  const end = text.indexOf("\r\n\r\n");
  if (end < 0) return Infinity;
  const length = /\r\ncontent-length: *(\d+)/i.exec(text)?.[1];
  if (!text.startsWith("HTTP/1.1 200 ") || Number(length) !== size) throw new Error(`${who}: ${text}`);
  return end + 4 + size;
}

async function round(asked: Asked, size: number): Promise<number> {
  const measured = performance.now() + WARM_UP;
  const end = measured + ROUND_TIME;
  const counts = await Promise.all(Array.from({ length: CONNECTIONS }, () => ask(asked, size, measured, end)));
  return counts.reduce((sum, count) => sum + count, 0) / ROUND_TIME * 1000;
}

async function measure({ asked, size }: Case): Promise<Map<Name, Figures>> {
  const rates = asked.map(() => [] as number[]);
  for (let turn = 0; turn < ROUNDS; turn++) {
    for (const [index, each] of asked.entries()) rates[index]?.push(await round(each, size));
  }
  return new Map(asked.map(({ who }, index) => {
    const all = rates[index] ?? [];
    return [who, { rate: quantile([...all], 0.5), slowest: Math.min(...all), fastest: Math.max(...all) }];
  }));
}

/** A bare server of `script`, and its address. */
async function bare(script: string): Promise<{ process: Process; address: string }> {
  const path = new URL(script, import.meta.url).pathname;
  const process = new Process(Deno.execPath(), ["run", "--quiet", "-P=test", path, `${SEED}`, "1", `${64 * KIB}`], {
    cwd: new URL("../", import.meta.url).pathname,
    name: script,
  });
  const [, port] = await process.line(/^listening (\d+)$/);
  return { process, address: `127.0.0.1:${port}` };
}

async function main(): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const weed = stack.use(await Weed.start({ volumeGrowth: 1 }));
  const random = new Random(SEED);
  const fileIds: string[] = [];
  for (const size of SIZES) {
    const fileId = await weed.assign();
    await weed.put(fileId, random.bytes(size));
    fileIds.push(fileId);
  }
  const engine = stack.use(await Engine.start({ directories: weed.directories }));
  const verbena = stack.use(await Serve.start({ directories: weed.directories }));
  const withEngine = stack.use(await Serve.start({ engine: engine.address }));
  const [onServe, onNode] = [await bare("bare_serve.ts"), await bare("bare_node.ts")];
  stack.use(onServe.process);
  stack.use(onNode.process);
  const floor = (size: number): Asked[] => [
    { who: "bare Deno.serve", address: onServe.address, target: `/?0-0-${size}` },
    { who: "bare node:http", address: onNode.address, target: `/?0-0-${size}` },
  ];
  const health = (await (await verbena.get("/health")).arrayBuffer()).byteLength;
  const cases: Case[] = [
    {
      what: "/health",
      size: health,
      asked: [{ who: "verbena", address: verbena.address, target: "/health" }, ...floor(health)],
    },
    ...SIZES.map((size, index): Case => ({
      what: `needle of ${size < KIB ? `${size} B` : `${size / KIB} KiB`}`,
      size,
      asked: [
        { who: "verbena", address: verbena.address, target: `/v1/needles/${fileIds[index]}` },
        { who: "with engine", address: withEngine.address, target: `/v1/needles/${fileIds[index]}` },
        { who: "weed", address: weed.volumeServer, target: `/${fileIds[index]}` },
        ...floor(size),
      ],
    })),
  ];
  const others = ["weed", "bare Deno.serve", "bare node:http", "with engine"] as const;
  const rows: string[][] = [["requests/s", "verbena", "spread", ...others.flatMap((who) => [who, "×"])]];
  const results: Record<string, unknown>[] = [];
  for (const each of cases) {
    const figures = await measure(each);
    const { rate, slowest, fastest } = figures.get("verbena") as Figures;
    const against = (who: Name): [string, string] => {
      const other = figures.get(who)?.rate;
      return other === undefined ? ["", ""] : [whole(other), (rate / other).toFixed(2)];
    };
    const spread = `${whole(slowest)}–${whole(fastest)}`;
    rows.push([each.what, whole(rate), spread, ...others.flatMap(against)]);
    results.push({ what: each.what, ...Object.fromEntries(figures) });
  }
  // deno-lint-ignore no-console -- the result
  console.log([table(rows), "", JSON.stringify(results)].join("\n"));
}

await main();
