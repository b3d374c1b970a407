/**
 * What is not reliable of the verbs over the kernel's software RoCE device: connections, datagrams and multicast.
 *
 * @module
 */
import { ibv_wc_flags } from "../../ffi/mod.ts";
import { VerbsError } from "../../src/rdma/errors.ts";
import {
  type ConnectionEvent,
  type ConnectionId,
  EventChannel,
  GRH_SIZE,
  isMappedGid,
  parseGid,
  readinessIdle,
  socketAddresses,
} from "../../src/verbs/mod.ts";
import { assert, assertEquals, assertThrows } from "../assert.ts";
import { testWith } from "../capabilities.ts";
import { HOSTS } from "./provider_stage.ts";
import { HELLO, nothingIsLeft, ownGid, Pair, QUEUE_KEY, SIZE } from "./verbs_pair.ts";

/** Where every member of a group is. */
const EVERY_MEMBER = 0xff_ffff;
/** The queue key that rdma_cm gives groups (`RDMA_UDP_QKEY`). */
const GROUP_KEY = 0x0123_4567;

await testWith(["rxe"], "UC: a Send and an RDMA Write arrive", async () => {
  using pair = new Pair({ type: "UC" });
  const { a, b } = pair;
  b.receive(1, 0, 64);
  a.post((batch) => batch.write(2, b.region.address + 100n, b.region.remoteKey).inline(HELLO).send(3).inline(HELLO));
  assertEquals([await a.outcome(), await a.outcome()], [[2, "success"], [3, "success"]]);
  assertEquals(await b.outcome(), [1, "success"]);
  for (const at of [0, 100]) assertEquals(b.region.bytes.slice(at, at + HELLO.length), HELLO);
});

await testWith(
  ["rxe"],
  "UC: what the peer does not allow, or has no receive for, is lost and nobody told",
  async () => {
    using pair = new Pair({ type: "UC" });
    const { a, b } = pair;
    a.post((batch) =>
      batch.send(1).inline(HELLO).write(2, b.region.address, b.region.remoteKey ^ 0xff00).inline(HELLO)
    );
    assertEquals([await a.outcome(), await a.outcome()], [[1, "success"], [2, "success"]]);
    b.receive(3, 100, 64);
    a.post((batch) => batch.send(4).inline(HELLO));
    assertEquals(await b.outcome(), [3, "success"]);
    assertEquals(b.region.bytes.slice(0, 100), new Uint8Array(100));
  },
);

await testWith(["rxe"], "UC: an operation that the service lacks breaks the queue pair", async () => {
  using pair = new Pair({ type: "UC" });
  const { a, b } = pair;
  a.post((batch) => batch.read(1, b.region.address, b.region.remoteKey).from(a.region, 0, 8));
  assertEquals(await a.outcome(), [1, "wr flush err"]); // rxe looks when it is about to send
  assertEquals(a.queuePair.query().state, "ERR");
});

await testWith(["rxe"], "UD: a datagram comes behind its header, which leads back to its sender", async () => {
  using pair = new Pair({ type: "UD" });
  const { a, b } = pair;
  using ahead = pair.domain.createAddressHandle({ port: 1, ...ownGid() });
  b.receive(1, 0, 128);
  a.receive(9, 0, 128);
  a.post((batch) => batch.sendWithImmediate(2, 0x0a0b_0c0d).inline(HELLO).to(ahead, b.queuePair.number, QUEUE_KEY));
  assertEquals(await a.outcome(), [2, "success"]);
  const { id, status, length, flags, source, immediate } = await b.next();
  assertEquals([id, status, length, source], [1, "success", GRH_SIZE + HELLO.length, a.queuePair.number]);
  assertEquals([flags, immediate], [ibv_wc_flags.IBV_WC_GRH | ibv_wc_flags.IBV_WC_WITH_IMM, 0x0a0b_0c0d]);
  assertEquals(b.region.bytes.slice(GRH_SIZE, GRH_SIZE + HELLO.length), HELLO);
  assertEquals([...b.region.bytes.slice(GRH_SIZE - 8, GRH_SIZE)], [10, 7, 0, 1, 10, 7, 0, 1], "IPv4's addresses");
  using back = pair.domain.addressHandleFrom(b.completions, 0, b.region, 0, 1);
  b.post((batch) => batch.send(3).inline(HELLO).to(back, source, QUEUE_KEY));
  assertEquals([await b.outcome(), await a.outcome()], [[3, "success"], [9, "success"]]);
});

await testWith(["rxe"], "UD: a datagram without an address is refused before the library is asked", () => {
  using pair = new Pair({ type: "UD" });
  const { a } = pair;
  const bare = assertThrows(() => a.post((batch) => batch.send(4).inline(HELLO)), VerbsError, "no address handle");
  assertEquals(bare.code, "EINVAL");
  const handle = pair.domain.createAddressHandle({ port: 1, ...ownGid() });
  handle[Symbol.dispose]();
  const gone = assertThrows(() => a.post((batch) => batch.send(5).to(handle, 1, QUEUE_KEY)), VerbsError);
  assertEquals(gone.code, "disposed");
  return Promise.resolve();
});

