// The Negotiate group of the Windows protocol test-suite for MS-SMBD, by its names, and the active side's part of it.
import { VerbsError, WireError } from "../../src/rdma/errors.ts";
import { decodeNegotiateResponse } from "../../src/smbdirect/mod.ts";
import { assert, assertEquals, assertMatch, hex } from "../assert.ts";
import { activeSide, fields, negotiateRequest, negotiateResponse, Pair, passiveSide, Side } from "./sides.ts";

/** The answer of a passive machine to a request. */
function answer(change: Parameters<typeof negotiateRequest>[0] = {}) {
  const side = new Side("passive").receive(negotiateRequest(change));
  const messages = side.drain();
  assertEquals(messages.map((message) => message.length), [32]);
  const message = messages[0] as Uint8Array<ArrayBuffer>;
  return decodeNegotiateResponse(new DataView(message.buffer), 0, 32, 0xffff_ffff);
}

/** Asserts that a request is dropped: no answer, and the connection ended with `reason`, counted. */
function dropped(change: Parameters<typeof negotiateRequest>[0], reason: string): void {
  const side = new Side("passive").receive(negotiateRequest(change));
  assertEquals(side.drain(), []);
  assert(side.error instanceof WireError && !side.answered);
  assertMatch(side.error.message, reason);
  assertEquals(side.machine.statistics.errors.get(side.error.field), 1);
  assertEquals(side.machine.state, "failed");
}

Deno.test("BVT_Negotiate_Basic: 10 credits of 1,024 bytes are answered in kind", () => {
  assertEquals(answer(), {
    negotiatedVersion: 0x100,
    creditsRequested: 255,
    creditsGranted: 10,
    status: 0,
    maxReadWriteSize: 8_388_608,
    preferredSendSize: 1024,
    maxReceiveSize: 1024,
    maxFragmentedSize: 1_048_576,
  });
});

for (const [name, preferredSendSize] of [["WithZero", 0], ["LessThan128", 127]] as const) {
  Deno.test(`Negotiate_PreferredSendSize${name}: MaxReceiveSize is 128`, () => {
    assertEquals(answer({ preferredSendSize }).maxReceiveSize, 128);
  });
}

Deno.test("Negotiate_PreferredSendSizeWithMaxValue: MaxReceiveSize is this side's own, at most 8,136", () => {
  assertEquals(answer({ preferredSendSize: 0xffff_ffff }).maxReceiveSize, 8136);
});

Deno.test("Negotiate_Redundancy: 492 bytes behind the request are not looked at", () => {
  assertEquals(answer({ length: 512 }).status, 0);
});

Deno.test("Negotiate_UncompletedMessage: 19 bytes are dropped", () => {
  dropped({ length: 19 }, "length of a negotiate request is at least 20: got 19");
});

for (const [name, minVersion, maxVersion] of [["LessThanMin", 0x101, 0x200], ["LargerThanMax", 1, 0xff]] as const) {
  Deno.test(`Negotiate_VersionRangeNotCover0x0100_${name}: NOT_SUPPORTED, all else 0, and the end`, () => {
    const side = new Side("passive").receive(negotiateRequest({ minVersion, maxVersion, creditsRequested: 0 }));
    assertEquals(side.error, undefined);
    assertEquals(side.drain(), [
      hex("0001 0001 0000 0000 0000 0000 bb0000c0 00000000 00000000 00000000 00000000"),
    ]);
    assert(side.error !== undefined && side.answered);
    assertMatch(side.error.message, "version range of a negotiate request covers 0x0100: got 0x");
    assertEquals(side.receive(negotiateRequest()).drain(), []);
  });
}

const covering = {
  EqualMin: [0x100, 0x200],
  EqualMax: [0, 0x100],
  InMiddle: [0, 0xffff],
  EqualMinAndMax: [0x100, 0x100],
};
for (const [name, [minVersion, maxVersion]] of Object.entries(covering) as [string, [number, number]][]) {
  Deno.test(`Negotiate_VersionRangeCover0x0100_${name}: SUCCESS`, () => {
    assertEquals(answer({ minVersion, maxVersion }).status, 0);
  });
}

