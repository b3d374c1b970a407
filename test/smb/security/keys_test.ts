import { ConfigError } from "../../../src/rdma/errors.ts";
import { Cipher, deriveSessionKeys, PreauthIntegrity, sessionKeyOf } from "../../../src/smb/mod.ts";
import { assert, assertEquals, assertThrows, hex } from "../../assert.ts";
import { BOUND_CHANNEL, ENCRYPTED_3_0, ENCRYPTED_3_1_1, PREAUTH_CHAIN, PREAUTH_SESSION } from "./microsoft_vectors.ts";

/** Equal bytes, whatever class holds them. */
function assertKeys(actual: object, expected: object): void {
  const plain = (keys: object) => Object.entries(keys).map(([name, key]) => [name, Uint8Array.from(key)]);
  assertEquals(plain(actual), plain(expected));
}

Deno.test("the pre-authentication hash of Microsoft's session is right after each message", () => {
  const hash = new PreauthIntegrity();
  assertEquals(hash.value, new Uint8Array(64));
  for (const [what, message, expected] of PREAUTH_CHAIN) {
    hash.update(message);
    assertEquals(Uint8Array.from(hash.value), expected, what);
  }
  assertKeys(
    deriveSessionKeys(0x0311, PREAUTH_SESSION.sessionKey, Cipher.AES_128_GCM, hash.value),
    PREAUTH_SESSION.keys,
  );
});

Deno.test("a fork of the pre-authentication hash goes on by itself", () => {
  const connection = new PreauthIntegrity();
  connection.update(hex("01"));
  const before = connection.value;
  const session = connection.fork();
  session.update(hex("02"));
  assertEquals(connection.value, before);
  connection.update(hex("02"));
  assertEquals(connection.value, session.value);
});

Deno.test("a bound channel has the signing key of its own hash", () => {
  const { sessionKey, preauthHash, signingKey } = BOUND_CHANNEL;
  const keys = deriveSessionKeys(0x0311, sessionKey, Cipher.AES_128_GCM, preauthHash);
  assertEquals(Uint8Array.from(keys.signing), signingKey);
});

for (const dialect of [0x0300, 0x0302]) {
  Deno.test(`the keys of dialect 0x${dialect.toString(16)} are those of Microsoft's session`, () => {
    assertKeys(deriveSessionKeys(dialect, ENCRYPTED_3_0.sessionKey), ENCRYPTED_3_0.keys);
  });
}

Deno.test("the cipher keys of 3.1.1 are those of Microsoft's encrypted session", () => {
  const { sessionKey, preauthHash, clientToServer, serverToClient } = ENCRYPTED_3_1_1;
  const keys = deriveSessionKeys(0x0311, sessionKey, Cipher.AES_128_GCM, preauthHash);
  assertEquals(Uint8Array.from(keys.clientToServer), clientToServer);
  assertEquals(Uint8Array.from(keys.serverToClient), serverToClient);
});

// Made with KBKDFHMAC of Python's cryptography 50.0.2: counter mode, SHA-256, rlen 4, llen 4, counter before the rest;
// key bytes 0, 1, 2 …, context bytes 0 to 63.
const AES_256_KEYS: readonly [number, string, string][] = [
  [
    16,
    "d09c44a545f554240ddf8ac2777570de0f590e402196d1006261f7448076384d",
    "7a55e2deed408102591fdea4192f54895bd7e4c879d11927493898b42c8a9ccd",
  ],
  [
    32,
    "e568de865ae188f20138931c5423898fc0d5e94fa094b72d474fc56cf5703db6",
    "53f8b2fb513a90f5231f5ac12ba0a24b9eed8f6e80596136560f1b0003e8d2ae",
  ],
];
for (const [length, clientToServer, serverToClient] of AES_256_KEYS) {
  Deno.test(`AES-256 derives its keys from all ${length} bytes of authentication's key, the others from 16`, () => {
    const fullKey = Uint8Array.from({ length }, (_, index) => index);
    const context = Uint8Array.from({ length: 64 }, (_, index) => index);
    for (const cipher of [Cipher.AES_256_CCM, Cipher.AES_256_GCM]) {
      assertKeys(deriveSessionKeys(0x0311, fullKey, cipher, context), {
        signing: hex("f7e5401ecc6e79ef9eab401b05004e4f"),
        clientToServer: hex(clientToServer),
        serverToClient: hex(serverToClient),
        application: hex("3b37360639dd593424d252bd73a0c0ff"),
      });
    }
  });
}

Deno.test("the session key is 16 bytes: cut, or filled up with zeros", () => {
  assertEquals(sessionKeyOf(hex("0102030405060708")), hex("01020304050607080000000000000000"));
  assertEquals(sessionKeyOf(new Uint8Array(32).fill(7)), new Uint8Array(16).fill(7));
});

Deno.test("no keys are derived for 2.1, nor for 3.1.1 without the hash", () => {
  const key = new Uint8Array(16);
  assertThrows(() => deriveSessionKeys(0x0210, key), ConfigError, "0x210");
  assertThrows(() => deriveSessionKeys(0x0311, key, Cipher.AES_128_GCM), ConfigError, "not 0");
  assert(deriveSessionKeys(0x0302, key).signing.length === 16);
});
