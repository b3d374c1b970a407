import fc from "fast-check";
import { VerbenaError } from "../../src/rdma/errors.ts";
import { assert, assertEquals } from "../assert.ts";
import { data, negotiateRequest, negotiateResponse, Side } from "./sides.ts";

const OPTIONS = { sendCreditTarget: 4, receiveCreditMax: 4, maxReceiveSize: 128, maxFragmentedSize: 131_072 };

const size = fc.oneof(fc.nat(130), fc.nat(1100), fc.constantFrom(131_072, 131_071, 0xffff_ffff, 0x8000_0000));

/** Mostly what a peer could say, with one thing or another wrong. */
const message = fc.oneof(
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 128 }) },
  {
    weight: 4,
    arbitrary: fc.record({
      creditsRequested: fc.nat(6),
      creditsGranted: fc.nat(3),
      flags: fc.nat(2),
      remaining: size,
      payload: fc.uint8Array({ maxLength: 100 }),
    }).map(data),
  },
  {
    weight: 1,
    arbitrary: fc.record({ dataOffset: size, dataLength: size, remaining: size, length: fc.nat(128) }).map(data),
  },
  {
    weight: 3,
    arbitrary: fc.tuple(fc.nat(100), fc.nat(300)).map(([length, remaining]) =>
      data({ payload: new Uint8Array(length), remaining: length === 0 ? 0 : remaining, creditsGranted: 2 })
    ),
  },
);

type Step = { receive: Uint8Array } | { send: number } | { wait: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: message.map((receive) => ({ receive })) },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 400 }).map((send) => ({ send })) },
  { weight: 1, arbitrary: fc.nat(130_000).map((wait) => ({ wait })) },
);

/** Does all steps and checks after each what must hold whatever the peer does. */
function torment(side: Side, steps: Step[]): void {
  const { machine } = side;
  let now = 0;
  for (const next of steps) {
    if ("receive" in next) side.receive(next.receive, now);
    else if ("send" in next) side.send(new Uint8Array(next.send));
    else now += next.wait;
    for (const sent of side.wait(now)) assert(sent.length <= machine.sendBufferSize);
    const { credits } = machine;
    assert(credits.receivesPosted === 5 && credits.receiveCredits <= 4 && credits.sendCredits >= 0);
    assert(machine.deadline(now) > now, "a deadline that has passed would spin");
    assertEquals(machine.state === "failed", side.error !== undefined);
    assert(side.error === undefined || side.error instanceof VerbenaError);
    assert(machine.state !== "refusing", "a refusal waits for nothing");
  }
  for (const received of side.received) assert(received.length >= 1 && received.length <= 131_072);
}

/** The message with some bytes other than they were. */
function mutated(message: Uint8Array): fc.Arbitrary<Uint8Array> {
  return fc.array(fc.tuple(fc.nat(message.length - 1), fc.nat(255)), { maxLength: 2 }).map((changes) => {
    const copy = message.slice();
    for (const [index, value] of changes) copy[index] = value;
    return copy;
  });
}

Deno.test("a passive machine survives any peer: it never throws, never delivers too much, never spins", () => {
  const request = mutated(negotiateRequest({ creditsRequested: 4, maxReceiveSize: 200 }));
  fc.assert(
    fc.property(request, fc.array(step, { maxLength: 8 }), (request, steps) => {
      torment(new Side("passive", OPTIONS), [{ receive: request }, ...steps]);
    }),
    { numRuns: 100_000 },
  );
});

Deno.test("an active machine survives any peer: it never throws, never delivers too much, never spins", () => {
  const response = mutated(negotiateResponse({ creditsGranted: 4, preferredSendSize: 128 }));
  fc.assert(
    fc.property(response, fc.array(step, { maxLength: 8 }), (response, steps) => {
      const side = new Side("active", OPTIONS);
      side.drain();
      torment(side, [{ receive: response }, ...steps]);
    }),
    { numRuns: 100_000 },
  );
});
