/**
 * Tables for people.
 *
 * @module
 */

/** A cell of a table. */
export type Cell = string | number;

/** Rows as lines of columns, those with numbers in them to the right, the others to the left. No line ends with spaces. */
export function tableLines(rows: readonly (readonly Cell[])[]): string[] {
  const widths: number[] = [];
  const numbers = new Set<number>();
  for (const row of rows) {
    for (const [column, cell] of row.entries()) {
      widths[column] = Math.max(widths[column] ?? 0, `${cell}`.length);
      if (typeof cell === "number") numbers.add(column);
    }
  }
  return rows.map((row) =>
    row.map((cell, column) => {
      const width = widths[column] ?? 0;
      return numbers.has(column) ? `${cell}`.padStart(width) : `${cell}`.padEnd(width);
    }).join("  ").trimEnd()
  );
}
