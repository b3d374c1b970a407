import { Hono } from "hono";
import { metricsRoutes } from "../../routes/metrics.ts";
import { ASSETS } from "../../routes/pages/assets.ts";
import { CONTENT_SECURITY_POLICY, docsPage, pageRoutes } from "../../routes/pages/mod.ts";
import { assert, assertEquals, assertMatch } from "../assert.ts";
import { fakeApp } from "./fake_reader.ts";
import { MEASURED, measuredBoard } from "./measured.ts";

/** The pages, with refusals as the app has them. */
function pages(): Hono {
  return new Hono().route("/", pageRoutes()).onError((error, c) =>
    c.text(error.message, "status" in error ? Number(error.status) as 404 : 500)
  );
}

/** The status of an answer, and whether it has a body. */
async function ask(path: string, init?: RequestInit): Promise<[status: number, body: boolean]> {
  const response = await pages().request(path, init);
  return [response.status, (await response.text()).length > 0];
}

Deno.test("the dashboard is a page without data, that may run our scripts and ask this server", async () => {
  const response = await pages().request("/");
  const names = [
    "content-type",
    "content-security-policy",
    "x-content-type-options",
    "referrer-policy",
    "cache-control",
  ];
  assertEquals([response.status, ...names.map((name) => response.headers.get(name))], [
    200,
    "text/html; charset=utf-8",
    CONTENT_SECURITY_POLICY,
    "nosniff",
    "no-referrer",
    "no-cache",
  ]);
  const text = await response.text();
  assertMatch(text, /^<!DOCTYPE html>\n<html lang="en"/);
  assertEquals(/<script(?![^>]* src="\/assets\/)|<style|\sstyle=|\son[a-z]+=|https?:/.test(text), false);
});

Deno.test("the policy lets a page reach nothing but its own server", () => {
  assertEquals(
    CONTENT_SECURITY_POLICY,
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
      "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  );
});

Deno.test("every file that a page or a script names is there, with its type", async () => {
  const app = pages();
  const named = new Set<string>();
  const docs = await docsPage({ info: {} })(new Request("http://localhost/docs")).text();
  const texts = [docs, await (await app.request("/")).text(), ...[...ASSETS.values()].map(({ body }) => body)];
  for (const text of texts) {
    for (const [, name = ""] of text.matchAll(/"\/assets\/([^"]+)"/g)) named.add(name);
    for (const [, name = ""] of text.matchAll(/from "\.\/([^"]+)"/g)) named.add(name);
  }
  assertEquals([...named].filter((name) => !ASSETS.has(name)), []);
  assertEquals([...ASSETS.keys()].filter((name) => !named.has(name)), []);
  const types = await Promise.all(
    ["dashboard.js", "style.css", "icon.svg", "grafana.json"].map(async (name) => {
      const response = await app.request(`/assets/${name}`);
      await response.body?.cancel();
      return response.headers.get("content-type");
    }),
  );
  assertEquals(types, [
    "text/javascript; charset=utf-8",
    "text/css; charset=utf-8",
    "image/svg+xml",
    "application/json",
  ]);
});

Deno.test("a file is sent again only where it has changed", async () => {
  const app = pages();
  const first = await app.request("/assets/style.css");
  const etag = first.headers.get("etag") ?? "";
  assertMatch(etag, /^"[A-Za-z0-9_-]{22}"$/);
  assert((await first.text()).length > 1000);
  const again = async (tags: string): Promise<unknown[]> => {
    const response = await app.request("/assets/style.css", { headers: { "if-none-match": tags } });
    return [response.status, response.headers.get("etag"), (await response.text()).length > 0];
  };
  assertEquals(await again(etag), [304, etag, false]);
  assertEquals(await again(`"other", W/${etag}`), [304, etag, false]);
  assertEquals(await again("*"), [304, etag, false]);
  assertEquals(await again('"other"'), [200, etag, true]);
  assertEquals(new Set([...ASSETS.values()].map(({ etag }) => etag)).size, ASSETS.size);
});

Deno.test("what is not a file is not found, and nothing is written to", async () => {
  for (const name of ["none.js", "..%2fmod.ts", "constructor", "style.css%00", "Style.css"]) {
    assertEquals(await ask(`/assets/${name}`), [404, true], name);
  }
  assertEquals(await ask("/assets/style.css", { method: "POST" }), [405, true]);
  assertEquals(await ask("/", { method: "DELETE" }), [405, true]);
  assertEquals(await ask("/assets/style.css", { method: "HEAD" }), [200, false]);
});

Deno.test("the Grafana dashboard asks for metrics and labels that there are", async () => {
  const shown = await (await metricsRoutes(measuredBoard(), () => MEASURED).request("/")).text();
  const labels = new Map<string, Set<string>>();
  for (const [, name = "", pairs = ""] of shown.matchAll(/^([a-z_]+)(?:\{(.*)\})? /gm)) {
    labels.set(
      name,
      new Set(["job", "instance", ...[...pairs.matchAll(/([a-z]+)="/g)].map(([, label = ""]) => label)]),
    );
  }
  const { panels } = JSON.parse(ASSETS.get("grafana.json")?.body ?? "");
  const expressions: string[] = panels.flatMap(({ targets }: { targets: { expr: string }[] }) =>
    targets.map(({ expr }) => expr)
  );
  assertEquals([panels.length, expressions.length], [14, 22]);
  for (const expression of expressions) {
    for (const [, name = "", selectors = ""] of expression.matchAll(/(verbena_[a-z_]+)\{([^}]*)\}/g)) {
      const known = labels.get(name);
      assert(known !== undefined, name);
      const used = [...selectors.matchAll(/([a-z]+)[!=]?[=~]/g)].map(([, label = ""]) => label);
      const grouped = /by \(([a-z, ]+)\)/.exec(expression)?.[1]?.split(", ") ?? [];
      assertEquals([...used, ...grouped].filter((label) => !known.has(label)), [], expression);
    }
  }
});

Deno.test("/docs shows an OpenAPI document, in which no text can become markup", async () => {
  const evil = `<img src=x onerror="alert(1)">'&`;
  const response = docsPage({
    info: { title: evil, version: evil, description: evil },
    tags: [{ name: "tag", description: evil }],
    paths: {
      [`/v1/${evil}/{id}`]: {
        get: {
          tags: ["tag"],
          summary: evil,
          security: [{ bearer: [evil] }],
          parameters: [{
            name: evil,
            in: "query",
            required: true,
            description: evil,
            schema: { type: "string", example: evil },
          }],
          responses: {
            200: { description: evil, content: { [evil]: { schema: { $ref: evil } } } },
            404: { description: evil },
          },
        },
      },
    },
    components: {
      schemas: { [evil]: { description: evil, properties: { [evil]: { enum: [evil], description: evil } } } },
    },
  })(new Request("http://localhost/docs"));
  assertEquals([response.status, response.headers.get("content-security-policy")], [200, CONTENT_SECURITY_POLICY]);
  const text = await response.text();
  assertEquals(/<img src=x|onerror="|'&/.test(text.replaceAll("&amp;", "")), false);
  assertEquals(text.split("&lt;img src=x onerror=&quot;alert(1)&quot;&gt;&#39;&amp;").length > 15, true);
});

Deno.test("/docs says of an operation what it takes, wants and answers", async () => {
  const { app } = fakeApp();
  const document = await (await app.request("/openapi.json")).json();
  const page = await docsPage(document)(new Request("http://localhost/docs")).text();
  const [, article = ""] = /<article class="panel" id="delete-v1-sessions-id"([\s\S]*?)<\/article>/.exec(page) ?? [];
  const words = article.replaceAll("<wbr>", "").replaceAll(/<[^>]*>/g, " ").replaceAll(/\s+/g, " ");
  for (
    const part of [
      "DELETE /v1/sessions/{id}",
      "End an answer in progress",
      "A token with sessions:cancel .",
      "id path string Required. Such as 17 .",
      "204 – It is being ended.",
      "400 401 403 404 application/problem+json Problem Refused, with what was wrong.",
      "curl -s -X DELETE -H &quot;authorization: Bearer $TOKEN&quot; &quot;http://127.0.0.1:8081/v1/sessions/17&quot;",
    ]
  ) assertMatch(words, part);
  // every operation of the document is there, and every link within the page leads somewhere
  const operations =
    Object.values(document.paths as Record<string, object>).flatMap((path) => Object.keys(path)).length;
  const ids = new Set([...page.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id));
  assertEquals(page.match(/<article class="panel" id="(get|head|delete)-/g)?.length, operations);
  assertEquals([...page.matchAll(/href="#([^"]+)"/g)].map(([, id]) => id).filter((id) => !ids.has(id)), []);
});
