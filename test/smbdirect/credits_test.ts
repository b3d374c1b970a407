// The CreditMgmt group of the Windows protocol test-suite for MS-SMBD, by its names, and the rules of MS-SMBD 3.1.5.9.
import fc from "fast-check";
import { VerbsError, WireError } from "../../src/rdma/errors.ts";
import { assert, assertEquals, assertMatch } from "../assert.ts";
import { activeSide, data, EITHER, fields, Pair, passiveSide, pattern } from "./sides.ts";

const granted = (messages: Uint8Array[]) => messages.map((message) => fields(message).granted);

for (const [name, credits] of [["BVT_OperationWithMinimumCredits", 1], ["OperationWithLimitedCredits", 10]] as const) {
  Deno.test(`CreditMgmt_${name}: ${credits} each way carry questions and answers of any length`, () => {
    const few = { sendCreditTarget: credits, receiveCreditMax: credits };
    const pair = new Pair(few, few, 3).run();
    pair.passive.onMessage = (message) => pair.passive.send(message.slice());
    for (let i = 1; i <= 20; i++) pair.active.send(pattern(i * 1000));
    pair.run(60_000);
    assertEquals(pair.active.received, Array.from({ length: 20 }, (_, i) => pattern((i + 1) * 1000)));
  });
}

for (const role of ["passive", "active"] as const) {
  Deno.test(`CreditMgmt_ConsumeAllSendCredits: the peer of a ${role} side that has used up its 10 has 10 again`, () => {
    const side = role === "passive" ? passiveSide({ receiveCreditMax: 10 }) : activeSide({ receiveCreditMax: 10 });
    if (role === "active") assertEquals(granted(side.wait(10)), [10]);
    const back: number[] = [];
    for (let i = 0; i < 10; i++) {
      side.receive(data({ payload: pattern(1), creditsGranted: i === 0 ? 10 : 0 }), 10);
      back.push(...granted(side.drain(10)) as number[]);
    }
    assertEquals(back, [5, 5]);
    assertEquals(side.machine.credits.receiveCredits, 10);
  });

  Deno.test(`CreditMgmt_ConsumeAllReceiveCredits: a ${role} side stalls until it is granted more, and goes on then`, () => {
    const side = role === "passive" ? passiveSide() : activeSide({}, { creditsGranted: 4 });
    if (role === "active") side.wait(10); // gives credits, and is left with 3
    side.receive(data({ payload: pattern(1), creditsGranted: role === "passive" ? 3 : 0 }), 10);
    for (let i = 1; i <= 5; i++) side.send(pattern(i));
    const lengths = () => side.drain(10).map((message) => fields(message).length);
    assertEquals(lengths(), [1, 2]); // the last credit is kept: there is nothing to give back with it
    side.receive(data({ creditsGranted: 0 }), 10);
    assertEquals(lengths(), [3]); // now there is
    assertEquals(lengths(), []);
    side.receive(data({ creditsGranted: 10 }), 10);
    assertEquals(lengths(), [4, 5]);
  });
}

Deno.test("CreditMgmt_ConsumeAllCreditServer_Timeout: a passive side starved for 5,000 ms drops the peer", () => {
  const side = passiveSide();
  side.receive(data({ payload: pattern(1), creditsGranted: 1 }), 100).send(pattern(1), pattern(1));
  assertEquals(side.drain(100).length, 1);
  assertEquals(side.machine.deadline(100), 5100);
  side.receive(data(), 3000);
  assertEquals(side.drain(3000), []);
  side.wait(5099);
  assertEquals(side.error, undefined);
  side.wait(5100);
  assert(side.error instanceof VerbsError && side.error.code === "timeout");
  assertMatch(side.error.message, "wait for send credits: timeout: nothing came from the peer within 5000 ms");
});

Deno.test("an active side waits for credits for as long as the peer lives", () => {
  const side = activeSide({}, { creditsGranted: 1 }).send(pattern(1), pattern(1));
  side.drain(0);
  side.receive(data(), 100_000);
  side.wait(200_000);
  assertEquals([side.error, side.machine.queue.messages], [undefined, 1]);
});

Deno.test("CreditMgmt_NegativeParameter_CreditRequested: 0 is dropped", () => {
  for (const connect of Object.values(EITHER)) {
    const side = connect().receive(data({ creditsRequested: 0 }));
    assertMatch(side.error?.message ?? "", "smbd: CreditsRequested is at least 1: got 0");
  }
});

Deno.test("a message beyond the credits granted is dropped", () => {
  const side = passiveSide({}, { creditsRequested: 2 });
  for (let i = 0; i < 2; i++) side.receive(data({ creditsRequested: 2 }));
  assertEquals(side.error, undefined);
  side.receive(data({ creditsRequested: 2 }));
  assert(side.error instanceof WireError);
  assertMatch(side.error.message, "message without a credit for it");
});

Deno.test("credits beyond 65,535 in all are dropped", () => {
  const side = passiveSide().receive(data({ creditsGranted: 0xffff }));
  assertEquals(side.error, undefined);
  side.receive(data({ creditsGranted: 1 }));
  assertMatch(side.error?.message ?? "", "credits granted in all are at most 65535: got 65536");
});

