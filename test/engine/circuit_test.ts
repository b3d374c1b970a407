import { Circuit } from "../../src/engine/circuit.ts";
import { assertEquals } from "../assert.ts";

/** Without jitter: pauses are whole. */
const steady = { random: () => 1 };

Deno.test("a breaker is closed until something fails", () => {
  const circuit = new Circuit();
  assertEquals([circuit.state(0), circuit.pause(0), circuit.failures], ["closed", 0, 0]);
});

Deno.test("a breaker opens for a pause that doubles each time, up to the longest", () => {
  const circuit = new Circuit(steady);
  let now = 1_000;
  const pauses = [];
  for (let failure = 0; failure < 9; failure++) {
    circuit.fail(now);
    assertEquals(circuit.state(now), "open");
    pauses.push(circuit.pause(now));
    now += circuit.pause(now);
    assertEquals([circuit.state(now - 1), circuit.state(now), circuit.pause(now)], ["open", "half-open", 0]);
  }
  assertEquals(pauses, [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000, 5_000]);
});

Deno.test("a breaker's pause is jittered between half and whole", () => {
  for (const [random, pause] of [[0, 50], [0.5, 75], [0.999, 99.95]] as const) {
    const circuit = new Circuit({ random: () => random });
    circuit.fail(0);
    assertEquals(circuit.pause(0), pause);
  }
});

Deno.test("a success closes a breaker, and the next failure begins with the first pause", () => {
  const circuit = new Circuit(steady);
  for (let failure = 0; failure < 5; failure++) circuit.fail(0);
  circuit.succeed();
  assertEquals([circuit.state(0), circuit.pause(0), circuit.failures], ["closed", 0, 0]);
  circuit.fail(0);
  assertEquals(circuit.pause(0), 100);
});

Deno.test("a breaker with a threshold opens at the failure that reaches it", () => {
  const circuit = new Circuit({ ...steady, threshold: 3 });
  circuit.fail(0);
  circuit.fail(0);
  assertEquals([circuit.state(0), circuit.pause(0)], ["closed", 0]);
  circuit.fail(0);
  assertEquals([circuit.state(0), circuit.pause(0)], ["open", 100]);
});

Deno.test("ten thousand failures in a row give no pause beyond the longest", () => {
  const circuit = new Circuit(steady);
  for (let failure = 0; failure < 10_000; failure++) circuit.fail(failure);
  assertEquals(circuit.pause(9_999), 5_000);
});
