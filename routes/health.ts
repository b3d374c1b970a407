/**
 * `/health`: whether reads would be served now. `weed mount` asks once, when it starts, and takes nothing but 200,
 * `"healthy"` and `rdma.enabled` true.
 *
 * @module
 */
import { Hono } from "hono";
import type { ReaderHealth } from "../src/engine/reader.ts";
import { ALREADY_SENT } from "./direct_answer.ts";
import { json, jsonHeaders, timestamp } from "./format.ts";
import type { Bindings } from "./guard.ts";
import { DEFAULT_RETRY_AFTER, methodNotAllowed } from "./http_error.ts";
import { writeText } from "./text_answer.ts";
import type { Service } from "./service.ts";

/** What a client wants to know of the engines, in one place for `/health` and `/stats`. */
export interface Condition {
  /** Whether reads would be tried now. */
  readonly ready: boolean;
  /** Whether RDMA reads would be: through a Unix socket there are none. */
  readonly enabled: boolean;
  /** Whether a connection to an engine stands. */
  readonly connected: boolean;
  /** What moves the bytes of the first connected engine, `iwarp`; empty while none is. */
  readonly transport: string;
  /** Why not, one line; empty when all is well. */
  readonly error: string;
}

/** Sums up a reader's health. */
export function conditionOf(health: ReaderHealth): Condition {
  const connected = health.engines.find((engine) => engine.connected);
  const ready = health.ready && health.engines.length > 0;
  const enabled = ready && health.engines.some((engine) => engine.transport !== "local");
  const failed = health.engines.find((engine) => engine.lastError !== "");
  return {
    ready,
    enabled,
    connected: connected !== undefined,
    transport: connected?.transport ?? "",
    error: connected !== undefined && ready
      ? ""
      : failed?.lastError ?? (health.engines.length === 0 ? "no engine is configured" : ""),
  };
}

/** The sub-app of `/health`. */
export function healthRoutes(service: Service): Hono<{ Bindings: Bindings }> {
  const app = new Hono<{ Bindings: Bindings }>();
  app.get("/", async (c) => {
    await service.guard.admit(c, { kind: "token" });
    const { ready, enabled, connected, transport, error } = conditionOf(service.reader.health());
    const body = {
      status: ready ? "healthy" : "unhealthy",
      timestamp: timestamp(service.clock),
      version: service.version,
      rdma: {
        enabled,
        connected,
        type: "local", // the only kind that SeaweedFS's own sidecar knows
        transport,
        zerocopy_enabled: false, // bytes travel in the answer, never through a temporary file
        pooling_enabled: true,
        ...(error === "" ? {} : { error }),
      },
    };
    if (ready && c.req.raw.method === "GET" && service.direct.served(c.env)) {
      writeText(c.env.outgoing, 200, jsonHeaders(), JSON.stringify(body)); // asked too often to make a Response each time
      return ALREADY_SENT;
    }
    return ready ? json(body) : json(body, 503, { "retry-after": String(DEFAULT_RETRY_AFTER) });
  });
  app.all("/", methodNotAllowed("GET"));
  return app;
}
