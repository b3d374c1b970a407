/**
 * SMB Direct over the guest's RDMA devices.
 *
 * @module
 */
import { Opcode, Status } from "../../src/rdma/completion.ts";
import { Access } from "../../src/rdma/memory.ts";
import { assertEquals } from "../assert.ts";
import { testWith } from "../capabilities.ts";
import { runBothWays } from "../smbdirect/message_runs.ts";
import { pattern } from "../smbdirect/sides.ts";
import { connectEnds } from "../smbdirect/stages.ts";
import { DEVICES, openMixedStage, openStage } from "./provider_stage.ts";

/** Credits, and messages each way; with one credit each waits for the one before. */
const RUNS = [[1, 250], [255, 1_000]] as const;

for (const [capability, device] of DEVICES) {
  for (const [credits, count] of RUNS) {
    const what = `${count} SMB Direct messages of any length each way, ${credits} credits`;
    await testWith([capability], `${what}, arrive in order and intact over ${device}`, async () => {
      await using stage = await openStage(device);
      const options = { sendCreditTarget: credits, receiveCreditMax: credits, creditTimeout: Infinity };
      await using ends = await connectEnds(stage, { active: options, passive: options });
      await runBothWays(ends, count);
      const { active, passive } = ends;
      assertEquals([active.statistics.messagesReceived, passive.statistics.messagesReceived], [count, count]);
      assertEquals([active.statistics.errors.total, passive.statistics.errors.total], [0, 0]);
      await active.close();
      assertEquals(await active.closed, { graceful: true });
      await passive.closed; // a grant of credits may have been on its way
    });
  }

  await testWith([capability], `SMB Direct reads and writes the peer's memory over ${device}`, async () => {
    await using stage = await openStage(device);
    await using ends = await connectEnds(stage, { passive: { maxReadWriteSize: 65_536 } });
    const rights = Access.LOCAL_WRITE | Access.REMOTE_READ | Access.REMOTE_WRITE;
    using far = stage.active.register(500_000, rights);
    using near = stage.passive.register(500_000, rights);
    const { address: remoteAddress, remoteKey } = far;
    const transfer = (opcode: typeof Opcode.READ | typeof Opcode.WRITE) => {
      const { promise, resolve } = Promise.withResolvers<Status>();
      ends.passive.postRdma({ opcode, region: near, offset: 0, length: 500_000, remoteAddress, remoteKey }, resolve);
      return promise;
    };
    // iWARP's active side speaks first
    const hello = new Promise<void>((resolve) => ends.passive.onMessage = () => resolve());
    ends.active.send(pattern(1));
    await hello;
    far.bytes.set(pattern(500_000, 1));
    assertEquals(await transfer(Opcode.READ), Status.SUCCESS);
    assertEquals(near.bytes.slice(), pattern(500_000, 1));
    near.bytes.set(pattern(500_000, 2));
    const written = new Promise<void>((resolve) => ends.active.onMessage = () => resolve());
    const writing = transfer(Opcode.WRITE);
    ends.passive.send(pattern(1));
    await written;
    assertEquals(far.bytes.slice(), pattern(500_000, 2));
    assertEquals(await writing, Status.SUCCESS);
  });
}

for (const [active, way] of [["iwarp", "our iWARP to siw"], ["verbs", "siw to our iWARP"]] as const) {
  await testWith(["siw"], `10,000 SMB Direct messages of any length arrive in order and intact, ${way}`, async () => {
    await using stage = await openMixedStage(active);
    const options = { sendCreditTarget: 10, receiveCreditMax: 10, creditTimeout: Infinity };
    await using ends = await connectEnds(stage, { active: options, passive: options });
    await runBothWays(ends, 5_000);
    assertEquals([ends.active.statistics.errors.total, ends.passive.statistics.errors.total], [0, 0]);
    await ends.active.close();
    assertEquals(await ends.active.closed, { graceful: true });
    await ends.passive.closed;
  });
}
