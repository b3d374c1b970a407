/**
 * The connection manager's objects over the kernel's software RoCE and iWARP devices: addresses, routes, connections,
 * refusals, and what does not answer.
 *
 * @module
 */
import { errnoName } from "../../ffi/mod.ts";
import { VerbsError } from "../../src/rdma/errors.ts";
import { Access } from "../../src/rdma/memory.ts";
import {
  type CompletionQueue,
  type ConnectionEvent,
  type ConnectionEventType,
  type ConnectionId,
  EventChannel,
  GRH_SIZE,
  type MemoryRegion,
  type PortSpace,
  type ProtectionDomain,
  type QueuePair,
  readinessIdle,
  ReceiveBatch,
  SendBatch,
  type SocketAddress,
  socketAddresses,
  withPort,
  WorkCompletions,
  workStatusText,
} from "../../src/verbs/mod.ts";
import { assert, assertEquals, assertThrows } from "../assert.ts";
import { capable, testWith } from "../capabilities.ts";
import { type DeviceName, HOSTS } from "./provider_stage.ts";
import { resources } from "./verbs_pair.ts";

const DEVICES = [["rxe", "rxe0"], ["siw", "siw0"]] as const;

const resourcesBefore = new Map<DeviceName, string>();
for (const [capability, device] of DEVICES) {
  if (await capable(capability)) resourcesBefore.set(device, await resources(device));
}

/** How a program waits for what it has begun. */
interface Waiting {
  event(channel: EventChannel): Promise<ConnectionEvent> | ConnectionEvent;
  pause(): Promise<void> | void;
}

const LIMIT = 20_000;
/** Nobody listens there, as InfiniBand says it (`IB_CM_REJ_INVALID_SERVICE_ID`). */
const INVALID_SERVICE = 8;
/** The peer's program said no (`IB_CM_REJ_CONSUMER_DEFINED`). */
const CONSUMER_DEFINED = 28;
/** Addresses of the devices' networks that nobody has. */
const SILENT: Readonly<Record<DeviceName, string>> = { rxe0: "10.7.0.77", siw0: "192.168.77.99" };

/** It sleeps, and the event loop turns. */
const ASLEEP: Waiting = {
  async event(channel) {
    for (;;) {
      const event = channel.take();
      if (event !== undefined) return event;
      await channel.wait(AbortSignal.timeout(LIMIT));
    }
  },
  pause: () => new Promise((resolve) => setTimeout(resolve)),
};

/** It looks again and again, and nothing else of it runs. */
const AWAKE: Waiting = {
  event(channel) {
    const deadline = performance.now() + LIMIT;
    for (;;) {
      const event = channel.take();
      if (event !== undefined) return event;
      assert(performance.now() < deadline, "an event comes within 20 s");
    }
  },
  pause: () => {},
};

/** The next event, which must be of `type`. */
async function expect(
  channel: EventChannel,
  type: ConnectionEventType,
  waiting: Waiting = ASLEEP,
): Promise<ConnectionEvent> {
  const event = await waiting.event(channel);
  assertEquals(event.type, type);
  return event;
}

async function addressOf(hostname: string, port: number): Promise<SocketAddress> {
  const [address] = await socketAddresses({ hostname, port });
  assert(address !== undefined);
  return address;
}

const ADDRESSES = { rxe0: await addressOf(HOSTS.rxe0, 0), siw0: await addressOf(HOSTS.siw0, 0) } as const;

/** Where a device is, at a port. */
function at(device: DeviceName, port: number): SocketAddress {
  return withPort(ADDRESSES[device], port);
}

/** What an identifier needs to speak. */
class Talker implements Disposable {
  readonly domain: ProtectionDomain;
  readonly completionQueue: CompletionQueue;
  readonly queuePair: QueuePair;
  readonly region: MemoryRegion;
  readonly #send = new SendBatch(1);
  readonly #receive = new ReceiveBatch(1);
  readonly #completions = new WorkCompletions(1);

  constructor(readonly id: ConnectionId, readonly waiting: Waiting = ASLEEP) {
    const { context } = id;
    assert(context !== undefined, "it is bound to a device");
    this.domain = context.allocateProtectionDomain();
    this.completionQueue = context.createCompletionQueue({ entries: 16 });
    const type = id.portSpace === "UDP" ? "UD" : "RC";
    this.queuePair = id.createQueuePair(this.domain, { type, sendQueue: this.completionQueue, receiveDepth: 4 });
    this.region = this.domain.register(256, Access.LOCAL_WRITE);
  }

