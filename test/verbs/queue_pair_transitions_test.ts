/**
 * Which attributes change a queue pair's state, service by service.
 *
 * @module
 */
import {
  type QueuePairAttributes,
  type QueuePairState,
  type QueuePairType,
  requiredAttributes,
  transitionFault,
} from "../../src/verbs/mod.ts";
import { assertEquals } from "../assert.ts";

const PATH = { port: 1 };
const INITIAL = { partitionKeyIndex: 0, port: 1, access: 0 };
const SENDING = { timeout: 14, retryCount: 7, rnrRetry: 7, sendPacketNumber: 0, maxReadAtomic: 1 };
const CONNECTING = {
  path: PATH,
  pathMtu: 3,
  destination: 17,
  receivePacketNumber: 0,
  maxReadAtomicDestination: 1,
  minRnrTimer: 12,
};

Deno.test("each service is brought up with its own attributes", () => {
  const ways: [QueuePairType, QueuePairAttributes, QueuePairAttributes, QueuePairAttributes][] = [
    ["RC", INITIAL, CONNECTING, SENDING],
    ["UC", INITIAL, { path: PATH, pathMtu: 3, destination: 17, receivePacketNumber: 0 }, { sendPacketNumber: 0 }],
    ["UD", { partitionKeyIndex: 0, port: 1, queueKey: 17 }, {}, { sendPacketNumber: 0 }],
  ];
  for (const [type, initial, connecting, sending] of ways) {
    assertEquals(transitionFault(type, "RESET", { state: "INIT", ...initial }), undefined);
    assertEquals(transitionFault(type, "INIT", { state: "RTR", ...connecting }), undefined);
    assertEquals(transitionFault(type, "RTR", { state: "RTS", ...sending }), undefined);
    assertEquals(requiredAttributes(type, "RESET", "INIT"), Object.keys(initial));
    assertEquals(requiredAttributes(type, "INIT", "RTR"), Object.keys(connecting));
    assertEquals(requiredAttributes(type, "RTR", "RTS"), Object.keys(sending));
  }
});

Deno.test("attributes that are missing, and those that have no place, are named", () => {
  assertEquals(
    transitionFault("RC", "RESET", { state: "INIT", port: 1, queueKey: 17 }),
    "missing partitionKeyIndex, access; not taken here: queueKey",
  );
  assertEquals(
    transitionFault("RC", "INIT", { state: "RTR", ...CONNECTING, timeout: 14, rnrRetry: 7 }),
    "not taken here: timeout, rnrRetry",
  );
  assertEquals(transitionFault("UD", "INIT", { state: "RTR", path: PATH }), "not taken here: path");
  const { minRnrTimer: _, ...rest } = CONNECTING;
  assertEquals(transitionFault("RC", "INIT", { state: "RTR", ...rest }), "missing minRnrTimer");
  assertEquals(
    transitionFault("UC", "RTR", { state: "RTS", ...SENDING }),
    [
      "not taken here: timeout, retryCount, rnrRetry, maxReadAtomic",
    ].join(),
  );
});

Deno.test("there are the changes of state that the specification has, and no others", () => {
  const states: QueuePairState[] = ["RESET", "INIT", "RTR", "RTS", "SQD", "SQE", "ERR"];
  const allowed = Object.fromEntries(
    states.map((from) => [from, states.filter((to) => requiredAttributes("RC", from, to) !== undefined).join(" ")]),
  );
  assertEquals(allowed, {
    RESET: "RESET INIT",
    INIT: "RESET INIT RTR ERR",
    RTR: "RESET RTS ERR",
    RTS: "RESET RTS SQD ERR",
    SQD: "RESET RTS SQD ERR",
    SQE: "RESET RTS ERR",
    ERR: "RESET ERR",
  });
  assertEquals(
    transitionFault("RC", "RESET", { state: "RTS", ...SENDING }),
    "a queue pair in RESET goes to RESET, INIT, not to RTS",
  );
  assertEquals(transitionFault("RC", "ERR", { state: "RTS" }), "a queue pair in ERR goes to RESET, ERR, not to RTS");
});

Deno.test("to be reset, or to fail, a queue pair needs no attributes and takes none", () => {
  for (const type of ["RC", "UC", "UD"] as const) {
    assertEquals(transitionFault(type, "RTS", { state: "RESET" }), undefined);
    assertEquals(transitionFault(type, "RTS", { state: "ERR" }), undefined);
    assertEquals(transitionFault(type, "RTS", { state: "ERR", port: 1 }), "not taken here: port");
  }
});

Deno.test("a queue pair that sends can be changed, drained, changed more and sent on its way again", () => {
  assertEquals(transitionFault("RC", "RTS", { minRnrTimer: 12, access: 0 }), undefined);
  assertEquals(transitionFault("UC", "RTS", { minRnrTimer: 12 }), "not taken here: minRnrTimer");
  assertEquals(transitionFault("UD", "RTS", { queueKey: 17 }), undefined);
  for (const type of ["RC", "UC", "UD"] as const) {
    assertEquals(transitionFault(type, "RTS", { state: "SQD", drainNotification: true }), undefined);
    assertEquals(transitionFault(type, "SQD", { state: "RTS" }), undefined);
  }
  assertEquals(transitionFault("RC", "SQD", { path: PATH, timeout: 14, maxReadAtomic: 2 }), undefined);
  assertEquals(transitionFault("RC", "SQD", { pathMtu: 3 }), "not taken here: pathMtu");
  assertEquals(transitionFault("UD", "SQE", { state: "RTS", queueKey: 17 }), undefined);
  assertEquals(transitionFault("RC", "INIT", { access: 7 }), undefined);
  assertEquals(
    transitionFault("RC", "RTR", { minRnrTimer: 1 }),
    "a queue pair in RTR goes to RESET, ERR, RTS, not to RTR",
  );
});

Deno.test("the present state may be asserted where a queue pair is connected", () => {
  assertEquals(transitionFault("RC", "RTS", { currentState: "RTS", access: 0 }), undefined);
  assertEquals(
    transitionFault("RC", "INIT", { currentState: "INIT", access: 0 }),
    "currentState can be one of RTR, RTS, SQD, SQE",
  );
});

Deno.test("an attribute that is undefined is not given", () => {
  const attributes = { state: "RESET", port: undefined } as unknown as QueuePairAttributes;
  assertEquals(transitionFault("RC", "RTS", attributes), undefined);
});
