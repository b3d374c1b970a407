import fc from "fast-check";
import { ConfigError, VerbenaError, WireError } from "../../../src/rdma/errors.ts";
import { NtlmClient, type NtlmOptions } from "../../../src/smb/mod.ts";
import { hmacMd5, NtlmSignatures, respond, responseKey } from "../../../src/smb/security/ntlm_keys.ts";
import { decodeChallenge, encodeAuthenticate, NtlmFlag, utf16 } from "../../../src/smb/security/ntlm_messages.ts";
import { decodeTargetInfo, encodeTargetInfo, valueOf } from "../../../src/smb/security/ntlm_target_info.ts";
import { Rc4 } from "../../../src/smb/security/rc4.ts";
import { decodeNegTokenResp, encodeMechanismList } from "../../../src/smb/security/spnego_tokens.ts";
import { NTLMSSP_IDENTIFIER } from "../../../src/smb/security/ntlm_client.ts";
import { assert, assertEquals, assertThrows, hex } from "../../assert.ts";
import { FUZZ_RUNS } from "../../fuzz.ts";
import { NTLM_SESSION, PREAUTH_SESSION } from "./microsoft_vectors.ts";

const same = (actual: Uint8Array | undefined, expected: Uint8Array) =>
  assertEquals(actual && Uint8Array.from(actual), Uint8Array.from(expected));
const tokenOf = (bytes: Uint8Array) => decodeNegTokenResp(bytes).token ?? new Uint8Array(0);
/** The raw NTLM messages of Microsoft's session. */
const NEGOTIATE = NTLM_SESSION.first.slice(-40);
const CHALLENGE = tokenOf(NTLM_SESSION.challenge);
const AUTHENTICATE = tokenOf(NTLM_SESSION.second);

const OPTIONS: NtlmOptions = {
  user: NTLM_SESSION.user,
  password: NTLM_SESSION.password,
  domain: NTLM_SESSION.domain,
  workstation: NTLM_SESSION.workstation,
  targetName: "cifs/SUT311",
  nowMs: 0,
  clientChallenge: NTLM_SESSION.clientChallenge,
  sessionKey: PREAUTH_SESSION.sessionKey,
};

/** The fields of an AUTHENTICATE message. */
function fields(message: Uint8Array) {
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
  const at = (offset: number) => {
    const start = view.getUint32(offset + 4, true);
    return message.slice(start, start + view.getUint16(offset, true));
  };
  return {
    lm: at(12),
    nt: at(20),
    domain: at(28),
    user: at(36),
    workstation: at(44),
    key: at(52),
    flags: view.getUint32(60, true),
    code: message.slice(72, 88),
  };
}

/** A message with its integrity code zeroed. */
function withoutCode(message: Uint8Array): Uint8Array {
  return message.slice().fill(0, 72, 88);
}

Deno.test("NTLMv2 answers as MS-NLMP 4.2.4 says", () => {
  const key = responseKey("User", "Password", "Domain");
  same(key, hex("0c868a403bfd7a93a3001ef22ef02e3f"));
  const targetInfo = hex(`02000c00 44006f006d00610069006e00 01000c00 530065007200760065007200 00000000`);
  const answer = respond(key, hex("0123456789abcdef"), new Uint8Array(8), new Uint8Array(8).fill(0xaa), targetInfo);
  same(answer.ntResponse.slice(0, 16), hex("68cd0ab851e51c96aabc927bebef6a1c"));
  same(answer.lmResponse, hex("86c35097ac9cec102554764a57cccc19aaaaaaaaaaaaaaaa"));
  same(answer.sessionBaseKey, hex("8de40ccadbc14a82f15cb0ad0de95ca3"));
  same(new Rc4(answer.sessionBaseKey).update(new Uint8Array(16).fill(0x55)), hex("c5dad2544fc9799094ce1ce90bc9d03e"));
});

