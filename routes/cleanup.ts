/**
 * `/cleanup`: SeaweedFS's sidecar lets a client delete the temporary file it was pointed to. Verbena sends the bytes in
 * the answer and makes no such files, so there is never one to delete: the parameter is checked, and nothing is touched.
 *
 * @module
 */
import { Hono } from "hono";
import { json, timestamp } from "./format.ts";
import type { Bindings } from "./guard.ts";
import { HttpError, methodNotAllowed } from "./http_error.ts";
import { quote, readQuery } from "./query.ts";
import type { Service } from "./service.ts";

/** Where SeaweedFS's sidecar keeps its temporary files. */
export const TEMPORARY_FOLDER = "/tmp/rdma-cache";

/** The sub-app of `/cleanup`. */
export function cleanupRoutes(service: Service): Hono<{ Bindings: Bindings }> {
  const app = new Hono<{ Bindings: Bindings }>();
  app.delete("/", async (c) => {
    await service.guard.admit(c, { kind: "admin" });
    const [path] = readQuery(c.req.raw.url, ["temp_file"]);
    if (path === undefined || path === "") {
      throw new HttpError(400, "temp_file: missing; give the path of a temporary file");
    }
    if (!path.startsWith(`${TEMPORARY_FOLDER}/`) || path.includes("\0") || path.split("/").includes("..")) {
      throw new HttpError(400, `temp_file: got ${quote(path)}, want a file in ${TEMPORARY_FOLDER}`);
    }
    return json({
      success: true,
      message: "no such temporary file: none is ever made",
      temp_file: path,
      timestamp: timestamp(service.clock),
    });
  });
  app.all("/", methodNotAllowed("DELETE"));
  return app;
}
