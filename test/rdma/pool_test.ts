import { ConfigError } from "../../src/rdma/errors.ts";
import { Access } from "../../src/rdma/memory.ts";
import { type PooledBuffer, type PoolOptions, RegisteredPool } from "../../src/rdma/pool.ts";
import { assert, assertEquals, assertRejects, assertThrows } from "../assert.ts";
import { FakeDomain } from "./fake_domain.ts";

const OPTIONS: PoolOptions = { access: Access.LOCAL_WRITE, ceiling: 65_536, smallest: 4_096, largest: 32_768 };

function make(options: Partial<PoolOptions> = {}): { domain: FakeDomain; pool: RegisteredPool } {
  const domain = new FakeDomain();
  return { domain, pool: new RegisteredPool(domain, { ...OPTIONS, ...options }) };
}

function lend(pool: RegisteredPool, length: number): PooledBuffer {
  const buffer = pool.acquire(length);
  assert(buffer !== undefined, `a buffer of ${length} bytes`);
  return buffer;
}

/** What has become of a promise by now. */
async function stateOf(promise: Promise<unknown>): Promise<string> {
  const pending = Symbol();
  for (let turn = 0; turn < 8; turn++) await Promise.resolve();
  const first = await Promise.race([promise, Promise.resolve(pending)]);
  return first === pending ? "waiting" : first === undefined ? "nothing" : "lent";
}

Deno.test("a buffer comes from the smallest class that holds it, with the length asked for", () => {
  const { pool, domain } = make({ ceiling: 1 << 20 });
  for (const [length, size] of [[0, 4_096], [1, 4_096], [4_096, 4_096], [4_097, 8_192], [32_768, 32_768]] as const) {
    const buffer = lend(pool, length);
    assertEquals([buffer.length, buffer.bytes.length, buffer.region.length], [length, length, size]);
    assertEquals(buffer.region.access, Access.LOCAL_WRITE);
  }
  assertEquals(domain.regionCount, 5);
});

Deno.test("a pool tells its regions: sizes, rights and what is lent, and nothing by which to reach them", () => {
  const { pool } = make({ access: Access.LOCAL_WRITE | Access.REMOTE_WRITE });
  assertEquals(pool.regions(), []);
  const rights = ["local write", "remote write"];
  const [one, two] = [lend(pool, 1), lend(pool, 4_096)];
  const long = lend(pool, 10_000);
  two[Symbol.dispose]();
  assertEquals(pool.regions(), [
    { length: 4_096, rights, lent: 4_096 },
    { length: 4_096, rights, lent: 0 },
    { length: 16_384, rights, lent: 16_384 },
  ]);
  for (const buffer of [one, long]) buffer[Symbol.dispose]();
  assertEquals(pool.regions().map(({ lent }) => lent), [0, 0, 0]);
  lend(pool, 32_768)[Symbol.dispose]();
  const last = lend(pool, 32_768);
  assertEquals(pool.regions().reduce((sum, { length }) => sum + length, 0), pool.statistics.allocatedBytes);
  pool[Symbol.dispose]();
  assertEquals(pool.regions(), [{ length: 32_768, rights, lent: 32_768 }]);
  last[Symbol.dispose]();
  assertEquals(pool.regions(), []);
});

Deno.test("acquire() refuses lengths that no class holds, waiters or not", async () => {
  const { pool } = make();
  for (const length of [-1, 1.5, NaN, 32_769, Infinity]) {
    assertThrows(() => pool.acquire(length), RangeError, `${length} bytes`);
  }
  const all = [lend(pool, 32_768), lend(pool, 32_768)];
  const waiting = pool.acquireWhenFree(1);
  assertThrows(() => pool.acquire(32_769), RangeError);
  await assertRejects(() => pool.acquireWhenFree(32_769), RangeError);
  assertEquals(pool.statistics.waiting, 1);
  for (const buffer of all) buffer[Symbol.dispose]();
  assert(await waiting !== undefined);
});

Deno.test("a buffer given back is lent again under another key, and nothing new is registered", () => {
  const { pool, domain } = make();
  const first = lend(pool, 5_000);
  const { region } = first;
  const key = region.remoteKey;
  first[Symbol.dispose]();
  assert(region.remoteKey !== key, "the key dies with the loan");
  const second = lend(pool, 8_192);
  assertEquals(second.region, region);
  assertEquals([domain.regionCount, pool.statistics.acquired, pool.statistics.reused], [1, 2, 1]);
});

Deno.test("giving back twice gives back once, and empties the buffer's own view", () => {
  const { pool } = make();
  const buffer = lend(pool, 100);
  buffer[Symbol.dispose]();
  buffer[Symbol.dispose]();
  assertEquals(buffer.bytes.length, 0);
  assertEquals([pool.statistics.lent, pool.statistics.lentBytes], [0, 0]);
  assert(lend(pool, 100).region !== lend(pool, 100).region, "it is in the pool once");
});

