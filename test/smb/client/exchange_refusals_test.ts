import { SystemError, WireError } from "../../../src/rdma/errors.ts";
import { ConnectionLost } from "../../../src/smb/client/call.ts";
import type { Security } from "../../../src/smb/client/security.ts";
import { MessageSigner } from "../../../src/smb/security/signing.ts";
import { MessageOpener, MessageSealer, TRANSFORM_HEADER_LENGTH } from "../../../src/smb/security/transform.ts";
import { Command, HeaderFlag } from "../../../src/smb/wire/header.ts";
import { Cipher, SigningAlgorithm } from "../../../src/smb/wire/negotiate_contexts.ts";
import { NtStatus } from "../../../src/smb/wire/status.ts";
import { assert, assertEquals, assertRejects } from "../../assert.ts";
import { answer, ask, chained, headerOf, told } from "./answers.ts";
import { outcomes, stage } from "./fake_transport.ts";

const SESSION = 0x1234n;
const KEY = Uint8Array.from({ length: 16 }, (_, index) => index);
const OTHER_KEY = new Uint8Array(16);
const RESPONSE = HeaderFlag.RESPONSE;
const LATER = { status: NtStatus.PENDING, flags: RESPONSE | HeaderFlag.ASYNC, asyncId: 7n };

/** A session's keys; signing and encrypting as said. */
function security(more: Partial<Security> = {}): Security {
  return {
    sessionId: SESSION,
    signer: new MessageSigner(SigningAlgorithm.AES_CMAC, KEY),
    sealer: new MessageSealer(Cipher.AES_128_GCM, KEY, SESSION),
    opener: new MessageOpener(Cipher.AES_128_GCM, OTHER_KEY, SESSION, 1 << 20),
    signs: false,
    encrypts: false,
    ...more,
  };
}

/** The server's message, signed. */
function signed(message: Uint8Array, key = KEY): Uint8Array {
  new MessageSigner(SigningAlgorithm.AES_CMAC, key, "server").sign(message);
  return message;
}

/** The server's message, encrypted. */
function sealed(message: Uint8Array, key = OTHER_KEY, sessionId = SESSION): Uint8Array {
  const out = new Uint8Array(TRANSFORM_HEADER_LENGTH + message.length);
  new MessageSealer(Cipher.AES_128_GCM, key, sessionId).seal(message, out);
  return out;
}

const mine = { sessionId: SESSION };

