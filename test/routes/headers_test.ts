import { Cors, secure } from "../../routes/headers.ts";
import { assertEquals } from "../assert.ts";

const APP = "https://app.example.org";

function preflight(cors: Cors, headers: Record<string, string>, method = "OPTIONS"): Response | undefined {
  return cors.preflight(new Request("http://127.0.0.1/v1/stats", { method, headers }));
}

Deno.test("without origins nothing is said to pages of others", () => {
  const cors = new Cors([]);
  assertEquals(cors.headers(APP), {});
  assertEquals(preflight(cors, { "origin": APP, "access-control-request-method": "GET" }), undefined);
});

Deno.test("an origin is let read by its exact name, never with credentials, and caches are told that it matters", () => {
  const cors = new Cors([APP]);
  const { "access-control-allow-origin": origin, ...others } = cors.headers(APP);
  assertEquals([origin, others.vary, others["cross-origin-resource-policy"]], [APP, "origin", "cross-origin"]);
  assertEquals("access-control-allow-credentials" in others, false);
  for (
    const other of ["https://app.example.org.evil.example", "http://app.example.org", "https://APP.example.org", "null"]
  ) {
    assertEquals(cors.headers(other), { vary: "origin" });
  }
  assertEquals(cors.headers(undefined), { vary: "origin" });
});

Deno.test("a preflight is answered for origins that are let read, refused for others, and is no other request", () => {
  const cors = new Cors([APP]);
  const asks = {
    "origin": APP,
    "access-control-request-method": "GET",
    "access-control-request-headers": "authorization",
  };
  const allowed = preflight(cors, asks);
  assertEquals([allowed?.status, allowed?.headers.get("access-control-allow-origin")], [204, APP]);
  assertEquals(allowed?.headers.get("access-control-allow-headers")?.split(", ").includes("authorization"), true);
  assertEquals(allowed?.headers.get("access-control-allow-credentials"), null);
  const refused = preflight(cors, { ...asks, origin: "https://evil.example" });
  assertEquals([refused?.status, refused?.headers.get("access-control-allow-origin")], [403, null]);
  assertEquals(preflight(cors, { origin: APP }), undefined);
  assertEquals(preflight(cors, asks, "GET"), undefined);
});

Deno.test("what an answer varies with is kept beside what pages of other origins make it vary with", () => {
  const { headers } = secure(new Response(null, { headers: { vary: "accept" } }), new Cors([APP]).headers(APP));
  assertEquals([headers.get("vary"), headers.get("access-control-allow-origin")], ["accept, origin", APP]);
  assertEquals(secure(new Response(null), new Cors([APP]).headers(undefined)).headers.get("vary"), "origin");
});
