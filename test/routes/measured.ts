/**
 * Numbers of a service that has worked a little, for tests of what shows them.
 *
 * @module
 */
import { LatencyBoard } from "../../routes/latency.ts";
import type { Measured } from "../../routes/metrics/families.ts";

/** An engine that is well. */
export const ENGINE: Measured["engines"][number] = {
  address: "rdma:127.0.0.1:18515",
  connected: true,
  transport: "iwarp",
  circuit: "closed",
  lastError: "",
};

/** What `/v1/stats` might tell. */
export const MEASURED: Measured = {
  time: "2026-01-02T03:04:05.250Z",
  version: "0.1.0",
  uptime: 5.25,
  reads: {
    requests: 13,
    succeeded: 10,
    rdma: 7,
    local: 2,
    http: 1,
    readAheadHits: 2,
    bytes: 40960,
    rdmaBytes: 32768,
    inFlight: 1,
    errors: { "not-found": 2, "timeout": 1 },
  },
  engines: [
    ENGINE,
    { address: "unix", connected: false, transport: "", circuit: "half-open", lastError: "no answer" },
  ],
  connections: [
    {
      id: "1",
      kind: "engine-client",
      remote: "127.0.0.1:18515",
      transport: "iwarp",
      sendCredits: 254,
      receiveCredits: 255,
      since: "2026-01-02T03:04:00.000Z",
      inFlight: 1,
      bytes: 40960,
    },
    {
      id: "2",
      kind: "smb",
      remote: "nas:445",
      transport: "tcp",
      since: "2026-01-02T03:04:01.000Z",
      inFlight: 0,
      bytes: 0,
    },
  ],
  pool: { lentBytes: 65536, allocatedBytes: 1 << 20, ceiling: 1 << 26 },
  http: {
    requests: { "2xx": 20, "3xx": 1, "4xx": 4, "5xx": 0 },
    inFlight: 2,
    connections: 3,
    denied: { "401": 2, "403": 1, "429": 0 },
    sessions: 1,
  },
  devices: [{ name: "rxe0", state: "ACTIVE" }, { name: "siw0", state: "DOWN" }],
};

/** Two reads that succeeded over iWARP, one that was refused. */
export function measuredBoard(): LatencyBoard {
  const board = new LatencyBoard({ elapsed: () => 0 });
  board.record("iwarp", "success", 0.000125);
  board.record("iwarp", "success", 0.25);
  board.record("iwarp", "not-found", 0.5);
  return board;
}
