/**
 * Metrics as text: OpenMetrics 1.0, and Prometheus' own format 0.0.4, from the same families.
 *
 * @module
 */
import type { Bucket } from "../../src/rdma/histogram.ts";

/** The two formats. */
export type Format = "openmetrics" | "prometheus";

/** What each format calls itself. */
export const CONTENT_TYPES: Readonly<Record<Format, string>> = {
  openmetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8",
  prometheus: "text/plain; version=0.0.4; charset=utf-8",
};

/** Names and values that tell a family's samples apart. */
export type Labels = Readonly<Record<string, string>>;

/** One value with its labels. */
export type Sample = readonly [labels: Labels, value: number];

/** One histogram with its labels. */
export interface HistogramSample {
  /** Names and values. */
  readonly labels: Labels;
  /** Every bucket, the last without a bound. */
  readonly buckets: readonly Bucket[];
  /** The sum of what was measured. */
  readonly sum: number;
  /** How much was measured. */
  readonly count: number;
}

/** What all families have. */
interface Described {
  /** The name without the suffixes that its type brings: `verbena_reads`, not `verbena_reads_total`. */
  readonly name: string;
  /** One sentence. */
  readonly help: string;
  /** What the values count, where they have one; the name then ends in it. */
  readonly unit?: "seconds" | "bytes";
}

/** Values of one name. */
export type ValueFamily = Described & {
  readonly type: "counter" | "gauge" | "info";
  readonly samples: readonly Sample[];
};

/** Values, or histograms, of one name. */
export type Family =
  | ValueFamily
  | Described & { readonly type: "histogram"; readonly samples: readonly HistogramSample[] };

/** The format that an `Accept` header asks for: OpenMetrics where it is liked no less than plain text. */
export function chooseFormat(accept: string | null): Format {
  const weights: Record<Format, number> = { openmetrics: 0, prometheus: 0 };
  for (const range of (accept ?? "").toLowerCase().split(",")) {
    const [type, ...parameters] = range.split(";").map((part) => part.trim());
    const version = parameters.find((parameter) => parameter.startsWith("version="))?.slice(8);
    const weight = Number(parameters.find((parameter) => parameter.startsWith("q="))?.slice(2) ?? 1) || 0;
    if (type === "application/openmetrics-text" && (version ?? "1.0.0") === "1.0.0") {
      weights.openmetrics = Math.max(weights.openmetrics, weight);
    } else if (type === "text/plain") {
      weights.prometheus = Math.max(weights.prometheus, weight);
    }
  }
  return weights.openmetrics > 0 && weights.openmetrics >= weights.prometheus ? "openmetrics" : "prometheus";
}

/** Writes families, those that have no sample left out. */
export function renderFamilies(families: readonly Family[], format: Format): string {
  const lines: string[] = [];
  for (const family of families) {
    if (family.samples.length === 0) continue;
    describe(family, format, lines);
    if (family.type === "histogram") {
      for (const sample of family.samples) pushHistogram(family.name, sample, lines);
    } else {
      const name = `${family.name}${SUFFIXES[family.type]}`;
      for (const [labels, value] of family.samples) lines.push(`${name}${renderLabels(labels)} ${renderNumber(value)}`);
    }
  }
  if (format === "openmetrics") lines.push("# EOF");
  return lines.map((line) => `${line}\n`).join("");
}

const SUFFIXES = { counter: "_total", gauge: "", info: "_info" } as const;

function describe({ name, type, help, unit }: Family, format: Format, lines: string[]): void {
  // Prometheus' format describes the samples and knows no info; OpenMetrics describes the family.
  const plain = format === "prometheus";
  const described = plain && type !== "histogram" ? `${name}${SUFFIXES[type]}` : name;
  lines.push(`# TYPE ${described} ${plain && type === "info" ? "gauge" : type}`);
  if (!plain && unit !== undefined) lines.push(`# UNIT ${described} ${unit}`);
  lines.push(`# HELP ${described} ${plain ? escapeText(help) : escapeLabel(help)}`);
}

function pushHistogram(name: string, { labels, buckets, sum, count }: HistogramSample, lines: string[]): void {
  for (const { le, count } of buckets) {
    lines.push(`${name}_bucket${renderLabels({ ...labels, le: renderBound(le) })} ${renderNumber(count)}`);
  }
  lines.push(`${name}_sum${renderLabels(labels)} ${renderNumber(sum)}`);
  lines.push(`${name}_count${renderLabels(labels)} ${renderNumber(count)}`);
}

function renderLabels(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escapeLabel(value)}"`);
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

/** A value: any finite number as JavaScript writes it, which is as precise as it is. */
export function renderNumber(value: number): string {
  if (Number.isFinite(value)) return String(value);
  return Number.isNaN(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf";
}

/** A bucket's bound as Go writes it, which OpenMetrics asks for: `1e-05`, `0.0001`, `1.0`, `+Inf`. */
export function renderBound(bound: number): string {
  if (!Number.isFinite(bound)) return renderNumber(bound);
  if (Number.isInteger(bound)) return `${bound}.0`;
  if (Math.abs(bound) >= 1e-4) return String(bound);
  return bound.toExponential().replace(/e([+-])(\d)$/, "e$10$2");
}

/** A label's value, whatever is in it: text that came from a peer cannot end it. */
export function escapeLabel(text: string): string {
  return escapeText(text).replaceAll('"', '\\"');
}

function escapeText(text: string): string {
  return text.toWellFormed().replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
}
