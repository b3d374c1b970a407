/**
 * The keys that sign tokens: a JWK Set (RFC 7517) of Ed25519 and HMAC keys, told apart by `kid`.
 *
 * Rotation: a new key comes first in the set, and signs; those behind it verify what they signed until it is over, and
 * are then taken out.
 *
 * @module
 */
import { exportJWK, generateKeyPair, generateSecret, importJWK, type JWK } from "jose";
import { ConfigError, reasonOf } from "../rdma/errors.ts";

/** The algorithms of keys: Ed25519 (RFC 8037), whose verifiers need no secret, and HMAC with SHA-256. */
export const ALGORITHMS = ["EdDSA", "HS256"] as const;
/** One of {@linkcode ALGORITHMS}. */
export type Algorithm = typeof ALGORITHMS[number];

/** Keys of a set, at most. */
export const MAX_KEYS = 64;
/** Bytes of an HMAC key, at least: those of its hash (RFC 7518 §3.2). */
export const MIN_SECRET = 32;

/** A key that verifies. */
export interface VerifyingKey {
  /** Its name in tokens. */
  readonly id: string;
  /** The only algorithm it is for. */
  readonly algorithm: Algorithm;
  /** The key. */
  readonly key: CryptoKey | Uint8Array;
}

/** A key file's keys. */
export interface KeySet {
  /** By their names. */
  readonly verifying: ReadonlyMap<string, VerifyingKey>;
  /** The first that can sign; undefined of a set of public keys. */
  readonly signing: VerifyingKey | undefined;
}

/** A key as a set holds it. */
export interface JsonKey extends JsonWebKey {
  /** Its name in tokens. */
  readonly kid: string;
}

/** Makes a key of random bits, private part and all. */
export async function generateKey(algorithm: Algorithm, kid: string = crypto.randomUUID()): Promise<JsonKey> {
  const key = algorithm === "HS256"
    ? await generateSecret("HS256", { extractable: true })
    : (await generateKeyPair("EdDSA", { crv: "Ed25519", extractable: true })).privateKey;
  return { ...await exportJWK(key) as JsonWebKey, kid, alg: algorithm, use: "sig" };
}

/**
 * Reads a JWK Set. Throws ConfigError that names the key and what is wrong with it, never anything of a secret.
 */
export async function parseKeySet(text: string): Promise<KeySet> {
  const keys = keysOf(text);
  const verifying = new Map<string, VerifyingKey>();
  let signing: VerifyingKey | undefined;
  for (const [index, jwk] of keys.entries()) {
    const id = typeof jwk?.kid === "string" ? jwk.kid : "";
    const name = id === "" ? `keys[${index}]` : `key ${JSON.stringify(id.slice(0, 64))}`;
    if (id === "") throw new ConfigError(`${name}: it has no kid, the name that tokens call it by`);
    if (verifying.has(id)) throw new ConfigError(`${name}: two keys have this kid`);
    const algorithm = algorithmOf(name, jwk);
    const { d, ...open } = jwk;
    verifying.set(id, { id, algorithm, key: await importKey(name, open, algorithm) });
    if (signing === undefined && (algorithm === "HS256" || d !== undefined)) {
      signing = { id, algorithm, key: await importKey(name, jwk, algorithm) };
    }
  }
  return { verifying, signing };
}

function keysOf(text: string): readonly JWK[] {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    throw new ConfigError("it is no JSON; want a JWK Set, as verbena token key makes it"); // the text may be a secret
  }
  const keys = typeof document === "object" && document !== null && "keys" in document ? document.keys : undefined;
  if (!Array.isArray(keys) || keys.length === 0) {
    throw new ConfigError('it has no keys; want {"keys": [KEY, …]}, as verbena token key makes it');
  }
  if (keys.length > MAX_KEYS) throw new ConfigError(`it has ${keys.length} keys, at most ${MAX_KEYS} are taken`);
  return keys;
}

function algorithmOf(name: string, jwk: JWK): Algorithm {
  const algorithm = jwk.kty === "OKP" && jwk.crv === "Ed25519" ? "EdDSA" : jwk.kty === "oct" ? "HS256" : undefined;
  // "Ed25519" is the name that RFC 9864 gives EdDSA with this curve.
  const given = jwk.alg === "Ed25519" ? "EdDSA" : jwk.alg;
  if (algorithm === undefined || (given !== undefined && given !== algorithm)) {
    throw new ConfigError(`${name}: want kty OKP with crv Ed25519 (EdDSA), or kty oct (HS256)`);
  }
  return algorithm;
}

async function importKey(name: string, jwk: JWK, algorithm: Algorithm): Promise<CryptoKey | Uint8Array> {
  let key: CryptoKey | Uint8Array;
  try {
    const { key_ops: _operations, ext: _extractable, ...bare } = jwk; // of another program's use of it
    key = await importJWK(bare as JWK, algorithm);
  } catch (error) {
    throw new ConfigError(`${name}: ${reasonOf(error)}`);
  }
  if (key instanceof Uint8Array && key.length < MIN_SECRET) {
    throw new ConfigError(`${name}: its secret has ${key.length} bytes, want at least ${MIN_SECRET}`);
  }
  return key;
}
