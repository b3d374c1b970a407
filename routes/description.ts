/**
 * `/openapi.json` and `/docs`: what the interface is, for programs and for people. The same for everybody, and nothing of
 * what there is to read.
 *
 * @module
 */
import { Hono } from "hono";
import { methodNotAllowed } from "./http_error.ts";

/** The sub-app of both; `page` makes the document into an answer of HTML. */
export function descriptionRoutes(document: unknown, page: (request: Request) => Response): Hono {
  const app = new Hono();
  const text = JSON.stringify(document);
  app.get("/openapi.json", () => new Response(text, { headers: { "content-type": "application/json" } }));
  app.get("/docs", (c) => page(c.req.raw));
  for (const path of ["/openapi.json", "/docs"]) app.all(path, methodNotAllowed("GET, HEAD"));
  return app;
}
