/**
 * HTML from templates whose holes are text: what is put in is escaped, whoever wrote it.
 *
 * @module
 */

/** A piece of HTML that {@linkcode html} made, which goes into another as it is. */
export class Html {
  /** Is `text`, markup and all. */
  constructor(/** The markup. */ readonly text: string) {}
}

/** What a hole takes: text, which is escaped; pieces; several of either; nothing. */
export type Hole = string | number | Html | undefined | readonly Hole[];

/** A template of HTML. Holes stand in text or within double quotes. */
export function html(strings: TemplateStringsArray, ...holes: readonly Hole[]): Html {
  return new Html(strings.map((text, index) => text + render(holes[index])).join(""));
}

/** Text that cannot be taken for markup, in an element or within quotes. */
export function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;")
    .replaceAll("'", "&#39;");
}

function render(hole: Hole): string {
  if (hole === undefined) return "";
  if (hole instanceof Html) return hole.text;
  if (typeof hole === "object") return hole.map(render).join("");
  return escape(String(hole));
}