Deno.test("a region that a peer invalidated is valid again at its next loan", () => {
  const { pool } = make();
  const buffer = lend(pool, 1);
  (buffer.region as { valid: boolean }).valid = false;
  buffer[Symbol.dispose]();
  assertEquals(lend(pool, 1).region.valid, true);
});

Deno.test("the ceiling holds for lent and free together", () => {
  const { pool, domain } = make();
  const buffers = [lend(pool, 32_768), lend(pool, 16_384), lend(pool, 16_384)];
  assertEquals(pool.acquire(0), undefined);
  assertEquals([pool.statistics.allocatedBytes, pool.statistics.lentBytes, pool.statistics.lent], [65_536, 65_536, 3]);
  buffers[1]?.[Symbol.dispose]();
  assertEquals([pool.statistics.allocatedBytes, pool.statistics.lentBytes], [65_536, 49_152]);
  lend(pool, 16_384);
  assertEquals(domain.registeredBytes, 65_536);
});

Deno.test("free buffers of other classes make way, the largest first, and no more than must", () => {
  const { pool, domain } = make();
  const buffers = [lend(pool, 32_768), lend(pool, 16_384), lend(pool, 8_192), lend(pool, 8_192)];
  for (const buffer of buffers) buffer[Symbol.dispose]();
  lend(pool, 4_096); // 64 KiB are registered: the 32 KiB one goes
  assertEquals(
    [...domain.regions].map(({ length }) => length).sort((a, b) => a - b),
    [4_096, 8_192, 8_192, 16_384],
  );
  lend(pool, 32_768); // 36 KiB and 32 KiB are too many: the 16 KiB one goes
  assertEquals(
    [...domain.regions].map(({ length }) => length).sort((a, b) => a - b),
    [4_096, 8_192, 8_192, 32_768],
  );
});

Deno.test("nothing is dropped for a buffer that cannot be had all the same", () => {
  const { pool, domain } = make();
  lend(pool, 32_768);
  lend(pool, 8_192);
  const small = lend(pool, 4_096);
  small[Symbol.dispose]();
  assertEquals(pool.acquire(32_768), undefined);
  assertEquals(domain.regionCount, 3);
  assertEquals(lend(pool, 1).region, small.region);
});

Deno.test("those who wait are served in the order they came, and nobody overtakes them", async () => {
  const { pool } = make();
  const held = [lend(pool, 32_768), lend(pool, 32_768)];
  const large = pool.acquireWhenFree(32_768);
  const small = pool.acquireWhenFree(1);
  assertEquals([await stateOf(large), await stateOf(small), pool.statistics.waiting], ["waiting", "waiting", 2]);
  held[0]?.[Symbol.dispose]();
  assertEquals([await stateOf(large), await stateOf(small)], ["lent", "waiting"]);
  assertEquals(pool.acquire(1), undefined);
  held[1]?.[Symbol.dispose]();
  assertEquals([await stateOf(small), pool.statistics.waiting], ["lent", 0]);
});

Deno.test("who stops waiting lets those behind through", async () => {
  const { pool } = make();
  lend(pool, 32_768);
  lend(pool, 16_384);
  lend(pool, 8_192);
  const patience = new AbortController();
  const large = pool.acquireWhenFree(32_768, patience.signal);
  const small = pool.acquireWhenFree(4_096);
  assertEquals([await stateOf(large), await stateOf(small)], ["waiting", "waiting"]);
  patience.abort();
  assertEquals([await stateOf(large), await stateOf(small), pool.statistics.waiting], ["nothing", "lent", 0]);
});

Deno.test("the line has an end, and a signal that is aborted already does not join it", async () => {
  const { pool } = make({ maxWaiters: 1 });
  const held = [lend(pool, 32_768), lend(pool, 32_768)];
  const first = pool.acquireWhenFree(1);
  assertEquals(await pool.acquireWhenFree(1), undefined);
  for (const buffer of held) buffer[Symbol.dispose]();
  (await first)?.[Symbol.dispose]();
  lend(pool, 32_768);
  lend(pool, 32_768);
  assertEquals(await pool.acquireWhenFree(1, AbortSignal.abort()), undefined);
  assertEquals(pool.statistics.waiting, 0);
});

Deno.test("an abort after the buffer was lent takes nothing back", async () => {
  const { pool } = make();
  const held = [lend(pool, 32_768), lend(pool, 32_768)];
  const patience = new AbortController();
  const waiting = pool.acquireWhenFree(1, patience.signal);
  for (const buffer of held) buffer[Symbol.dispose]();
  patience.abort();
  assert(await waiting !== undefined);
  assertEquals(pool.statistics.lent, 1);
});

