/**
 * The HTTP API: a function of what it is given, with one sub-app a resource.
 *
 * @module
 */
import { Hono } from "hono";
import { reasonOf, VerbenaError } from "../src/rdma/errors.ts";
import { benchmarkRoutes } from "./benchmark.ts";
import { cleanupRoutes } from "./cleanup.ts";
import { healthRoutes } from "./health.ts";
import { homeRoutes } from "./home.ts";
import { HttpError, problem, textError, toHttpError } from "./http_error.ts";
import { readRoutes } from "./read.ts";
import { type Dependencies, Service } from "./service.ts";
import { statsRoutes } from "./stats.ts";
import { needleRoutes } from "./v1/needles.ts";
import { smbRoutes } from "./v1/smb.ts";

export * from "./log.ts";
export type { SmbName, SmbOpenDirectory, SmbOpenFile, SmbSource } from "./v1/smb_source.ts";
export { type Clock, DEFAULT_LIMITS, type Dependencies, type Limits, type Sample, systemClock } from "./service.ts";

/** The API as {@linkcode createApp} makes it: pass its `fetch` to `serveHttp` or `Deno.serve`, or call `request` in a test. */
export type App = Hono;

/** Mounts every route. */
export function createApp(dependencies: Dependencies): App {
  const service = new Service(dependencies);
  const app: App = new Hono();
  if (service.log.enabled("debug")) logRequests(app, service);
  app.route("/read", readRoutes(service));
  app.route("/health", healthRoutes(service));
  app.route("/stats", statsRoutes(service));
  app.route("/cleanup", cleanupRoutes(service));
  app.route("/benchmark", benchmarkRoutes(service));
  app.route("/v1/needles", needleRoutes(service));
  app.route("/v1/smb", smbRoutes(service));
  app.route("/", homeRoutes(service));
  app.notFound((c) =>
    refuse(c.req.path, new HttpError(404, `no such resource: ${JSON.stringify(c.req.path.slice(0, 256))}`))
  );
  app.onError((error, c) => {
    const refusal = toHttpError(error);
    logFailure(service, error, refusal, c.req.raw);
    return refuse(c.req.path, refusal);
  });
  return app;
}

function refuse(path: string, error: HttpError): Response {
  return path === "/v1" || path.startsWith("/v1/") ? problem(error) : textError(error);
}

/** Only failures of this side are worth a line by default; what clients ask wrongly is at debug. */
function logFailure(service: Service, error: unknown, refusal: HttpError, request: Request): void {
  const level = refusal.status < 500 ? "debug" : error instanceof VerbenaError ? "warn" : "error";
  if (!service.log.enabled(level)) return;
  service.log.write(level, "request failed", {
    method: request.method,
    url: request.url,
    status: refusal.status,
    reason: reasonOf(error),
    stack: level === "error" && error instanceof Error ? error.stack : undefined,
  });
}

function logRequests(app: App, service: Service): void {
  app.use(async (c, next) => {
    const started = service.clock.elapsed();
    await next();
    service.log.write("debug", "request", {
      method: c.req.raw.method,
      url: c.req.raw.url,
      status: c.res.status,
      milliseconds: service.clock.elapsed() - started,
    });
  });
}
