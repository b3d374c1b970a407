import { Deadlines } from "../../routes/deadlines.ts";
import { assertEquals } from "../assert.ts";

Deno.test("Deadlines tells of each that was not met, the first first, and of no other", async () => {
  const deadlines = new Deadlines(20);
  const late: string[] = [];
  const set = (name: string) => deadlines.set(() => late.push(name));
  const met = [set("head")];
  set("first");
  met.push(set("middle"));
  set("second");
  met.push(set("tail"));
  await new Promise((resolve) => setTimeout(resolve, 5));
  const last = new Promise<void>((resolve) => {
    deadlines.set(() => {
      late.push("last");
      resolve();
    });
  });
  for (const each of met) deadlines.meet(each);
  for (const each of met) deadlines.meet(each);
  await last;
  assertEquals(late, ["first", "second", "last"]);
});

Deno.test("Deadlines leaves no timer behind where all were met, and begins anew", async () => {
  const deadlines = new Deadlines(5);
  deadlines.meet(deadlines.set(() => {}));
  await new Promise<void>((resolve) => deadlines.set(resolve));
  const next = deadlines.set(() => {});
  deadlines.meet(next);
  deadlines.meet(next);
});

Deno.test("a deadline that is late may set the next, and meet itself", async () => {
  const deadlines = new Deadlines(5);
  await new Promise<void>((resolve) => {
    const late = deadlines.set(() => {
      deadlines.meet(late);
      deadlines.set(resolve);
    });
  });
});
