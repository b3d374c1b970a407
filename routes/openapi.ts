/**
 * `/openapi.json`: the description of the whole HTTP interface. Resources that answer JSON describe themselves where they
 * are made; those on the path of every read, which are plain handlers, are described here.
 *
 * @module
 */
import { type OpenAPIHono, z } from "@hono/zod-openapi";
import { PLAIN_SCOPES } from "../src/access/mod.ts";
import { answer, bearer, refusals, type V1Env } from "./v1/resource.ts";
import { VOLUME_ID } from "./v1/volumes.ts";

type Registry = OpenAPIHono<V1Env>["openAPIRegistry"];
type Path = Parameters<Registry["registerPath"]>[0];
type Responses = Path["responses"];

const binary = z.string().openapi({ format: "binary" });
const OCTETS = { "application/octet-stream": { schema: binary } };
const fileId = z.string().openapi({ example: "3,01637037d6", pattern: `^${VOLUME_ID},[0-9a-fA-F]{9,24}$` });
const range = z.object({
  range: z.string().optional().openapi({ description: "One range of bytes; anything else is taken for none." }),
});
const readHeaders = z.object({
  "x-source": z.enum(["rdma", "http", "local"]).optional().openapi({ description: "What placed the bytes." }),
  "x-transport": z.string().optional().openapi({ description: "iwarp, verbs:DEVICE, local or http." }),
  "etag": z.string().optional(),
});

/** One-line refusals, as SeaweedFS's sidecar answers. */
function lines(...statuses: number[]): Responses {
  return Object.fromEntries(statuses.map((status) => [status, {
    description: "Refused, with a line that says why.",
    content: { "text/plain": { schema: z.string() } },
  }]));
}

const anything = z.record(z.string(), z.unknown());
const triple = {
  volume: z.string().optional().openapi({ description: "With needle and cookie, in place of file_id." }),
  needle: z.string().optional(),
  cookie: z.string().optional(),
};

const PATHS: readonly Path[] = [
  {
    method: "get",
    path: "/health",
    tags: ["sidecar"],
    summary: "Whether reads would be served now",
    security: [{}, ...bearer()],
    responses: { 200: answer(anything, "They would."), 503: answer(anything, "They would not."), ...lines(401) },
  },
  {
    method: "get",
    path: "/read",
    tags: ["sidecar"],
    summary: "A range of a needle, as weed mount asks for it",
    security: [{}, ...bearer("needle:read")],
    request: {
      query: z.object({
        file_id: fileId.optional(),
        ...triple,
        offset: z.string().optional().openapi({ description: "First byte; 0 unless told." }),
        size: z.string().optional().openapi({ description: "Bytes." }),
        volume_server: z.string().optional(),
      }),
    },
    responses: {
      200: {
        description: "The bytes, or a document about them.",
        content: { ...OCTETS, ...answer(anything, "").content },
      },
      ...lines(400, 401, 403, 404, 413, 414, 416, 422, 500, 501, 503, 504),
    },
  },
  {
    method: "get",
    path: "/stats",
    tags: ["sidecar"],
    summary: "Counters, under the names of SeaweedFS's sidecar",
    security: bearer("stats:read"),
    responses: { 200: answer(anything, "The counters."), ...lines(401, 403) },
  },
  {
    method: "get",
    path: "/benchmark",
    tags: ["sidecar"],
    summary: "Read a needle again and again, and say how fast that was",
    security: bearer("admin"),
    request: {
      query: z.object({
        file_id: fileId.optional(),
        ...triple,
        size: z.string().optional(),
        iterations: z.string().optional(),
      }),
    },
    responses: {
      200: answer(anything, "How fast it was."),
      ...lines(400, 401, 403, 404, 413, 414, 416, 500, 501, 503, 504),
    },
  },
  {
    method: "delete",
    path: "/cleanup",
    tags: ["sidecar"],
    summary: "Delete a temporary file, of which there is never one",
    security: bearer("admin"),
    request: { query: z.object({ temp_file: z.string() }) },
    responses: { 200: answer(anything, "Nothing was there."), ...lines(400, 401, 403, 414) },
  },
  {
    method: "get",
    path: "/metrics",
    tags: ["statistics"],
    summary: "Counters, gauges and histograms, for Prometheus",
    security: bearer("stats:read"),
    responses: {
      200: {
        description: "OpenMetrics where it is accepted, else Prometheus' text.",
        content: { "text/plain": { schema: z.string() }, "application/openmetrics-text": { schema: z.string() } },
      },
      ...lines(401, 403),
    },
  },
  ...(["get", "head"] as const).map((method): Path => ({
    method,
    path: "/v1/needles/{file_id}",
    tags: ["volumes"],
    summary: method === "get" ? "A needle's data, whole or one range of it" : "What GET would say of it",
    security: bearer("needle:read"),
    request: { params: z.object({ file_id: fileId }), headers: range },
    responses: {
      200: { description: "All of it.", headers: readHeaders, content: OCTETS },
      206: { description: "The range.", headers: readHeaders, content: OCTETS },
      304: { description: "The client has it." },
      ...refusals(400, 401, 403, 404, 412, 416, 500, 501, 503, 504),
    },
  })),
  ...(["get", "head"] as const).map((method): Path => ({
    method,
    path: "/v1/smb/{server}/{share}/{path}",
    tags: ["SMB"],
    summary: method === "get"
      ? "A file of a configured SMB server, whole or one range; a directory's names as JSON"
      : "What GET would say of it",
    security: bearer("smb:read"),
    request: {
      params: z.object({
        server: z.string(),
        share: z.string(),
        path: z.string().openapi({
          description: 'May have slashes. No component of it is . or .., or has \\ : " * ? < > |.',
        }),
      }),
      headers: range,
    },
    responses: {
      200: { description: "The file.", content: { ...OCTETS, ...answer(anything, "").content } },
      206: { description: "The range.", content: OCTETS },
      304: { description: "The client has it." },
      ...refusals(400, 401, 403, 404, 409, 412, 416, 500, 502, 503, 504),
    },
  })),
];

/** The description's document, which is the same for everybody. */
export function describeApi(app: OpenAPIHono<V1Env>, version: string): ReturnType<typeof app.getOpenAPI31Document> {
  const registry = app.openAPIRegistry;
  registry.registerComponent("securitySchemes", "bearer", {
    type: "http",
    scheme: "bearer",
    bearerFormat: "JWT",
    description: "Scopes: needle:read[:VOLUME,…], smb:read:SERVER/SHARE[/PREFIX], " +
      Object.entries(PLAIN_SCOPES).map(([scope, what]) => `${scope} (${what})`).join(", ") +
      ". Without a token: what the configuration lists, to clients of this machine and of trusted networks.",
  });
  for (const path of PATHS) registry.registerPath(path);
  return app.getOpenAPI31Document({
    openapi: "3.1.0",
    info: {
      title: "Verbena",
      version,
      description: "Reads over RDMA: needles of SeaweedFS, files of SMB servers, and what the service is doing.",
      license: { name: "Apache-2.0", url: "https://www.apache.org/licenses/LICENSE-2.0" },
    },
    tags: [
      { name: "sidecar", description: "What weed mount and SeaweedFS's scripts ask." },
      { name: "volumes", description: "Needles and the volumes they are in." },
      { name: "SMB", description: "Files of SMB servers that the configuration names." },
      { name: "process", description: "Devices, providers, connections and memory." },
      { name: "sessions", description: "Answers in progress." },
      { name: "statistics", description: "How it is all going." },
    ],
  });
}
