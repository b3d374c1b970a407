/**
 * Asks SeaweedFS's master which volume servers have a volume, and remembers the answer for a while.
 *
 * @module
 */
import { ConfigError } from "../rdma/errors.ts";
import { type HttpAnswer, httpGet, VolumeServerError } from "./http_request.ts";

/** Answers kept at once. */
const MOST_ANSWERS = 10_000;
/** The most bytes an answer may have. */
const LARGEST_ANSWER = 1024 * 1024;
/** The most replicas of a volume that are looked at. */
const MOST_REPLICAS = 32;

/** How the master is asked. */
export interface MasterClientOptions {
  /** How long an answer is good for, in milliseconds. Default 10,000. */
  remember?: number;
  /** Milliseconds, from whatever start. Default `performance.now`. */
  now?: () => number;
}

interface Answer {
  readonly servers: readonly string[];
  readonly until: number;
}

/** A lookup of volumes at one master, or at several of one cluster, asked in turn. */
export class MasterClient {
  readonly #masters: readonly URL[];
  readonly #answers = new Map<number, Answer>();
  readonly #remember: number;
  readonly #now: () => number;

  /** Takes the masters' addresses, `http://host:9333`. Throws ConfigError. */
  constructor(masters: readonly string[], options: MasterClientOptions = {}) {
    if (masters.length === 0) throw new ConfigError("no master: name at least one, http://host:9333");
    this.#masters = masters.map(serverUrl);
    this.#remember = options.remember ?? 10_000;
    this.#now = options.now ?? (() => performance.now());
  }

  /**
   * The volume servers that have a volume, each `host:port`, in the master's order. Throws VolumeServerError `not-found`,
   * `unavailable` and `protocol`.
   */
  async lookup(volume: number, signal: AbortSignal): Promise<readonly string[]> {
    const known = this.#answers.get(volume);
    if (known !== undefined && this.remembers(volume)) return known.servers;
    const servers = await this.#ask(volume, signal);
    this.#answers.delete(volume);
    this.#answers.set(volume, { servers, until: this.#now() + this.#remember });
    for (const oldest of this.#answers.keys()) {
      if (this.#answers.size <= MOST_ANSWERS) break;
      this.#answers.delete(oldest);
    }
    return servers;
  }

  /** Whether a lookup would be answered without asking the master. */
  remembers(volume: number): boolean {
    const known = this.#answers.get(volume);
    return known !== undefined && this.#now() < known.until;
  }

  /** Forgets where a volume was, as when no server there had it. */
  forget(volume: number): void {
    this.#answers.delete(volume);
  }

  async #ask(volume: number, signal: AbortSignal): Promise<readonly string[]> {
    let failure: VolumeServerError | undefined;
    for (const master of this.#masters) {
      const url = new URL(`/dir/lookup?volumeId=${volume}`, master);
      try {
        return serversOf(await httpGet(url, {}, LARGEST_ANSWER, signal), url, volume);
      } catch (error) {
        if (!(error instanceof VolumeServerError)) throw error;
        failure = failure?.code === "not-found" ? failure : error; // a master that is away knows less than one that answers
      }
    }
    throw failure;
  }
}

/** An address of the form `http://host:port`, nothing more. Throws ConfigError. */
export function serverUrl(address: string): URL {
  const url = URL.parse(address);
  const plain = url !== null && (url.protocol === "http:" || url.protocol === "https:") && url.pathname === "/" &&
    url.search === "" && url.hash === "" && url.username === "" && url.password === "";
  if (plain) return url;
  throw new ConfigError(`${JSON.stringify(address)} is no server address: http://host:port, nothing after it`);
}

function serversOf({ status, body }: HttpAnswer, url: URL, volume: number): readonly string[] {
  if (status === 404) throw new VolumeServerError("not-found", `GET ${url}: the master knows no volume ${volume}`);
  if (status !== 200) throw new VolumeServerError("unavailable", `GET ${url}: status ${status}`);
  let answer: { locations?: unknown } | undefined;
  try {
    answer = JSON.parse(new TextDecoder().decode(body));
  } catch { /* said below */ }
  const locations = typeof answer === "object" && Array.isArray(answer?.locations) ? answer.locations : [];
  const servers = locations.slice(0, MOST_REPLICAS).map((location) => location?.url).filter(isHostAndPort);
  if (servers.length > 0) return servers;
  throw new VolumeServerError("protocol", `GET ${url}: no usable location in the answer`);
}

/** A host name or address and a port, and nothing that could make it another URL. */
function isHostAndPort(text: unknown): text is string {
  return typeof text === "string" && /^(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5}$/.test(text) &&
    URL.canParse(`http://${text}/`);
}
