import fc from "fast-check";
import { CapabilityError, ConfigError, WireError } from "../../../src/rdma/errors.ts";
import { NtlmClient, type SecurityMechanism, SpnegoClient } from "../../../src/smb/mod.ts";
import { der, DerReader, DerTag } from "../../../src/smb/security/der.ts";
import { NTLMSSP_IDENTIFIER } from "../../../src/smb/security/ntlm_client.ts";
import { NtlmSignatures } from "../../../src/smb/security/ntlm_keys.ts";
import {
  decodeNegTokenInit,
  decodeNegTokenResp,
  encodeMechanismList,
  encodeNegTokenInit,
  encodeNegTokenResp,
  NegState,
} from "../../../src/smb/security/spnego_tokens.ts";
import { assert, assertEquals, assertRejects, assertThrows, hex } from "../../assert.ts";
import { FUZZ_RUNS } from "../../fuzz.ts";
import { NTLM_SESSION, PREAUTH_SESSION } from "./microsoft_vectors.ts";

const KERBEROS = hex("2a864886f712010202");
const NTLM_FLAGS = 0xe2888215;

/** A mechanism of one token each way, whose codes are what they cover, backwards. */
function mechanism(identifier: Uint8Array, integrity = true): SecurityMechanism & { steps: (string | undefined)[] } {
  const steps: (string | undefined)[] = [];
  const code = (message: Uint8Array) => message.slice().reverse();
  return {
    steps,
    identifiers: [identifier],
    integrity,
    sessionKey: new Uint8Array(16),
    get complete() {
      return steps.length === 2;
    },
    step(received) {
      steps.push(received?.toHex());
      return steps.length === 1 ? identifier.slice(0, 2) : undefined;
    },
    sign: code,
    verify: (message, given) => code(message).join() === given.join(),
  };
}

function windows(): NtlmClient {
  return new NtlmClient({
    ...NTLM_SESSION,
    targetName: "cifs/SUT311",
    nowMs: 0,
    sessionKey: PREAUTH_SESSION.sessionKey,
  });
}

Deno.test("the offer of Microsoft's server is NEGOEX and NTLM, with a token for the first", () => {
  const { mechanisms, token } = decodeNegTokenInit(NTLM_SESSION.offer);
  assertEquals(mechanisms.map((identifier) => identifier.toHex()), ["2b06010401823702021e", "2b06010401823702020a"]);
  assertEquals(token?.length, 264);
  assertEquals(new TextDecoder().decode(token?.subarray(0, 8)), "NEGOEXTS");
});

Deno.test("the tokens of Microsoft's session are written as Windows wrote them", () => {
  assertEquals(encodeNegTokenInit([NTLMSSP_IDENTIFIER], NTLM_SESSION.first.slice(-40)), NTLM_SESSION.first);
  assertEquals(encodeNegTokenResp(decodeNegTokenResp(NTLM_SESSION.challenge)), NTLM_SESSION.challenge);
  assertEquals(encodeNegTokenResp(decodeNegTokenResp(NTLM_SESSION.second)), NTLM_SESSION.second);
  assertEquals(encodeNegTokenResp(decodeNegTokenResp(NTLM_SESSION.last)), NTLM_SESSION.last);
});

Deno.test("a client goes through Microsoft's session, and takes the server's code of the list", async () => {
  const client = new SpnegoClient(NTLM_SESSION.offer, [windows()]);
  const first = await client.start();
  assertEquals(first.slice(0, -28), NTLM_SESSION.first.slice(0, -28)); // then flags of our own choice
  const second = decodeNegTokenResp(await client.next(NTLM_SESSION.challenge) ?? hex(""));
  assertEquals(second.listCode, decodeNegTokenResp(NTLM_SESSION.second).listCode);
  assertEquals([second.state, second.mechanism], [undefined, undefined]);
  assert(!client.complete);
  assertEquals(await client.next(NTLM_SESSION.last), undefined);
  assert(client.complete);
  await assertRejects(() => client.next(NTLM_SESSION.last), WireError, "no token follows the last");
  await assertRejects(() => client.start(), ConfigError, "starts once");
});

Deno.test("the server's code of another list is refused", async () => {
  const client = new SpnegoClient(hex(""), [windows()]);
  await client.start();
  await client.next(NTLM_SESSION.challenge);
  const listCode = new NtlmSignatures(PREAUTH_SESSION.sessionKey, NTLM_FLAGS, "server").sign(
    encodeMechanismList([KERBEROS, NTLMSSP_IDENTIFIER]),
  );
  const last = encodeNegTokenResp({ state: NegState.ACCEPT_COMPLETED, listCode });
  await assertRejects(() => client.next(last), WireError, "mechListMIC fits the mechanisms that were offered");
  assert(!client.complete);
});