/** What a server may not answer to FLUSH number 0, and why. */
const REFUSALS: readonly (readonly [what: string, Partial<Security> | undefined, Uint8Array, reason: string])[] = [
  ["of another command", undefined, told(0, "", { command: Command.CLOSE }), "the answer to FLUSH is one: got CLOSE"],
  [
    "of another command, with an error",
    undefined,
    told(0, "", { command: Command.READ, status: NtStatus.ACCESS_DENIED }),
    "the answer to FLUSH is one: got READ",
  ],
  [
    "of another command, though an interim one",
    undefined,
    told(0, "", { ...LATER, command: Command.READ }),
    "the answer to FLUSH is one: got READ",
  ],
  ["without RESPONSE", undefined, told(0, "", { flags: 0 }), "what a server sends has the flag RESPONSE: got FLUSH"],
  ["that answers no request", undefined, told(-1, ""), "what answers no request is OPLOCK_BREAK: got FLUSH"],
  ["of an unknown command", undefined, told(0, "", { command: 19 }), "Command is at most 18: got 19"],
  ["of SMB1", undefined, told(0, "").with(0, 0xff), "ProtocolId is 0xFE 'SMB': got 1112364031"],
  ["shorter than a header", undefined, told(0, "").subarray(0, 63), "length of a message is at least 64: got 63"],
  [
    "in a chain that is cut",
    undefined,
    chained(told(5, ""), told(0, "")).subarray(0, 100),
    "NextCommand is a header within the chain: got 64",
  ],
  ["of another session", {}, told(0, "", { sessionId: 5n }), "SessionId of an answer is its request's: got 5"],
  ["of no session", {}, told(0, ""), "SessionId of an answer is its request's: got 0"],
  [
    "of another session, though an interim one",
    {},
    told(0, "", { ...LATER, sessionId: 5n }),
    "SessionId of an answer is its request's: got 5",
  ],
  [
    "that is not signed where its request is",
    { signs: true },
    told(0, "", mine),
    "Flags of a signed session's message have SIGNED: got none in command 7",
  ],
  [
    "that is an error, not signed where its request is",
    { signs: true },
    told(0, "", { ...mine, status: NtStatus.ACCESS_DENIED }),
    "Flags of a signed session's message have SIGNED: got none in command 7",
  ],
  [
    "signed with another key",
    { signs: true },
    signed(told(0, "", mine), OTHER_KEY),
    "Signature fits the message and the session's key: got another in command 7",
  ],
  [
    "signed with another key, though its request is not signed",
    {},
    signed(told(0, "", mine), OTHER_KEY),
    "Signature fits the message and the session's key: got another in command 7",
  ],
  [
    "changed after it was signed",
    { signs: true },
    signed(told(0, "yes", mine)).with(64, 0x6e),
    "Signature fits the message and the session's key: got another in command 7",
  ],
  [
    "that is not encrypted where its request is",
    { encrypts: true },
    signed(told(0, "", mine)),
    "the answer to an encrypted request is encrypted: got STATUS_SUCCESS",
  ],
  [
    "that is interim, not encrypted where its request is",
    { encrypts: true },
    told(0, "", { ...LATER, ...mine }),
    "the answer to an encrypted request is encrypted: got STATUS_PENDING",
  ],
  [
    "encrypted with another key",
    { encrypts: true },
    sealed(told(0, "", mine), KEY),
    "Signature fits the encrypted message and the session's key: got another",
  ],
  [
    "encrypted for another session",
    { encrypts: true },
    sealed(told(0, "", mine), OTHER_KEY, 5n),
    "SessionId of the transform header is this session's: got 5",
  ],
  [
    "encrypted for this session, of another within",
    { encrypts: true },
    sealed(told(0, "", { sessionId: 5n })),
    "SessionId of an answer is its request's: got 5",
  ],
  [
    "encrypted where there are no keys",
    { sealer: undefined, opener: undefined },
    sealed(told(0, "", mine)),
    "an encrypted message comes in a session with keys: got one",
  ],
  [
    "encrypted before there is a session",
    undefined,
    sealed(told(0, "")),
    "an encrypted message comes in a session with keys: got one",
  ],
];

for (const [what, keys, message, reason] of REFUSALS) {
  Deno.test(`an answer ${what} ends the connection, and whoever waits is told why`, async () => {
    await using set = stage(2);
    if (keys !== undefined) set.exchange.security = security(keys);
    const asked = ["a", "b", "waits for credits"].map((what) => set.exchange.call(ask(what)));
    assertEquals(set.transport.sent.length, 2);
    set.transport.deliver(message);
    assert(set.exchange.over);
    const told = `WireError: smb2: ${reason}`;
    assertEquals(await outcomes(asked), [told, told, told]);
    assertEquals([(await set.exchange.closed)?.message, await set.transport.closed], [`smb2: ${reason}`, undefined]);
    assertEquals(set.statistics.errors.toJSON(), { [reason.slice(0, reason.indexOf(": got"))]: 1 });
    await assertRejects(() => set.exchange.call(ask("later")), WireError, reason);
    assertEquals(set.transport.sent.length, 2);
  });
}

Deno.test("an answer that does not hold within ends the connection too", async () => {
  await using set = stage();
  const asked = [set.exchange.echo(), set.exchange.call(ask("b"))];
  set.transport.deliver(answer({ messageId: 0, body: Uint8Array.of(5, 0, 0, 0) }));
  const reason = "WireError: smb2: an empty message: StructureSize is 4: got 5";
  assertEquals(await outcomes(asked), [reason, reason]);
});

Deno.test("signed requests have signed answers; what nobody signed may be signed or not", async () => {
  for (const signs of [true, false]) {
    await using set = stage();
    set.exchange.security = security({ signs });
    const asked = [ask("a"), ask("b", { signed: true })].map((call) => set.exchange.call(call));
    const flags = set.transport.sent.map((message) => headerOf(message).flags);
    assertEquals(flags, [signs ? HeaderFlag.SIGNED : 0, HeaderFlag.SIGNED]);
    for (const message of set.transport.sent.slice(signs ? 0 : 1)) {
      new MessageSigner(SigningAlgorithm.AES_CMAC, KEY, "server").verify(message);
    }
    set.transport.deliver(told(1, "", { ...LATER, ...mine }));
    set.transport.deliver(signs ? signed(told(0, "1", mine)) : told(0, "1", mine), signed(told(1, "2", mine)));
    assertEquals(await Promise.all(asked), ["1", "2"]);
  }
});

