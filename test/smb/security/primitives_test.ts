import { createHash } from "node:crypto";
import { AesCcm } from "../../../src/smb/security/ccm.ts";
import { Cipher } from "../../../src/smb/mod.ts";
import { authenticatedCipher } from "../../../src/smb/security/ciphers.ts";
import { AesCmac } from "../../../src/smb/security/cmac.ts";
import { Rc4 } from "../../../src/smb/security/rc4.ts";
import { assertEquals, hex } from "../../assert.ts";

const counted = (length: number, step = 1) => Uint8Array.from({ length }, (_, index) => index * step);
const same = (actual: Uint8Array | undefined, expected: Uint8Array) =>
  assertEquals(actual && Uint8Array.from(actual), expected);

const RFC_4493_MESSAGE = hex(`6bc1bee22e409f96e93d7e117393172a ae2d8a571e03ac9c9eb76fac45af8e51
  30c81c46a35ce411e5fbc1191a0a52ef f69f2445df4f9b17ad2b417be66c3710`);
const RFC_4493: readonly [number, string][] = [
  [0, "bb1d6929e95937287fa37d129b756746"],
  [16, "070a16b46b4d4144f79bdd9dd04a287c"],
  [40, "dfa66747de9ae63030ca32611497c827"],
  [64, "51f0bebf7e3b9d92fc49741779363cfe"],
];
for (const [length, code] of RFC_4493) {
  Deno.test(`AES-CMAC of ${length} bytes is RFC 4493's`, () => {
    const cmac = new AesCmac(hex("2b7e151628aed2a6abf7158809cf4f3c"));
    same(cmac.compute(RFC_4493_MESSAGE.subarray(0, length)), hex(code));
    same(cmac.compute(RFC_4493_MESSAGE.subarray(0, length)), hex(code));
  });
}

const RFC_3610: readonly [number, string, number, string][] = [
  [1, "00000003020100a0a1a2a3a4a5", 31, "588c979a61c663d2f066d0c2c0f989806d5f6b61dac384 17e8d12cfdf926e0"],
  [2, "00000004030201a0a1a2a3a4a5", 32, "72c91a36e135f8cf291ca894085c87e3cc15c439c9e43a3b a091d56e10400916"],
];
for (const [number, nonce, length, expected] of RFC_3610) {
  Deno.test(`AES-CCM is RFC 3610's packet vector ${number}`, () => {
    const ccm = new AesCcm(hex("c0c1c2c3c4c5c6c7c8c9cacbcccdcecf"), 8);
    const packet = counted(length);
    const out = new Uint8Array(length - 8);
    const code = ccm.encrypt(hex(nonce), packet.subarray(0, 8), packet.subarray(8), out);
    assertEquals(Uint8Array.of(...out, ...code), hex(expected));
    same(ccm.decrypt(hex(nonce), packet.subarray(0, 8), out, code), packet.slice(8));
  });
}

// Made with AESCCM and AESGCM of Python's cryptography 50.0.2: key, nonce and 32 bytes of associated data are 0, 1, 2 …;
// message byte i is 7 i mod 256, 20 and 70,000 of them, of which the SHA-256 and the tag.
const LONG: readonly [Exclude<keyof typeof Cipher, "NONE">, string, string, string][] = [
  [
    "AES_128_CCM",
    "3f9b2bbeca6b1b4df9a74ec5cfd3a80232822ac577bd00b006fcc561fb7994b89172ae47",
    "0629007d030ccbddc93479013e9f4bc54eb61b881548f863f7dbe37d4a22f833",
    "4be8da1b2bd66ca35c518c00028820a1",
  ],
  [
    "AES_256_CCM",
    "73c71f73466399a587cb50f84c9cbeb22c93fe9fb47b00c69e33477855557b8310a85641",
    "5887571fb49e4d7a50a4736baeae5219053cbc009d1a6b1cdfe9822e40c489d1",
    "889854edda7e4c0bdbbb7605bacf54d1",
  ],
  [
    "AES_128_GCM",
    "936ba9db7a38dd6573ed27c762f81261c3516463bdffd40ccc2d1ff15c1ffcdcf76e592b",
    "1fa243a4d22d6154bb436e518a3672a5c2239b69651b36bd148e309cc4c1b936",
    "2b34d2990537823f3fe9468e4280a103",
  ],
  [
    "AES_256_GCM",
    "4705d80ed9c6e82ab57ed1c6e5b21a04f3a1f9b129d17c39b1cc3c0d411b5a33ec28ae5e",
    "330b7e47e8e07fc9036c6051a76e6de87e62f9fcefc6e904f7d8376781db3abc",
    "621b839d9285e859ace7e5805a8f7c81",
  ],
];
for (const [name, short, digest, tag] of LONG) {
  Deno.test(`${name} is that of OpenSSL, short and long, and refuses a changed byte`, () => {
    const id = Cipher[name];
    const cipher = authenticatedCipher(id, counted(name.includes("256") ? 32 : 16));
    const nonce = counted(name.includes("CCM") ? 11 : 12);
    const associated = counted(32);
    const message = counted(70_000, 7);
    const brief = new Uint8Array(20);
    const briefTag = cipher.encrypt(nonce, associated, message.subarray(0, 20), brief);
    assertEquals(Uint8Array.of(...brief, ...briefTag), hex(short));
    const out = message.slice();
    same(cipher.encrypt(nonce, associated, out, out), hex(tag));
    assertEquals(createHash("sha256").update(out).digest("hex"), digest);
    same(cipher.decrypt(nonce, associated, out, hex(tag)), message);
    out[69_999] = 1 ^ (out[69_999] as number);
    assertEquals(cipher.decrypt(nonce, associated, out, hex(tag)), undefined);
  });
}

Deno.test("RC4 is RFC 6229's key stream", () => {
  const short = new Rc4(hex("0102030405"));
  assertEquals(
    short.update(new Uint8Array(32)),
    hex("b2396305f03dc027ccc3524a0a1118a86982944f18fc82d589c403a47a0d0919"),
  );
  short.update(new Uint8Array(208));
  assertEquals(
    short.update(new Uint8Array(32)),
    hex("28cb1132c96ce286421dcaadb8b69eae1cfcf62b03eddb641d77dfcf7f8d8c93"),
  );
  assertEquals(
    new Rc4(hex("0102030405060708090a0b0c0d0e0f10")).update(new Uint8Array(32)),
    hex("9ac7cc9a609d1ef7b2932899cde41b975248c4959014126a6e8a84f11d1a9e1c"),
  );
});

const RFC_1320: readonly [string, string][] = [
  ["", "31d6cfe0d16ae931b73c59d7e0c089c0"],
  ["abc", "a448017aaf21d8525fc10ae87aa6729d"],
  ["message digest", "d9130a8164549fe818874806e1c7014b"],
];
for (const [text, digest] of RFC_1320) {
  Deno.test(`MD4 of "${text}" is RFC 1320's`, () => {
    assertEquals(createHash("md4").update(text).digest("hex"), digest);
  });
}
