/**
 * Tokens, their keys, and what they are worth.
 *
 * @module
 */
import { CompactSign, SignJWT } from "jose";
import {
  generateKey,
  Grant,
  type KeySet,
  mintToken,
  parseKeySet,
  TokenError,
  TokenVerifier,
} from "../../src/access/mod.ts";
import { ConfigError } from "../../src/rdma/errors.ts";
import { assertEquals, assertRejects } from "../assert.ts";

const NOW = Date.UTC(2026, 10, 22, 12);
const HOUR = 3_600;
const READ_KEY = new TextEncoder().encode("the key of security.toml");

async function keySet(...keys: unknown[]): Promise<KeySet> {
  return await parseKeySet(JSON.stringify({ keys }));
}

function verifier(keys: KeySet | undefined, revoked: readonly string[] = []): TokenVerifier {
  return new TokenVerifier(keys, new Set(revoked), READ_KEY);
}

async function refusal(verifier: TokenVerifier, token: string, now = NOW): Promise<string> {
  return (await assertRejects(async () => await verifier.verify(token, now), TokenError)).message;
}

for (const algorithm of ["EdDSA", "HS256"] as const) {
  Deno.test(`a token signed by ${algorithm} carries its scopes from its first second to its last`, async () => {
    const keys = await keySet(await generateKey(algorithm, "one"));
    const scopes = ["needle:read:3", "stats:read"];
    const { token, id } = await mintToken(keys, { scopes, subject: "mount-7", expires: HOUR, now: NOW });
    const checked = verifier(keys);
    for (const at of [NOW, NOW + HOUR * 1000 - 1]) {
      const grant = await checked.verify(token, at);
      assertEquals([grant.subject, grant.id, grant.permits({ kind: "stats:read" })], ["mount-7", id, true]);
      assertEquals(grant.permits({ kind: "needle", volume: 3 }), true);
      assertEquals(grant.permits({ kind: "needle", volume: 4 }), false);
    }
    assertEquals(await refusal(checked, token, NOW + HOUR * 1000), "the token has expired");
    assertEquals(await refusal(checked, token, NOW - 1), "the token is not valid yet");
  });

  Deno.test(`a token of another ${algorithm} key with the same name is refused`, async () => {
    const { token } = await mintToken(await keySet(await generateKey(algorithm, "one")), {
      scopes: ["admin"],
      expires: HOUR,
      now: NOW,
    });
    const ours = verifier(await keySet(await generateKey(algorithm, "one")));
    assertEquals(await refusal(ours, token), "no key of this service signed the token");
  });
}

Deno.test("a key that was put first signs, and the one behind it still verifies", async () => {
  const old = await generateKey("EdDSA", "old");
  const earlier = await mintToken(await keySet(old), { scopes: ["admin"], expires: HOUR, now: NOW });
  const fresh = await generateKey("HS256", "fresh");
  const both = await keySet(fresh, old);
  assertEquals(both.signing?.id, "fresh");
  await verifier(both).verify(earlier.token, NOW);
  assertEquals(
    await refusal(verifier(await keySet(fresh)), earlier.token),
    "no key of this service signed the token",
  );
});

Deno.test("a service with public keys alone verifies, and cannot sign", async () => {
  const { d: _d, ...open } = await generateKey("EdDSA", "one") as unknown as Record<string, unknown>;
  const keys = await keySet(open);
  assertEquals(keys.signing, undefined);
  const error = await assertRejects(() => mintToken(keys, { scopes: ["admin"], expires: 1, now: NOW }), ConfigError);
  assertEquals(error.message, "no key can sign: the key file holds public keys only");
});

Deno.test("a token on the revocation list is refused, whether it was seen before or not", async () => {
  const keys = await keySet(await generateKey("EdDSA", "one"));
  const { token, id } = await mintToken(keys, { scopes: ["admin"], expires: HOUR, now: NOW });
  assertEquals(await refusal(verifier(keys, [id]), token), "the token was revoked");
});

Deno.test("what is signed rightly and says something else is refused with the claim's name", async () => {
  const jwk = await generateKey("HS256", "one");
  const keys = await keySet(jwk);
  const key = keys.signing?.key as CryptoKey;
  const seconds = NOW / 1000;
  const whole = { iss: "verbena", jti: "x", scope: "admin", exp: seconds + HOUR };
  const cases: [Record<string, unknown>, string][] = [
    [{ ...whole, iss: "other" }, "the token's iss is not ours"],
    [{ ...whole, jti: 5 }, "the token has no jti"],
    [{ ...whole, exp: undefined }, "the token has no exp"],
    [{ ...whole, exp: "tomorrow" }, "the token has no exp"],
    [{ ...whole, scope: "everything" }, "the token's scope is not ours"],
    [{ ...whole, scope: ["admin"] }, "the token's scope is not ours"],
    [{ ...whole, scope: "" }, "the token's scope is not ours"],
    [{ ...whole, scope: new Array(65).fill("admin").join(" ") }, "the token's scope is not ours"],
    [{ ...whole, nbf: null }, "the token has no nbf"],
  ];
  for (const [claims, reason] of cases) {
    // SignJWT would refuse to say some of it.
    const payload = new TextEncoder().encode(JSON.stringify(claims));
    const token = await new CompactSign(payload).setProtectedHeader({ alg: "HS256", kid: "one" }).sign(key);
    assertEquals(await refusal(verifier(keys), token), reason);
  }
});

