import fc from "fast-check";
import { HttpError } from "../../routes/http_error.ts";
import { ClientLimits, clientOf, MAX_CLIENTS } from "../../routes/limits.ts";
import { assert, assertEquals } from "../assert.ts";

/** How many of `count` requests at `now` are let in. */
function admitted(limits: ClientLimits, address: string, now: number, count: number): number {
  let passed = 0;
  for (let i = 0; i < count; i++) if (limits.admit(address, now) === undefined) passed++;
  return passed;
}

Deno.test("a client may ask as often as its rate, and after a while without asking that much at once", () => {
  const limits = new ClientLimits({ rate: 10 });
  assertEquals(admitted(limits, "10.0.0.1", 0, 25), 10);
  assertEquals(admitted(limits, "10.0.0.1", 99, 5), 0);
  assertEquals(admitted(limits, "10.0.0.1", 100, 5), 1);
  assertEquals(admitted(limits, "10.0.0.1", 350, 5), 2);
  assertEquals(admitted(limits, "10.0.0.1", 1_000_000, 25), 10);
  assertEquals(admitted(limits, "10.0.0.2", 1_000_000, 25), 10);
});

Deno.test("who asks too often gets 429 with the seconds after which the next request is let in", () => {
  const limits = new ClientLimits({ rate: 10 });
  admitted(limits, "10.0.0.1", 0, 10);
  const refusal = limits.admit("10.0.0.1", 0);
  assert(refusal instanceof HttpError);
  assertEquals([refusal.status, refusal.message, refusal.headers], [
    429,
    "10 requests a second are the most that one client may ask",
    { "retry-after": "1" },
  ]);
  assertEquals(limits.admit("10.0.0.1", 1000), undefined);
});

Deno.test("over any time a client is let in no more often than its rate and one second's worth", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 50 }),
      fc.array(fc.tuple(fc.integer({ min: 0, max: 400 }), fc.integer({ min: 1, max: 40 })), { maxLength: 50 }),
      (rate, bursts) => {
        const limits = new ClientLimits({ rate });
        let [now, passed] = [0, 0];
        for (const [pause, count] of bursts) passed += admitted(limits, "::1", now += pause, count);
        assert(passed <= rate + now * rate / 1000 + 1e-6, `${passed} in ${now} ms at ${rate}`);
      },
    ),
  );
});

Deno.test("clients nearby have a rate of their own, and none by default", () => {
  const isNearby = (address: string): boolean => address.startsWith("127.");
  const limits = new ClientLimits({ rate: 1, isNearby });
  assertEquals(admitted(limits, "127.0.0.1", 0, 1000), 1000);
  assertEquals(admitted(limits, "10.0.0.1", 0, 1000), 1);
  limits.replace({ rate: 0, rateNearby: 2, isNearby });
  assertEquals([admitted(limits, "127.0.0.2", 0, 10), admitted(limits, "10.0.0.1", 0, 10)], [2, 10]);
});

Deno.test("beyond the requests that may be under way each gets 503 with Retry-After", () => {
  const limits = new ClientLimits({ concurrency: 2 });
  limits.inFlight = 2; // this one among them
  assertEquals(limits.admit("10.0.0.1", 0), undefined);
  limits.inFlight = 3;
  const refusal = limits.admit("10.0.0.1", 0);
  assertEquals([refusal?.status, refusal?.message, refusal?.headers], [
    503,
    "2 requests are under way, the most there may be",
    { "retry-after": "1" },
  ]);
});

Deno.test("connections are bounded, of all clients and of each that is not nearby", () => {
  const limits = new ClientLimits({
    maxConnections: 4,
    maxConnectionsEach: 2,
    isNearby: (address) => address === "::1",
  });
  const table: [string, boolean][] = [
    ["2001:db8::1", true],
    ["2001:db8::2", true],
    ["2001:db8:0:0:ffff::3", false], // the same /64
    ["::1", true],
    ["::1", true],
    ["10.0.0.1", false], // the fifth
  ];
  for (const [address, expected] of table) assertEquals(limits.connected(address), expected, address);
  assertEquals(limits.connections, 4);
  limits.disconnected("2001:db8::1");
  assertEquals([limits.connected("2001:db8::9"), limits.connected("2001:db8::9")], [true, false]);
});

Deno.test("an IPv6 client is its /64, and an IPv4 one its address, however it is written", () => {
  const table: [string, string][] = [
    ["10.0.0.1", "10.0.0.1"],
    ["::ffff:10.0.0.1", "10.0.0.1"],
    ["::1", "0:0:0:0::/64"],
    ["2001:db8::1", "2001:db8:0:0::/64"],
    ["2001:0db8:0:0:1:2:3:4", "2001:db8:0:0::/64"],
    ["2001:db8:1:2:3::", "2001:db8:1:2::/64"],
    ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
    ["fe80::1%eth0", "fe80:0:0:0::/64"],
    ["", ""],
  ];
  for (const [address, client] of table) assertEquals(clientOf(address), client, address);
});

Deno.test("however many clients ask, no more than two generations are remembered, and who keeps asking is among them", () => {
  const limits = new ClientLimits({ rate: 1 });
  for (let i = 0; i < MAX_CLIENTS * 5; i++) {
    limits.admit(`2001:db8:${(i >> 16).toString(16)}:${(i & 0xffff).toString(16)}::1`, 0);
    if (i > 0) assert(limits.admit("10.0.0.1", 0) !== undefined || i === 1);
    else limits.admit("10.0.0.1", 0);
  }
  assert(limits.clients <= 2 * MAX_CLIENTS, `${limits.clients}`);
});
