/**
 * What many connections over the verbs provider leave behind, and a peer that is killed: nothing.
 *
 * @module
 */
import { Opcode, Status } from "../../src/rdma/completion.ts";
import { Access, type MemoryRegion } from "../../src/rdma/memory.ts";
import type { ConnectionRequest, EndpointOptions, Listener } from "../../src/rdma/provider.ts";
import { assert, assertEquals } from "../assert.ts";
import { testWith } from "../capabilities.ts";
import { eventually, Process } from "../interop/process.ts";
import { completeOne, nextRequest, pattern } from "../rdma/players.ts";
import { DEVICES, HOSTS, openStage, type ProviderStage } from "./provider_stage.ts";
import { WRITE_SIZE } from "./soak_peer.ts";
import { resources } from "./verbs_pair.ts";

const ROOT = new URL("../../", import.meta.url).pathname;
/** Connections at once: what waits for the kernel leaves the processors to others. */
const LANES = 16;
/** Bytes of each message. */
const SIZE = 64;
const OPTIONS: EndpointOptions = { sendDepth: 4, receiveDepth: 4, readDepth: 1, setupTimeout: 30_000 };

/** How many; emulated, the guest needs some 40 ms for each. `LAB_CONNECTIONS=10000` makes as many of them. */
const CONNECTIONS = Number(Deno.env.get("LAB_CONNECTIONS") ?? 1_000);

/** What this process holds of the system. */
interface Holdings {
  /** Open descriptors. */
  readonly descriptors: number;
  /** Mappings of devices' queues. */
  readonly queues: number;
  /** Mappings of any kind. */
  readonly mappings: number;
  /** Memory, in KiB. */
  readonly memory: number;
}

function holdings(): Holdings {
  const maps = Deno.readTextFileSync("/proc/self/maps").split("\n");
  return {
    descriptors: [...Deno.readDirSync("/proc/self/fd")].length,
    queues: maps.filter((line) => line.includes("/uverbs")).length,
    mappings: maps.length,
    memory: Number(/^VmRSS:\s+(\d+) kB$/m.exec(Deno.readTextFileSync("/proc/self/status"))?.[1]),
  };
}

/** Both sides of many connections. */
class Soak {
  readonly #stage: ProviderStage;
  readonly #listener: Listener;
  readonly #source: MemoryRegion;
  readonly #target: MemoryRegion;
  readonly #served = new Map<number, PromiseWithResolvers<void>>();
  readonly #places = Array.from({ length: LANES }, (_, index) => index);
  #next = 0;

  constructor(stage: ProviderStage, listener: Listener) {
    this.#stage = stage;
    this.#listener = listener;
    this.#source = stage.active.register(LANES * SIZE, 0);
    this.#target = stage.passive.register(LANES * SIZE, Access.LOCAL_WRITE);
    this.#serve();
  }

  /** Makes `count` connections, with a message on each. */
  async run(count: number): Promise<void> {
    const end = this.#next + count;
    await Promise.all(Array.from({ length: LANES }, async (_, lane) => {
      while (this.#next < end) await this.#cycle(this.#next++, lane * SIZE);
    }));
  }

  async #cycle(number: number, offset: number): Promise<void> {
    const served = Promise.withResolvers<void>();
    this.#served.set(number, served);
    const privateData = new Uint8Array(4);
    new DataView(privateData.buffer).setUint32(0, number);
    this.#source.bytes.set(pattern(SIZE, number), offset);
    const { port } = this.#listener.address;
    const { hostname } = this.#stage.address;
    const endpoint = await this.#stage.active.connect({ hostname, port }, { ...OPTIONS, privateData });
    endpoint.postSend({ id: number, opcode: Opcode.SEND, region: this.#source, offset, length: SIZE });
    assertEquals((await completeOne(endpoint)).status, Status.SUCCESS);
    await endpoint.close();
    await served.promise;
    this.#served.delete(number);
  }

  async #serve(): Promise<void> {
    for await (const request of this.#listener) {
      const number = new DataView(Uint8Array.from(request.privateData).buffer).getUint32(0);
      this.#answer(request, number).then(
        () => this.#served.get(number)?.resolve(),
        (error) => this.#served.get(number)?.reject(error),
      );
    }
  }

  async #answer(request: ConnectionRequest, number: number): Promise<void> {
    const place = this.#places.pop();
    assert(place !== undefined);
    const offset = place * SIZE;
    const endpoint = await request.accept({
      ...OPTIONS,
      prepare: (endpoint) => endpoint.postReceive(number, this.#target, offset, SIZE),
    });
    const { id, status, length } = await completeOne(endpoint);
    assertEquals([id, status, length], [number, Status.SUCCESS, SIZE]);
    assertEquals(this.#target.bytes.slice(offset, offset + SIZE), pattern(SIZE, number));
    await endpoint.closed;
    this.#places.push(place);
  }
}

for (const [capability, device] of DEVICES) {
  await testWith([capability], `${CONNECTIONS} connections over ${device} leave nothing behind`, async () => {
    const outside = await resources(device);
    {
      await using stage = await openStage(device);
      await using listener = await stage.passive.listen(stage.address);
      const soak = new Soak(stage, listener);
      await soak.run(10 * LANES);
      const objects = await resources(device);
      const before = holdings();
      await soak.run(CONNECTIONS);
      const after = holdings();
      assertEquals(await resources(device), objects);
      assertEquals([after.descriptors, after.queues], [before.descriptors, before.queues]);
      const growth = `${JSON.stringify(before)} became ${JSON.stringify(after)}`;
      assert(after.mappings < before.mappings + 200, growth);
      assert(after.memory < before.memory + 64 * 1_024, growth);
    }
    assertEquals(await resources(device), outside);
  });

  await testWith([capability], `a peer over ${device} that is killed as it writes leaves nothing behind`, async () => {
    const outside = await resources(device);
    {
      await using stage = await openStage(device);
      await using listener = await stage.passive.listen(stage.address);
      const region = stage.passive.register(WRITE_SIZE, Access.LOCAL_WRITE | Access.REMOTE_WRITE);
      const privateData = new Uint8Array(12);
      const view = new DataView(privateData.buffer);
      view.setBigUint64(0, region.address);
      view.setUint32(8, region.remoteKey);
      const objects = await resources(device);
      const before = holdings();
      const { port } = listener.address;
      const args = ["run", "--quiet", "--no-check", "--cached-only", "-P=lab", "test/lab/soak_peer.ts"];
      await using peer = new Process("deno", [...args, HOSTS[device], `${port}`], { cwd: ROOT });
      const endpoint = await (await nextRequest(listener)).accept({ ...OPTIONS, privateData });
      await peer.line(/^writing$/);
      await peer.stop("SIGKILL");
      await endpoint.closed;
      await eventually("the kernel clears up", async () => (await resources(device)) === objects ? true : undefined);
      const { descriptors, queues } = holdings();
      assertEquals([descriptors, queues], [before.descriptors, before.queues]);
    }
    assertEquals(await resources(device), outside);
  });
}
