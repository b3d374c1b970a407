import fc from "fast-check";
import { CapabilityError, ConfigError, WireError } from "../../../src/rdma/errors.ts";
import { Cipher, isTransformed, MessageOpener, MessageSealer, transformSessionId } from "../../../src/smb/mod.ts";
import { AesCcm } from "../../../src/smb/security/ccm.ts";
import { authenticatedCipher } from "../../../src/smb/security/ciphers.ts";
import { assert, assertEquals, assertThrows } from "../../assert.ts";
import { FUZZ_RUNS } from "../../fuzz.ts";
import { ENCRYPTED_3_0, ENCRYPTED_3_1_1 } from "./microsoft_vectors.ts";

const { NONE: _, ...THOSE_THAT_ENCRYPT } = Cipher;
const CIPHERS = Object.entries(THOSE_THAT_ENCRYPT);
const keyFor = (name: string) => new Uint8Array(name.includes("256") ? 32 : 16).fill(3);

/** A message of `length` bytes that starts as SMB2 messages do. */
function message(length: number): Uint8Array {
  const bytes = Uint8Array.from({ length }, (_, index) => index * 5);
  bytes.set([0xfe, 0x53, 0x4d, 0x42]);
  return bytes;
}

/** Sealed bytes of their own. */
function sealed(sealer: MessageSealer, bytes: Uint8Array): Uint8Array {
  const out = new Uint8Array(bytes.length + 60).fill(0xee);
  return out.slice(0, sealer.seal(bytes, out));
}

const PUBLISHED = [
  ["3.0, AES-128-CCM", Cipher.AES_128_CCM, ENCRYPTED_3_0, ENCRYPTED_3_0.keys],
  ["3.1.1, AES-128-GCM", Cipher.AES_128_GCM, ENCRYPTED_3_1_1, ENCRYPTED_3_1_1],
] as const;
for (const [name, cipher, session, keys] of PUBLISHED) {
  Deno.test(`what Microsoft published of ${name} opens both ways`, () => {
    const server = new MessageOpener(cipher, keys.clientToServer, session.sessionId, 1000);
    assertEquals(Uint8Array.from(server.open(session.encryptedRequest)), session.request);
    const client = new MessageOpener(cipher, keys.serverToClient, session.sessionId, 1000);
    assertEquals(Uint8Array.from(client.open(session.encryptedResponse)), session.response);
    assertEquals(transformSessionId(session.encryptedRequest), session.sessionId);
    assert(isTransformed(session.encryptedRequest) && !isTransformed(session.request));
  });
}

Deno.test("the request that Microsoft published is what the ciphers make of its nonce", () => {
  for (const [, cipher, session, keys] of PUBLISHED) {
    const out = session.encryptedRequest.slice(0, 52);
    const made = new Uint8Array(session.request.length);
    const nonce = out.subarray(20, cipher === Cipher.AES_128_CCM ? 31 : 32);
    const tag = authenticatedCipher(cipher, keys.clientToServer).encrypt(
      nonce,
      out.subarray(20),
      session.request,
      made,
    );
    assertEquals(Uint8Array.of(...out.subarray(0, 4), ...tag, ...out.subarray(20), ...made), session.encryptedRequest);
  }
});