Deno.test("a registration that fails is told to the waiter, not to whoever gave a buffer back", async () => {
  const { pool, domain } = make();
  const held = [lend(pool, 32_768), lend(pool, 32_768)];
  const unlucky = pool.acquireWhenFree(1);
  const next = pool.acquireWhenFree(32_768);
  const rejected = assertRejects(() => unlucky, RangeError, "out of memory");
  domain.failure = new RangeError("out of memory");
  held[0]?.[Symbol.dispose]();
  await rejected;
  assert(await next !== undefined);
});

Deno.test("disposing sends waiters away, drops what is free now and what is lent as it comes back", async () => {
  const { pool, domain } = make();
  const held = [lend(pool, 32_768), lend(pool, 16_384), lend(pool, 16_384)];
  held[2]?.[Symbol.dispose]();
  const waiting = pool.acquireWhenFree(32_768);
  pool[Symbol.dispose]();
  assertEquals(await waiting, undefined);
  assertEquals([domain.regionCount, pool.statistics.allocatedBytes], [2, 49_152]);
  assertEquals([pool.acquire(1), await pool.acquireWhenFree(1)], [undefined, undefined]);
  for (const buffer of held) buffer[Symbol.dispose]();
  pool[Symbol.dispose]();
  assertEquals([domain.regionCount, pool.statistics.allocatedBytes, pool.statistics.lentBytes], [0, 0, 0]);
});

Deno.test("buffers that come back after their domain was disposed leave the account at nothing", () => {
  const { pool, domain } = make();
  const buffer = lend(pool, 1);
  domain[Symbol.dispose]();
  buffer[Symbol.dispose]();
  assertEquals([pool.statistics.allocatedBytes, pool.statistics.lent], [0, 0]);
});

Deno.test("a pool's sizes must make sense", () => {
  const bad: [Partial<PoolOptions>, string][] = [
    [{ smallest: 0 }, "smallest: 0"],
    [{ smallest: 3_000 }, "smallest: 3000"],
    [{ smallest: 1.5 }, "smallest: 1.5"],
    [{ largest: NaN }, "largest: NaN"],
    [{ largest: 3 * 2 ** 32, ceiling: 2 ** 40 }, "largest: 12884901888"],
    [{ smallest: 65_536 }, "more than largest"],
    [{ ceiling: 32_767 }, "less than one buffer"],
    [{ ceiling: NaN }, "less than one buffer"],
  ];
  for (const [options, message] of bad) assertThrows(() => make(options), ConfigError, message);
});

Deno.test("a thousand random loans leave the account exact", () => {
  const { pool, domain } = make({ ceiling: 262_144 });
  const lent: PooledBuffer[] = [];
  let state = 12_345;
  const random = (below: number) => (state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0) % below;
  for (let round = 0; round < 1_000; round++) {
    if (random(2) === 0) {
      const buffer = pool.acquire(random(32_769));
      if (buffer !== undefined) lent.push(buffer);
    } else if (lent.length > 0) lent.splice(random(lent.length), 1)[0]?.[Symbol.dispose]();
    const { lentBytes, allocatedBytes, lent: count } = pool.statistics;
    assertEquals(lentBytes, lent.reduce((sum, { region }) => sum + region.length, 0));
    assertEquals([count, allocatedBytes], [lent.length, domain.registeredBytes]);
    assert(allocatedBytes <= 262_144);
    assertEquals(new Set(lent.map(({ region }) => region)).size, lent.length);
  }
});

Deno.test("a buffer dropped without being given back is recovered once collected, and counted as leaked", async () => {
  const script = `
    import { RegisteredPool } from ${JSON.stringify(new URL("../../src/rdma/pool.ts", import.meta.url).href)};
    import { FakeDomain } from ${JSON.stringify(new URL("fake_domain.ts", import.meta.url).href)};
    const pool = new RegisteredPool(new FakeDomain(), { access: 1, ceiling: 65536, smallest: 4096, largest: 32768 });
    (() => { for (let count = 0; count < 3; count++) pool.acquire(1); })();
    pool.acquire(1)[Symbol.dispose]();
    for (let turn = 0; turn < 1000 && pool.statistics.leaked < 3; turn++) {
      gc();
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    console.log(JSON.stringify(pool.statistics));`;
  const args = [
    "run",
    "--quiet",
    "--no-config",
    "--v8-flags=--expose-gc",
    "data:text/javascript," + encodeURIComponent(script),
  ];
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), { args, stdin: "null" }).output();
  const [found, errors] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  assertEquals(errors, "");
  const { leaked, lent, lentBytes, allocatedBytes } = JSON.parse(found ?? "");
  assertEquals([leaked, lent, lentBytes, allocatedBytes], [3, 0, 0, 16_384]);
});

Deno.test("a pool that keeps keys lends a buffer again under its key", () => {
  const { pool } = make({ keepKeys: true });
  const first = lend(pool, 5_000);
  const { region } = first;
  const key = region.remoteKey;
  first[Symbol.dispose]();
  const second = lend(pool, 5_000);
  assertEquals([second.region, second.region.remoteKey], [region, key]);
});
