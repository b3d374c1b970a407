/**
 * A snapshot whose every word was chosen by someone who wants to break the page.
 *
 * @module
 */
import type { SnapshotDocument } from "../../routes/v1/schemas.ts";

/** The events of one snapshot, and the name that is everywhere in it. */
export function hostileEvents(): { body: string; name: string } {
  const name = `<img src=x onerror="broken=1"></td><script>broken=1</script>'"\u202e{{x}}`;
  const time = "2026-01-02T03:04:05.000Z";
  const snapshot: SnapshotDocument = {
    time,
    version: name,
    uptime: 1e12,
    reads: {
      requests: Number.MAX_SAFE_INTEGER,
      succeeded: 0,
      rdma: 0,
      local: 0,
      http: 0,
      readAheadHits: 0,
      bytes: Number.MAX_SAFE_INTEGER,
      rdmaBytes: 0,
      inFlight: 0,
      errors: { [name]: 1, "__proto__": 1 },
    },
    latency: ["success", name].map((outcome) => (
      { transport: name, outcome, count: 1, sum: 1, p50: 1e300, p90: 1e300, p99: 1e300, max: 1e300 }
    )),
    engines: [{ address: name, connected: true, transport: name, circuit: "open", lastError: name }],
    connections: [{ id: name, kind: "smb", remote: name, transport: name, since: time, inFlight: 0, bytes: 0 }],
    pool: { lentBytes: 1, allocatedBytes: 0, ceiling: 0 },
    http: { requests: { [name]: 1 }, inFlight: 0, connections: 0, denied: { [name]: 1 }, sessions: 0 },
    devices: [{ name, state: name }],
    failures: [{ time, method: name, path: name, status: 500, reason: name }],
  };
  return { body: `event: snapshot\ndata: ${JSON.stringify(snapshot)}\n\n`, name };
}
