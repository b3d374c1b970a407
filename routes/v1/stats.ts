/**
 * `/v1/stats`, one look at how the service is doing, and `/v1/events`, one each second: server-sent events, `snapshot` with
 * the same document, and `failure` with each request that fails.
 *
 * @module
 */
import { createRoute, z } from "@hono/zod-openapi";
import type { Failure } from "../failures.ts";
import { HttpError, methodNotAllowed } from "../http_error.ts";
import type { Service } from "../service.ts";
import type { Snapshots } from "../snapshot.ts";
import { answer, bearer, guarded, refusals, resource } from "./resource.ts";
import { Snapshot } from "./schemas.ts";

/** Milliseconds between two snapshots of `/v1/events`. */
export const EVENT_INTERVAL = 1_000;
/** Listeners to `/v1/events` at once. */
export const MAX_LISTENERS = 64;

const NEED = { kind: "stats:read" } as const;

/** The sub-app of both. */
// deno-lint-ignore explicit-module-boundary-types -- the type is what the typed client is made of
export function statsRoutes(service: Service, snapshots: Snapshots) {
  const common = {
    method: "get" as const,
    middleware: guarded(service, NEED),
    security: bearer(NEED.kind),
    tags: ["statistics"],
  };
  let listeners = 0;
  const app = resource()
    .openapi(
      createRoute({
        ...common,
        path: "/stats",
        summary: "How the service is doing",
        responses: { 200: answer(Snapshot, "A snapshot."), ...refusals(401, 403) },
      }),
      (c) => c.json(snapshots.take(), 200),
    )
    .openapi(
      createRoute({
        ...common,
        path: "/events",
        summary: "How the service is doing, each second: events `snapshot` and `failure`",
        responses: {
          200: {
            description: "Server-sent events, until the client goes away.",
            content: { "text/event-stream": { schema: z.string() } },
          },
          ...refusals(401, 403, 503),
        },
      }),
      (c) => {
        if (listeners >= MAX_LISTENERS) {
          throw new HttpError(503, `${MAX_LISTENERS} clients listen, the most there may be`, { "retry-after": "10" });
        }
        const headers = { "content-type": "text/event-stream", "cache-control": "no-store", "x-accel-buffering": "no" };
        if (c.req.raw.method === "HEAD") return new Response(null, { headers });
        // Who may not listen any more, as the token's time is over or it was revoked, is not told any more.
        const allowed = async (): Promise<boolean> => {
          try {
            await service.guard.admit(c, NEED);
            return true;
          } catch {
            return false;
          }
        };
        listeners++;
        return new Response(events(service, snapshots, c.env?.stop, allowed, () => listeners--), { headers });
      },
    );
  for (const path of ["/stats", "/events"]) app.all(path, methodNotAllowed("GET, HEAD"));
  return app;
}

/** The events; `ended` is called once, when there are no more. A client that takes none misses some, and keeps none waiting. */
function events(
  service: Service,
  snapshots: Snapshots,
  stop: AbortSignal | undefined,
  allowed: () => Promise<boolean>,
  ended: () => void,
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let end = (): void => {};
  return new ReadableStream<Uint8Array>({
    start(controller): void {
      const send = (event: string, data: unknown): void => {
        if ((controller.desiredSize ?? 0) <= 0) return;
        controller.enqueue(encoder.encode(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`));
      };
      const tick = async (): Promise<void> => {
        const open = await allowed();
        if (isOver) return;
        if (open) send("snapshot", snapshots.take());
        else close();
      };
      let isOver = false;
      const timer = setInterval(tick, EVENT_INTERVAL);
      const deafen = service.failures.listen((failure: Failure) => send("failure", failure));
      const close = (): void => {
        end();
        controller.close();
      };
      end = () => {
        end = () => {};
        isOver = true;
        clearInterval(timer);
        deafen();
        stop?.removeEventListener("abort", close);
        ended();
      };
      stop?.addEventListener("abort", close);
      send("snapshot", snapshots.take());
      if (stop?.aborted) close();
    },
    cancel(): void {
      end();
    },
  }, { highWaterMark: 16 });
}
