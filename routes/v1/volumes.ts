/**
 * `/v1/volumes` and `/v1/volumes/{id}/needles`: what there is to read. Needles are told without their cookies.
 *
 * @module
 */
import { createRoute, z } from "@hono/zod-openapi";
import { Asker } from "../asker.ts";
import { methodNotAllowed } from "../http_error.ts";
import type { Service } from "../service.ts";
import { mutable } from "./observed.ts";
import { answer, bearer, guarded, refusals, resource } from "./resource.ts";
import { Needles, Volumes } from "./schemas.ts";

/** A volume id in decimal, 1 to 4294967295, as a pattern. */
export const VOLUME_ID = "(?:[1-9][0-9]{0,8}|[1-3][0-9]{9}|4[01][0-9]{8}|42[0-8][0-9]{7}|429[0-3][0-9]{6}|" +
  "4294[0-8][0-9]{5}|42949[0-5][0-9]{4}|429496[0-6][0-9]{3}|4294967[01][0-9]{2}|42949672[0-8][0-9]|429496729[0-5])";

/** Needles of a page where no number is asked for. */
export const DEFAULT_PAGE = 100;
/** Needles of a page, at most. */
export const MAX_PAGE = 1_000;

/** The sub-app of `/v1/volumes`. */
// deno-lint-ignore explicit-module-boundary-types -- the type is what the typed client is made of
export function volumeRoutes(service: Service) {
  const tags = ["volumes"];
  const app = resource()
    .openapi(
      createRoute({
        method: "get",
        path: "/volumes",
        tags,
        summary: "Volumes of every engine",
        middleware: guarded(service, { kind: "needle", volume: undefined }),
        security: bearer("needle:read"),
        responses: {
          200: answer(Volumes, "Those that the token may read, by id."),
          ...refusals(401, 403, 500, 501, 503, 504),
        },
      }),
      async (c) => {
        const caller = await service.guard.admit(c, { kind: "needle", volume: undefined });
        using asker = new Asker(c);
        const volumes = await service.within(asker, (signal) => service.reader.volumes(signal));
        return c.json({ volumes: mutable(volumes.filter(({ id }) => service.guard.mayRead(caller, id))) }, 200);
      },
    )
    .openapi(
      createRoute({
        method: "get",
        path: "/volumes/{id}/needles",
        tags,
        summary: "Needles of a volume, a page at a time",
        middleware: guarded(service, { kind: "needle", volume: undefined }),
        security: bearer("needle:read"),
        request: {
          params: z.object({
            id: z.string().regex(new RegExp(`^${VOLUME_ID}$`), "want a volume id, 1 to 4294967295")
              .openapi({ example: "3" }),
          }),
          query: z.object({
            after: z.string().regex(/^[0-9a-f]{1,16}$/, "want a key in hexadecimal, of 1 to 16 lower-case digits")
              .optional().openapi({ description: "Only needles with a greater key.", example: "1f" }),
            limit: z.string().regex(/^(?:[1-9][0-9]{0,2}|1000)$/, `want a number from 1 to ${MAX_PAGE}`)
              .optional().openapi({ description: `Needles at most; ${DEFAULT_PAGE} unless told.`, example: "100" }),
          }),
        },
        responses: { 200: answer(Needles, "A page, by key."), ...refusals(400, 401, 403, 404, 500, 501, 503, 504) },
      }),
      async (c) => {
        const volume = Number(c.req.valid("param").id);
        await service.guard.admit(c, { kind: "needle", volume });
        const { after, limit = `${DEFAULT_PAGE}` } = c.req.valid("query");
        const from = after === undefined ? -1n : BigInt(`0x${after}`);
        using asker = new Asker(c);
        const found = await service.within(
          asker,
          (signal) => service.reader.needles(volume, from, Number(limit), signal),
        );
        const needles = found.map(({ key, size }) => ({ key: key.toString(16), size }));
        const next = needles.length < Number(limit) ? undefined : needles.at(-1)?.key;
        return c.json({ volume, needles, ...(next === undefined ? {} : { next }) }, 200);
      },
    );
  app.all("/volumes", methodNotAllowed("GET, HEAD"));
  app.all("/volumes/:id/needles", methodNotAllowed("GET, HEAD"));
  return app;
}
