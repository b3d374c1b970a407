/**
 * The metrics of a service: which families there are, from a snapshot of its counters and the board of its latencies.
 *
 * @module
 */
import type { LatencyBoard } from "../latency.ts";
import type { SnapshotDocument } from "../v1/schemas.ts";
import type { Family, Labels, Sample, ValueFamily } from "./exposition.ts";

/** Label values kept apart in one family, of engines, peers, devices and reasons; what comes beyond counts as `other`. */
export const MAX_LABEL_VALUES = 64;

/** What metrics are made of: a snapshot, but for what is not a number or is counted elsewhere. */
export type Measured = Omit<SnapshotDocument, "latency" | "failures">;

const CIRCUIT_STATES = ["closed", "half-open", "open"] as const;

/** Every family, in the order in which they are shown. */
export function familiesOf(measured: Measured, latency: LatencyBoard): Family[] {
  const samples = latency.series().map(({ transport, outcome, all }) => ({
    labels: { transport, outcome },
    buckets: all.buckets(),
    sum: all.sum,
    count: all.count,
  }));
  return [
    ...processFamilies(measured),
    { type: "histogram", ...READ_DURATION, samples },
    ...countedFamilies(measured),
  ];
}

/** What the durations of reads are called. */
export const READ_DURATION = {
  name: "verbena_read_duration_seconds",
  unit: "seconds",
  help: "How long reads took, by what moved the bytes and how they ended.",
} as const;

/** The counters and gauges. The same families each time, though there may be no sample in one. */
export function countedFamilies(measured: Measured): ValueFamily[] {
  return [
    ...readFamilies(measured),
    ...httpFamilies(measured),
    ...poolFamilies(measured),
    ...engineFamilies(measured),
    ...connectionFamilies(measured),
    ...deviceFamilies(measured),
  ];
}

function processFamilies({ version, time, uptime }: Measured): ValueFamily[] {
  const started = Math.round(Date.parse(time) / 1000 - uptime);
  return [
    { type: "info", name: "verbena_build", help: "The version that runs.", samples: [[{ version }, 1]] },
    {
      type: "gauge",
      name: "process_start_time_seconds",
      unit: "seconds",
      help: "When the process started, in seconds since 1970.",
      samples: [[{}, started]],
    },
  ];
}

function readFamilies({ reads }: Measured): ValueFamily[] {
  return [
    counter("verbena_read_requests", "Reads asked for.", [[{}, reads.requests]]),
    counter("verbena_reads", "Reads that gave bytes, by the way these came.", [
      [{ source: "rdma" }, reads.rdma],
      [{ source: "local" }, reads.local],
      [{ source: "http" }, reads.http],
    ]),
    counter("verbena_read_errors", "Reads that gave no bytes, by reason.", byName(reads.errors, "reason")),
    counter("verbena_read_ahead_hits", "Reads answered from what had been read ahead.", [[{}, reads.readAheadHits]]),
    { ...counter("verbena_read_bytes", "Bytes read.", [[{}, reads.bytes]]), unit: "bytes" },
    { ...counter("verbena_read_rdma_bytes", "Bytes read that RDMA placed.", [[{}, reads.rdmaBytes]]), unit: "bytes" },
    gauge("verbena_reads_in_flight", "Reads in progress.", [[{}, reads.inFlight]]),
  ];
}

function httpFamilies({ http }: Measured): ValueFamily[] {
  return [
    counter("verbena_http_requests", "HTTP requests answered, by class of status.", byName(http.requests, "status")),
    counter("verbena_http_denied", "HTTP requests denied, by status.", byName(http.denied, "status")),
    gauge("verbena_http_requests_in_flight", "HTTP requests in progress.", [[{}, http.inFlight]]),
    gauge("verbena_http_connections", "HTTP connections that stand.", [[{}, http.connections]]),
    gauge("verbena_sessions", "Reads and streams of HTTP clients that may be cancelled.", [[{}, http.sessions]]),
  ];
}

