/**
 * `/benchmark`: reads one needle's range again and again and says how fast that was. It reads what it is told to, or the
 * wiring's sample; it makes no bytes up.
 *
 * @module
 */
import { Hono } from "hono";
import type { ReadRequest } from "../src/engine/reader.ts";
import { Asker } from "./asker.ts";
import { formatDuration, json, timestamp } from "./format.ts";
import { conditionOf } from "./health.ts";
import type { Asked, Bindings } from "./guard.ts";
import { HttpError, methodNotAllowed, toHttpError } from "./http_error.ts";
import { parseInteger, readQuery } from "./query.ts";
import { DEFAULT_SIZE, parseRead } from "./read.ts";
import type { Service } from "./service.ts";
import { PIECE_SIZE } from "./stream.ts";

/** Reads when no number is asked for. */
export const DEFAULT_ITERATIONS = 10;

/** What a run came to. */
interface Run {
  successful: number;
  rdma: number;
  failed: number;
  lastError: string;
}

/** The sub-app of `/benchmark`. One runs at a time: two would measure each other. */
export function benchmarkRoutes(service: Service): Hono<{ Bindings: Bindings }> {
  const app = new Hono<{ Bindings: Bindings }>();
  let running = false;
  app.get("/", async (c) => {
    await service.guard.admit(c, { kind: "admin" });
    const { raw } = c.req;
    const request = benchmarkRequest(service, raw.url);
    const [text] = readQuery(raw.url, ["iterations"]);
    const iterations = text === undefined
      ? DEFAULT_ITERATIONS
      : parseInteger("iterations", text, 1, service.limits.maxBenchmarkIterations);
    if (running) throw new HttpError(503, "busy: another benchmark is running", { "retry-after": "1" });
    running = true;
    const started = service.clock.elapsed();
    try {
      const run = await readRepeatedly(service, request, iterations, started, c);
      return json(benchmarkDocument(service, request, run, service.clock.elapsed() - started));
    } finally {
      running = false;
    }
  });
  app.all("/", methodNotAllowed("GET"));
  return app;
}

function benchmarkRequest(service: Service, url: string): ReadRequest {
  const [fileId, size, volume, needle, cookie] = readQuery(url, ["file_id", "size", "volume", "needle", "cookie"]);
  if ((volume ?? needle ?? cookie) !== undefined || (fileId !== undefined && size !== undefined)) {
    return parseRead(url, PIECE_SIZE);
  }
  const sample = service.samples[0];
  if (fileId === undefined && sample === undefined) {
    throw new HttpError(400, "file_id: missing; give file_id, or volume, needle and cookie, of a needle to read");
  }
  const query = new URLSearchParams({
    file_id: fileId ?? sample?.fileId ?? "",
    size: size ?? String(fileId === undefined ? Math.min(DEFAULT_SIZE, sample?.size ?? DEFAULT_SIZE) : DEFAULT_SIZE),
  });
  return parseRead(`?${query}`, PIECE_SIZE);
}

async function readRepeatedly(
  service: Service,
  request: ReadRequest,
  iterations: number,
  started: number,
  asked: Asked,
): Promise<Run> {
  const run: Run = { successful: 0, rdma: 0, failed: 0, lastError: "" };
  for (let count = 0; count < iterations; count++) {
    using asker = new Asker(asked); // another for each: one whose read was late has had all its time
    if (asker.signal.aborted || service.clock.elapsed() - started >= service.limits.benchmarkTimeout) break;
    try {
      using result = await service.read(request, asker);
      run.successful++;
      if (result.source === "rdma") run.rdma++;
    } catch (error) {
      run.failed++;
      run.lastError = toHttpError(error).message;
    }
  }
  return run;
}

function benchmarkDocument(service: Service, request: ReadRequest, run: Run, milliseconds: number): unknown {
  const operations = run.successful + run.failed;
  const totalBytes = run.successful * request.size;
  const seconds = milliseconds / 1000;
  return {
    benchmark_results: {
      iterations: operations,
      size_per_op: request.size,
      total_duration: formatDuration(milliseconds),
      successful_ops: run.successful,
      failed_ops: run.failed,
      rdma_ops: run.rdma,
      http_ops: run.successful - run.rdma,
      avg_latency: formatDuration(operations === 0 ? 0 : milliseconds / operations),
      throughput_mbps: (seconds === 0 ? 0 : totalBytes / seconds / (1 << 20)).toFixed(2),
      ops_per_sec: (seconds === 0 ? 0 : run.successful / seconds).toFixed(1),
      total_bytes: totalBytes,
      ...(run.lastError === "" ? {} : { last_error: run.lastError }),
    },
    rdma_enabled: conditionOf(service.reader.health()).enabled,
    timestamp: timestamp(service.clock),
  };
}