Deno.test("Negotiate_NegativeParameter_CreditsRequested: 0 is dropped, 0xFFFF is met as far as there are receives", () => {
  dropped({ creditsRequested: 0 }, "CreditsRequested is at least 1: got 0");
  assertEquals(answer({ creditsRequested: 0xffff }).creditsGranted, 255);
});

Deno.test("Negotiate_NegativeParameter_MaxReceiveSize: 127 is dropped, 128 is what is sent at most", () => {
  dropped({ maxReceiveSize: 127 }, "MaxReceiveSize is at least 128: got 127");
  assertEquals(answer({ maxReceiveSize: 128 }).preferredSendSize, 128);
});

Deno.test("Negotiate_NegativeParameter_MaxFragmentedSize: 131,071 is dropped, 131,072 is kept", () => {
  dropped({ maxFragmentedSize: 131_071 }, "MaxFragmentedSize is at least 131072: got 131071");
  assertEquals(passiveSide().machine.parameters?.maxFragmentedSendSize, 131_072);
});

Deno.test("NegotiationTimer: a request 4,999 ms after the accept is answered", () => {
  const side = new Side("passive");
  assertEquals(side.machine.deadline(0), 5000);
  assertEquals(side.wait(4999), []);
  assertEquals(side.receive(negotiateRequest(), 4999).drain(4999).length, 1);
});

Deno.test("NegotiationTimer_Timeout: without a request the connection is dropped after 5,000 ms", () => {
  const side = new Side("passive");
  assertEquals(side.wait(5000), []);
  assert(side.error instanceof VerbsError && side.error.code === "timeout");
  assertMatch(side.error.message, "SMB Direct negotiation: timeout: nothing came from the peer within 5000 ms");
  assertEquals(side.machine.deadline(5000), Infinity);
});

Deno.test("the active side waits 120 seconds for its answer", () => {
  const side = new Side("active");
  assertEquals(side.drain().length, 1);
  assertEquals(side.machine.deadline(0), 120_000);
  side.wait(120_000);
  assertEquals((side.error as VerbsError).code, "timeout");
});

Deno.test("the active side asks for 255 credits, sends 1,364 and takes 8,136 bytes", () => {
  assertEquals(new Side("active").drain(), [hex("0001 0001 0000 ff00 54050000 c81f0000 00001000")]);
});

Deno.test("the active side sends nothing before the answer", () => {
  const side = new Side("active").send(new Uint8Array(1));
  assertEquals(side.drain().map((message) => message.length), [20]);
  assertEquals(side.receive(negotiateResponse()).drain().map((message) => message.length), [25]);
});

Deno.test("the active side takes the lesser of both sides' sizes", () => {
  const { machine } = activeSide({}, { maxReceiveSize: 512, maxFragmentedSize: 200_000, creditsGranted: 7 });
  assertEquals(machine.parameters, {
    maxSendSize: 512,
    maxReceiveSize: 8136,
    maxFragmentedSendSize: 200_000,
    maxFragmentedReceiveSize: 1_048_576,
    maxReadWriteSize: 1_048_576,
    sendCredits: 7,
    receiveCredits: 0,
    receiveCreditTarget: 10,
  });
});

/** Asserts that the active side drops an answer: it says no more, and the reason is counted. */
function answerDropped(change: Parameters<typeof negotiateResponse>[0], reason: string): void {
  const side = new Side("active", { maxReceiveSize: 1024 }).send(new Uint8Array(1));
  side.drain();
  side.receive(negotiateResponse(change));
  assert(side.error instanceof WireError && !side.answered);
  assertMatch(side.error.message, reason);
  assertEquals(side.machine.statistics.errors.get(side.error.field), 1);
  assertEquals([side.drain(), side.machine.state, side.machine.deadline(0)], [[], "failed", Infinity]);
}

/** What the active side agreed to after an answer. */
function agreed(change: Parameters<typeof negotiateResponse>[0]) {
  const { parameters } = activeSide({ maxReceiveSize: 1024 }, change).machine;
  assert(parameters !== undefined);
  return parameters;
}