function poolFamilies({ pool }: Measured): ValueFamily[] {
  return [
    { ...gauge("verbena_pool_lent_bytes", "Registered memory lent to reads.", [[{}, pool.lentBytes]]), unit: "bytes" },
    {
      ...gauge("verbena_pool_allocated_bytes", "Registered memory in all.", [[{}, pool.allocatedBytes]]),
      unit: "bytes",
    },
    { ...gauge("verbena_pool_ceiling_bytes", "The most that may be registered.", [[{}, pool.ceiling]]), unit: "bytes" },
  ];
}

function engineFamilies({ engines }: Measured): ValueFamily[] {
  const connected = engines.map(({ address, connected }): Sample => [{ engine: address }, Number(connected)]);
  const circuits = CIRCUIT_STATES.flatMap((state) =>
    engines.map(({ address, circuit }): Sample => [{ engine: address, state }, Number(circuit === state)])
  );
  return [
    gauge("verbena_engine_connected", "Whether a connection to the engine stands.", merge(connected, Math.max)),
    gauge(
      "verbena_engine_circuit_state",
      "1 for the state that the engine's circuit breaker is in.",
      merge(circuits, Math.max),
    ),
  ];
}

/** Connections are told apart by the peer's address without its port, which is another one each time. */
function connectionFamilies({ connections }: Measured): ValueFamily[] {
  const samples = (value: (connection: Measured["connections"][number]) => number | undefined): Sample[] =>
    connections.flatMap((connection): Sample[] => {
      const { kind, transport, remote } = connection;
      const shown = value(connection);
      return shown === undefined ? [] : [[{ kind, transport, peer: withoutPort(remote) }, shown]];
    });
  return [
    gauge("verbena_connections", "Connections that stand.", merge(samples(() => 1), add)),
    gauge(
      "verbena_connection_requests_in_flight",
      "Requests on their way over the connections to a peer.",
      merge(samples(({ inFlight }) => inFlight), add),
    ),
    gauge(
      "verbena_connection_send_credits",
      "Messages that may be sent now: the least of the connections to a peer.",
      merge(samples(({ sendCredits }) => sendCredits), Math.min),
    ),
    gauge(
      "verbena_connection_receive_credits",
      "Messages that the peer may send now: the least of the connections to it.",
      merge(samples(({ receiveCredits }) => receiveCredits), Math.min),
    ),
  ];
}

function deviceFamilies({ devices }: Measured): ValueFamily[] {
  const active = devices.map(({ name, state }): Sample => [{ device: name }, Number(/\bactive\b/i.test(state))]);
  return [
    gauge(
      "verbena_device_active",
      "Whether a port of the RDMA device was active when last seen.",
      merge(active, Math.max),
    ),
  ];
}

function counter(name: string, help: string, samples: readonly Sample[]): ValueFamily {
  return { type: "counter", name, help, samples };
}

function gauge(name: string, help: string, samples: readonly Sample[]): ValueFamily {
  return { type: "gauge", name, help, samples };
}

function byName(counts: Readonly<Record<string, number>>, label: string): Sample[] {
  return merge(Object.entries(counts).map(([name, count]): Sample => [{ [label]: name }, count]), add);
}

/** Makes one of samples with the same labels, and one of all beyond {@linkcode MAX_LABEL_VALUES} of them. */
function merge(samples: readonly Sample[], join: (a: number, b: number) => number): Sample[] {
  const merged = new Map<string, [Labels, number]>();
  for (const [labels, value] of samples) {
    const full = merged.size >= MAX_LABEL_VALUES && !merged.has(JSON.stringify(labels));
    const kept = full ? Object.fromEntries(Object.keys(labels).map((name) => [name, "other"])) : labels;
    const key = JSON.stringify(kept);
    const before = merged.get(key);
    merged.set(key, [kept, before === undefined ? value : join(before[1], value)]);
  }
  return [...merged.values()];
}

function add(a: number, b: number): number {
  return a + b;
}

function withoutPort(address: string): string {
  return address.replace(/:\d+$/, "");
}
