import { Turns } from "../../routes/turns.ts";
import { assertEquals } from "../assert.ts";

/** Takes the costs at once, and lists the turns that they were begun in, from 0 on. */
async function begun(turns: Turns, costs: number[]): Promise<number[]> {
  let turn = 0;
  let going = true;
  const counting = (async (): Promise<void> => {
    while (going) {
      await new Promise((resolve) => setTimeout(resolve, 0));
      turn++;
    }
  })();
  const seen: number[] = [];
  const order: number[] = [];
  await Promise.all(costs.map(async (cost, index) => {
    await turns.take(cost);
    order.push(index);
    seen.push(turn);
  }));
  going = false;
  await counting;
  assertEquals(order, costs.map((_, index) => index), "first come, first served");
  const distinct = [...new Set(seen)];
  return seen.map((each) => distinct.indexOf(each));
}

Deno.test("Turns lets a turn of the loop begin as much as its budget says, and the rest in later ones, in order", async () => {
  assertEquals(await begun(new Turns(3), [1, 1, 1, 1, 1, 1, 1]), [0, 0, 0, 1, 1, 1, 2]);
  assertEquals(await begun(new Turns(3), [2, 2, 1, 2]), [0, 1, 1, 2]);
});

Deno.test("Turns gives work beyond the budget a turn to itself", async () => {
  assertEquals(await begun(new Turns(3), [9, 1, 9, 1]), [0, 1, 2, 3]);
});

Deno.test("Turns has all of its budget again in the next turn", async () => {
  const turns = new Turns(2);
  for (let round = 0; round < 3; round++) {
    assertEquals([turns.take(1), turns.take(1)], [undefined, undefined]);
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
});