Deno.test("NTLMv2 answers as Windows did in the session that Microsoft published", () => {
  const key = responseKey(NTLM_SESSION.user, NTLM_SESSION.password, NTLM_SESSION.domain);
  same(key, NTLM_SESSION.responseKey);
  const { nt, key: encrypted, code } = fields(AUTHENTICATE);
  const { serverChallenge } = decodeChallenge(CHALLENGE);
  const answer = respond(key, serverChallenge, nt.slice(24, 32), NTLM_SESSION.clientChallenge, nt.slice(44, -4));
  same(answer.ntResponse, nt);
  same(answer.sessionBaseKey, NTLM_SESSION.sessionBaseKey);
  same(new Rc4(answer.sessionBaseKey).update(encrypted), PREAUTH_SESSION.sessionKey);
  same(hmacMd5(PREAUTH_SESSION.sessionKey, NEGOTIATE, CHALLENGE, withoutCode(AUTHENTICATE)), code);
});

Deno.test("the signatures of both directions are those of Microsoft's session", () => {
  const list = encodeMechanismList([NTLMSSP_IDENTIFIER]);
  const { flags } = fields(AUTHENTICATE);
  const client = new NtlmSignatures(PREAUTH_SESSION.sessionKey, flags, "client");
  same(client.sign(list), decodeNegTokenResp(NTLM_SESSION.second).listCode ?? hex(""));
  const server = new NtlmSignatures(PREAUTH_SESSION.sessionKey, flags, "server");
  assert(server.verify(list, decodeNegTokenResp(NTLM_SESSION.last).listCode ?? hex("")));
  assert(!server.verify(list, decodeNegTokenResp(NTLM_SESSION.last).listCode ?? hex("")), "a signature twice");
});

Deno.test("signatures count up, and are not encrypted without key exchange", () => {
  const plain = new NtlmSignatures(PREAUTH_SESSION.sessionKey, 0, "client");
  assertEquals(plain.sign(hex("01")).slice(12), hex("00000000"));
  const second = plain.sign(hex("01"));
  // HMAC-MD5, by the client's signing key that Microsoft published, of sequence number and message
  same(second.slice(4, 12), hmacMd5(hex("D43F36C44BCE0630250A09EA0C2E8C2C"), hex("01000000 01")).slice(0, 8));
  assertEquals(second.slice(12), hex("01000000"));
});

Deno.test("a client answers Windows's challenge with what Windows sent, but for what is Windows's own", () => {
  const client = new NtlmClient(OPTIONS);
  assert(!client.integrity && client.sessionKey === undefined);
  const negotiate = client.step(undefined) ?? hex("");
  assertEquals(negotiate.slice(0, 16), hex("4e544c4d53535000 01000000 158208e2"));
  assert(!client.complete);
  const message = client.step(CHALLENGE) ?? hex("");
  assert(client.complete && client.integrity);
  same(client.sessionKey, PREAUTH_SESSION.sessionKey);
  const own = fields(message);
  const windows = fields(AUTHENTICATE);
  for (const name of ["lm", "domain", "user", "workstation"] as const) assertEquals(own[name], windows[name]);
  assertEquals(own.flags, windows.flags);
  assertEquals(own.nt.slice(16, 44), windows.nt.slice(16, 44));
  const withoutHost = decodeTargetInfo(windows.nt.slice(44)).filter(({ id }) => id !== 8);
  assertEquals(decodeTargetInfo(own.nt.slice(44)), withoutHost);
  same(hmacMd5(PREAUTH_SESSION.sessionKey, negotiate, CHALLENGE, withoutCode(message)), own.code);
  assertEquals(client.step(undefined), undefined);
  assertThrows(() => client.step(CHALLENGE), WireError, "no token follows AUTHENTICATE");
});

/** A challenge with the flags of Windows's, or others, and these pairs. */
function challenge(pairs: { id: number; value: Uint8Array }[], flags = 0xe28a8215): Uint8Array {
  const info = encodeTargetInfo(pairs);
  const bytes = new Uint8Array(56 + info.length);
  bytes.set(CHALLENGE.subarray(0, 12));
  const view = new DataView(bytes.buffer);
  view.setUint32(20, flags, true);
  view.setUint16(40, info.length, true);
  view.setUint32(44, 56, true);
  bytes.set(info, 56);
  return bytes;
}

