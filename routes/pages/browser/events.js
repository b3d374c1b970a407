// @ts-check
/// <reference lib="dom" />
/**
 * Server-sent events by `fetch`, which can send a token where `EventSource` cannot; made again when they break off.
 *
 * @module
 */

/** Milliseconds of silence after which a connection is given up: the server tells something every second. */
const SILENCE = 10_000;
/** Milliseconds before the first attempt to connect again, doubled with each that fails. */
const FIRST_DELAY = 1_000;
/** The longest it waits, in milliseconds. */
const LAST_DELAY = 30_000;

/**
 * What came: its event, and its data.
 *
 * @typedef {{event: string, data: string}} ServerEvent
 */

/** Takes a stream of events apart (HTML Living Standard §9.2.6). */
export class EventParser {
  #rest = "";
  #event = "";
  /** @type {string[]} */
  #data = [];

  /**
   * The events that are complete with this piece of text.
   *
   * @param {string} text
   * @returns {ServerEvent[]}
   */
  push(text) {
    /** @type {ServerEvent[]} */
    const events = [];
    // a line that ends in CR may have its LF in the next piece
    const lines = (this.#rest + text).split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop() ?? "";
    for (const line of lines) {
      if (line === "") {
        if (this.#data.length > 0) events.push({ event: this.#event || "message", data: this.#data.join("\n") });
        this.#event = "";
        this.#data = [];
        continue;
      }
      const [, name, value = ""] = /^([^:]*)(?:: ?(.*))?$/.exec(line) ?? [];
      if (name === "event") this.#event = value;
      else if (name === "data") this.#data.push(value);
    }
    return events;
  }
}

/** The server wants a token, or another one. */
export class TokenNeeded extends Error {}

/**
 * What a connection tells as it goes.
 *
 * @typedef {object} Listener
 * @property {() => string} token What to show the server; empty for nothing.
 * @property {() => void} onOpen It stands.
 * @property {(event: ServerEvent) => void} onEvent Something came.
 * @property {(reason: string, delay: number) => void} onLost It broke off, or could not be made; tried again after `delay` milliseconds.
 * @property {(reason: string) => void} onDenied The server wants another token; not tried again before {@link EventLink.connect}.
 */

/** A stream of events that is kept up. */
export class EventLink {
  #url;
  #listener;
  #failures = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  /** @type {AbortController | undefined} */
  #current;

  /**
   * @param {string} url
   * @param {Listener} listener
   */
  constructor(url, listener) {
    this.#url = url;
    this.#listener = listener;
  }

  /** Connects now, whatever was before. */
  connect() {
    clearTimeout(this.#timer);
    this.#current?.abort();
    const current = this.#current = new AbortController();
    this.#run(current).catch((error) => {
      if (this.#current !== current) return; // another one has taken its place
      const reason = error instanceof Error ? error.message : String(error);
      if (error instanceof TokenNeeded) return this.#listener.onDenied(reason);
      const delay = Math.min(LAST_DELAY, FIRST_DELAY * 2 ** this.#failures++);
      this.#timer = setTimeout(() => this.connect(), delay);
      this.#listener.onLost(reason, delay);
    });
  }

  /** @param {AbortController} current */
  async #run(current) {
    let watch = guard(current);
    try {
      const response = await fetch(this.#url, {
        headers: { accept: "text/event-stream", ...authorization(this.#listener.token()) },
        cache: "no-store",
        signal: current.signal,
      });
      if (response.status === 401 || response.status === 403) throw new TokenNeeded(await detailOf(response));
      if (!response.ok || response.body === null) throw new Error(await detailOf(response));
      const parser = new EventParser();
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      this.#listener.onOpen();
      for (;;) {
        clearTimeout(watch);
        watch = guard(current);
        const { done, value } = await reader.read();
        if (done) throw new Error("the server ended the connection");
        for (const event of parser.push(value)) {
          this.#failures = 0;
          this.#listener.onEvent(event);
        }
      }
    } finally {
      clearTimeout(watch);
    }
  }
}

/**
 * The header that shows a token.
 *
 * @param {string} token
 * @returns {Record<string, string>}
 */
export function authorization(token) {
  return token === "" ? {} : { authorization: `Bearer ${token}` };
}

/**
 * What a refusal says of itself.
 *
 * @param {Response} response
 * @returns {Promise<string>}
 */
export async function detailOf(response) {
  try {
    const { detail } = await response.json();
    if (typeof detail === "string") return detail;
  } catch {
    // not one of ours
  }
  return `the server answered ${response.status}`;
}

/** @param {AbortController} current */
function guard(current) {
  return setTimeout(() => current.abort(new Error("the server fell silent")), SILENCE);
}
