import { Access } from "../../../src/rdma/memory.ts";
import { resolveSmbSettings } from "../../../src/smb/client/settings.ts";
import { TransferMemory } from "../../../src/smb/client/transfer_memory.ts";
import type { SmbTransport } from "../../../src/smb/client/transport.ts";
import { Channel } from "../../../src/smb/wire/channel.ts";
import { Dialect } from "../../../src/smb/wire/negotiate.ts";
import { assertEquals, assertRejects } from "../../assert.ts";
import { FakeDomain } from "../../rdma/fake_domain.ts";

const MIB = 1 << 20;

/** Memory of a session whose provider can have keys withdrawn, or cannot. */
function memoryOf(domain: FakeDomain | undefined, dialect: number): TransferMemory {
  return new TransferMemory({ domain } as unknown as SmbTransport, resolveSmbSettings({}), dialect);
}

for (
  const [dialect, channel, right] of [
    ["SMB_3_0", Channel.RDMA_V1, 0],
    ["SMB_3_0_2", Channel.RDMA_V1_INVALIDATE, Access.REMOTE_INVALIDATE],
    ["SMB_3_1_1", Channel.RDMA_V1_INVALIDATE, Access.REMOTE_INVALIDATE],
  ] as const
) {
  Deno.test(`in ${dialect} a READ's answer withdraws ${right === 0 ? "no key, this side does" : "its key"}`, async () => {
    const domain = new FakeDomain();
    const memory = memoryOf(domain, Dialect[dialect]);
    assertEquals(memory.channel, channel);
    const keys = [];
    for (let i = 0; i < 2; i++) {
      using buffer = await memory.lend("read", 5_000, true);
      keys.push(buffer.descriptors(0, 5_000)?.[0]?.token);
      assertEquals([...domain.regions].map(({ access }) => access & Access.REMOTE_INVALIDATE), [right]);
    }
    assertEquals([keys, domain.regions.size], [[1, 2], 1], "each loan has a key of its own");
    memory[Symbol.dispose]();
  });
}

Deno.test("a loan of several MiB names every piece, from anywhere in it", async () => {
  const domain = new FakeDomain();
  const memory = memoryOf(domain, Dialect.SMB_3_1_1);
  {
    using buffer = await memory.lend("write", 3 * MIB + 5, true);
    const lengths = (start: number, length: number) => buffer.descriptors(start, length)?.map((each) => each.length);
    assertEquals(lengths(0, 3 * MIB + 5), [MIB, MIB, MIB, 5]);
    assertEquals(lengths(MIB - 1, MIB + 2), [1, MIB, 1]);
    assertEquals(lengths(3 * MIB, 1), [1]);
  }
  memory[Symbol.dispose]();
});

Deno.test("plain memory has no descriptors", async () => {
  const memory = memoryOf(undefined, Dialect.SMB_3_1_1);
  using buffer = await memory.lend("read", 5_000, true);
  assertEquals([buffer.descriptors(0, 5_000), buffer.owner], [undefined, undefined]);
  memory[Symbol.dispose]();
});

Deno.test("while all registered memory is lent, a loan is plain after a while, and ends when it is given up", async () => {
  const domain = new FakeDomain();
  const memory = memoryOf(domain, Dialect.SMB_3_1_1);
  const held = await Promise.all(Array.from({ length: 64 }, () => memory.lend("read", MIB, true)));
  const controller = new AbortController();
  const given = memory.lend("read", MIB, true, controller.signal);
  const waiting = memory.lend("read", 2 * MIB, true);
  controller.abort(new Error("no longer wanted"));
  await assertRejects(() => given, Error, "no longer wanted");
  using late = await waiting;
  assertEquals([late.descriptors(0, 1), late.pieces.map(({ length }) => length)], [undefined, [2 * MIB]]);
  for (const buffer of held) buffer[Symbol.dispose]();
  using soon = await memory.lend("read", MIB, true);
  assertEquals(soon.descriptors(0, MIB)?.length, 1);
  memory[Symbol.dispose]();
});
