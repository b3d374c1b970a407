/**
 * What `verbena perf` was asked to do, read from its flags.
 *
 * @module
 */
import type { IwarpOptions } from "../src/iwarp/mod.ts";
import { PERFTEST_PORT, type Plan, planOf, TESTS } from "../src/perftest/plan.ts";
import { ConfigError } from "../src/rdma/errors.ts";
import type { RdmaAddress } from "../src/rdma/provider.ts";
import type { Arguments } from "./command.ts";
import { iwarpChoice } from "./provider_flags.ts";
import { parseChoice, parseHost, parseNumber } from "./values.ts";

/** What `verbena perf` was asked to do. Sizes are bytes, times milliseconds. */
export interface PerfOptions {
  /** The test. */
  readonly plan: Plan;
  /** Whether there is no server to measure against: this is one. */
  readonly server: boolean;
  /** The server; where to listen, of a server. */
  readonly address: RdmaAddress;
  /** Of a message. */
  readonly size: number;
  /** Messages. */
  readonly iterations: number;
  /** Requests under way at once. */
  readonly depth: number;
  /** Messages of up to so many bytes go inline. */
  readonly inlineSize: number;
  /** Whether rdma_cm connects. */
  readonly managed: boolean;
  /** What moves the bytes; iwarp only where rdma_cm connects the peer. */
  readonly provider: PerfProvider;
  /** How our iWARP is to behave. */
  readonly iwarp: IwarpOptions;
  /** The device's name; undefined for the first. */
  readonly device: string | undefined;
  /** The device's port, from 1. */
  readonly port: number;
  /** The GID's place; undefined for the best. */
  readonly gidIndex: number | undefined;
  /** The greatest MTU, of `ibv_mtu`; undefined for the port's. */
  readonly mtu: number | undefined;
  /** How long the peer may be silent. */
  readonly timeout: number;
  /** Print JSON. */
  readonly json: boolean;
}

const PERF_PROVIDERS = ["verbs", "iwarp"] as const;
/** What may move the bytes. */
export type PerfProvider = typeof PERF_PROVIDERS[number];

/** Flags that say how queue pairs are connected without rdma_cm, which decides by itself. */
const OWN_WAY = ["device", "ib-port", "gid-index", "mtu"];
/** Bytes that go inline unless told otherwise, where latency is measured: as many as any device takes. */
const INLINE = 64;
const MAX_SIZE = 1 << 30;
/** MTUs, in bytes, at their places in `ibv_mtu`. */
const MTUS = ["", "256", "512", "1024", "2048", "4096"];

/** Reads the flags. Throws ConfigError. */
export function perfOptions(given: Arguments): PerfOptions {
  const [test = "", host] = given.positionals;
  const name = TESTS.find((each) => each === test);
  if (name === undefined) throw new ConfigError(`TEST: got ${JSON.stringify(test)}, want one of ${TESTS.join(", ")}`);
  const plan = planOf(name);
  const managed = given.has("rdma-cm");
  const foreign = OWN_WAY.find((flag) => managed && given.has(flag));
  if (foreign !== undefined) throw new ConfigError(`--${foreign} does not go with --rdma-cm, which chooses by HOST`);
  const provider = parseChoice("provider", given.value("provider") ?? "verbs", PERF_PROVIDERS);
  if (provider === "iwarp" && !managed) {
    throw new ConfigError(
      "--provider iwarp goes with --rdma-cm (-R) only: keys over TCP are for queue pairs that are connected by hand",
    );
  }
  const number = (flag: string, fallback: number, minimum: number, maximum: number): number =>
    parseNumber(flag, given.value(flag) ?? `${fallback}`, minimum, maximum);
  if (host !== undefined && given.has("listen")) throw new ConfigError("--listen is a server's, which names no HOST");
  const gidIndex = given.value("gid-index");
  const mtu = given.value("mtu");
  const latency = plan.kind === "latency";
  return {
    plan,
    server: host === undefined,
    address: {
      hostname: parseHost(host ?? given.value("listen") ?? anywhere(managed && provider === "verbs")),
      port: number("port", PERFTEST_PORT, 1, 65_535),
    },
    size: number("size", plan.defaultSize, 1, MAX_SIZE),
    iterations: number("iters", plan.defaultIterations, 5, 100_000_000),
    depth: latency ? 1 : number("depth", 128, 1, 15_000),
    inlineSize: number("inline", latency && plan.verb !== "read" ? INLINE : 0, 0, 4_096),
    managed,
    provider,
    iwarp: iwarpChoice(given),
    device: given.value("device"),
    port: number("ib-port", 1, 1, 255),
    gidIndex: gidIndex === undefined ? undefined : parseNumber("gid-index", gidIndex, 0, 65_535),
    mtu: mtu === undefined ? undefined : MTUS.indexOf(parseChoice("mtu", mtu, MTUS.slice(1))),
    timeout: number("timeout", 10_000, 1, 3_600_000),
    json: given.has("json"),
  };
}

// iWARP devices that listen on IPv6's wildcard do not hear IPv4.
function anywhere(byDevice: boolean): string {
  return byDevice ? "0.0.0.0" : "::";
}
