/**
 * Tokens: JSON Web Tokens (RFC 7519) that carry scopes for a while, signed by a key of a set; and those of SeaweedFS's
 * own masters and filers, which let their bearer read one needle.
 *
 * @module
 */
import { compactVerify, decodeJwt, decodeProtectedHeader, errors, type JWTPayload, SignJWT } from "jose";
import { ConfigError, VerbenaError } from "../rdma/errors.ts";
import { type FileId, parseFileId } from "../seaweed/file_id.ts";
import type { KeySet, VerifyingKey } from "./keys.ts";
import { allows, type Need, parseScope, type Scope } from "./scope.ts";

/** Who issues tokens, in their claim `iss`. */
export const ISSUER = "verbena";
/** The most characters of a token. */
export const MAX_TOKEN_LENGTH = 8_192;
/** The most scopes of a token. */
export const MAX_SCOPES = 64;
/** Tokens that are remembered as verified. */
const MAX_REMEMBERED = 1_024;

/** A token that is not taken, with a reason that its bearer may know. */
export class TokenError extends VerbenaError {
  static {
    this.prototype.name = "TokenError";
  }
}

/** What a token is to say. */
export interface Claims {
  /** What it allows. */
  readonly scopes: readonly string[];
  /** Whom it is for, as logs name them. */
  readonly subject?: string | undefined;
  /** Seconds from now until it is over. */
  readonly expires: number;
  /** Seconds from now until it is taken. Default 0. */
  readonly notBefore?: number | undefined;
  /** Now, milliseconds since 1970. */
  readonly now: number;
}

/** A token, and the id that a revocation list names it by. */
export interface Minted {
  /** The token. */
  readonly token: string;
  /** Its claim `jti`. */
  readonly id: string;
}

/** Signs a token with the set's first key that can. Throws ConfigError for a scope that is none, and a set of public keys. */
export async function mintToken(keys: KeySet, claims: Claims): Promise<Minted> {
  const { scopes, subject, expires, notBefore = 0, now } = claims;
  const { signing } = keys;
  if (signing === undefined) throw new ConfigError("no key can sign: the key file holds public keys only");
  if (scopes.length === 0 || scopes.length > MAX_SCOPES) {
    throw new ConfigError(`${scopes.length} scopes: want 1 to ${MAX_SCOPES}`);
  }
  for (const scope of scopes) parseScope(scope);
  const id = crypto.randomUUID();
  const seconds = Math.floor(now / 1000);
  const token = new SignJWT({ scope: scopes.join(" ") })
    .setProtectedHeader({ alg: signing.algorithm, kid: signing.id, typ: "JWT" })
    .setIssuer(ISSUER).setJti(id).setIssuedAt(seconds)
    .setNotBefore(seconds + notBefore).setExpirationTime(seconds + expires);
  if (subject !== undefined) token.setSubject(subject);
  return { token: await token.sign(signing.key), id };
}

/** What a token that was verified allows. */
export class Grant {
  /** Describes it. */
  constructor(
    /** What it allows. */ readonly scopes: readonly Scope[],
    /** Whom it is for; empty where it does not say. */ readonly subject: string,
    /** Its claim `jti`; empty of SeaweedFS's. */ readonly id: string,
    /** From when it is taken, milliseconds since 1970. */ readonly validFrom: number,
    /** Until when. */ readonly validUntil: number,
    /** The one needle that a token of SeaweedFS's lets its bearer read. */ readonly needle?: FileId,
  ) {}

  /** Whether it meets the need; `fileId` is the needle that is read, where one is. */
  permits(need: Need, fileId?: FileId): boolean {
    const { needle } = this;
    if (needle === undefined) return allows(this.scopes, need);
    if (need.kind !== "needle") return need.kind === "token";
    return need.volume === undefined || (fileId !== undefined && fileId.volume === needle.volume &&
      fileId.key === needle.key && fileId.cookie === needle.cookie);
  }
}

/** Verifies tokens, and remembers those it did: a signature costs more than a read from memory. */
export class TokenVerifier {
  readonly #keys: KeySet | undefined;
  readonly #revoked: ReadonlySet<string>;
  readonly #seaweedKey: Uint8Array | undefined;
  readonly #verified = new Map<string, Grant>();