Deno.test("a peer is granted what it asks for, at most what is allowed, and no more than is posted", () => {
  const asks = (creditsRequested: number) => {
    const side = passiveSide({ receiveCreditMax: 100 });
    side.receive(data({ creditsRequested, creditsGranted: 5 })).send(pattern(1));
    return fields(side.next()).granted;
  };
  assertEquals([asks(10), asks(50), asks(0xffff), asks(1)], [1, 41, 91, 0]);
  const side = passiveSide({ receiveCreditMax: 10 }).receive(data({ creditsGranted: 5, creditsRequested: 10 }));
  side.machine.receivesPosted(-2);
  assertEquals([side.machine.credits.grantable, side.machine.credits.receivesPosted], [0, 9]);
});

Deno.test("grants go for their own sake when half is used up, which is early enough for peers without a last-credit rule", () => {
  const side = passiveSide({}, { creditsRequested: 255 });
  const requested = { creditsRequested: 255, payload: pattern(1) };
  side.receive(data({ ...requested, creditsGranted: 9 }));
  for (let i = 1; i < 127; i++) assertEquals(side.receive(data(requested)).drain(), []);
  assertEquals(granted(side.receive(data(requested)).drain()), [128]);
});

Deno.test("messages carry whatever can be granted", () => {
  const side = passiveSide();
  side.receive(data({ payload: pattern(1), creditsGranted: 9 })).receive(data({ payload: pattern(1) }));
  assertEquals(granted(side.send(pattern(1)).drain()), [2]);
});

Deno.test("two idle sides fall silent, with however few credits, or whisper", () => {
  for (const [mine, theirs] of [[1, 255], [255, 1], [2, 3], [3, 3], [4, 2], [10, 10]] as const) {
    const pair = new Pair({ receiveCreditMax: mine }, { receiveCreditMax: theirs });
    pair.active.send(pattern(1));
    pair.passive.send(pattern(1));
    pair.run(100_000);
    const sent = pair.active.machine.statistics.emptySent + pair.passive.machine.statistics.emptySent;
    assert(sent < 10, `${mine} and ${theirs} credits: ${sent} empty messages`);
  }
  for (const few of [1, 2]) {
    const pair = new Pair({ receiveCreditMax: few }, { receiveCreditMax: few }).run();
    pair.active.send(pattern(1));
    pair.run(100_000);
    const sent = pair.active.machine.statistics.emptySent + pair.passive.machine.statistics.emptySent;
    assert(sent < 2000, `${few} credits: ${sent} empty messages in 100 s`);
  }
});

Deno.test("with a single credit, either side that speaks first is heard within 128 ms and the way", () => {
  const one = { receiveCreditMax: 1, sendCreditTarget: 1 };
  for (const first of ["active", "passive"] as const) {
    const pair = new Pair(one, one, 1).run(10_000);
    pair[first].send(pattern(1));
    pair.run(10_260);
    assertEquals(pair[first === "active" ? "passive" : "active"].received.length, 1);
  }
});

/** How the two sides of a flood are set up. */
const floods = fc.record({
  active: fc.record({
    receiveCreditMax: fc.constantFrom(1, 2, 3, 10, 255),
    maxSendSize: fc.integer({ min: 128, max: 4096 }),
  }),
  passive: fc.record({
    receiveCreditMax: fc.constantFrom(1, 2, 3, 10, 255),
    maxSendSize: fc.integer({ min: 128, max: 4096 }),
    maxReceiveSize: fc.integer({ min: 128, max: 8192 }),
  }),
  target: fc.constantFrom(1, 2, 3, 10, 255),
  delay: fc.integer({ min: 0, max: 20 }),
  there: fc.array(fc.integer({ min: 1, max: 5000 }), { maxLength: 25 }),
  back: fc.array(fc.integer({ min: 1, max: 5000 }), { maxLength: 25 }),
  pause: fc.integer({ min: 0, max: 300 }),
});

Deno.test("both sides flooding at once never stall, whatever credits, sizes and delay", () => {
  fc.assert(
    fc.property(floods, ({ active, passive, target, delay, there, back, pause }) => {
      const pair = new Pair({ ...active, sendCreditTarget: target }, passive, delay);
      const sent = { there: there.map(pattern), back: back.map(pattern) };
      const half = there.length >> 1;
      pair.active.send(...sent.there.slice(0, half));
      pair.passive.send(...sent.back.slice(0, half));
      pair.run(pause);
      pair.active.send(...sent.there.slice(half));
      pair.passive.send(...sent.back.slice(half));
      pair.run(100_000);
      assertEquals([pair.active.error, pair.passive.error], [undefined, undefined]);
      assertEquals(pair.passive.received, sent.there);
      assertEquals(pair.active.received, sent.back);
    }),
    { numRuns: 2000 },
  );
});

Deno.test("a peer that knows no last-credit rule and grants only with messages of its own never stalls", () => {
  // Linux before 7.0: spends its last credit freely, and refills when a quarter is left.
  const side = activeSide({}, { creditsGranted: 255, creditsRequested: 255 });
  let theirs = 0;
  let owed = 0;
  let out = 0;
  for (let round = 0; round < 5000; round++) {
    side.send(pattern(1));
    for (const message of side.drain(round)) {
      theirs += fields(message).granted as number;
      owed++;
      out++;
    }
    while (theirs > 0 && (owed > 191 || round % 2 === 0)) {
      theirs--;
      side.receive(data({ payload: pattern(1), creditsRequested: 255, creditsGranted: owed > 191 ? owed : 0 }), round);
      if (owed > 191) owed = 0;
    }
  }
  assertEquals([out, side.error], [5000, undefined]);
});
