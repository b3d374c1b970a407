// @ts-check
/// <reference lib="dom" />
/// <reference lib="dom.iterable" />
/**
 * Tables that are kept up to date in place: rows stay the same elements, so that focus and selection stay where they are.
 * What they show is only ever text.
 *
 * @module
 */

/**
 * @typedef {object} Column
 * @property {string} label Its head.
 * @property {boolean} [numeric] Whether it is aligned as numbers are.
 * @property {boolean} [wide] Whether it takes the room that is left.
 *
 * @typedef {object} Mark
 * @property {string} text A word that stands out.
 * @property {"good" | "warn" | "bad" | "plain"} mood How.
 *
 * @typedef {object} Action
 * @property {string} action The button's word.
 * @property {string} name What a screen reader says instead.
 * @property {() => void} run What it does.
 *
 * @typedef {string | Mark | Action} Cell
 *
 * @typedef {object} Row
 * @property {string} key Tells the row from others.
 * @property {Cell[]} cells In the order of the columns.
 */

/** One table, and what is said where it has no rows. */
export class LiveTable {
  #table;
  #body;
  #empty;
  #columns;
  /** @type {Map<string, HTMLTableRowElement>} */
  #rows = new Map();
  /** What a button does now. @type {WeakMap<HTMLElement, () => void>} */
  #actions = new WeakMap();

  /**
   * @param {HTMLElement} parent An element with a `table`, and one of the class `empty` that is shown where it has no rows.
   * @param {Column[]} columns
   */
  constructor(parent, columns) {
    this.#columns = columns;
    this.#table = find(parent, "table", HTMLTableElement);
    this.#empty = find(parent, ".empty", HTMLElement);
    const head = this.#table.createTHead().insertRow();
    for (const { label, numeric, wide } of columns) {
      const cell = document.createElement("th");
      cell.scope = "col";
      cell.textContent = label;
      cell.classList.toggle("numeric", numeric === true);
      cell.classList.toggle("wide", wide === true);
      cell.role = "columnheader";
      head.append(cell);
    }
    this.#body = this.#table.createTBody();
    // a table that is laid out as something else on a narrow screen is one all the same
    this.#table.role = "table";
    head.role = "row";
    for (const group of [this.#table.tHead, this.#body]) if (group !== null) group.role = "rowgroup";
    this.#table.hidden = true;
  }

  /**
   * Shows these rows and no others, in this order.
   *
   * @param {Row[]} rows
   * @param {string} [empty] What to say where there is none; what was said before where this is not given.
   */
  render(rows, empty) {
    if (empty !== undefined) setText(this.#empty, empty);
    this.#table.hidden = rows.length === 0;
    this.#empty.hidden = rows.length > 0;
    const gone = new Map(this.#rows);
    let index = 0;
    for (const { key, cells } of rows) {
      const row = this.#rows.get(key) ?? this.#insert(key);
      gone.delete(key);
      if (this.#body.rows[index] !== row) this.#body.insertBefore(row, this.#body.rows[index] ?? null);
      for (const [column, cell] of cells.entries()) {
        const shown = row.cells[column];
        if (shown !== undefined) this.#fill(shown, cell);
      }
      index++;
    }
    for (const [key, row] of gone) {
      if (row.contains(document.activeElement)) this.#keepFocus(row);
      row.remove();
      this.#rows.delete(key);
    }
  }

  /** @param {string} key */
  #insert(key) {
    const row = document.createElement("tr");
    row.role = "row";
    for (const { label, numeric, wide } of this.#columns) {
      const cell = row.insertCell();
      cell.role = "cell";
      cell.dataset.label = label;
      cell.classList.toggle("numeric", numeric === true);
      cell.classList.toggle("wide", wide === true);
    }
    this.#rows.set(key, row);
    return row;
  }

  /**
   * @param {HTMLTableCellElement} shown
   * @param {Cell} cell
   */
  #fill(shown, cell) {
    if (typeof cell === "string") return setText(shown, cell);
    if ("text" in cell) {
      const mark = shown.querySelector("span") ?? shown.appendChild(document.createElement("span"));
      mark.className = `mark ${cell.mood}`;
      return setText(mark, cell.text);
    }
    const button = shown.querySelector("button") ?? this.#insertButton(shown);
    button.setAttribute("aria-label", cell.name);
    setText(button, cell.action);
    this.#actions.set(button, cell.run);
  }

  /** @param {HTMLTableCellElement} cell */
  #insertButton(cell) {
    const button = cell.appendChild(document.createElement("button"));
    button.type = "button";
    button.addEventListener("click", () => this.#actions.get(button)?.());
    return button;
  }

  /**
   * Who was in a row that goes is put into the next, or the one before, or to the heading.
   *
   * @param {HTMLTableRowElement} row
   */
  #keepFocus(row) {
    const near = row.nextElementSibling ?? row.previousElementSibling;
    const target = near?.querySelector("button") ?? row.closest("section")?.querySelector("h2");
    if (target instanceof HTMLElement) target.focus();
  }
}

/**
 * The element that must be there.
 *
 * @template {Element} E
 * @param {ParentNode} parent
 * @param {string} selector
 * @param {new () => E} kind
 * @returns {E}
 */
export function find(parent, selector, kind) {
  const found = parent.querySelector(selector);
  if (!(found instanceof kind)) throw new Error(`the page has no ${selector}`);
  return found;
}

/**
 * Changes what is shown only where it differs, so that a selection in it stays.
 *
 * @param {Element} element
 * @param {string} text
 */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
