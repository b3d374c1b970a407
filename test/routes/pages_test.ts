import { Hono } from "hono";
import { ASSETS } from "../../routes/pages/assets.ts";
import { CONTENT_SECURITY_POLICY, pageRoutes } from "../../routes/pages/mod.ts";
import { assert, assertEquals, assertMatch } from "../assert.ts";

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
  const texts = [await (await app.request("/")).text(), ...[...ASSETS.values()].map(({ body }) => body)];
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