for (const [name, cipher] of CIPHERS) {
  Deno.test(`${name}: what is sealed opens again, in place too, and no nonce comes twice`, () => {
    const sealer = new MessageSealer(cipher, keyFor(name), 0x1234_5678_9abc_def0n);
    const opener = new MessageOpener(cipher, keyFor(name), 0x1234_5678_9abc_def0n, 1 << 20);
    const nonces = new Set<string>();
    for (const length of [64, 65, 79, 80, 4096, 65_536 + 17, 1 << 20]) {
      const bytes = message(length);
      const out = new Uint8Array(52 + length);
      out.set(bytes, 52);
      assertEquals(sealer.seal(out.subarray(52), out), 52 + length);
      nonces.add(out.slice(20, 36).join());
      assertEquals(Uint8Array.from(opener.open(out)), bytes);
      const copy = sealed(sealer, bytes);
      nonces.add(copy.slice(20, 36).join());
      assertEquals(Uint8Array.from(opener.open(copy)), bytes);
    }
    assertEquals(nonces.size, 14);
  });

  Deno.test(`${name}: any changed bit is refused`, () => {
    const opener = new MessageOpener(cipher, keyFor(name), 7n, 1000);
    const bytes = sealed(new MessageSealer(cipher, keyFor(name), 7n), message(100));
    fc.assert(
      fc.property(fc.integer({ min: 0, max: bytes.length * 8 - 1 }), (bit) => {
        const changed = bytes.slice();
        changed[bit >> 3] = (changed[bit >> 3] as number) ^ (1 << (bit & 7));
        assertThrows(() => opener.open(changed), WireError);
      }),
      { numRuns: 1300 },
    );
  });

  Deno.test(`${name}: a key of another length is refused`, () => {
    assertThrows(() => new MessageSealer(cipher, new Uint8Array(24), 1n), ConfigError, "not 24");
    assertThrows(() => new MessageOpener(cipher, new Uint8Array(24), 1n, 1000), ConfigError, "not 24");
  });
}

Deno.test("a key whose nonces are used up seals nothing more", () => {
  const sealer = new MessageSealer(Cipher.AES_128_GCM, keyFor(""), 1n, 2);
  sealed(sealer, message(64));
  sealed(sealer, message(64));
  assertThrows(() => sealed(sealer, message(64)), CapabilityError, "all 2 nonces");
});

Deno.test("a transform header that breaks a rule is refused with the rule", () => {
  const key = keyFor("");
  const opener = new MessageOpener(Cipher.AES_128_GCM, key, 7n, 1000);
  const good = sealed(new MessageSealer(Cipher.AES_128_GCM, key, 7n), message(100));
  const changed = (at: number, ...bytes: number[]) => {
    const copy = good.slice();
    copy.set(bytes, at);
    return copy;
  };
  const refusals: [Uint8Array, string][] = [
    [good.subarray(0, 51), "length of a transform header is 52: got 51"],
    [changed(0, 0xfe), "ProtocolId of a transform header"],
    [changed(44, 8), "SessionId of the transform header is this session's: got 8"],
    [changed(36, 63), "OriginalMessageSize is 64 to 1000: got 63"],
    [changed(36, 0xff, 0xff, 0xff, 0xff), "OriginalMessageSize is 64 to 1000: got 4294967295"],
    [changed(36, 101), "what follows the header: got 101, where 100 follow"],
    [good.subarray(0, 151), "what follows the header: got 100, where 99 follow"],
    [changed(42, 2), "Flags of a transform header are Encrypted, 1: got 2"],
    [changed(4, 1 ^ (good[4] as number)), "Signature fits the encrypted message"],
  ];
  for (const [bytes, reason] of refusals) assertThrows(() => opener.open(bytes), WireError, reason);
});

Deno.test("an encrypted message within an encrypted message is refused", () => {
  const sealer = new MessageSealer(Cipher.AES_128_GCM, keyFor(""), 7n);
  const opener = new MessageOpener(Cipher.AES_128_GCM, keyFor(""), 7n, 1000);
  const twice = sealed(sealer, sealed(sealer, message(64)));
  assertThrows(() => opener.open(twice), WireError, "ProtocolId of a decrypted message");
});

Deno.test("MessageOpener throws nothing but WireError, whatever comes", () => {
  const opener = new MessageOpener(Cipher.AES_128_CCM, keyFor(""), 0n, 1000);
  const start = sealed(new MessageSealer(Cipher.AES_128_CCM, keyFor(""), 0n), message(64));
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 120 }), fc.integer({ min: 0, max: 60 }), (bytes, kept) => {
      bytes.set(start.subarray(0, Math.min(kept, bytes.length)));
      assertThrows(() => opener.open(bytes), WireError);
    }),
    { numRuns: FUZZ_RUNS / 4 },
  );
});

Deno.test("AES-CCM refuses associated data that its two bytes of length cannot say", () => {
  const ccm = new AesCcm(new Uint8Array(16));
  const longest = new Uint8Array(0xff00);
  assertThrows(() => ccm.encrypt(new Uint8Array(11), longest, longest, longest), ConfigError, "not 65280");
});