Deno.test("encrypted requests have encrypted answers, which need no signature; what is not encrypted may be answered so", async () => {
  await using set = stage();
  set.exchange.security = security({ signs: true });
  const asked = [ask("a", { encrypted: true }), ask("b")].map((call) => set.exchange.call(call));
  const [first, second] = set.transport.sent as [Uint8Array, Uint8Array];
  const opened = new MessageOpener(Cipher.AES_128_GCM, KEY, SESSION, 1 << 20).open(first);
  assertEquals([headerOf(opened).flags, headerOf(second).flags], [0, HeaderFlag.SIGNED]);
  set.transport.deliver(sealed(told(1, "2", mine)), sealed(told(0, "1", mine)));
  assertEquals(await Promise.all(asked), ["1", "2"]);
});

Deno.test("an encrypted chain is answered by an encrypted chain, its later SessionIds all ones or the session's", async () => {
  await using set = stage();
  set.exchange.security = security({ encrypts: true });
  const asked = set.exchange.chain([ask("a"), ask("b"), ask("c")]);
  const related = { sessionId: 0xffff_ffff_ffff_ffffn };
  set.transport.deliver(sealed(chained(told(0, "11111111", mine), told(1, "22222222", related), told(2, "3", mine))));
  assertEquals(await Promise.all(asked), ["11111111", "22222222", "3"]);
});

Deno.test("CANCEL is signed where its request was, and encrypted where its request was", async () => {
  await using set = stage();
  set.exchange.security = security({ signs: true });
  for (const encrypted of [false, true]) {
    const controller = new AbortController();
    const asked = set.exchange.call(ask("a", { encrypted, signal: controller.signal }));
    controller.abort("enough");
    let cancel = set.transport.sent.at(-1) as Uint8Array;
    if (encrypted) cancel = new MessageOpener(Cipher.AES_128_GCM, KEY, SESSION, 1 << 20).open(cancel);
    else new MessageSigner(SigningAlgorithm.AES_CMAC, KEY, "server").verify(cancel);
    const { command, messageId, sessionId } = headerOf(cancel);
    assertEquals([command, messageId, sessionId], [Command.CANCEL, encrypted ? 1 : 0, SESSION]);
    const done = told(messageId, "", { ...mine, status: NtStatus.CANCELLED });
    set.transport.deliver(encrypted ? sealed(done) : signed(done));
    assertEquals(await outcomes([asked]), ["enough"]);
  }
});

Deno.test("a connection that breaks says so to whoever waits, and whether the server may have heard", async () => {
  await using set = stage(1);
  const asked = [set.exchange.call(ask("sent")), set.exchange.call(ask("waits"))];
  set.transport.break(new SystemError("SMB over TCP with nas:445", "ECONNRESET", "it ended within a message"));
  const reason = "ECONNRESET: SMB over TCP with nas:445: ECONNRESET: it ended within a message";
  assertEquals(await outcomes(asked), [
    `ConnectionLost: sent: ${reason}; whether the server carried it out is not known`,
    `ConnectionLost: waits: ${reason}`,
  ]);
  const later = await assertRejects(() => set.exchange.call(ask("later")), ConnectionLost, `later: ${reason}`);
  assertEquals([later.sent, later.code], [false, "ECONNRESET"]);
});

Deno.test("a connection that is closed says so to whoever waits, and to a request that was given up its reason", async () => {
  await using set = stage();
  const controller = new AbortController();
  const asked = [set.exchange.call(ask("a")), set.exchange.call(ask("b", { signal: controller.signal }))];
  controller.abort("enough");
  await set.exchange.close();
  assertEquals(await outcomes(asked), [
    "ConnectionLost: a: ECONNRESET: the connection was closed; whether the server carried it out is not known",
    "enough",
  ]);
  assertEquals(await set.exchange.closed, undefined);
});

Deno.test("what comes after the end is not looked at", async () => {
  await using set = stage();
  const asked = set.exchange.call(ask("a"));
  set.exchange.fail(new WireError("smb2", "a rule", "not so"));
  set.transport.deliver(told(0, "late"));
  assertEquals(await outcomes([asked]), ["WireError: smb2: a rule: got not so"]);
  assertEquals(set.statistics.receives, 0);
});
