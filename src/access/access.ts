/**
 * The rules of one service: whose tokens it takes, and what it gives without one to clients nearby.
 *
 * @module
 */
import { type BlockList, isIP } from "node:net";
import type { KeySet } from "./keys.ts";
import { checkHostName, checkPath, DEFAULT_ANONYMOUS, networksOf, publicName } from "./nearby.ts";
import { type Grant, TokenVerifier } from "./token.ts";

/** Who may do what. */
export interface AccessRules {
  /** Keys of tokens; without any, and without `seaweedReadKey`, no token is taken. */
  readonly keys?: KeySet | undefined;
  /** Ids of tokens that are not taken any more. */
  readonly revoked?: ReadonlySet<string>;
  /** SeaweedFS's `jwt.signing.read.key`, whose tokens name one needle. */
  readonly seaweedReadKey?: Uint8Array | undefined;
  /** Paths that need no token nearby, each with all below it. Default {@linkcode DEFAULT_ANONYMOUS}. */
  readonly anonymous?: readonly string[];
  /** Networks that count as nearby beside this machine, `10.0.0.0/8`. */
  readonly trusted?: readonly string[];
  /** Public names by which clients nearby may call the service, beside its addresses and names that are local. */
  readonly allowedHosts?: readonly string[];
}

/** Decides, by rules that may be replaced while it is in use. */
export class Access {
  #verifier!: TokenVerifier;
  #anonymous!: readonly string[];
  #trusted!: BlockList;
  #trustsAny = false;
  #allowedHosts!: ReadonlySet<string>;

  /** Throws ConfigError for a path, a network or a name that is none. */
  constructor(rules: AccessRules = {}) {
    this.replace(rules);
  }

  /** Goes by other rules from now on; all of them or, where it throws ConfigError, none. */
  replace(rules: AccessRules): void {
    const { keys, revoked = new Set(), seaweedReadKey, anonymous = DEFAULT_ANONYMOUS } = rules;
    const { trusted = [], allowedHosts = [] } = rules;
    const networks = networksOf(trusted);
    const paths = anonymous.map(checkPath);
    const hosts = new Set(allowedHosts.map(checkHostName));
    this.#trusted = networks;
    this.#allowedHosts = hosts;
    this.#trustsAny = trusted.length > 0;
    this.#anonymous = paths;
    this.#verifier = new TokenVerifier(keys, revoked, seaweedReadKey);
  }

  /** What a token allows at `now`, milliseconds since 1970. Throws TokenError. */
  grant(token: string, now: number): Grant | Promise<Grant> {
    return this.#verifier.verify(token, now);
  }

  /** Whether a path needs no token nearby. It is compared by its segments, so that `/v1` is not `/v10`. */
  isAnonymous(path: string): boolean {
    return this.#anonymous.some((prefix) => path.startsWith(prefix) && isBoundary(path, prefix.length));
  }

  /** Whether an address is of a network that is trusted. */
  isTrusted(address: string): boolean {
    if (!this.#trustsAny) return false; // asked at each request: looking into a list costs a microsecond or two
    const family = isIP(address);
    return family !== 0 && this.#trusted.check(address, family === 6 ? "ipv6" : "ipv4");
  }

  /**
   * Whether a Host header is none that the owner of some domain could have a browser nearby send, by having the domain's
   * name lead to this machine (DNS rebinding).
   */
  isAllowedHost(host: string): boolean {
    const name = publicName(host);
    return name === undefined || this.#allowedHosts.has(name);
  }

  /** Whether an address is this machine's own, `127.0.0.0/8` or `::1`. */
  isLoopback(address: string): boolean {
    if (address === "127.0.0.1" || address === "::1") return true;
    const family = isIP(address);
    return family !== 0 && LOOPBACK.check(address, family === 6 ? "ipv6" : "ipv4");
  }
}

const LOOPBACK = networksOf(["127.0.0.0/8", "::1/128"]);

function isBoundary(path: string, at: number): boolean {
  return path.length === at || path.charCodeAt(at) === 0x2f;
}
