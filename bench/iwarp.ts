/**
 * `deno task bench:iwarp`: the iwarp provider between two processes, with CRCs and without, against plain Deno TCP that
 * moves the same bytes, and iperf3 for what the machine can do; once with a processor for each process, once with one
 * for both. A number is how many rounds there are. `deno run -P=test --deny-ffi bench/iwarp.ts` measures it without FFI.
 *
 * Contenders take turns within each round, so that what else the machine does hits them alike, and each ratio is between
 * figures of one round; medians over the rounds. Prints tables, then one line of JSON.
 *
 * @module
 */
// deno-lint-ignore-file no-console -- figures are what it is for
import { megabytes, quantile, table } from "./figures.ts";
import { iperfLacking, iperfRate } from "./iperf.ts";
import { bind, placements } from "./processors.ts";
import {
  type Contender,
  type ContenderName,
  CONTENDERS,
  type Contenders,
  openContenders,
  type PerContender,
  rateOf,
} from "./provider.ts";

const KIB = 1024;
const ROUNDS = 5;
/** Bytes of each RDMA Write, or write. */
const SIZES = { "1 MiB": 1024 * KIB, "64 KiB": 64 * KIB } as const;
type Size = keyof typeof SIZES;
/** Samples of a contender's latency in one round. */
const SAMPLES = 5_000;
/** Seconds of iperf3 in one round. */
const IPERF_TIME = 1;

/** What was aimed at, as shares of plain TCP's figure: at least, of 1 MiB's rate; at most, of latency. */
const AIMS: Readonly<Record<Exclude<ContenderName, "tcp">, { rate: number; latency: number }>> = {
  iwarp: { rate: 0.9, latency: 1.3 },
  iwarpCrc: { rate: 0.6, latency: 1.3 },
};

const LATENCIES = {
  "Send 64 B, and one back": (contender: Contender, samples: Float64Array) => contender.exchange(samples),
  "Read 4 KiB": (contender: Contender, samples: Float64Array) => contender.fetch(samples),
} as const;
type Latency = keyof typeof LATENCIES;

/** The rates or latencies of each contender, one a round. */
interface Figures extends PerContender<number[]> {
  /** Of rates, where it is installed. */
  iperf?: number[];
}

/** All that is measured of one placement: bytes a second by size, microseconds by what is done. */
interface Results {
  readonly rates: ReadonlyMap<Size, Figures>;
  readonly latencies: ReadonlyMap<Latency, Figures>;
}

const empty = (): Figures => ({ tcp: [], iwarp: [], iwarpCrc: [] });

/** Runs the rounds; `iperf` measures what iperf3 does, where it is installed. */
async function measure(
  contenders: Contenders,
  rounds: number,
  iperf: ((size: number) => Promise<number>) | undefined,
): Promise<Results> {
  const rates = new Map((Object.keys(SIZES) as Size[]).map((size) => [size, empty()]));
  const latencies = new Map((Object.keys(LATENCIES) as Latency[]).map((what) => [what, empty()]));
  for (let round = -1; round < rounds; round++) { // round −1 warms up
    const keep = (figures: number[], figure: number) => void (round >= 0 && figures.push(figure));
    for (const [size, figures] of rates) {
      for (const name of CONTENDERS) keep(figures[name], await rateOf(contenders[name], SIZES[size]));
      if (iperf !== undefined) keep(figures.iperf ??= [], await iperf(SIZES[size]));
    }
    for (const [what, figures] of latencies) {
      for (const name of CONTENDERS) {
        const samples = new Float64Array(SAMPLES);
        await LATENCIES[what](contenders[name], samples);
        keep(figures[name], quantile(samples, 0.5));
      }
    }
  }
  return { rates, latencies };
}

/** The rows of one case, plain TCP's first. */
function rows(
  name: string,
  words: PerContender<string> & { iperf?: string },
  figures: Figures,
  text: (figure: number) => string,
  aim: (name: keyof typeof AIMS) => string,
): string[][] {
  const made: string[][] = [];
  for (const who of [...CONTENDERS, "iperf"] as const) {
    const own = figures[who];
    if (own === undefined) continue;
    const ratios = own.map((figure, round) => figure / (figures.tcp[round] ?? NaN));
    const median = quantile([...own], 0.5);
    const against = who === "tcp" ? ["", "", ""] : [
      quantile([...ratios], 0.5).toFixed(2),
      `${Math.min(...ratios).toFixed(2)}–${Math.max(...ratios).toFixed(2)}`,
      who === "iperf" ? "" : aim(who),
    ];
    made.push([
      `${name}: ${words[who]}`,
      text(median),
      `${text(Math.min(...own))}–${text(Math.max(...own))}`,
      ...against,
    ]);
  }
  return made;
}

function rateTable(rates: Results["rates"]): string {
  const words = { tcp: "plain TCP", iwarp: "RDMA Write, no CRC", iwarpCrc: "RDMA Write, CRC-32C", iperf: "iperf3" };
  const head = ["one way, at a time", "MB/s", "spread", "× TCP", "spread", "aim"];
  const body = [...rates].flatMap(([size, figures]) =>
    rows(size, words, figures, megabytes, (who) => size === "1 MiB" ? `≥ ${AIMS[who].rate}` : "")
  );
  return table([head, ...body]);
}

function latencyTable(latencies: Results["latencies"]): string {
  const words = { tcp: "plain TCP", iwarp: "no CRC", iwarpCrc: "CRC-32C" };
  const head = ["one at a time", "p50 µs", "spread", "× TCP", "spread", "aim"];
  const body = [...latencies].flatMap(([what, figures]) =>
    rows(what, words, figures, (figure) => figure.toFixed(1), (who) => `≤ ${AIMS[who].latency}`)
  );
  return table([head, ...body]);
}

async function main(): Promise<void> {
  const rounds = Number(Deno.args[0] ?? ROUNDS);
  const lacking = await iperfLacking();
  if (lacking !== undefined) console.log(`without iperf3: ${lacking}`);
  await using contenders = await openContenders();
  const all: Record<string, unknown> = {};
  for (const placement of await placements()) {
    await bind(Deno.pid, placement.processors?.[0]);
    await bind(contenders.peer, placement.processors?.[1]);
    const iperf = lacking === undefined ? (size: number) => iperfRate(size, IPERF_TIME, placement) : undefined;
    const { rates, latencies } = await measure(contenders, rounds, iperf);
    console.log(`\n${placement.title}\n\n${rateTable(rates)}\n\n${latencyTable(latencies)}`);
    all[placement.name] = { rates: Object.fromEntries(rates), latencies: Object.fromEntries(latencies) };
  }
  console.log(`\n${JSON.stringify(all)}`);
}

if (import.meta.main) await main();
