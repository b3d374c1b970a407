/**
 * `/v1/sessions`: answers in progress, and an end to one.
 *
 * @module
 */
import { createRoute, z } from "@hono/zod-openapi";
import { HttpError, methodNotAllowed } from "../http_error.ts";
import type { Service } from "../service.ts";
import type { Session as OpenSession } from "../sessions.ts";
import { answer, bearer, guarded, refusals, resource } from "./resource.ts";
import { Session, Sessions } from "./schemas.ts";

const id = z.string().regex(/^[1-9][0-9]{0,15}$/, "want a session's id").openapi({ example: "17" });

/** The sub-app of `/v1/sessions`. */
// deno-lint-ignore explicit-module-boundary-types -- the type is what the typed client is made of
export function sessionRoutes(service: Service) {
  const tags = ["sessions"];
  const app = resource()
    .openapi(
      createRoute({
        method: "get",
        path: "/sessions",
        tags,
        summary: "Answers in progress",
        middleware: guarded(service, { kind: "sessions:read" }),
        security: bearer("sessions:read"),
        responses: { 200: answer(Sessions, "The oldest first."), ...refusals(401, 403) },
      }),
      (c) => c.json({ sessions: service.sessions.list().map(sessionDocument) }, 200),
    )
    .openapi(
      createRoute({
        method: "get",
        path: "/sessions/{id}",
        tags,
        summary: "One answer in progress",
        middleware: guarded(service, { kind: "sessions:read" }),
        security: bearer("sessions:read"),
        request: { params: z.object({ id }) },
        responses: { 200: answer(Session, "The session."), ...refusals(400, 401, 403, 404) },
      }),
      (c) => c.json(sessionDocument(find(service, c.req.valid("param").id)), 200),
    )
    .openapi(
      createRoute({
        method: "delete",
        path: "/sessions/{id}",
        tags,
        summary: "End an answer in progress: it breaks off, or is refused with 503",
        middleware: guarded(service, { kind: "sessions:cancel" }),
        security: bearer("sessions:cancel"),
        request: { params: z.object({ id }) },
        responses: { 204: { description: "It is being ended." }, ...refusals(400, 401, 403, 404) },
      }),
      (c) => {
        find(service, c.req.valid("param").id).cancel();
        return c.body(null, 204);
      },
    );
  app.all("/sessions", methodNotAllowed("GET, HEAD"));
  app.all("/sessions/:id", methodNotAllowed("GET, HEAD, DELETE"));
  return app;
}

function find(service: Service, id: string): OpenSession {
  const session = service.sessions.get(Number(id));
  if (session === undefined) throw new HttpError(404, `no session ${id} is in progress`);
  return session;
}

function sessionDocument({ id, target, caller, address, since, bytes }: OpenSession): z.infer<typeof Session> {
  const { kind, name } = target;
  return { id, kind, target: name, caller, address, since: new Date(since).toISOString(), bytes };
}