Deno.test("the first mechanism may be accepted without codes", async () => {
  const client = new SpnegoClient(hex(""), [windows()]);
  await client.start();
  await client.next(NTLM_SESSION.challenge);
  await client.next(encodeNegTokenResp({ state: NegState.ACCEPT_COMPLETED }));
  assert(client.complete);
});

Deno.test("a mechanism that the server lacks is not offered", async () => {
  const ntlm = mechanism(NTLMSSP_IDENTIFIER);
  const client = new SpnegoClient(NTLM_SESSION.offer, [mechanism(KERBEROS), ntlm]);
  assertEquals(client.mechanism, ntlm);
  assertEquals(decodeNegTokenInit(await client.start()).mechanisms, [NTLMSSP_IDENTIFIER]);
  assertThrows(() => new SpnegoClient(NTLM_SESSION.offer, [mechanism(KERBEROS)]), CapabilityError, "offers none");
});

/** A client that offered Kerberos and NTLM, to which the server answered that it takes NTLM. */
async function fallenBack() {
  const kerberos = mechanism(KERBEROS);
  const ntlm = mechanism(NTLMSSP_IDENTIFIER);
  const client = new SpnegoClient(hex(""), [kerberos, ntlm]);
  const list = encodeMechanismList([KERBEROS, NTLMSSP_IDENTIFIER]);
  await client.start();
  const answer = encodeNegTokenResp({ state: NegState.REQUEST_MIC, mechanism: NTLMSSP_IDENTIFIER });
  const token = await client.next(answer);
  return { client, kerberos, ntlm, list, token: decodeNegTokenResp(token ?? hex("")) };
}

Deno.test("a server that takes the second mechanism gets its first token, and must send its code of the list", async () => {
  const { client, kerberos, ntlm, list, token } = await fallenBack();
  assertEquals([kerberos.steps, ntlm.steps], [[undefined], [undefined]]);
  assertEquals(client.mechanism, ntlm);
  assertEquals(token.token, NTLMSSP_IDENTIFIER.slice(0, 2));
  const answer = encodeNegTokenResp({ state: NegState.ACCEPT_INCOMPLETE, token: hex("0a") });
  assertEquals(decodeNegTokenResp(await client.next(answer) ?? hex("")).listCode, list.slice().reverse());
  await client.next(encodeNegTokenResp({ state: NegState.ACCEPT_COMPLETED, listCode: list.slice().reverse() }));
  assert(client.complete);
});

Deno.test("a server that takes the second mechanism and sends no code of the list is refused", async () => {
  const { client } = await fallenBack();
  await client.next(encodeNegTokenResp({ state: NegState.ACCEPT_INCOMPLETE, token: hex("0a") }));
  const last = encodeNegTokenResp({ state: NegState.ACCEPT_COMPLETED });
  await assertRejects(() => client.next(last), WireError, "mechListMIC comes where the first mechanism was not taken");
});

const COMPLETED = NegState.ACCEPT_COMPLETED;
const INCOMPLETE = NegState.ACCEPT_INCOMPLETE;
const BREACHES: readonly [string, Parameters<typeof encodeNegTokenResp>[0][], string][] = [
  ["refuses", [{ state: NegState.REJECT }], "negState accepts: got reject"],
  [
    "names a mechanism that was not offered",
    [{ mechanism: hex("2a03") }],
    "supportedMech is one that was offered: got 2a03",
  ],
  [
    "changes the mechanism",
    [{ mechanism: KERBEROS, token: hex("01") }, { mechanism: NTLMSSP_IDENTIFIER }],
    "supportedMech stays what it was",
  ],
  [
    "asks for codes late",
    [{ state: INCOMPLETE, token: hex("01") }, { state: NegState.REQUEST_MIC }],
    "request-mic is in the first answer only",
  ],
  ["wants nothing and is not done", [{ token: hex("01") }, { state: INCOMPLETE }], "negState is accept-completed when"],
  [
    "sends its code twice",
    [
      { token: hex("01"), listCode: encodeMechanismList([KERBEROS, NTLMSSP_IDENTIFIER]).reverse() },
      { state: COMPLETED, listCode: encodeMechanismList([KERBEROS, NTLMSSP_IDENTIFIER]).reverse() },
    ],
    "mechListMIC comes once",
  ],
];
for (const [what, answers, reason] of BREACHES) {
  Deno.test(`a server that ${what} is refused`, async () => {
    const client = new SpnegoClient(hex(""), [mechanism(KERBEROS), mechanism(NTLMSSP_IDENTIFIER)]);
    await client.start();
    for (const answer of answers.slice(0, -1)) await client.next(encodeNegTokenResp(answer));
    const last = encodeNegTokenResp(answers.at(-1) ?? {});
    await assertRejects(() => client.next(last), WireError, reason);
    assert(!client.complete);
  });
}

