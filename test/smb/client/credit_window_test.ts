import fc from "fast-check";
import { CreditWindow } from "../../../src/smb/client/credit_window.ts";
import { assert, assertEquals } from "../../assert.ts";

type Step =
  | { readonly take: number; readonly id: number }
  | { readonly grant: number }
  | { readonly finished: number }
  | { readonly giveBack: number; readonly id: number }
  | { readonly asked: number; readonly wants: number };

/** What a window of 10 says after each step: what is to be used, what there is in all, whether more may come. */
const TABLE: readonly (readonly [what: string, step: Step, available: number, total: number, expecting: boolean])[] = [
  ["the first request is number 0", { take: 1, id: 0 }, 0, 1, true],
  ["it asks for what it costs and what is missing of 10", { asked: 1, wants: 10 }, 0, 1, true],
  ["the next has to wait", { take: 1, id: -1 }, 0, 1, true],
  ["an answer brings 8", { grant: 8 }, 8, 9, true],
  ["which ends the request", { finished: 1 }, 8, 8, false],
  ["one that costs 9 has to wait", { take: 9, id: -1 }, 8, 8, false],
  ["one that costs 3 is number 1", { take: 3, id: 1 }, 5, 8, true],
  ["it asks for 3 again, and 2 that are missing", { asked: 3, wants: 5 }, 5, 8, true],
  ["the next is number 4", { take: 5, id: 4 }, 0, 8, true],
  ["given back, it was never there", { giveBack: 5, id: 4 }, 5, 8, true],
  ["and its number goes to another", { take: 1, id: 4 }, 4, 8, true],
  ["an answer brings nothing", { finished: 3 }, 4, 5, true],
  ["then more than 10 come", { grant: 40 }, 44, 45, true],
  ["with too many there a request asks for 1", { asked: 1, wants: 1 }, 44, 45, true],
  ["one of 36 as well", { asked: 36, wants: 1 }, 44, 45, true],
  ["one of 37 asks for 2", { asked: 37, wants: 2 }, 44, 45, true],
  ["more than 65,535 to use are not believed", { grant: 65_535 }, 65_535, 65_536, true],
];

Deno.test("a credit window counts what there is to use, what is under way, and what to ask for", () => {
  const window = new CreditWindow(10);
  assertEquals([window.available, window.total, window.expecting], [1, 1, false], "a NEGOTIATE is there to be sent");
  for (const [what, step, ...expected] of TABLE) {
    if ("take" in step) assertEquals(window.take(step.take), step.id, what);
    else if ("grant" in step) window.grant(step.grant);
    else if ("finished" in step) window.finished(step.finished);
    else if ("giveBack" in step) window.giveBack(step.id, step.giveBack);
    else assertEquals(window.asked(step.asked), step.wants, what);
    assertEquals([window.available, window.total, window.expecting], expected, what);
  }
});

Deno.test("no request asks for more credits than its field holds", () => {
  const window = new CreditWindow(8_192);
  assertEquals([window.take(1), window.asked(65_535), window.asked(57_344), window.asked(1)], [
    0,
    65_535,
    65_535,
    8_192,
  ]);
});

Deno.test("numbers follow one another without a gap, and credits are never below 0 nor above 65,535", () => {
  const step = fc.record({ charge: fc.integer({ min: 1, max: 200 }), grant: fc.oneof(fc.nat(300), fc.nat(65_535)) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 20 }), fc.integer({ min: 1, max: 8_192 }), (steps, target) => {
      const window = new CreditWindow(target);
      let next = 0;
      for (const { charge, grant } of steps) {
        const before = window.available;
        const id = window.take(charge);
        assertEquals(id, charge > before ? -1 : next);
        if (id >= 0) {
          next += charge;
          const asked = window.asked(charge);
          assert(asked >= 1 && asked <= 65_535 && asked <= Math.max(1, charge + target));
          window.grant(grant);
          window.finished(charge);
        } else window.grant(grant);
        assert(window.available >= 0 && window.available <= 65_535);
        assertEquals([window.expecting, window.total], [false, window.available]);
      }
    }),
    { numRuns: 10_000 },
  );
});
