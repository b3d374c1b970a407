import { runJobs } from "../../commands/jobs.ts";
import { partialName } from "../../commands/partial.ts";
import { assert, assertEquals, assertRejects } from "../assert.ts";

async function* count(to: number): AsyncGenerator<number> {
  for (let value = 0; value < to; value++) {
    await Promise.resolve();
    yield value;
  }
}

Deno.test("runJobs() carries out every task, so many at once, in the order they were found", async () => {
  const begun: number[] = [];
  const found: number[] = [];
  let running = 0;
  let most = 0;
  let complete = 0;
  await runJobs(
    count(5000),
    3,
    async (task) => {
      begun.push(task);
      most = Math.max(most, ++running);
      if (task % 100 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
      running--;
    },
    (task) => found.push(task),
    () => complete++,
  );
  const all = Array.from({ length: 5000 }, (_, index) => index);
  assertEquals([begun, found, most, complete], [all, all, 3, 1]);
});

Deno.test("runJobs() rejects with the first failure, begins nothing more, and waits for what was begun", async () => {
  const ended: number[] = [];
  const run = async (task: number): Promise<void> => {
    await new Promise((resolve) => setTimeout(resolve, task === 0 ? 1 : 20));
    ended.push(task);
    if (task === 0) throw new Error("first");
  };
  await assertRejects(() => runJobs(count(100), 2, run), Error, "first");
  assertEquals(ended, [0, 1]);
});

Deno.test("runJobs() rejects where tasks can no longer be found", async () => {
  async function* broken(): AsyncGenerator<number> {
    yield* count(2);
    throw new Error("lost");
  }
  const done: number[] = [];
  await assertRejects(() => runJobs(broken(), 4, (task) => Promise.resolve(void done.push(task))), Error, "lost");
  assertEquals(done.length <= 2, true);
});

Deno.test("partialName() is the same for the same source, another for any other, and never too long", () => {
  const info = { size: 5, directory: false, link: false, special: false, modified: 7 };
  const identity = { source: "smb://nas/data/a", info, unsettled: 9 };
  const names = [
    partialName("a", identity),
    partialName("a", { ...identity, source: "smb://nas/data/b" }),
    partialName("a", { ...identity, info: { ...info, size: 6 } }),
    partialName("a", { ...identity, info: { ...info, modified: 8 } }),
    partialName("a", { ...identity, unsettled: 10 }),
  ];
  assertEquals(new Set(names).size, 5);
  assertEquals(partialName("a", identity), names[0]);
  for (const name of ["x".repeat(300), "😀".repeat(64), "ä".repeat(127)]) {
    const partial = partialName(name, identity);
    const size = new TextEncoder().encode(partial).length;
    assert(size <= 255 && size > 245 && partial.isWellFormed(), `${size}`);
  }
});
