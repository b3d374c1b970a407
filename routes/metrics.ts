/**
 * `/metrics`: the service's counters, gauges and histograms for Prometheus and whatever else reads its formats.
 *
 * @module
 */
import { Hono } from "hono";
import { methodNotAllowed } from "./http_error.ts";
import type { LatencyBoard } from "./latency.ts";
import { chooseFormat, CONTENT_TYPES, renderFamilies } from "./metrics/exposition.ts";
import { familiesOf, type Measured } from "./metrics/families.ts";

/** The sub-app of `/metrics`, which shows what `measure` gives when asked. */
export function metricsRoutes(latency: LatencyBoard, measure: () => Measured): Hono {
  const app = new Hono();
  app.get("/", (c) => {
    const format = chooseFormat(c.req.raw.headers.get("accept"));
    return new Response(renderFamilies(familiesOf(measure(), latency), format), {
      headers: { "content-type": CONTENT_TYPES[format], "vary": "accept", "x-content-type-options": "nosniff" },
    });
  });
  app.all("/", methodNotAllowed("GET, HEAD"));
  return app;
}
