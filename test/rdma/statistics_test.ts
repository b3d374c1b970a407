import { Completion, Status, statusText } from "../../src/rdma/completion.ts";
import { reasonOf, SystemError, VerbenaError, VerbsError, WireError } from "../../src/rdma/errors.ts";
import { checkRange } from "../../src/rdma/memory.ts";
import { Counters, EndpointStatistics } from "../../src/rdma/statistics.ts";
import { assert, assertEquals, assertThrows } from "../assert.ts";

Deno.test("Counters count by reason, and what comes beyond the ceiling as other", () => {
  const counters = new Counters(2);
  counters.add("b");
  counters.add("a", 3);
  counters.add("c");
  counters.add("d", 2);
  counters.add("b");
  assertEquals([counters.get("a"), counters.get("b"), counters.get("c"), counters.get("other")], [3, 2, 0, 3]);
  assertEquals(counters.total, 8);
  assertEquals(JSON.stringify(counters), '{"a":3,"b":2,"other":3}');
  assertEquals([...counters.map.keys()], ["b", "a", "other"]);
});

Deno.test("Counters stay bounded whatever reasons a peer thinks up", () => {
  const { errors } = new EndpointStatistics();
  for (let reason = 0; reason < 10_000; reason++) errors.add(`reason ${reason}`);
  assertEquals([errors.map.size, errors.total, errors.get("other")], [65, 10_000, 9_936]);
});

Deno.test("Counters take any word for a reason", () => {
  const counters = new Counters();
  for (const reason of ["__proto__", "constructor", ""]) counters.add(reason);
  assertEquals(JSON.stringify(counters), '{"":1,"__proto__":1,"constructor":1}');
});

Deno.test("checkRange() takes ranges within the size and refuses all others", () => {
  for (const [offset, length] of [[0, 0], [0, 10], [10, 0], [3, 7]] as const) checkRange(offset, length, 10);
  const bad = [[0, 11], [10, 1], [11, 0], [-1, 1], [0, -1], [0.5, 1], [0, NaN], [Infinity, 0], [2 ** 53, 1]] as const;
  for (const [offset, length] of bad) {
    assertThrows(() => checkRange(offset, length, 10), RangeError, `[${offset}, +${length})`);
  }
});

Deno.test("errors bear their names, and say what was tried, with what, and what to do", () => {
  const wire = new WireError("ddp", "queue number", 9);
  const system = new SystemError("mmap(65536)", "ENOMEM", "raise the limit");
  const verbs = new VerbsError("connect a:1", "refused");
  assertEquals([wire.name, system.name, verbs.name], ["WireError", "SystemError", "VerbsError"]);
  assertEquals([wire.message, system.message, verbs.message], [
    "ddp: queue number: got 9",
    "mmap(65536): ENOMEM: raise the limit",
    "connect a:1: refused",
  ]);
  assert(wire instanceof VerbenaError && system instanceof VerbenaError && verbs instanceof VerbenaError);
  assertEquals([reasonOf(new Error(" two\n lines ")), reasonOf("text"), reasonOf(undefined)], [
    "two lines",
    "text",
    "undefined",
  ]);
});

Deno.test("statusText() names every status, and gives the number of any other", () => {
  assertEquals([statusText(Status.REMOTE_ACCESS), statusText(Status.SUCCESS), statusText(99 as Status)], [
    "remote access",
    "success",
    "status 99",
  ]);
  assertEquals({ ...new Completion() }, { id: 0, opcode: 0, status: 0, length: 0, invalidatedKey: 0, immediate: 0 });
});
