import { Deadlines } from "../../routes/deadlines.ts";
import { assertEquals } from "../assert.ts";

Deno.test("Deadlines tells of each that was not met, the first first, and of no other", async () => {
  const deadlines = new Deadlines(20);
  const late: string[] = [];
  const met = deadlines.set(() => late.push("met"));
  deadlines.set(() => late.push("first"));
  await new Promise((resolve) => setTimeout(resolve, 5));
  const second = new Promise<void>((resolve) => {
    deadlines.set(() => {
      late.push("second");
      resolve();
    });
  });
  deadlines.meet(met);
  await second;
  assertEquals(late, ["first", "second"]);
});

Deno.test("Deadlines leaves no timer behind where all were met, and begins anew", async () => {
  const deadlines = new Deadlines(5);
  deadlines.meet(deadlines.set(() => {}));
  await new Promise<void>((resolve) => deadlines.set(resolve));
  const next = deadlines.set(() => {});
  deadlines.meet(next);
  deadlines.meet(next);
});
