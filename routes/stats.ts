/**
 * `/stats`: counters, under the names that SeaweedFS's sidecar and its scripts use, and Verbena's own beside them.
 *
 * @module
 */
import { Hono } from "hono";
import { json, timestamp } from "./format.ts";
import { conditionOf } from "./health.ts";
import type { Bindings } from "./guard.ts";
import { methodNotAllowed } from "./http_error.ts";
import type { Service } from "./service.ts";

/** The sub-app of `/stats`. */
export function statsRoutes(service: Service): Hono<{ Bindings: Bindings }> {
  const app = new Hono<{ Bindings: Bindings }>();
  app.get("/", async (c) => {
    await service.guard.admit(c, { kind: "stats:read" });
    return json(statsDocument(service));
  });
  app.all("/", methodNotAllowed("GET"));
  return app;
}

function statsDocument(service: Service): unknown {
  const health = service.reader.health();
  const statistics = service.reader.statistics();
  const { enabled, connected, transport } = conditionOf(health);
  const capabilities = health.engines.find((engine) => engine.capabilities !== undefined)?.capabilities;
  return {
    enabled,
    connected,
    rdma_enabled: enabled,
    transport,
    total_requests: statistics.requests,
    total_reads: statistics.reads,
    successful_reads: statistics.reads,
    failed_reads: Object.values(statistics.errors).reduce((sum, count) => sum + count, 0),
    rdma_reads: statistics.rdmaReads,
    local_reads: statistics.localReads,
    http_fallbacks: statistics.reads - statistics.rdmaReads - statistics.localReads,
    read_ahead_hits: statistics.readAheadHits,
    total_bytes_read: statistics.bytes,
    in_flight: statistics.inFlight,
    errors: statistics.errors,
    connections: statistics.connections,
    pool: {
      lent_bytes: statistics.pool.lentBytes,
      allocated_bytes: statistics.pool.allocatedBytes,
      ceiling: statistics.pool.ceiling,
    },
    rdma: { enabled, connected, transport },
    ...(capabilities === undefined ? {} : {
      capabilities: {
        device_name: capabilities.deviceName,
        version: capabilities.version,
        max_sessions: capabilities.maxSessions,
        max_transfer_size: capabilities.maxTransferSize,
        real_rdma: capabilities.realRdma,
      },
    }),
    engines: health.engines.map((engine) => ({
      address: engine.address,
      connected: engine.connected,
      transport: engine.transport,
      circuit: engine.circuit,
      last_error: engine.lastError,
    })),
    // No volume server is asked for anything, and no Unix socket is named to strangers; the keys are SeaweedFS's.
    volume_server_url: "",
    rdma_socket_path: "",
    client_type: "local",
    version: service.version,
    timestamp: timestamp(service.clock),
  };
}
