/**
 * `deno task bench:read`: reads of needles through `verbena serve` → RDMA, or a Unix socket, → `verbena engine`, against
 * GET with Range from the real weed volume server on the same volume; and the iwarp provider alone against plain TCP.
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
import { megabytes, quantile, type Round, summarise, type Summary, table, whole } from "./figures.ts";
import { benchProvider, type ProviderRates } from "./provider.ts";
import { RawHttp } from "./raw_http.ts";

const KIB = 1024;
const MIB = 1024 * KIB;
/** Needles, bytes of each, and what they are made from. */
const NEEDLES = 8;
const NEEDLE_SIZE = 8 * MIB;
const SEED = 1;
const SIZES = [4 * KIB, 64 * KIB, MIB] as const;
const IN_FLIGHT = [1, 32] as const;
const PATTERNS = ["sequential", "random"] as const;
/** Rounds of every contender in every case, and milliseconds of each. */
const ROUNDS = 4;
const ROUND_TIME = 500;
/** Milliseconds before a round is measured: connections, caches and compilers warm up. */
const WARM_UP = 100;

/** Where the engine's role lets a socket be. */
const SOCKETS = "/tmp/verbena";

type Pattern = typeof PATTERNS[number];

/** A needle in the volume. */
interface Stored {
  readonly fileId: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** Somebody who serves ranges of needles. */
interface Contender {
  readonly name: string;
  readonly address: string;
  readonly status: number;
  request(fileId: string, offset: number, size: number): string;
}

/** One line of the table. */
interface Case {
  readonly pattern: Pattern;
  readonly size: number;
  readonly inFlight: number;
  readonly weed: Summary;
  readonly verbena: Summary;
  readonly verbenaNoReadAhead: Summary;
  readonly verbenaSocket: Summary;
  readonly bareServe: Summary;
}

function volumeServer(address: string): Contender {
  const request = (fileId: string, offset: number, size: number) =>
    `GET /${fileId} HTTP/1.1\r\nHost: ${address}\r\nAccept-Encoding: identity\r\n` +
    `Range: bytes=${offset}-${offset + size - 1}\r\n\r\n`;
  return { name: "weed", address, status: 206, request };
}

function verbena(name: string, address: string): Contender {
  const request = (fileId: string, offset: number, size: number) =>
    `GET /read?file_id=${fileId}&offset=${offset}&size=${size} HTTP/1.1\r\nHost: ${address}\r\n\r\n`;
  return { name, address, status: 200, request };
}

function bareServe(address: string, needles: readonly Stored[]): Contender {
  const indices = new Map(needles.map((needle, index) => [needle.fileId, index]));
  const request = (fileId: string, offset: number, size: number) =>
    `GET /?${indices.get(fileId)}-${offset}-${size} HTTP/1.1\r\nHost: ${address}\r\n\r\n`;
  return { name: "bare Deno.serve", address, status: 200, request };
}

/** Where reader `reader` reads its `count`-th range. */
type Places = (reader: number, count: number) => { needle: number; offset: number };

/** Each reader walks a needle from a place of its own, or jumps about. */
function places(pattern: Pattern, size: number, inFlight: number, random: Random): Places {
  const steps = NEEDLE_SIZE / size;
  if (pattern === "random") return () => ({ needle: random.below(NEEDLES), offset: random.below(steps) * size });
  const each = Math.ceil(inFlight / NEEDLES);
  return (reader, count) => {
    const first = Math.floor(Math.floor(reader / NEEDLES) * steps / each);
    const step = first + count;
    return { needle: (reader + Math.floor(step / steps)) % NEEDLES, offset: step % steps * size };
  };
}

/** One round of one contender: `inFlight` connections, each with one request at a time. */
async function round(
  who: Contender,
  needles: readonly Stored[],
  size: number,
  inFlight: number,
  where: Places,
): Promise<Round> {
  const samples: number[] = [];
  const measured = performance.now() + WARM_UP;
  const end = measured + ROUND_TIME;
  let bytes = 0;
  const reader = async (index: number) => {
    using http = await RawHttp.connect(who.address, size);
    for (let count = 0;; count++) {
      const { needle, offset } = where(index, count);
      const stored = needles[needle] as Stored;
      const started = performance.now();
      const body = await http.exchange(who.request(stored.fileId, offset, size), who.status);
      const now = performance.now();
      check(who, stored, offset, size, body);
      if (now > end) return;
      if (now < measured) continue;
      samples.push((now - started) * 1000);
      bytes += size;
    }
  };
  await Promise.all(Array.from({ length: inFlight }, (_, index) => reader(index)));
  return { p50: quantile(samples, 0.5), p99: quantile(samples, 0.99), rate: bytes / ROUND_TIME * 1000 };
}

/** Length and both ends: cheap, the same for everybody, and enough to find bytes from the wrong place. */
function check(who: Contender, needle: Stored, offset: number, size: number, body: Uint8Array): void {
  const first = needle.bytes[offset];
  const last = needle.bytes[offset + size - 1];
  if (body.length === size && body[0] === first && body[size - 1] === last) return;
  throw new Error(`${who.name}: wrong bytes of ${needle.fileId} [${offset}, +${size}): ${body.length} bytes`);
}

async function benchReads(contenders: readonly Contender[], needles: readonly Stored[]): Promise<Case[]> {
  const cases: Case[] = [];
  for (const pattern of PATTERNS) {
    for (const inFlight of IN_FLIGHT) {
      for (const size of SIZES) {
        const rounds = contenders.map(() => [] as Round[]);
        for (let turn = 0; turn < ROUNDS; turn++) {
          for (const [index, who] of contenders.entries()) {
            const where = places(pattern, size, inFlight, new Random(turn));
            rounds[index]?.push(await round(who, needles, size, inFlight, where));
          }
        }
        const [weed, verbena, verbenaNoReadAhead, verbenaSocket, bareServe] = rounds.map(summarise) as [
          Summary,
          Summary,
          Summary,
          Summary,
          Summary,
        ];
        cases.push({ pattern, size, inFlight, weed, verbena, verbenaNoReadAhead, verbenaSocket, bareServe });
      }
    }
  }
  return cases;
}

async function writeNeedles(weed: Weed, random: Random): Promise<Stored[]> {
  const needles: Stored[] = [];
  for (let i = 0; i < NEEDLES; i++) {
    const stored = { fileId: await weed.assign(), bytes: random.bytes(NEEDLE_SIZE) };
    await weed.put(stored.fileId, stored.bytes);
    needles.push(stored);
  }
  return needles;
}

async function reads(): Promise<Case[]> {
  await using weed = await Weed.start({ volumeGrowth: 1 });
  const needles = await writeNeedles(weed, new Random(SEED));
  await using engine = await Engine.start({ directories: weed.directories });
  await using ahead = await Serve.start({ engine: engine.address });
  await using plain = await Serve.start({ engine: engine.address, readAhead: 0 });
  const socket = `${SOCKETS}/bench-${Deno.pid}.sock`;
  Deno.mkdirSync(SOCKETS, { recursive: true });
  await using localEngine = await Engine.start({ directories: weed.directories, socket });
  await using local = await Serve.start({ engine: localEngine.address, readAhead: 0 });
  const script = new URL("bare_serve.ts", import.meta.url).pathname;
  const args = ["run", "--quiet", "-P=test", script, `${SEED}`, `${NEEDLES}`, `${NEEDLE_SIZE}`];
  await using bare = new Process(Deno.execPath(), args, {
    cwd: new URL("../", import.meta.url).pathname,
    name: "bare_serve",
  });
  const [, port] = await bare.line(/^listening (\d+)$/);
  return await benchReads([
    volumeServer(weed.volumeServer),
    verbena("verbena", ahead.address),
    verbena("verbena, no read-ahead", plain.address),
    verbena("verbena, Unix socket, no read-ahead", local.address),
    bareServe(`127.0.0.1:${port}`, needles),
  ], needles);
}

function readTable(cases: readonly Case[]): string {
  const head = [
    "read",
    "weed p50/p99 µs",
    "MB/s",
    "spread",
    "verbena p50/p99 µs",
    "MB/s",
    "spread",
    "× rate",
    "× p50",
    "no read-ahead: p50/p99 µs",
    "MB/s",
    "× rate",
    "× p50",
    "Unix socket, no read-ahead: p50/p99 µs",
    "MB/s",
    "× rate",
    "× p50",
    "bare Deno.serve: p50 µs",
    "MB/s",
    "× rate",
  ];
  const rows = cases.map((
    { pattern, size, inFlight, weed, verbena, verbenaNoReadAhead: plain, verbenaSocket: local, bareServe: bare },
  ) => [
    `${pattern} ${size / KIB} KiB × ${inFlight}`,
    `${whole(weed.p50)}/${whole(weed.p99)}`,
    megabytes(weed.rate),
    `${megabytes(weed.slowest)}–${megabytes(weed.fastest)}`,
    `${whole(verbena.p50)}/${whole(verbena.p99)}`,
    megabytes(verbena.rate),
    `${megabytes(verbena.slowest)}–${megabytes(verbena.fastest)}`,
    (verbena.rate / weed.rate).toFixed(2),
    (verbena.p50 / weed.p50).toFixed(2),
    `${whole(plain.p50)}/${whole(plain.p99)}`,
    megabytes(plain.rate),
    (plain.rate / weed.rate).toFixed(2),
    (plain.p50 / weed.p50).toFixed(2),
    `${whole(local.p50)}/${whole(local.p99)}`,
    megabytes(local.rate),
    (local.rate / weed.rate).toFixed(2),
    (local.p50 / weed.p50).toFixed(2),
    whole(bare.p50),
    megabytes(bare.rate),
    (bare.rate / weed.rate).toFixed(2),
  ]);
  return table([head, ...rows]);
}

function providerTable(rates: ProviderRates): string {
  const tcp = quantile([...rates.tcp], 0.5);
  const row = (name: string, rounds: readonly number[]) => {
    const median = quantile([...rounds], 0.5);
    const spread = `${megabytes(Math.min(...rounds))}–${megabytes(Math.max(...rounds))}`;
    return [name, megabytes(median), spread, (median / tcp).toFixed(2)];
  };
  return table([
    ["1 MiB between two processes", "MB/s", "spread", "× TCP"],
    row("plain TCP", rates.tcp),
    row("RDMA Write, no CRC", rates.iwarp),
    row("RDMA Write, CRC-32C", rates.iwarpCrc),
  ]);
}

async function main(): Promise<void> {
  const provider = await benchProvider(ROUNDS);
  const cases = await reads();
  const text = [providerTable(provider), "", readTable(cases), "", JSON.stringify({ provider, cases })].join("\n");
  // deno-lint-ignore no-console -- the result
  console.log(text);
}

await main();