Deno.test("Negotiate_UncompletedMessage: the active side drops an answer of 31 bytes, and takes one of 32", () => {
  answerDropped({ length: 31 }, "length of a negotiate response is at least 32: got 31");
  assertEquals(agreed({ length: 32 }).maxReceiveSize, 1024);
});

Deno.test("Negotiate_VersionRange: the active side drops an answer of another version than 0x0100", () => {
  for (const negotiatedVersion of [0, 0xff, 0x101]) answerDropped({ negotiatedVersion }, "NegotiatedVersion");
});

Deno.test("Negotiate_NegativeParameter: the active side drops an answer that asks for, or grants, no credit", () => {
  answerDropped({ creditsRequested: 0 }, "CreditsRequested is at least 1: got 0");
  answerDropped({ creditsGranted: 0 }, "CreditsGranted is at least 1: got 0");
  assertEquals(agreed({ creditsRequested: 1, creditsGranted: 0xffff }).sendCredits, 0xffff);
});

Deno.test("Negotiate_NegativeParameter_MaxReceiveSize: the active side drops 127, and sends 128 at most", () => {
  answerDropped({ maxReceiveSize: 127 }, "MaxReceiveSize is at least 128: got 127");
  assertEquals(agreed({ maxReceiveSize: 128 }).maxSendSize, 128);
});

Deno.test("Negotiate_NegativeParameter_MaxFragmentedSize: the active side drops 131,071, and keeps 131,072", () => {
  answerDropped({ maxFragmentedSize: 131_071 }, "MaxFragmentedSize is at least 131072: got 131071");
  assertEquals(agreed({ maxFragmentedSize: 131_072 }).maxFragmentedSendSize, 131_072);
});

Deno.test("Negotiate_PreferredSendSize: the active side drops more than its MaxReceiveSize, and takes as much", () => {
  answerDropped({ preferredSendSize: 1025 }, "PreferredSendSize");
  assertEquals(agreed({ preferredSendSize: 1024 }).maxReceiveSize, 1024);
});

Deno.test("Negotiate_DisconnectAfterNegotiate: what comes after a refusal is not looked at", () => {
  const side = new Side("active");
  side.drain();
  side.receive(negotiateResponse({ status: 0xc000_009a, negotiatedVersion: 0, creditsGranted: 0 }));
  assertEquals(side.receive(negotiateResponse()).drain(), []);
  assertEquals(side.machine.state, "failed");
});

Deno.test("the active side is told when the peer refuses", () => {
  const side = new Side("active");
  side.drain();
  side.receive(negotiateResponse({ status: 0xc00000bb, negotiatedVersion: 0, creditsGranted: 0 }));
  assert(side.error instanceof VerbsError && side.error.code === "rejected");
  assertMatch(side.error.message, "the peer answered with NTSTATUS 0xc00000bb");
});

Deno.test("the active side drops an answer that came before its request", () => {
  const side = new Side("active").receive(negotiateResponse());
  assertMatch(side.error?.message ?? "", "negotiate response before the request");
});

Deno.test("the active side takes redundant bytes behind the answer", () => {
  const side = new Side("active");
  side.drain();
  assertEquals(side.receive(negotiateResponse({ length: 512 })).machine.state, "established");
});

Deno.test("two sides of defaults agree on 255 credits each", () => {
  const pair = new Pair().run();
  pair.active.send(new Uint8Array(1));
  pair.run();
  assertEquals(pair.passive.received, [new Uint8Array(1)]);
  assertEquals(pair.passive.machine.credits.sendCredits, 255);
  assertEquals(pair.active.machine.credits.sendCredits, 254);
});

Deno.test("the active side's first message gives credits, for the passive side has none", () => {
  const side = activeSide().send(new Uint8Array(5));
  assertEquals(fields(side.next()), { requested: 255, granted: 10, flags: 0, remaining: 0, length: 5 });
});

Deno.test("the active side that has nothing to say gives them after 10 ms", () => {
  const side = activeSide();
  assertEquals(side.drain(), []);
  assertEquals(side.machine.deadline(0), 10);
  assertEquals(side.wait(10).map(fields), [{ requested: 255, granted: 10, flags: 0, remaining: 0, length: 0 }]);
});
