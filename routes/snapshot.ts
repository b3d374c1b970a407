/**
 * How the service is doing, in one document: `/v1/stats`, each event of `/v1/events`, and what `/metrics` is made of.
 *
 * @module
 */
import { timestamp } from "./format.ts";
import type { DeviceView } from "./observed.ts";
import type { Service } from "./service.ts";
import { connectionDocument, mutable } from "./v1/observed.ts";
import type { SnapshotDocument } from "./v1/schemas.ts";

/** Milliseconds for which a look at the devices is good: each look asks the library about all of them. */
const LOOK = 10_000;

/** Takes snapshots of one service. */
export class Snapshots {
  readonly #service: Service;
  #devices: readonly DeviceView[] = [];
  #lookedAt = -Infinity;

  /** Has looked at nothing yet. */
  constructor(service: Service) {
    this.#service = service;
  }

  /** How it is doing now; devices as they were last seen. */
  take(): SnapshotDocument {
    const service = this.#service;
    this.#look();
    const { version, failures, traffic, sessions, latency, clock } = service;
    const health = service.reader.health();
    const statistics = service.reader.statistics();
    const { requests, reads, rdmaReads, localReads, readAheadHits, bytes, inFlight, errors, pool } = statistics;
    return {
      time: timestamp(clock),
      version,
      uptime: (clock.elapsed() - service.started) / 1000,
      reads: {
        requests,
        succeeded: reads,
        rdma: rdmaReads,
        local: localReads,
        http: reads - rdmaReads - localReads,
        readAheadHits,
        bytes,
        rdmaBytes: service.rdmaBytes,
        inFlight,
        errors,
      },
      latency: latency.summaries(),
      engines: health.engines.map(({ address, connected, transport, circuit, lastError }) => (
        { address, connected, transport, circuit, lastError }
      )),
      connections: service.observed.connections().map(connectionDocument),
      pool: mutable(pool),
      http: {
        requests: { ...traffic.requests },
        inFlight: traffic.inFlight,
        connections: service.clients.connections,
        denied: { ...failures.denied },
        sessions: sessions.count,
      },
      devices: this.#devices.map(({ name, ports, error }) => (
        { name, state: error === "" ? ports.map((port) => port.state).join(", ") : "does not open" }
      )),
      failures: [...failures.list()],
    };
  }

  #look(): void {
    const now = this.#service.clock.elapsed();
    if (now - this.#lookedAt < LOOK) return;
    this.#lookedAt = now;
    this.#service.observed.devices().then(({ devices }) => this.#devices = devices, () => this.#devices = []);
  }
}