Deno.test("no token makes its reader take another algorithm, or none", async () => {
  const keys = await keySet(await generateKey("EdDSA", "one"));
  const { token } = await mintToken(keys, { scopes: ["admin"], expires: HOUR, now: NOW });
  const [, payload = "", signature = ""] = token.split(".");
  const head = (fields: unknown): string => btoa(JSON.stringify(fields)).replaceAll("=", "");
  const cases: [string, string][] = [
    [`${head({ alg: "none", kid: "one" })}.${payload}.`, "no key of this service signed the token"],
    [`${head({ alg: "HS256", kid: "one" })}.${payload}.${signature}`, "no key of this service signed the token"],
    [`${head({ alg: "EdDSA", kid: "two" })}.${payload}.${signature}`, "no key of this service signed the token"],
    [`${head({ alg: "EdDSA" })}.${payload}.${signature}`, "no key of this service signed the token"],
    [
      `${head({ alg: "EdDSA", kid: "one" })}.${head({ scope: "admin" })}.${signature}`,
      "no key of this service signed the token",
    ],
    [token.slice(0, -4), "no key of this service signed the token"],
    [`${token}.x`, "the token is not well formed"],
    ["", "the token is not well formed"],
    ["a.b.c", "the token is not well formed"],
    ["x".repeat(8_193), "the token is too long"],
  ];
  for (const [text, reason] of cases) assertEquals(await refusal(verifier(keys), text), reason);
});

Deno.test("a token of SeaweedFS's lets its bearer read the needle it names, and nothing else", async () => {
  const sign = (claims: Record<string, unknown>, key = READ_KEY): Promise<string> =>
    new SignJWT(claims).setProtectedHeader({ alg: "HS256", typ: "JWT" }).sign(key);
  const grant = await verifier(undefined).verify(
    await sign({ fid: "3,01637037d6", exp: NOW / 1000 + 10 }),
    NOW,
  ) as Grant;
  const needle = { volume: 3, key: 1n, cookie: 0x637037d6 };
  assertEquals(grant.permits({ kind: "needle", volume: 3 }, needle), true);
  assertEquals(grant.permits({ kind: "needle", volume: 3 }, { ...needle, key: 2n }), false);
  assertEquals(grant.permits({ kind: "needle", volume: 3 }, { ...needle, cookie: 1 }), false);
  assertEquals(grant.permits({ kind: "needle", volume: 4 }, { ...needle, volume: 4 }), false);
  assertEquals(grant.permits({ kind: "needle", volume: 3 }), false);
  assertEquals([grant.permits({ kind: "stats:read" }), grant.permits({ kind: "admin" })], [false, false]);
  const endless = await verifier(undefined).verify(await sign({ fid: "3,01637037d6" }), NOW);
  assertEquals(endless.validUntil, Infinity);
  assertEquals(
    await refusal(verifier(undefined), await sign({ fid: "3,01637037d6", exp: NOW / 1000 })),
    "the token has expired",
  );
  assertEquals(await refusal(verifier(undefined), await sign({ fid: "all" })), "the token names no needle");
  const foreign = await sign({ fid: "3,01637037d6" }, new TextEncoder().encode("another key"));
  assertEquals(await refusal(verifier(undefined), foreign), "no key of this service signed the token");
  const without = new TokenVerifier(undefined, new Set(), undefined);
  assertEquals(await refusal(without, foreign), "no key of this service signed the token");
});

Deno.test("a key file that is none is refused with what is wrong, and nothing of its secrets", async () => {
  const hmac = await generateKey("HS256", "one");
  const cases: [unknown, string][] = [
    [{}, 'it has no keys; want {"keys": [KEY, …]}, as verbena token key makes it'],
    [{ keys: [] }, 'it has no keys; want {"keys": [KEY, …]}, as verbena token key makes it'],
    [{ keys: [{ ...hmac, kid: undefined }] }, "keys[0]: it has no kid, the name that tokens call it by"],
    [{ keys: [null] }, "keys[0]: it has no kid, the name that tokens call it by"],
    [{ keys: [hmac, hmac] }, 'key "one": two keys have this kid'],
    [{ keys: [{ ...hmac, alg: "HS512" }] }, 'key "one": want kty OKP with crv Ed25519 (EdDSA), or kty oct (HS256)'],
    [{ keys: [{ ...hmac, k: "c2hvcnQ" }] }, 'key "one": its secret has 5 bytes, want at least 32'],
    [{ keys: new Array(65).fill(hmac) }, "it has 65 keys, at most 64 are taken"],
  ];
  for (const [document, reason] of cases) {
    assertEquals((await assertRejects(() => parseKeySet(JSON.stringify(document)), ConfigError)).message, reason);
  }
  assertEquals(
    (await assertRejects(() => parseKeySet("c2VjcmV0"), ConfigError)).message,
    "it is no JSON; want a JWK Set, as verbena token key makes it",
  );
});
