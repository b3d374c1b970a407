/**
 * SeaweedFS's read tokens: JSON Web Tokens (RFC 7519) signed with HS256, each good for one file id for a few seconds.
 *
 * @module
 */
import { createHmac } from "node:crypto";
import { Buffer } from "node:buffer";

const HEADER = Buffer.from(JSON.stringify({ alg: "HS256", typ: "JWT" })).toString("base64url");

/**
 * A token that a volume server takes for a read of `fileId`.
 *
 * @param key `[jwt.signing.read] key` of `security.toml`.
 * @param fileId As it stands in the URL, without `_delta`.
 * @param nowMs Milliseconds since 1970.
 * @param lifetime Seconds it is good for; weed's scaffold says 10.
 */
export function mintReadToken(key: string | Uint8Array, fileId: string, nowMs: number, lifetime = 10): string {
  const claims = { fid: fileId, exp: Math.floor(nowMs / 1000) + lifetime };
  const signed = `${HEADER}.${Buffer.from(JSON.stringify(claims)).toString("base64url")}`;
  return `${signed}.${createHmac("sha256", key).update(signed).digest("base64url")}`;
}