await testWith(["rxe"], "UD: what is too long, for a wrong key or for no receive is lost and nobody told", async () => {
  using pair = new Pair({ type: "UD" });
  const { a, b } = pair;
  using ahead = pair.domain.createAddressHandle({ port: 1, ...ownGid() });
  const number = b.queuePair.number;
  a.post((batch) => batch.send(1).inline(HELLO).to(ahead, number, QUEUE_KEY));
  assertEquals(await a.outcome(), [1, "success"]);
  b.receive(2, 0, GRH_SIZE + 4);
  a.post((batch) =>
    batch.send(3).inline(HELLO).to(ahead, number, QUEUE_KEY)
      .send(4).inline(HELLO.subarray(0, 4)).to(ahead, number, QUEUE_KEY + 1)
      .send(5).from(a.region, 0, SIZE).to(ahead, number, QUEUE_KEY)
      .send(6).inline(HELLO.subarray(0, 4)).to(ahead, number, QUEUE_KEY)
  );
  for (const id of [3, 4, 5, 6]) assertEquals(await a.outcome(), [id, "success"]);
  const { id, length } = await b.next();
  assertEquals([id, length], [2, GRH_SIZE + 4]);
  assertEquals(b.queuePair.query().state, "RTS");
});

// What a datagram to a group needs beside the queue pair's attachment is the host's membership, which an identifier has.
async function join(id: ConnectionId, group: string): Promise<ConnectionEvent> {
  const [own] = await socketAddresses({ hostname: HOSTS.rxe0, port: 0 });
  const [address] = await socketAddresses({ hostname: group, port: 0 });
  assert(own !== undefined && address !== undefined);
  id.bind(own);
  id.joinMulticast(address);
  for (;;) {
    const event = id.channel.take();
    if (event !== undefined) return event;
    await id.channel.wait(AbortSignal.timeout(20_000));
  }
}

await testWith(["rxe"], "UD: rdma_cm's join of a multicast group says how to address it", async () => {
  using channel = new EventChannel();
  const { type, status, peer } = await join(channel.createId("UDP"), "239.255.1.8");
  assert(peer !== undefined);
  assertEquals([type, status, peer.queuePair, peer.queueKey], ["MULTICAST_JOIN", 0, EVERY_MEMBER, GROUP_KEY]);
  assertEquals(peer.path.gid, parseGid("239.255.1.8"));
  assert(isMappedGid(parseGid("239.255.1.8")), "RoCE v2 maps the group's IPv4 address, whatever InfiniBand does");
  await readinessIdle();
});

await testWith(["rxe"], "UD: members of a multicast group receive what is sent to it, until they leave", async () => {
  using channel = new EventChannel();
  const { peer } = await join(channel.createId("UDP"), "239.255.1.7");
  assert(peer !== undefined);
  using pair = new Pair({ type: "UD" });
  const { a, b } = pair;
  using group = pair.domain.createAddressHandle(peer.path);
  using itself = pair.domain.createAddressHandle({ port: 1, ...ownGid() });
  const gid = parseGid("239.255.1.7");
  b.receive(1, 0, 128);
  b.receive(2, 128, 128);
  {
    using membership = b.queuePair.attachMulticast(gid);
    assertEquals(membership.gid, gid);
    a.post((batch) => batch.send(3).inline(HELLO).to(group, EVERY_MEMBER, QUEUE_KEY));
    assertEquals(await a.outcome(), [3, "success"]);
    assertEquals(await b.outcome(), [1, "success"]);
    assertEquals(b.region.bytes.slice(GRH_SIZE, GRH_SIZE + HELLO.length), HELLO);
    assertEquals([...b.region.bytes.slice(GRH_SIZE - 4, GRH_SIZE)], [239, 255, 1, 7]);
  }
  a.post((batch) =>
    batch.send(4).inline(HELLO).to(group, EVERY_MEMBER, QUEUE_KEY)
      .sendWithImmediate(5, 5).to(itself, b.queuePair.number, QUEUE_KEY)
  );
  const { id, length, immediate } = await b.next();
  assertEquals([id, length, immediate], [2, GRH_SIZE, 5], "what was sent to the group is not there");
  b.queuePair.attachMulticast(gid); // the queue pair leaves it as it goes
  await readinessIdle();
});

await testWith(["rxe"], "UD: only queue pairs of datagrams join groups", () => {
  using pair = new Pair();
  const error = assertThrows(() => pair.a.queuePair.attachMulticast(parseGid("239.255.1.7")), VerbsError);
  assertEquals([error.call, error.code], ["ibv_attach_mcast(::ffff:239.255.1.7)", "EINVAL"]);
  return Promise.resolve();
});

await nothingIsLeft();
