/**
 * The HTTP API: a function of what it is given, with one sub-app a resource.
 *
 * @module
 */
import { OpenAPIHono } from "@hono/zod-openapi";
import { reasonOf, VerbenaError } from "../src/rdma/errors.ts";
import { benchmarkRoutes } from "./benchmark.ts";
import { cleanupRoutes } from "./cleanup.ts";
import { descriptionRoutes } from "./description.ts";
import { ALREADY_SENT } from "./direct_answer.ts";
import { shownPath } from "./failures.ts";
import { addressOf, type Bindings } from "./guard.ts";
import { secure } from "./headers.ts";
import { healthRoutes } from "./health.ts";
import { HttpError, problem, textError, toHttpError } from "./http_error.ts";
import { metricsRoutes } from "./metrics.ts";
import { describeApi } from "./openapi.ts";
import { docsPage, pageRoutes } from "./pages/mod.ts";
import { readRoutes } from "./read.ts";
import { type Dependencies, Service } from "./service.ts";
import { Snapshots } from "./snapshot.ts";
import { statsRoutes as sidecarStatsRoutes } from "./stats.ts";
import { needleRoutes } from "./v1/needles.ts";
import { observedRoutes } from "./v1/observed.ts";
import { guarded, type V1Env } from "./v1/resource.ts";
import { sessionRoutes } from "./v1/sessions.ts";
import { smbRoutes } from "./v1/smb.ts";
import { statsRoutes } from "./v1/stats.ts";
import { volumeRoutes } from "./v1/volumes.ts";

export * from "./log.ts";
export type { SmbName, SmbOpenDirectory, SmbOpenFile, SmbSource } from "./v1/smb_source.ts";
export * from "./observed.ts";
export { DEFAULT_LIMITS, type Dependencies, type Limits, type Sample } from "./service.ts";
export { type Clock, systemClock } from "./clock.ts";

/** The API as {@linkcode createApp} makes it: pass its `fetch` to `serveHttp` or `Deno.serve`, or call `request` in a test. */
export type App = OpenAPIHono<V1Env>;

/** What the typed client of `hono/client` is made of: `hc<AppType>(origin)`. */
export type AppType = ReturnType<typeof typedRoutes>;

/** The resources that answer JSON, by their types. */
// deno-lint-ignore explicit-module-boundary-types -- the type is the point
export function typedRoutes(service: Service, snapshots: Snapshots) {
  return new OpenAPIHono<V1Env>()
    .route("/v1", observedRoutes(service))
    .route("/v1", sessionRoutes(service))
    .route("/v1", volumeRoutes(service))
    .route("/v1", statsRoutes(service, snapshots));
}

/** Mounts every route. */
export function createApp(dependencies: Dependencies): App {
  const service = new Service(dependencies);
  const snapshots = new Snapshots(service);
  service.telemetry?.observe(() => snapshots.take());
  const app: App = new OpenAPIHono<V1Env>();
  if (service.log.enabled("debug")) logRequests(app, service);
  app.route("/read", readRoutes(service));
  app.route("/health", healthRoutes(service));
  app.route("/stats", sidecarStatsRoutes(service));
  app.route("/cleanup", cleanupRoutes(service));
  app.route("/benchmark", benchmarkRoutes(service));
  app.route("/v1/needles", needleRoutes(service));
  app.route("/v1/smb", smbRoutes(service));
  app.use("/metrics", guarded(service, { kind: "stats:read" }));
  app.route("/metrics", metricsRoutes(service.latency, () => snapshots.take()));
  app.route("/", typedRoutes(service, snapshots));
  const description = describeApi(app, service.version);
  app.route("/", descriptionRoutes(description, docsPage(description)));
  app.route("/", pageRoutes());
  app.notFound((c) =>
    refuse(c.req.path, new HttpError(404, `no such resource: ${JSON.stringify(c.req.path.slice(0, 256))}`))
  );
  app.onError((error, c) => {
    const refusal = toHttpError(error);
    logFailure(service, error, refusal, c.req.raw);
    service.failures.add(c.req.raw, addressOf(c.env), refusal);
    return refuse(c.req.path, refusal);
  });
  const route = app.fetch;
  app.fetch = (request, env, context) =>
    service.traffic.count(() => attend(service, request, env, () => route(request, env, context)));
  return app;
}

/** What comes before every route, and goes behind it. */
function attend(
  service: Service,
  request: Request,
  env: Bindings | undefined,
  route: () => Response | Promise<Response>,
): Response | Promise<Response> {
  const { clients, clock, cors } = service;
  const address = addressOf(env);
  const allowed = cors.isEmpty ? {} : cors.headers(request.headers.get("origin") ?? undefined);
  const refusal = clients.admit(address, clock.elapsed());
  if (refusal !== undefined) {
    service.failures.add(request, address, refusal);
    return secure(refuse(shownPath(request), refusal), allowed);
  }
  const preflight = cors.preflight(request);
  if (preflight !== undefined) return preflight;
  // An answer that a route writes by itself is on its way when the route is done.
  for (const [name, value] of Object.entries(allowed)) env?.outgoing?.setHeader(name, value);
  const response = route();
  const finish = (answer: Response): Response => answer === ALREADY_SENT ? answer : secure(answer, allowed);
  return response instanceof Promise ? response.then(finish) : finish(response);
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
    path: shownPath(request),
    status: refusal.status,
    reason: reasonOf(error instanceof HttpError ? error.cause ?? error : error),
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