Deno.test("without the server's time a client uses its own, sends LMv2 and no integrity code", () => {
  const client = new NtlmClient({ ...OPTIONS, nowMs: Date.UTC(2015, 5, 24, 22, 18, 21, 389) });
  client.step(undefined);
  const { lm, nt, code } = fields(client.step(challenge([{ id: 1, value: utf16("S") }])) ?? hex(""));
  assertEquals(code, new Uint8Array(16));
  assertEquals(lm.slice(16), NTLM_SESSION.clientChallenge);
  assertEquals(nt.slice(24, 32), hex("d08ff5adcbaed001"));
  const pairs = decodeTargetInfo(nt.slice(44));
  assertEquals(pairs.map(({ id }) => id), [1, 10, 9]);
});

Deno.test("without key exchange the session's key is the base key, and none is sent", () => {
  const client = new NtlmClient(OPTIONS);
  client.step(undefined);
  const message = client.step(challenge([{ id: 7, value: new Uint8Array(8) }], 0xe28a8215 - NtlmFlag.KEY_EXCHANGE));
  const { nt, key, flags } = fields(message ?? hex(""));
  assertEquals(key.length, 0);
  assertEquals(flags & NtlmFlag.KEY_EXCHANGE, 0);
  same(client.sessionKey, hmacMd5(NTLM_SESSION.responseKey, nt.slice(0, 16)));
});

Deno.test("the server's flags in the target information are kept", () => {
  const client = new NtlmClient(OPTIONS);
  client.step(undefined);
  const pairs = [{ id: 6, value: hex("05000080") }, { id: 7, value: new Uint8Array(8) }, { id: 9, value: hex("4100") }];
  const { nt } = fields(client.step(challenge(pairs)) ?? hex(""));
  const own = decodeTargetInfo(nt.slice(44));
  assertEquals(valueOf(own, 6), hex("07000080"));
  assertEquals(valueOf(own, 9), utf16("cifs/SUT311"));
});

for (const name of ["UNICODE", "NTLM", "SIGN", "EXTENDED_SESSION_SECURITY", "KEY_128"] as const) {
  Deno.test(`a challenge without ${name} is refused as a downgrade`, () => {
    const client = new NtlmClient(OPTIONS);
    client.step(undefined);
    const weaker = challenge([{ id: 7, value: new Uint8Array(8) }], 0xe28a8215 - NtlmFlag[name]);
    assertThrows(() => client.step(weaker), WireError, `NegotiateFlags of CHALLENGE have ${name}`);
    assert(!client.complete && client.sessionKey === undefined);
  });
}

Deno.test("nobody sends one byte for LAN Manager, no names and no key, and has no signatures", () => {
  const client = new NtlmClient({ ...OPTIONS, user: undefined } as unknown as NtlmOptions);
  client.step(undefined);
  const { lm, nt, user, domain, key, flags, code } = fields(client.step(CHALLENGE) ?? hex(""));
  assertEquals([lm, nt, user, domain, key], [hex("00"), hex(""), hex(""), hex(""), hex("")]);
  assertEquals(flags & (NtlmFlag.ANONYMOUS | NtlmFlag.KEY_EXCHANGE), NtlmFlag.ANONYMOUS);
  assertEquals(code, new Uint8Array(16));
  assert(client.complete && !client.integrity && client.sessionKey === undefined);
  assert(!client.verify(hex(""), new Uint8Array(16)));
  assertThrows(() => client.sign(hex("")), VerbenaError, "nobody");
});

Deno.test("a user's name is upper case unit by unit, as Windows has it", () => {
  same(responseKey("straße", "x", ""), responseKey("STRAßE", "x", ""));
  same(responseKey("ünder", "x", "d"), responseKey("ÜNDER", "x", "d"));
  assert(responseKey("a", "x", "d").join() !== responseKey("a", "x", "D").join());
});

