/**
 * The pages for people: the dashboard at `/`, and the files it is made of at `/assets/`. They hold no data: what the
 * dashboard shows it asks for at `/v1`, with its user's token.
 *
 * @module
 */
import { Hono } from "hono";
import { HttpError, methodNotAllowed } from "../http_error.ts";
import { type Asset, asset, ASSETS } from "./assets.ts";
import { renderDocs } from "./docs.ts";
import dashboard from "./dashboard.html" with { type: "text" };

/** What a page of ours may do in a browser: run our scripts, ask this server, and nothing else. */
export const CONTENT_SECURITY_POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; " +
  "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const DASHBOARD = asset("dashboard.html", dashboard);

/** The sub-app of `/`, to be mounted behind all others. */
export function pageRoutes(): Hono {
  const app = new Hono();
  app.get("/", (c) => send(c.req.raw, DASHBOARD));
  app.all("/", methodNotAllowed("GET, HEAD"));
  app.get("/assets/:name", (c) => {
    const found = ASSETS.get(c.req.param("name"));
    if (found === undefined) throw new HttpError(404, "no such file under /assets");
    return send(c.req.raw, found);
  });
  app.all("/assets/:name", methodNotAllowed("GET, HEAD"));
  return app;
}

/** What answers `/docs` for this OpenAPI document. */
export function docsPage(document: unknown): (request: Request) => Response {
  const page = asset("docs.html", renderDocs(document));
  return (request) => send(request, page);
}

function send(request: Request, { body, type, etag }: Asset): Response {
  // Asked for anew each time, and sent only where it has changed: a new version never runs with parts of an old one.
  const headers = { etag, "cache-control": "no-cache" };
  if (has(request.headers.get("if-none-match"), etag)) return new Response(null, { status: 304, headers });
  return new Response(body, {
    headers: {
      ...headers,
      "content-type": type,
      "content-security-policy": CONTENT_SECURITY_POLICY,
      "x-content-type-options": "nosniff",
      "referrer-policy": "no-referrer",
    },
  });
}

function has(tags: string | null, etag: string): boolean {
  return (tags ?? "").split(",").some((tag) => ["*", etag, `W/${etag}`].includes(tag.trim()));
}
