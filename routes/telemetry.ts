/**
 * OpenTelemetry: a span for each read, and the numbers of `/metrics` as instruments. Deno itself exports them where it is
 * started with `OTEL_DENO=true`; where it is not, nothing here is loaded.
 *
 * @module
 */
import type { Histogram, Meter, Observable, SpanStatusCode, Tracer } from "@opentelemetry/api";
import { DURATION_BOUNDS } from "../src/rdma/histogram.ts";
import { countedFamilies, type Measured, READ_DURATION } from "./metrics/families.ts";

/** OpenTelemetry's interface. */
export type TelemetryApi = typeof import("@opentelemetry/api");

/** Where an implementation of the interface makes itself known to it, whichever module was loaded first. */
const IMPLEMENTATION = Symbol.for("opentelemetry.js.api.1");
const UNITS = { seconds: "s", bytes: "By" } as const;
const ERROR: SpanStatusCode.ERROR = 2;

/** The interface, where this process exports what it is told; undefined where not. */
export async function loadTelemetry(): Promise<TelemetryApi | undefined> {
  return IMPLEMENTATION in globalThis ? await import("@opentelemetry/api") : undefined;
}

/** What one service tells. */
export class Telemetry {
  readonly #meter: Meter;
  readonly #tracer: Tracer;
  readonly #durations: Histogram;

  /** Tells as Verbena of this version. */
  constructor(api: TelemetryApi, version: string) {
    this.#meter = api.metrics.getMeter("verbena", version);
    this.#tracer = api.trace.getTracer("verbena", version);
    this.#durations = this.#meter.createHistogram(READ_DURATION.name, {
      description: READ_DURATION.help,
      unit: UNITS[READ_DURATION.unit],
      advice: { explicitBucketBoundaries: [...DURATION_BOUNDS] },
    });
  }

  /**
   * Tells of a read that has just ended, `now` in milliseconds since 1970. Its span belongs to what is active: the request
   * that it was for.
   */
  record(transport: string, outcome: string, seconds: number, bytes: number, now: number): void {
    this.#durations.record(seconds, { transport, outcome });
    const attributes = { transport, outcome, bytes };
    const span = this.#tracer.startSpan("read", { attributes, startTime: now - 1000 * seconds });
    if (outcome !== "success") span.setStatus({ code: ERROR, message: outcome });
    span.end(now);
  }

  /** Has the counters and gauges of `/metrics`, under their names there, asked for at each export. */
  observe(measure: () => Measured): void {
    const meter = this.#meter;
    const instruments = new Map<string, Observable>();
    for (const { type, name, unit, help } of countedFamilies(measure())) {
      const options = { description: help, ...(unit === undefined ? {} : { unit: UNITS[unit] }) };
      const instrument = type === "counter"
        ? meter.createObservableCounter(name, options)
        : meter.createObservableGauge(name, options);
      instruments.set(name, instrument);
    }
    meter.addBatchObservableCallback((result) => {
      for (const { name, samples } of countedFamilies(measure())) {
        const instrument = instruments.get(name);
        if (instrument === undefined) continue;
        for (const [labels, value] of samples) result.observe(instrument, value, labels);
      }
    }, [...instruments.values()]);
  }
}