  /** Posts a receive of the first 128 bytes. */
  receive(id: number): void {
    this.queuePair.postReceive(this.#receive.reset().receive(id).into(this.region, 0, 128));
  }

  /** Sends `text`. */
  say(id: number, text: string, address: (batch: SendBatch) => void = () => {}): void {
    const bytes = new TextEncoder().encode(text);
    this.region.bytes.set(bytes, 128);
    address(this.#send.reset().send(id).from(this.region, 128, bytes.length));
    this.queuePair.postSend(this.#send);
  }

  /** The next completion's identifier and status, and the text received. */
  async outcome(offset = 0): Promise<[number, string, string]> {
    const deadline = performance.now() + LIMIT;
    while (this.completionQueue.poll(this.#completions) === 0) {
      assert(performance.now() < deadline, "a completion comes within 20 s");
      await this.waiting.pause();
    }
    const [id, status] = [this.#completions.id(0), workStatusText(this.#completions.status(0))];
    const length = status === "success" ? this.#completions.byteLength(0) : 0;
    return [id, status, new TextDecoder().decode(this.region.bytes.slice(offset, length))];
  }

  [Symbol.dispose](): void {
    const { queuePair, region, completionQueue, domain } = this;
    for (const each of [queuePair, region, completionQueue, domain]) each[Symbol.dispose]();
    for (const each of [this.#send, this.#receive, this.#completions]) each[Symbol.dispose]();
  }
}

/** Both sides' channels, and the identifier that listens on one of them. */
class Scene implements Disposable {
  readonly server = new EventChannel();
  readonly client = new EventChannel();
  readonly listener: ConnectionId;

  constructor(readonly device: DeviceName, readonly waiting: Waiting = ASLEEP, portSpace: PortSpace = "TCP") {
    this.listener = this.server.createId(portSpace);
    this.listener.bind(at(device, 0));
    this.listener.listen(4);
  }

  /** An identifier that has found its way to the listener. */
  async route(): Promise<ConnectionId> {
    const { client, listener, waiting } = this;
    const id = client.createId(listener.portSpace);
    id.resolveAddress(at(this.device, listener.local?.port ?? 0), { timeout: 2_000 });
    await expect(client, "ADDR_RESOLVED", waiting);
    id.resolveRoute(2_000);
    await expect(client, "ROUTE_RESOLVED", waiting);
    return id;
  }

  [Symbol.dispose](): void {
    for (const each of [this.client, this.server]) each[Symbol.dispose]();
  }
}

/** Private data as they were sent; InfiniBand's messages carry zeros after them. */
function unpadded(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes).replace(/\0+$/, "");
}

const bytesOf = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);

/** Connects, speaks both ways, and parts. */
async function converse(device: DeviceName, waiting: Waiting): Promise<void> {
  using scene = new Scene(device, waiting);
  const { client, server, listener } = scene;
  const id = await scene.route();
  assertEquals([id.context?.deviceName, id.port, id.portSpace], [device, 1, "TCP"]);
  assertEquals(id.remote, listener.local);
  using active = new Talker(id, waiting);
  active.receive(1);
  id.connect({ privateData: bytesOf("who is there?"), responderResources: 3, initiatorDepth: 2 });

  const request = await expect(server, "CONNECT_REQUEST", waiting);
  assert(request.listener === listener && request.id !== listener);
  assertEquals([request.status, unpadded(request.privateData)], [0, "who is there?"]);
  assertEquals([request.id.remote, request.id.local], [id.local, id.remote]);
  using passive = new Talker(request.id, waiting);
  passive.receive(2);
  request.id.accept({ privateData: bytesOf("it is me"), responderResources: 2, initiatorDepth: 3 });

  const established = await expect(client, "ESTABLISHED", waiting);
  assert(established.id === id);
  assertEquals(unpadded(established.privateData), "it is me");
  active.say(3, "ping");
  assertEquals(await active.outcome(128), [3, "success", ""]);
  assert((await expect(server, "ESTABLISHED", waiting)).id === request.id);
  assertEquals(await passive.outcome(), [2, "success", "ping"]);
  passive.say(4, "pong");
  assertEquals((await passive.outcome()).slice(0, 2), [4, "success"]);
  assertEquals(await active.outcome(), [1, "success", "pong"]);

  passive.receive(5);
  id.disconnect();
  assert((await expect(server, "DISCONNECTED", waiting)).id === request.id);
  if (device === "rxe0") request.id.disconnect(); // InfiniBand's passive side answers; until then neither side's ends
  assert((await expect(client, "DISCONNECTED", waiting)).id === id);
  assertEquals(await passive.outcome(), [5, "wr flush err", ""]);
}

for (const [capability, device] of DEVICES) {
  await testWith(
    [capability],
    `rdma_cm on ${device}: a connection, from the address to the end, asleep between`,
    async () => {
      await converse(device, ASLEEP);
      await readinessIdle();
    },
  );

  await testWith([capability], `rdma_cm on ${device}: the same without the event loop's turning once`, async () => {
    let turned = false;
    const scene = converse(device, AWAKE);
    const timer = setTimeout(() => turned = true);
    await scene;
    clearTimeout(timer);
    assertEquals(turned, false);
  });

  await testWith([capability], `rdma_cm on ${device}: a refusal carries its reason in private data`, async () => {
    using scene = new Scene(device);
    const id = await scene.route();
    using _talker = new Talker(id);
    id.connect({ privateData: bytesOf("open up") });
    const request = await expect(scene.server, "CONNECT_REQUEST");
    request.id.reject(bytesOf("not today"));
    const refused = await expect(scene.client, "REJECTED");
    assert(refused.id === id);
    assertEquals(unpadded(refused.privateData), "not today");
    assert(device === "rxe0" ? refused.status === CONSUMER_DEFINED : errnoName(refused.status) === "ECONNRESET");
    await readinessIdle();
  });

  await testWith([capability], `rdma_cm on ${device}: a request's identifier that is disposed refuses it`, async () => {
    using scene = new Scene(device);
    const id = await scene.route();
    using _talker = new Talker(id);
    id.connect();
    (await expect(scene.server, "CONNECT_REQUEST")).id[Symbol.dispose]();
    const { id: refused, privateData } = await expect(scene.client, "REJECTED");
    assert(refused === id);
    assertEquals(unpadded(privateData), "");
    await readinessIdle();
  });

  await testWith([capability], `rdma_cm on ${device}: no way leads there, and nobody listens there`, async () => {
    using scene = new Scene(device);
    const { client, listener } = scene;
    const nowhere = await addressOf("203.0.113.1", 7);
    const error = assertThrows(() => client.createId().resolveAddress(nowhere, { timeout: 500 }), VerbsError);
    assertEquals([error.call, error.code], ["rdma_resolve_addr(203.0.113.1:7)", "ENETUNREACH"]);
    const foreign = assertThrows(() => client.createId().bind(nowhere), VerbsError);
    assertEquals(foreign.code, "EADDRNOTAVAIL");
    const id = await scene.route();
    using _talker = new Talker(id);
    listener[Symbol.dispose]();
    if (device === "rxe0") {
      id.connect();
      assertEquals((await expect(client, "REJECTED")).status, INVALID_SERVICE);
    } else {
      assertEquals(assertThrows(() => id.connect(), VerbsError).code, "ECONNREFUSED", "TCP says so at once");
    }
    await readinessIdle();
  });

  await testWith([capability], `rdma_cm on ${device}: a peer that does not answer is given up`, async () => {
    const silent = SILENT[device];
    using channel = new EventChannel();
    const id = channel.createId();
    id.resolveAddress(await addressOf(silent, 7), { timeout: 500 });
    if (device === "siw0") { // whose interface has to find the neighbour
      assertEquals(errnoName((await expect(channel, "ADDR_ERROR")).status), "ETIMEDOUT");
    } else {
      await expect(channel, "ADDR_RESOLVED");
      id.resolveRoute(500);
      await expect(channel, "ROUTE_RESOLVED");
      using talker = new Talker(id);
      id.connect();
      channel[Symbol.dispose]();
      assertEquals([id.disposed, talker.queuePair.disposed], [true, true]);
    }
    await readinessIdle();
  });

  await testWith([capability], `rdma_cm on ${device}: calls out of their order are refused`, () => {
    using scene = new Scene(device);
    const { client, listener } = scene;
    const code = (use: () => unknown): string => assertThrows(use, VerbsError).code;
    const id = client.createId();
    assertEquals([id.context, id.local, id.remote], [undefined, undefined, undefined]);
    // librdmacm itself looks for the device of such an identifier, and crashes
    for (const call of [() => id.connect(), () => id.accept(), () => id.resolveRoute(5), () => id.disconnect()]) {
      assertThrows(call, VerbsError, "not bound to a device yet");
    }
    const taken = at(device, listener.local?.port ?? 0);
    assertEquals(code(() => id.bind(taken)), "EADDRINUSE");
    id.bind(at(device, 0));
    for (const call of [() => id.connect(), () => id.accept(), () => id.resolveRoute(5), () => id.reject()]) {
      assertEquals(code(call), "EINVAL");
    }
    using talker = new Talker(id);
    const { domain, completionQueue: sendQueue } = talker;
    assertEquals(code(() => id.createQueuePair(domain, { sendQueue })), "EINVAL", "it has one");
    assertThrows(() => id.connect({ privateData: new Uint8Array(256) }), RangeError, "255 are the most");
    const gone = client.createId();
    gone[Symbol.dispose]();
    assertEquals(code(() => gone.listen(1)), "disposed");
    return Promise.resolve();
  });

  await testWith(
    [capability],
    `rdma_cm on ${device}: a request's identifier moves to a channel of its own`,
    async () => {
      using scene = new Scene(device);
      const id = await scene.route();
      using _active = new Talker(id);
      id.connect();
      const request = await expect(scene.server, "CONNECT_REQUEST");
      using channel = new EventChannel();
      request.id.migrate(channel);
      scene.server[Symbol.dispose]();
      assertEquals([request.id.disposed, scene.listener.disposed], [false, true]);
      using _passive = new Talker(request.id);
      request.id.accept();
      await expect(scene.client, "ESTABLISHED");
      assert((await expect(channel, "ESTABLISHED")).id === request.id);
      await readinessIdle();
    },
  );

  await testWith([capability], `rdma_cm on ${device}: channels that go take all that is theirs along`, async () => {
    const scene = new Scene(device);
    const id = await scene.route();
    const active = new Talker(id);
    active.receive(1);
    id.connect();
    const request = await expect(scene.server, "CONNECT_REQUEST");
    const passive = new Talker(request.id);
    request.id.accept();
    await expect(scene.client, "ESTABLISHED");
    scene[Symbol.dispose]();
    for (const each of [scene.listener, id, request.id, active.queuePair, passive.queuePair]) assert(each.disposed);
    for (const talker of [active, passive]) talker[Symbol.dispose]();
    assertEquals(assertThrows(() => id.disconnect(), VerbsError).code, "disposed");
    await readinessIdle();
  });
}

await testWith(
  ["siw"],
  "rdma_cm on siw0: a peer's Write that may not be breaks the connection, and the device tells",
  async () => {
    using scene = new Scene("siw0");
    const id = await scene.route();
    using active = new Talker(id);
    id.connect();
    const request = await expect(scene.server, "CONNECT_REQUEST");
    using passive = new Talker(request.id);
    request.id.accept();
    await expect(scene.client, "ESTABLISHED");
    await expect(scene.server, "ESTABLISHED");
    const { address, remoteKey } = passive.region;
    using batch = new SendBatch(1);
    active.queuePair.postSend(batch.write(1, address, remoteKey).from(active.region, 0, 8));
    await expect(scene.server, "DISCONNECTED");
    const { context } = id;
    assert(context !== undefined);
    const event = await context.nextAsyncEvent(AbortSignal.timeout(LIMIT));
    assertEquals(event.name, "qp access err");
    assert(event.queuePair === passive.queuePair);
    await readinessIdle();
  },
);

await testWith(["rxe"], "rdma_cm on rxe0: datagrams' ports say how to address each other", async () => {
  using scene = new Scene("rxe0", ASLEEP, "UDP");
  const id = await scene.route();
  using active = new Talker(id);
  id.connect({ privateData: bytesOf("who is there?") });
  const request = await expect(scene.server, "CONNECT_REQUEST");
  assertEquals(unpadded(request.privateData), "who is there?");
  using passive = new Talker(request.id);
  passive.receive(1);
  request.id.accept({ privateData: bytesOf("it is me"), queuePair: passive.queuePair.number });
  const { peer, privateData } = await expect(scene.client, "ESTABLISHED");
  assert(peer !== undefined);
  assertEquals([unpadded(privateData), peer.queuePair], ["it is me", passive.queuePair.number]);
  using handle = active.domain.createAddressHandle(peer.path);
  active.say(2, "a datagram", (batch) => batch.to(handle, peer.queuePair, peer.queueKey));
  assertEquals((await active.outcome()).slice(0, 2), [2, "success"]);
  assertEquals(await passive.outcome(GRH_SIZE), [1, "success", "a datagram"]);
  await readinessIdle();
});

await testWith(["rxe"], "rdma_cm on rxe0: a queue pair joins a multicast group with its identifier", async () => {
  using channel = new EventChannel();
  const group = await addressOf("239.255.1.9", 0);
  const id = channel.createId("UDP");
  id.bind(at("rxe0", 0));
  using member = new Talker(id);
  member.receive(1);
  id.joinMulticast(group);
  const { peer } = await expect(channel, "MULTICAST_JOIN");
  assert(peer !== undefined);
  using handle = member.domain.createAddressHandle(peer.path);
  member.say(2, "to all", (batch) => batch.to(handle, peer.queuePair, peer.queueKey));
  const outcomes = [await member.outcome(), await member.outcome()];
  assertEquals(outcomes.map(([id, status]) => [id, status]).sort(), [[1, "success"], [2, "success"]]);
  assertEquals(new TextDecoder().decode(member.region.bytes.slice(GRH_SIZE, GRH_SIZE + 6)), "to all");
  id.leaveMulticast(group);
  assertEquals(assertThrows(() => id.leaveMulticast(group), VerbsError).code, "EADDRNOTAVAIL");
  await readinessIdle();
});

for (const [capability, device] of DEVICES) {
  await testWith([capability], `rdma_cm on ${device}: these tests leave nothing on the device`, async () => {
    assertEquals(await resources(device), resourcesBefore.get(device));
  });
}