Deno.test("a server that accepts before the mechanism is done is refused", async () => {
  const client = new SpnegoClient(hex(""), [windows()]);
  await client.start();
  await assertRejects(() => client.next(encodeNegTokenResp({ state: COMPLETED })), WireError, "length of CHALLENGE");
  const other = new SpnegoClient(hex(""), [windows()]);
  await other.start();
  const token = decodeNegTokenResp(NTLM_SESSION.challenge).token ?? hex("");
  const early = encodeNegTokenResp({ state: COMPLETED, token });
  await assertRejects(() => other.next(early), WireError, "accept-completed comes when the mechanism is done");
});

Deno.test("nobody sends no code of the list, and none is checked", async () => {
  const client = new SpnegoClient(hex(""), [mechanism(NTLMSSP_IDENTIFIER, false)]);
  await client.start();
  await client.next(encodeNegTokenResp({ state: COMPLETED, token: hex("01"), listCode: hex("ff") }));
  assert(client.complete);
});

for (const length of [0, 127, 128, 255, 256, 65_535, 65_536]) {
  Deno.test(`a DER value of ${length} bytes is read as it was written`, () => {
    const content = new Uint8Array(length).fill(9);
    const reader = new DerReader(der(DerTag.OCTET_STRING, content));
    assertEquals(reader.next(DerTag.OCTET_STRING), content);
    reader.end();
  });
}

const BAD_DER: readonly [string, string, string][] = [
  ["nothing", "", "a value has tag 0x60: got the end"],
  ["another tag", "0400", "a value has tag 0x60: got 4"],
  ["no length", "60", "a tag has a length: got the end"],
  ["an indefinite length", "60800000", "a length has one to three bytes: got 0"],
  ["a length of four bytes", "608400000001", "a length has one to three bytes: got 4"],
  ["a length beyond the end", "6005 0600", "a value lies within the 4 bytes around it: got 7"],
  ["half a length", "6083ff", "a value lies within the 3 bytes around it: got 16711685"],
  ["something after it", "6000 00", "nothing follows the last field: got 0"],
  ["a mechanism other than SPNEGO", "6006 06022a03 a000", "the mechanism of a first token is SPNEGO: got 2a03"],
  ["no mechanisms", "600c 06062b0601050502 a002 3000", "NegTokenInit has mechTypes: got none"],
];
for (const [what, bytes, reason] of BAD_DER) {
  Deno.test(`an offer with ${what} is refused`, () => {
    assertThrows(() => decodeNegTokenInit(hex(bytes)), WireError, reason);
  });
}

Deno.test("an offer of 33 mechanisms is refused, one of 32 is not", () => {
  const of = (count: number) => encodeNegTokenInit(Array.from({ length: count }, () => KERBEROS), undefined);
  assertEquals(decodeNegTokenInit(of(32)).mechanisms.length, 32);
  assertThrows(() => decodeNegTokenInit(of(33)), WireError, "at most 32");
});

Deno.test("an answer with another negState is refused", () => {
  assertThrows(() => decodeNegTokenResp(hex("a107 3005 a003 0a0104")), WireError, "negState is 0 to 3: got 04");
  assertThrows(() => decodeNegTokenResp(hex("a108 3006 a004 0a020000")), WireError, "negState is 0 to 3: got 0000");
});

Deno.test("values within values, 10,000 deep, are refused at the first that the grammar has not", () => {
  let deep: Uint8Array = hex("");
  for (let depth = 0; depth < 10_000; depth++) deep = der(DerTag.CONTEXT_0 + 1, deep);
  assertThrows(() => decodeNegTokenResp(deep), WireError, "a value has tag 0x30: got 161");
  assertThrows(() => decodeNegTokenInit(der(DerTag.APPLICATION_0, deep)), WireError, "a value has tag 0x6");
});

/** Runs `decode` over a token with bytes changed, cut or both, and over random ones. */
function fuzz(token: Uint8Array, decode: (bytes: Uint8Array) => unknown): void {
  const edits = fc.array(fc.tuple(fc.nat({ max: Math.min(token.length, 64) - 1 }), fc.nat({ max: 255 })), {
    maxLength: 4,
  });
  const near = fc.tuple(edits, fc.nat({ max: token.length })).map(([places, cut]) => {
    const bytes = token.slice(0, cut % 3 === 0 ? cut : token.length);
    for (const [at, value] of places) if (at < bytes.length) bytes[at] = value;
    return bytes;
  });
  fc.assert(
    fc.property(fc.oneof(near, fc.uint8Array({ maxLength: 40 })), (bytes) => {
      try {
        decode(bytes);
      } catch (error) {
        if (!(error instanceof WireError)) throw error;
      }
    }),
    { numRuns: FUZZ_RUNS },
  );
}

Deno.test("decodeNegTokenInit() throws nothing but WireError", () => fuzz(NTLM_SESSION.offer, decodeNegTokenInit));
Deno.test("decodeNegTokenResp() throws nothing but WireError", () => fuzz(NTLM_SESSION.challenge, decodeNegTokenResp));