  /** Verifies with `keys`, and tokens of SeaweedFS's with its `jwt.signing.read.key`; either may be absent. */
  constructor(keys: KeySet | undefined, revoked: ReadonlySet<string>, seaweedKey: Uint8Array | undefined) {
    this.#keys = keys;
    this.#revoked = revoked;
    this.#seaweedKey = seaweedKey;
  }

  /** What the token allows at `now`, milliseconds since 1970. Throws TokenError. */
  verify(token: string, now: number): Grant | Promise<Grant> {
    const known = this.#verified.get(token);
    return known === undefined ? this.#verify(token, now) : current(known, now);
  }

  async #verify(token: string, now: number): Promise<Grant> {
    if (token.length > MAX_TOKEN_LENGTH) throw new TokenError("the token is too long");
    const grant = current(await this.#read(token), now);
    if (this.#verified.size >= MAX_REMEMBERED) this.#verified.clear();
    this.#verified.set(token, grant);
    return grant;
  }

  async #read(token: string): Promise<Grant> {
    const { kid, claims } = look(token);
    if (kid === undefined && "fid" in claims) return await this.#readSeaweed(token);
    const key = kid === undefined ? undefined : this.#keys?.verifying.get(kid);
    if (key === undefined) throw new TokenError("no key of this service signed the token");
    const { iss, jti, sub = "", scope, nbf = 0, exp } = await verified(token, key);
    if (iss !== ISSUER) throw new TokenError("the token's iss is not ours");
    if (typeof jti !== "string" || jti === "") throw new TokenError("the token has no jti");
    if (this.#revoked.has(jti)) throw new TokenError("the token was revoked");
    return new Grant(scopesOf(scope), String(sub), jti, time("nbf", nbf), time("exp", exp));
  }

  async #readSeaweed(token: string): Promise<Grant> {
    const key = this.#seaweedKey;
    if (key === undefined) throw new TokenError("no key of this service signed the token");
    const { fid, nbf = 0, exp } = await verified(token, { id: "", algorithm: "HS256", key });
    // jwt.signing.read.expires_after_seconds = 0 makes tokens without an end.
    const until = exp === undefined ? Infinity : time("exp", exp);
    return new Grant([], "", "", time("nbf", nbf), until, needleOf(fid));
  }
}

function look(token: string): { kid: string | undefined; claims: JWTPayload } {
  try {
    return { kid: decodeProtectedHeader(token).kid, claims: decodeJwt(token) };
  } catch {
    throw new TokenError("the token is not well formed");
  }
}

// Of the claims only the signature is looked at here: their times are, each time a token is shown.
async function verified(token: string, { key, algorithm }: VerifyingKey): Promise<JWTPayload> {
  try {
    const { payload } = await compactVerify(token, key, { algorithms: [algorithm] });
    return JSON.parse(new TextDecoder().decode(payload));
  } catch (error) {
    if (error instanceof errors.JWSSignatureVerificationFailed || error instanceof errors.JOSEAlgNotAllowed) {
      throw new TokenError("no key of this service signed the token");
    }
    throw new TokenError("the token is not well formed");
  }
}

function scopesOf(claim: unknown): readonly Scope[] {
  const texts = typeof claim === "string" ? claim.split(" ").filter((text) => text !== "") : [];
  if (texts.length === 0 || texts.length > MAX_SCOPES) throw new TokenError("the token's scope is not ours");
  return texts.map((text) => {
    try {
      return parseScope(text);
    } catch {
      throw new TokenError("the token's scope is not ours");
    }
  });
}

function needleOf(claim: unknown): FileId {
  try {
    return parseFileId(typeof claim === "string" ? claim : "");
  } catch {
    throw new TokenError("the token names no needle");
  }
}

function time(claim: string, seconds: unknown): number {
  if (typeof seconds !== "number" || !Number.isFinite(seconds)) throw new TokenError(`the token has no ${claim}`);
  return seconds * 1000;
}

function current(grant: Grant, now: number): Grant {
  if (now < grant.validFrom) throw new TokenError("the token is not valid yet");
  if (now >= grant.validUntil) throw new TokenError("the token has expired");
  return grant;
}
