/**
 * The files of the pages. They are part of the program, so that nothing is read from a disk or another site, and are told
 * apart by what is in them.
 *
 * @module
 */
import { createHash } from "node:crypto";
import uplotStyle from "uplot/dist/uPlot.min.css" with { type: "text" };
import uplot from "uplot/dist/uPlot.iife.min.js" with { type: "text" };
import charts from "./browser/charts.js" with { type: "text" };
import dashboard from "./browser/dashboard.js" with { type: "text" };
import events from "./browser/events.js" with { type: "text" };
import format from "./browser/format.js" with { type: "text" };
import history from "./browser/history.js" with { type: "text" };
import panels from "./browser/panels.js" with { type: "text" };
import process from "./browser/process.js" with { type: "text" };
import tables from "./browser/tables.js" with { type: "text" };
import token from "./browser/token.js" with { type: "text" };
import docsStyle from "./docs.css" with { type: "text" };
import grafana from "./grafana.json" with { type: "text" };
import icon from "./icon.svg" with { type: "text" };
import style from "./style.css" with { type: "text" };

/** One file. */
export interface Asset {
  /** What is in it. */
  readonly body: string;
  /** Of which type. */
  readonly type: string;
  /** A strong entity tag, with its quotes: another one for other bytes. */
  readonly etag: string;
}

const TYPES: Readonly<Record<string, string>> = {
  css: "text/css; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  json: "application/json",
  svg: "image/svg+xml",
  html: "text/html; charset=utf-8",
};

/** A file of a name, whose end is its type. */
export function asset(name: string, body: string): Asset {
  const etag = `"${createHash("sha256").update(body).digest("base64url").slice(0, 22)}"`;
  return { body, type: TYPES[name.slice(name.lastIndexOf(".") + 1)] ?? "text/plain; charset=utf-8", etag };
}

/** Every file under `/assets/`, by its name. */
export const ASSETS: ReadonlyMap<string, Asset> = new Map(
  Object.entries({
    "charts.js": charts,
    "dashboard.js": dashboard,
    "docs.css": docsStyle,
    "events.js": events,
    "format.js": format,
    "grafana.json": grafana,
    "history.js": history,
    "icon.svg": icon,
    "panels.js": panels,
    "process.js": process,
    "style.css": style,
    "tables.js": tables,
    "token.js": token,
    "uplot.css": uplotStyle,
    "uplot.js": uplot,
  }).map(([name, body]) => [name, asset(name, body)]),
);
