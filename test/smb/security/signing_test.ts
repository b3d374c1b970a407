import fc from "fast-check";
import { ConfigError, WireError } from "../../../src/rdma/errors.ts";
import { MessageSigner, SigningAlgorithm, type SigningAlgorithmId } from "../../../src/smb/mod.ts";
import { assertEquals, assertThrows, hex } from "../../assert.ts";
import { BOUND_CHANNEL, PREAUTH_SESSION } from "./microsoft_vectors.ts";

const { HMAC_SHA256, AES_CMAC, AES_GMAC } = SigningAlgorithm;
const KEY = Uint8Array.from({ length: 16 }, (_, index) => index);

/** Byte i is 7 i mod 256, but for the SIGNED flag, no signature, and a command. */
function message(length: number, command = 0x5b54): Uint8Array {
  const bytes = Uint8Array.from({ length }, (_, index) => index * 7);
  bytes[12] = command;
  bytes[13] = command >>> 8;
  bytes[16] = 0x78;
  return bytes.fill(0, 48, 64);
}

// Made with hmac, CMAC and AESGCM of Python's cryptography 50.0.2 over message().
const SIGNATURES: readonly [string, SigningAlgorithmId, "client" | "server", number, number, string][] = [
  ["HMAC-SHA256", HMAC_SHA256, "client", 64, 0x5b54, "c31fd8740154818027c2f87a66635c6e"],
  ["HMAC-SHA256", HMAC_SHA256, "client", 100, 0x5b54, "149489e2eca80299ff3421b006b678a6"],
  ["HMAC-SHA256", HMAC_SHA256, "server", 70_000, 0x5b54, "6f2791e7b27f6d21c5fcb49797da0dbe"],
  ["AES-CMAC", AES_CMAC, "client", 64, 0x5b54, "3b45b13bc14fa46d68c8a4af149c91f9"],
  ["AES-CMAC", AES_CMAC, "client", 100, 0x5b54, "59e23b81fe3db4184d223f62515e7ae2"],
  ["AES-CMAC", AES_CMAC, "server", 70_000, 0x5b54, "70f220594ff3e81223a16ce4343c4d1d"],
  ["AES-GMAC", AES_GMAC, "client", 64, 0x5b54, "6f366a94732648010542cd5d4e4f7f3c"],
  ["AES-GMAC", AES_GMAC, "server", 100, 0x5b54, "14a9ceb41368f39174a3cbf0fb7b22b0"],
  ["AES-GMAC", AES_GMAC, "client", 70_000, 0x5b54, "70c7f8c4dc1264fc8e5cddd3e40c0513"],
  ["AES-GMAC of a CANCEL", AES_GMAC, "client", 100, 0x000c, "9ec505c797a496ebbab9ff008695a3c1"],
];
for (const [name, algorithm, side, length, command, signature] of SIGNATURES) {
  Deno.test(`${name} signs ${length} bytes of a ${side}, and the other side takes them`, () => {
    const bytes = message(length, command);
    bytes[16] = 0x70;
    bytes.fill(0xee, 48, 64);
    new MessageSigner(algorithm, KEY, side).sign(bytes);
    assertEquals(bytes.slice(48, 64), hex(signature));
    assertEquals(bytes[16], 0x78);
    const signed = bytes.slice();
    new MessageSigner(algorithm, KEY, side === "client" ? "server" : "client").verify(bytes);
    assertEquals(bytes, signed);
  });
}

Deno.test("the signed messages that Microsoft published verify, each with its channel's key", () => {
  new MessageSigner(AES_CMAC, PREAUTH_SESSION.keys.signing).verify(PREAUTH_SESSION.signedResponse);
  new MessageSigner(AES_CMAC, PREAUTH_SESSION.keys.signing, "server").verify(BOUND_CHANNEL.bindingRequest);
  new MessageSigner(AES_CMAC, BOUND_CHANNEL.signingKey).verify(BOUND_CHANNEL.signedResponse);
});

Deno.test("GMAC does not take a message for one of the other direction", () => {
  const bytes = message(100);
  const client = new MessageSigner(AES_GMAC, KEY, "client");
  client.sign(bytes);
  assertThrows(() => client.verify(bytes), WireError, "Signature");
});

Deno.test("a message without the SIGNED flag, without a header or under another key is refused", () => {
  const signer = new MessageSigner(AES_CMAC, KEY);
  const bytes = message(100, 9);
  signer.sign(bytes);
  assertThrows(() => new MessageSigner(AES_CMAC, new Uint8Array(16)).verify(bytes), WireError, "another in command 9");
  bytes[16] = 0;
  assertThrows(
    () => signer.verify(bytes),
    WireError,
    "Flags of a signed session's message have SIGNED: got none in command 9",
  );
  assertThrows(() => signer.verify(bytes.subarray(0, 63)), WireError, "at least 64: got 63");
  assertThrows(() => signer.sign(bytes.subarray(0, 63)), WireError, "at least 64: got 63");
  assertThrows(() => new MessageSigner(AES_CMAC, new Uint8Array(32)), ConfigError, "16 bytes, not 32");
});

for (const [name, algorithm] of Object.entries(SigningAlgorithm)) {
  Deno.test(`${name} refuses a message of which any bit was changed`, () => {
    const client = new MessageSigner(algorithm, KEY, "client");
    const server = new MessageSigner(algorithm, KEY, "server");
    const bytes = message(150);
    client.sign(bytes);
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 150 * 8 - 1 }), (bit) => {
        const changed = bytes.slice();
        changed[bit >> 3] = (changed[bit >> 3] as number) ^ (1 << (bit & 7));
        assertThrows(() => server.verify(changed), WireError);
      }),
      { numRuns: 2000 },
    );
  });
}
