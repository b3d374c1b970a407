// @ts-check
/// <reference lib="dom" />
/**
 * The token that the server is shown: kept for as long as the tab is open, and asked for where there is none.
 *
 * @module
 */
import { find, setText } from "./tables.js";

const KEY = "verbena.token";

/** The token, and the form that asks for one. */
export class TokenForm {
  #section = find(document, "#access", HTMLElement);
  #button = find(document, "#access-button", HTMLButtonElement);
  #input = find(document, "#token", HTMLInputElement);
  #reason = find(document, "#access-reason", HTMLElement);
  #forget = find(document, "#token-forget", HTMLButtonElement);
  #token = "";

  /** @param {() => void} onChange There is another token, or none any more. */
  constructor(onChange) {
    this.#token = takeFromAddress() || sessionStorage.getItem(KEY) || "";
    this.#forget.hidden = this.#token === "";
    this.#button.addEventListener("click", () => this.#section.hidden ? this.open("") : this.close());
    find(document, "#access form", HTMLFormElement).addEventListener("submit", (event) => {
      event.preventDefault();
      this.#keep(this.#input.value.trim().replace(/^Bearer\s+/i, ""));
      onChange();
    });
    this.#forget.addEventListener("click", () => {
      this.#keep("");
      this.#input.focus();
      onChange();
    });
    // a link with another token, opened in the same tab
    addEventListener("hashchange", () => {
      const token = takeFromAddress();
      if (token === "") return;
      this.#keep(token);
      onChange();
    });
  }

  /** The token; empty where there is none. */
  get token() {
    return this.#token;
  }

  /**
   * Asks for a token, and says why.
   *
   * @param {string} reason Empty where the reader wants to.
   */
  open(reason) {
    const wanted = reason === "";
    setText(this.#reason, reason);
    this.#reason.classList.toggle("bad", this.#token !== "");
    this.#input.setAttribute("aria-invalid", String(!wanted && this.#token !== ""));
    this.#section.hidden = false;
    this.#button.setAttribute("aria-expanded", "true");
    if (wanted || document.activeElement === document.body) this.#input.focus();
  }

  /** Asks no more. */
  close() {
    const inside = this.#section.contains(document.activeElement);
    this.#section.hidden = true;
    this.#button.setAttribute("aria-expanded", "false");
    this.#input.value = "";
    this.#input.removeAttribute("aria-invalid");
    if (inside) this.#button.focus();
  }

  /** @param {string} token */
  #keep(token) {
    this.#token = token;
    if (token === "") sessionStorage.removeItem(KEY);
    else sessionStorage.setItem(KEY, token);
    this.#forget.hidden = token === "";
  }
}

/** The token behind `#token=`, which is then no longer in the address, nor in the history. */
function takeFromAddress() {
  const token = new URLSearchParams(location.hash.slice(1)).get("token") ?? "";
  if (token !== "") {
    sessionStorage.setItem(KEY, token);
    history.replaceState(null, "", location.pathname + location.search);
  }
  return token;
}
