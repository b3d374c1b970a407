/**
 * The door: what a request may have, before anything is looked up for it. A refusal says which scope would have been
 * enough, and nothing of what there is.
 *
 * @module
 */
import type { Context } from "hono";
import { type Access, describeNeed, type FileId, type Grant, type Need, TokenError } from "../src/access/mod.ts";
import type { NodeBindings } from "./direct_answer.ts";
import { HttpError } from "./http_error.ts";
import type { Clock } from "./clock.ts";

/** What a route knows of the server that it is called by; nothing in a test of its own. */
export type Bindings = Partial<NodeBindings>;

/** A request, and the server it came to. */
export type Asked = Pick<Context<{ Bindings: Bindings }>, "env" | "req">;

/** Who asks, once it is known. */
export interface Caller {
  /** Whose token it is, or `anonymous`. */
  readonly name: string;
  /** What the token allows; undefined of who needs none. */
  readonly grant: Grant | undefined;
}

/** What proxies say of whom they ask for. */
const PROXIED = [
  "forwarded",
  "x-forwarded-for",
  "x-forwarded-host",
  "x-forwarded-proto",
  "via",
  "x-real-ip",
  "x-client-ip",
  "true-client-ip",
  "cf-connecting-ip",
];

const ANONYMOUS: Caller = { name: "anonymous", grant: undefined };

/** A refusal for want of a right; what is known of who was refused goes with it to the audit log, and not to them. */
export class Denied extends HttpError {
  static {
    this.prototype.name = "Denied";
  }

  /** Names the scope that is missing. */
  constructor(
    status: 401 | 403,
    reason: string,
    /** What was needed, `needle:read:3`. */ readonly need: string,
    /** Who was refused, as far as that is known. */ readonly grant: Grant | undefined,
    challenge: string,
  ) {
    super(status, reason, { "www-authenticate": challenge });
  }
}

/** Lets requests in, or throws {@linkcode Denied}. */
export class Guard {
  readonly #access: Access;
  readonly #clock: Pick<Clock, "now">;

  /** Goes by `access`, whose rules may change. */
  constructor(access: Access, clock: Pick<Clock, "now">) {
    this.#access = access;
    this.#clock = clock;
  }

  /** Lets in who meets the need. Throws {@linkcode Denied}. */
  admit(asked: Asked, need: Need): Caller | Promise<Caller> {
    const authorization = headerOf(asked, "authorization");
    if (authorization !== undefined) return this.#admitBearer(authorization, need);
    const scope = describeNeed(need);
    const needed = `a token with the scope ${scope} is needed`;
    if (!this.#access.isAnonymous(asked.req.path) || !this.#isNearby(asked)) {
      throw new Denied(401, needed, scope, undefined, challenge(scope));
    }
    const host = headerOf(asked, "host"); // HTTP/1.0 sends none
    if (host === undefined || this.#access.isAllowedHost(host)) return ANONYMOUS;
    const reason = `${needed}: the configuration's allowedHosts has no ${JSON.stringify(host.slice(0, 64))}`;
    throw new Denied(401, reason, scope, undefined, challenge(scope));
  }

  /** Lets in, of those whom {@linkcode admit} let in for some needle, who may read this one. Throws {@linkcode Denied}. */
  admitNeedle({ grant }: Caller, fileId: FileId): void {
    if (grant !== undefined) check(grant, { kind: "needle", volume: fileId.volume }, fileId);
  }

  /** Whether who was let in may read needles of a volume. */
  mayRead({ grant }: Caller, volume: number): boolean {
    return grant === undefined || grant.permits({ kind: "needle", volume });
  }

  /** Likewise for a path of a share. Throws {@linkcode Denied}. */
  admitPath({ grant }: Caller, place: { server: string; share: string; path: string }): void {
    if (grant !== undefined) check(grant, { kind: "smb", place });
  }

  async #admitBearer(authorization: string, need: Need): Promise<Caller> {
    const scope = describeNeed(need);
    const [, token] = /^Bearer +([^\s]+) *$/i.exec(authorization) ?? [];
    if (token === undefined) {
      throw new Denied(401, "Authorization: want Bearer and a token", scope, undefined, challenge(scope));
    }
    let grant: Grant;
    try {
      grant = await this.#access.grant(token, this.#clock.now());
    } catch (error) {
      if (!(error instanceof TokenError)) throw error;
      const said = challenge(scope, "invalid_token", error.message);
      throw new Denied(401, `${error.message}; a token with the scope ${scope} is needed`, scope, undefined, said);
    }
    check(grant, need);
    return { name: grant.subject || grant.id || "a token of SeaweedFS's", grant };
  }

  /**
   * Whether who asks is on this machine, or on a network that is trusted. One who was passed on by a proxy is not, whoever
   * the proxy is; nor is a page of some site in a browser there, which a request across sites gives away.
   */
  #isNearby(asked: Asked): boolean {
    const address = addressOf(asked.env);
    if (PROXIED.some((name) => headerOf(asked, name) !== undefined)) return false;
    if (headerOf(asked, "sec-fetch-site") === "cross-site") return false;
    return this.#access.isLoopback(address) || this.#access.isTrusted(address);
  }
}

function check(grant: Grant, need: Need, fileId?: FileId): void {
  if (grant.permits(need, fileId)) return;
  const scope = describeNeed(need);
  const said = challenge(scope, "insufficient_scope", "the token lacks the scope");
  throw new Denied(403, `the token lacks the scope ${scope}`, scope, grant, said);
}

/** The address of who asks; empty where no server tells. */
export function addressOf(env: Bindings | undefined): string {
  return env?.remoteAddress ?? env?.outgoing?.req.socket.remoteAddress ?? "";
}

// node:http has them at hand, where a Request would first make all of them.
function headerOf({ env, req }: Asked, name: string): string | undefined {
  const headers = env?.outgoing?.req.headers;
  if (headers === undefined) return req.raw.headers.get(name) ?? undefined;
  const value = headers[name];
  return typeof value === "string" ? value : undefined;
}

// RFC 6750 §3. What may be within: scopes have neither quotes nor backslashes, percent-encoded as they are.
function challenge(scope: string, error?: string, description?: string): string {
  const fields = [`realm="verbena"`];
  if (error !== undefined) fields.push(`error="${error}"`, `error_description="${description}"`);
  return `Bearer ${[...fields, `scope="${scope}"`].join(", ")}`;
}
