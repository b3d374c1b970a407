import { CapabilityError, WireError } from "../../../src/rdma/errors.ts";
import type { SmbCredentials } from "../../../src/smb/client/credentials.ts";
import { NtStatusError } from "../../../src/smb/client/status_error.ts";
import { Dialect } from "../../../src/smb/wire/negotiate.ts";
import { NtStatus } from "../../../src/smb/wire/status.ts";
import { SessionFlag } from "../../../src/smb/wire/session.ts";
import { assertEquals, assertRejects } from "../../assert.ts";
import { headerOf } from "./answers.ts";
import { stage } from "./fake_transport.ts";
import { type Change, logOnTo, MORE, negotiateAnswer, serve, SESSION, setupAnswer, USER } from "./logon_server.ts";

const NAMED: SmbCredentials = { user: "ada", password: "secret" };
const NOTHING = new Uint8Array(0);

Deno.test("a user logs on: the session has the keys of what both sides know and of all that was said", async () => {
  await using set = stage(1);
  serve(set);
  await logOnTo(set);
  const { security } = set.exchange;
  assertEquals([security?.sessionId, security?.signs, security?.encrypts], [SESSION, false, false]);
  assertEquals([security?.signer, security?.sealer, security?.opener].map((each) => each !== undefined), [
    true,
    true,
    true,
  ]);
  assertEquals(set.transport.sent.map((message) => headerOf(message).sessionId), [0n, 0n, SESSION]);
  assertEquals([set.exchange.multiCredit, set.exchange.over], [true, false]);
});

/** The first answer to SESSION_SETUP says success. */
const atOnce = (token: Uint8Array, flags = 0): Change => () => setupAnswer(1, token, NtStatus.SUCCESS, flags);

for (const [who, credentials] of [["a user of NTLM", NAMED], ["a user of another mechanism", USER]] as const) {
  Deno.test(`a server cannot log ${who} on that has shown nothing: a session without keys is for guests`, async () => {
    await using set = stage(1);
    serve(set, [undefined, atOnce(NOTHING)]);
    await assertRejects(
      () => logOnTo(set, credentials),
      WireError,
      "spnego: the log-on ends with a session key: got none",
    );
    assertEquals(set.exchange.security?.signer, undefined);
  });
}

Deno.test("a guest, or nobody, has a session without keys only where that was asked for", async () => {
  for (const flags of [SessionFlag.GUEST, SessionFlag.ANONYMOUS, 0]) {
    for (const credentials of [{ guest: true }, { anonymous: true }] as const) {
      await using set = stage(1);
      serve(set, [undefined, atOnce(NOTHING, flags)]);
      await logOnTo(set, credentials);
      assertEquals([set.exchange.security?.sessionId, set.exchange.security?.signer], [SESSION, undefined]);
    }
  }
  await using set = stage(1);
  serve(set, [undefined, atOnce(NOTHING, SessionFlag.GUEST)]);
  await assertRejects(
    () => logOnTo(set, NAMED),
    CapabilityError,
    "log ada on to nas: the server made a guest of the user",
  );
});

Deno.test("no guest's session keeps what only keys can", async () => {
  for (const settings of [{ signing: "required" }, { encryption: "required" }] as const) {
    await using set = stage(1);
    serve(set, [undefined, atOnce(NOTHING, SessionFlag.GUEST)]);
    const [wanted] = Object.keys(settings);
    await assertRejects(
      () => logOnTo(set, { guest: true }, settings),
      CapabilityError,
      `nas: a guest's session has no keys, and ${wanted} is required: log on as a user`,
    );
  }
});

Deno.test("a server that refuses the user says why", async () => {
  await using set = stage(1);
  serve(set, [undefined, () => setupAnswer(1, NOTHING, NtStatus.LOGON_FAILURE)]);
  await assertRejects(() => logOnTo(set), NtStatusError, "log ada on to nas: STATUS_LOGON_FAILURE: ");
});

/** A negotiation in which the server answers something else. */
const taken = (more: Parameters<typeof negotiateAnswer>[0]): Change => () => negotiateAnswer(more);
const contexts = { preauth: { hashes: [1], salt: NOTHING }, ciphers: [2], signing: [2] };

const REFUSALS: readonly (readonly [what: string, (Change | undefined)[], reason: string])[] = [
  ["a dialect that was not offered", [taken({ dialect: Dialect.SMB_2_0_2 })], "one that was offered: got 2.0.2"],
  ["a dialect that does not exist", [taken({ dialect: Dialect.WILDCARD })], "one that was offered: got 0x2ff"],
  ["READs of less than 4,096 bytes", [taken({ maxReadSize: 4_095 })], "maxReadSize is at least 4096: got 4095"],
  ["WRITEs of no bytes", [taken({ maxWriteSize: 0 })], "maxWriteSize is at least 4096: got 0"],
  ["two ciphers", [taken({ contexts: { ...contexts, ciphers: [1, 2] } })], "the server takes one cipher: got 2"],
  ["an unknown cipher", [taken({ contexts: { ...contexts, ciphers: [9] } })], "the cipher taken is one that was"],
  [
    "no hash",
    [taken({ contexts: { ...contexts, preauth: undefined } })],
    "SHA-512 for pre-authentication: got undefined",
  ],
  ["another hash", [taken({ contexts: { ...contexts, preauth: { hashes: [2], salt: NOTHING } } })], "SHA-512 for"],
  ["no signing algorithm", [taken({ contexts: { ...contexts, signing: [] } })], "the signing algorithm taken is one"],
  ["another session half-way", [undefined, undefined, (m) => m.with(40, 9)], "SessionId stays the same while"],
  ["success before the client is done", [undefined, atOnce(MORE)], "the server is done when the client is"],
  ["something else than SPNEGO", [undefined, () => setupAnswer(1, Uint8Array.of(1, 2, 3))], "spnego: "],
];

for (const [what, changes, reason] of REFUSALS) {
  Deno.test(`a server that takes or answers ${what} is not logged on to`, async () => {
    await using set = stage(1);
    serve(set, changes);
    await assertRejects(() => logOnTo(set), WireError, reason);
  });
}

Deno.test("a last answer that is not signed with the session's key is refused", async () => {
  for (const index of [48, 63, 64, 72]) {
    await using set = stage(1);
    serve(set);
    const { onSend } = set.transport;
    set.transport.onSend = (request) => {
      const { deliver } = set.transport;
      if (headerOf(request).messageId === 2) {
        set.transport.deliver = (message) => deliver.call(set.transport, message?.with(index, 0x5a) ?? NOTHING);
      }
      onSend?.(request);
    };
    await assertRejects(() => logOnTo(set), WireError);
  }
});

Deno.test("a server that asks for more and more is given up after eight tokens", async () => {
  await using set = stage(1);
  serve(set);
  const { onSend } = set.transport;
  set.transport.onSend = (request) => {
    const { messageId } = headerOf(request);
    if (messageId < 2) onSend?.(request);
    else queueMicrotask(() => set.transport.deliver(setupAnswer(messageId, MORE)));
  };
  await assertRejects(() => logOnTo(set), WireError, "spnego: tokens to and fro are at most 8: got more");
  assertEquals(set.transport.sent.length, 9);
});
