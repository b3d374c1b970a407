// The idle connection's cases of the Windows protocol test-suite for MS-SMBD, by their names.
import { VerbsError } from "../../src/rdma/errors.ts";
import { assert, assertEquals, assertMatch } from "../assert.ts";
import { activeSide, data, fields, Pair, passiveSide, pattern } from "./sides.ts";

Deno.test("IdleConnection_Client: RESPONSE_REQUESTED is answered at once, and the answer asks nothing", () => {
  const side = activeSide();
  side.send(pattern(1)).drain(0);
  side.receive(data({ flags: 1 }), 50);
  assertEquals(side.drain(50).map(fields), [{ requested: 255, granted: 1, flags: 0, remaining: 0, length: 0 }]);
  assertEquals(side.drain(50), []);
  assertEquals(side.machine.statistics.keepalivesReceived, 1);
});

Deno.test("a message that leaves anyway is answer enough", () => {
  const side = passiveSide().receive(data({ flags: 1, creditsGranted: 5 })).send(pattern(9));
  assertEquals(side.drain().map((message) => fields(message).length), [9]);
});

Deno.test("IdleConnection_Server: after 120 s of silence the peer is asked for a sign of life", () => {
  const side = passiveSide().receive(data({ creditsGranted: 5 }), 1000);
  side.drain(1000);
  assertEquals(side.machine.deadline(1000), 121_000);
  assertEquals(side.wait(120_999), []);
  assertEquals(side.wait(121_000).map((message) => fields(message).flags), [1]);
  assertEquals(side.machine.deadline(121_000), 126_000);
  side.receive(data(), 125_999);
  assertEquals(side.drain(125_999), []);
  assertEquals([side.wait(126_000), side.error, side.machine.deadline(126_000)], [[], undefined, 245_999]);
});

Deno.test("the active side asks as well after 120 s of silence, and drops the peer that does not answer within 5 s", () => {
  const side = activeSide();
  side.wait(10);
  assertEquals(side.wait(119_999), []);
  assertEquals(side.wait(120_000).map((message) => fields(message).flags), [1]);
  assertEquals([side.wait(124_999), side.error], [[], undefined]);
  side.wait(125_000);
  assertMatch(side.error?.message ?? "", "SMB Direct keepalive: timeout: nothing came from the peer within 5000 ms");
});

Deno.test("IdleConnection_Server_Timeout: the peer that does not answer within 5 s is dropped", () => {
  const side = passiveSide().receive(data({ creditsGranted: 5 }), 0);
  side.wait(120_000);
  side.wait(125_000);
  assert(side.error instanceof VerbsError && side.error.code === "timeout");
  assertMatch(side.error.message, "SMB Direct keepalive: timeout: nothing came from the peer within 5000 ms");
});

Deno.test("the peer that gives no credit to ask with is dropped as well", () => {
  const side = passiveSide();
  assertEquals(side.wait(120_000), []);
  side.wait(125_000);
  assertEquals((side.error as VerbsError).code, "timeout");
});

Deno.test("anything received puts the idle timer off; anything sent does not", () => {
  const side = passiveSide().receive(data({ creditsGranted: 5 }), 0);
  side.receive(data({ payload: pattern(3) }), 60_000);
  side.send(pattern(1)).drain(70_000);
  assertEquals(side.machine.deadline(70_000), 180_000);
});

Deno.test("the keepalive's flag goes with the next fragment when there is one", () => {
  const side = passiveSide().receive(data({ creditsGranted: 5 }), 0);
  side.machine.expire(120_000);
  side.send(pattern(2000));
  assertEquals(side.drain(120_000).map((message) => fields(message).flags), [1, 0]);
});

Deno.test("timers can be chosen, and turned off", () => {
  const side = passiveSide({ idleTimeout: 100, keepaliveTimeout: 10 }).receive(data({ creditsGranted: 2 }), 0);
  assertEquals(side.wait(100).length, 1);
  assertEquals(side.machine.deadline(100), 110);
  const quiet = passiveSide({ idleTimeout: Infinity });
  assertEquals(quiet.machine.deadline(0), Infinity);
});

Deno.test("two idle sides keep each other alive for an hour, without a storm", () => {
  const pair = new Pair({}, {}, 5).run(3_600_000);
  assertEquals([pair.active.error, pair.passive.error], [undefined, undefined]);
  const { statistics: active } = pair.active.machine;
  const { statistics: passive } = pair.passive.machine;
  assert(active.keepalivesSent + passive.keepalivesSent >= 29, `${active.keepalivesSent}`);
  assert(active.emptySent + passive.emptySent < 70, `${active.emptySent} ${passive.emptySent}`);
});

Deno.test("time spent waiting for credits is counted", () => {
  const side = activeSide({}, { creditsGranted: 1 }).send(pattern(1), pattern(1));
  side.drain(100);
  side.drain(150);
  side.receive(data({ creditsGranted: 5 }), 350);
  assertEquals(side.drain(350).length, 1);
  assertEquals([side.machine.statistics.creditWaits, side.machine.statistics.creditWaitTime], [1, 250]);
});