Deno.test("a name that no length can say is refused", () => {
  const client = new NtlmClient({ ...OPTIONS, user: "u".repeat(32_768) });
  client.step(undefined);
  assertThrows(() => client.step(CHALLENGE), ConfigError, "not 65536");
  assert(encodeAuthenticate({ ...EMPTY, user: "u".repeat(32_767) }).length === 88 + 65_534);
});

const EMPTY = {
  flags: 0,
  lmResponse: hex(""),
  ntResponse: hex(""),
  domain: "",
  user: "",
  workstation: "",
  encryptedSessionKey: hex(""),
};

/** Windows's challenge with bytes changed. */
function changed(at: number, ...bytes: number[]): Uint8Array {
  const copy = CHALLENGE.slice();
  copy.set(bytes, at);
  return copy;
}
const REFUSALS: readonly [string, Uint8Array, string][] = [
  ["a short challenge", CHALLENGE.slice(0, 47), "length of CHALLENGE is 48 to 16384: got 47"],
  ["a long challenge", new Uint8Array(16_385), "length of CHALLENGE is 48 to 16384: got 16385"],
  ["another signature", changed(0, 0x4d), "Signature is NTLMSSP"],
  ["another message", changed(8, 3), "MessageType is 2, CHALLENGE: got 3"],
  [
    "a target name beyond the end",
    changed(12, 0xff, 0xff),
    "TargetName lies within the message: got 65535 bytes at 56",
  ],
  ["target information far away", changed(44, 0xff, 0xff, 0xff, 0xff), "got 80 bytes at 4294967295 of 148"],
  ["target information in the header", changed(44, 8, 0, 0, 0), "TargetInfo lies within the message"],
  ["target information without an end", changed(40, 76, 0), "TargetInfo ends with an MsvAvEOL pair"],
  ["a pair beyond the end", changed(70, 200), "AvLen of AvId 2 lies within TargetInfo: got 200"],
  ["a time of 4 bytes", changed(134, 4), "AvLen of AvId 7 is 8: got 4"],
  ["a pair twice", changed(84, 2), "no AvId comes twice in TargetInfo: got 2"],
];
for (const [what, bytes, reason] of REFUSALS) {
  Deno.test(`a challenge with ${what} is refused`, () => {
    assertThrows(() => decodeChallenge(bytes), WireError, reason);
  });
}

Deno.test("65 pairs of target information are refused", () => {
  const pairs = Array.from({ length: 65 }, (_, index) => ({ id: 100 + index, value: hex("") }));
  assertEquals(decodeTargetInfo(encodeTargetInfo(pairs.slice(1))).length, 64);
  assertThrows(() => decodeTargetInfo(encodeTargetInfo(pairs)), WireError, "at most 64 pairs");
});

Deno.test("a client throws nothing but WireError, whatever the challenge", () => {
  const edits = fc.array(fc.tuple(fc.nat({ max: CHALLENGE.length - 1 }), fc.nat({ max: 255 })), { maxLength: 4 });
  fc.assert(
    fc.property(edits, fc.nat({ max: CHALLENGE.length }), (places, cut) => {
      const bytes = CHALLENGE.slice(0, CHALLENGE.length - (cut < 20 ? cut : 0));
      for (const [at, value] of places) bytes[at] = value;
      const client = new NtlmClient(OPTIONS);
      client.step(undefined);
      try {
        client.step(bytes);
        assert(client.complete);
      } catch (error) {
        if (!(error instanceof WireError)) throw error;
        assert(!client.complete);
      }
    }),
    { numRuns: FUZZ_RUNS / 4 },
  );
});

Deno.test("decodeTargetInfo() throws nothing but WireError, and what it takes it writes again", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), fc.boolean(), (bytes, small) => {
      const input = small ? bytes.map((byte) => byte & 3) : bytes;
      try {
        const pairs = decodeTargetInfo(input);
        const written = encodeTargetInfo(pairs);
        assertEquals(written.slice(0, -4), input.slice(0, written.length - 4));
      } catch (error) {
        if (!(error instanceof WireError)) throw error;
      }
    }),
    { numRuns: FUZZ_RUNS },
  );
});
