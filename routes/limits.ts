/**
 * What one client, and all of them together, may ask of the service at once and in a second. No I/O and no clock: time is
 * a parameter.
 *
 * @module
 */
import { HttpError } from "./http_error.ts";

/** Ceilings; a rate of 0 is none. */
export interface ClientRules {
  /** Requests a second of one client; as many may come at once after a while without any. */
  readonly rate: number;
  /** Likewise, of a client nearby. */
  readonly rateNearby: number;
  /** Requests under way at once, of all clients. */
  readonly concurrency: number;
  /** Connections at once, of all clients. */
  readonly maxConnections: number;
  /** Connections at once of one client that is not nearby. */
  readonly maxConnectionsEach: number;
  /** Whether an address is nearby. Default: none is. */
  readonly isNearby?: (address: string) => boolean;
}

/** The ceilings where nothing else is said. */
export const DEFAULT_RULES: ClientRules = {
  rate: 1_000,
  rateNearby: 0,
  concurrency: 1_024,
  maxConnections: 4_096,
  maxConnectionsEach: 512,
};

/** Clients whose rates are known at once, in each of two generations: the older one goes when the younger is full. */
export const MAX_CLIENTS = 8_192;

/** Requests that a client has left. */
interface Bucket {
  left: number;
  at: number;
}

/** The account of one service's clients: each an IPv4 address, or the /64 that an IPv6 one is of. */
export class ClientLimits {
  /** Requests under way: whoever serves them counts them. */
  inFlight = 0;
  readonly #connections = new Map<string, number>();
  #rules: ClientRules;
  #young = new Map<string, Bucket>();
  #old = new Map<string, Bucket>();
  #connected = 0;

  /** Nobody has asked yet. */
  constructor(rules: Partial<ClientRules> = {}) {
    this.#rules = { ...DEFAULT_RULES, ...rules };
  }

  /** Goes by other ceilings from now on. */
  replace(rules: Partial<ClientRules>): void {
    this.#rules = { ...DEFAULT_RULES, ...rules };
  }

  /** Connections that stand. */
  get connections(): number {
    return this.#connected;
  }

  /** Clients whose rates are known. */
  get clients(): number {
    return this.#young.size + this.#old.size;
  }

  /**
   * Lets a request in, or says with which refusal it is not: 503 where too many are under way, 429 where its client asks
   * too often, each with Retry-After.
   *
   * @param now Milliseconds that only go forward.
   */
  admit(address: string, now: number): HttpError | undefined {
    const { concurrency } = this.#rules;
    if (this.inFlight > concurrency) {
      return new HttpError(503, `${concurrency} requests are under way, the most there may be`, { "retry-after": "1" });
    }
    const rate = this.#rateOf(address);
    return rate === 0 ? undefined : this.#spend(clientOf(address), rate, now);
  }

  /** Whether a connection may stand; one that may is counted until {@linkcode disconnected}. */
  connected(address: string): boolean {
    const { maxConnections, maxConnectionsEach } = this.#rules;
    if (this.#connected >= maxConnections) return false;
    const client = clientOf(address);
    const count = this.#connections.get(client) ?? 0;
    if (count >= maxConnectionsEach && !this.#isNearby(address)) return false;
    this.#connections.set(client, count + 1);
    this.#connected++;
    return true;
  }

  /** A connection that was counted is gone. */
  disconnected(address: string): void {
    const client = clientOf(address);
    const count = this.#connections.get(client) ?? 0;
    if (count > 1) this.#connections.set(client, count - 1);
    else this.#connections.delete(client);
    this.#connected--;
  }

  #isNearby(address: string): boolean {
    return this.#rules.isNearby?.(address) === true;
  }

  #rateOf(address: string): number {
    const { rate, rateNearby } = this.#rules;
    return rate === rateNearby || !this.#isNearby(address) ? rate : rateNearby;
  }

  #spend(client: string, rate: number, now: number): HttpError | undefined {
    const bucket = this.#bucketOf(client, rate, now);
    bucket.left = Math.min(rate, bucket.left + (now - bucket.at) * rate / 1000);
    bucket.at = now;
    if (bucket.left >= 1) {
      bucket.left--;
      return undefined;
    }
    const seconds = Math.max(1, Math.ceil((1 - bucket.left) / rate));
    return new HttpError(429, `${rate} requests a second are the most that one client may ask`, {
      "retry-after": String(seconds),
    });
  }

  // One who is forgotten has been silent while MAX_CLIENTS others asked, and begins with a full bucket.
  #bucketOf(client: string, rate: number, now: number): Bucket {
    const young = this.#young.get(client);
    if (young !== undefined) return young;
    if (this.#young.size >= MAX_CLIENTS) [this.#old, this.#young] = [this.#young, new Map()];
    const bucket = this.#old.get(client) ?? { left: rate, at: now };
    this.#old.delete(client);
    this.#young.set(client, bucket);
    return bucket;
  }
}

/** Whom an address is of: itself, as IPv4, or the first 64 bits of IPv6, of which one client has all the rest. */
export function clientOf(address: string): string {
  if (!address.includes(":")) return address;
  const mapped = /^::ffff:(\d{1,3}(?:\.\d{1,3}){3})$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  const [head = "", tail] = (address.split("%")[0] ?? "").split("::");
  const groups = groupsOf(head);
  if (tail !== undefined) {
    const after = groupsOf(tail);
    while (groups.length + after.length < 8) groups.push("0");
    groups.push(...after);
  }
  return `${groups.slice(0, 4).map((group) => parseInt(group, 16).toString(16)).join(":")}::/64`;
}

function groupsOf(text: string): string[] {
  return text === "" ? [] : text.split(":");
}
