/**
 * `/v1/devices`, `/v1/providers`, `/v1/connections`, `/v1/regions`: what the process stands on.
 *
 * @module
 */
import { createRoute, z } from "@hono/zod-openapi";
import { HttpError, methodNotAllowed } from "../http_error.ts";
import type { ConnectionView } from "../observed.ts";
import { quote } from "../query.ts";
import type { Service } from "../service.ts";
import { answer, bearer, guarded, refusals, resource } from "./resource.ts";
import { Connections, Device, Devices, Providers, Regions } from "./schemas.ts";

const NEED = { kind: "devices:read" } as const;

/** A connection as documents have it. */
export function connectionDocument(
  { since, ...rest }: ConnectionView,
): Omit<ConnectionView, "since"> & { since: string } {
  return { ...rest, since: new Date(since).toISOString() };
}

/** The sub-app of all four. */
// deno-lint-ignore explicit-module-boundary-types -- the type is what the typed client is made of
export function observedRoutes(service: Service) {
  const middleware = guarded(service, NEED);
  const common = { method: "get" as const, middleware, security: bearer(NEED.kind), tags: ["process"] };
  const { observed } = service;
  const app = resource()
    .openapi(
      createRoute({
        ...common,
        path: "/devices",
        summary: "RDMA devices, their ports and limits",
        responses: { 200: answer(Devices, "The devices, in the library's order."), ...refusals(401, 403) },
      }),
      async (c) => {
        const { devices, reason } = await observed.devices();
        return c.json({ devices: devices.map(mutable), reason }, 200);
      },
    )
    .openapi(
      createRoute({
        ...common,
        path: "/devices/{name}",
        summary: "One RDMA device",
        request: { params: z.object({ name: z.string().min(1).max(64).openapi({ example: "rxe0" }) }) },
        responses: { 200: answer(Device, "The device."), ...refusals(400, 401, 403, 404) },
      }),
      async (c) => {
        const { name } = c.req.valid("param");
        const found = (await observed.devices()).devices.find((device) => device.name === name);
        if (found === undefined) throw new HttpError(404, `no RDMA device is called ${quote(name)}`);
        return c.json(mutable(found), 200);
      },
    )
    .openapi(
      createRoute({
        ...common,
        path: "/providers",
        summary: "Providers of RDMA, and why one cannot be used",
        responses: { 200: answer(Providers, "The providers, the preferred one first."), ...refusals(401, 403) },
      }),
      async (c) => c.json({ providers: [...await observed.providers()] }, 200),
    )
    .openapi(
      createRoute({
        ...common,
        path: "/connections",
        summary: "Connections that stand, with their credits",
        responses: { 200: answer(Connections, "The connections."), ...refusals(401, 403) },
      }),
      (c) => c.json({ connections: observed.connections().map(connectionDocument) }, 200),
    )
    .openapi(
      createRoute({
        ...common,
        path: "/regions",
        summary: "Registered memory: sizes and rights, never addresses or keys",
        responses: { 200: answer(Regions, "The regions."), ...refusals(401, 403) },
      }),
      (c) => c.json({ regions: observed.regions().map(mutable) }, 200),
    );
  for (const path of ["/devices", "/devices/:name", "/providers", "/connections", "/regions"]) {
    app.all(path, methodNotAllowed("GET, HEAD"));
  }
  return app;
}

type Mutable<T> = T extends readonly (infer E)[] ? Mutable<E>[]
  : T extends object ? { -readonly [K in keyof T]: Mutable<T[K]> }
  : T;

/** The same value, to a serialiser that knows nothing of `readonly`. */
export function mutable<T>(value: T): Mutable<T> {
  return value as Mutable<T>;
}
