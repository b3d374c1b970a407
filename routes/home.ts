/**
 * `/`: one page that says what this is, how it is doing, and what to paste into a terminal.
 *
 * @module
 */
import { Hono } from "hono";
import { conditionOf } from "./health.ts";
import { methodNotAllowed } from "./http_error.ts";
import type { Service } from "./service.ts";

/** The sub-app of `/`. */
export function homeRoutes(service: Service): Hono {
  const app = new Hono();
  app.get("/", (c) =>
    new Response(page(service, new URL(c.req.raw.url).origin), {
      headers: {
        "content-type": "text/html; charset=utf-8",
        "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
        "x-content-type-options": "nosniff",
      },
    }));
  app.all("/", methodNotAllowed("GET"));
  return app;
}

/** The lines that read a needle from a shell, for the page and for the terminal that started the service. */
export function curlLines(origin: string, fileId: string, size: number): string[] {
  return [
    `curl -s ${origin}/health`,
    `curl -s -o needle.bin '${origin}/read?file_id=${fileId}&offset=0&size=${size}'`,
    `curl -s -o needle.bin ${origin}/v1/needles/${fileId}`,
    `curl -s ${origin}/stats`,
  ];
}

function page(service: Service, origin: string): string {
  const { enabled, transport, error } = conditionOf(service.reader.health());
  const [sample] = service.samples;
  const lines = curlLines(origin, sample?.fileId ?? "3,01637037d6", sample?.size ?? 65536);
  const state = enabled ? `ready${transport === "" ? "" : `, over ${transport}`}` : `not ready: ${error}`;
  const links = ["health", "stats"].map((name) => `<a href="/${name}">/${name}</a>`).join(" ");
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Verbena</title>
<style>
:root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif; }
body { max-width: 50rem; margin: 2rem auto; padding: 0 1rem; }
pre { overflow-x: auto; padding: 1rem; border: 1px solid; border-radius: .25rem; }
</style>
</head>
<body>
<h1>Verbena</h1>
<p>SeaweedFS reads over RDMA. Version ${escape(service.version)}, ${escape(state)}.</p>
<pre>${lines.map(escape).join("\n")}</pre>
<p>${links}</p>
</body>
</html>
`;
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;")
    .replaceAll("'", "&#39;");
}
