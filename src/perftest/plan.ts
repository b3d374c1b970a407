/**
 * perftest's tests: what each of them moves, and how often its two sides shake hands and when.
 *
 * @module
 */

/** What is measured. */
export const TESTS = ["send-lat", "write-lat", "read-lat", "send-bw", "write-bw", "read-bw"] as const;
/** One of {@linkcode TESTS}. */
export type TestName = typeof TESTS[number];

/** The port that perftest uses unless told otherwise. */
export const PERFTEST_PORT = 18515;

/** A test's course. */
export interface Plan {
  /** Its name. */
  readonly name: TestName;
  /** The operation. */
  readonly verb: "send" | "write" | "read";
  /** Whether latency or bandwidth is measured. */
  readonly kind: "latency" | "bandwidth";
  /** Bytes of a message unless told otherwise. */
  readonly defaultSize: number;
  /** Messages unless told otherwise. */
  readonly defaultIterations: number;
  /** Exchanges of keys before the queue pairs are connected. */
  readonly handshakesBefore: number;
  /** Exchanges of keys once they are; receives are posted before the last of them. */
  readonly handshakesAfter: number;
  /** Whether the server only lends its memory, and waits. */
  readonly passiveServer: boolean;
  /** Whether both sides tell what they measured. */
  readonly reports: boolean;
  /** Whether both sides say that they are done; else they just leave. */
  readonly closes: boolean;
}

const KINDS = { lat: "latency", bw: "bandwidth" } as const;

/** The course of a test. */
export function planOf(name: TestName): Plan {
  const [verb, short] = name.split("-") as [Plan["verb"], keyof typeof KINDS];
  const latency = short === "lat";
  const passiveServer = verb === "read" || (verb === "write" && !latency);
  return {
    name,
    verb,
    kind: KINDS[short],
    defaultSize: latency ? 2 : 65_536,
    defaultIterations: name === "write-bw" ? 5_000 : 1_000,
    handshakesBefore: latency && verb !== "send" ? 2 : 1,
    handshakesAfter: verb === "send" ? 3 : 2,
    passiveServer,
    reports: passiveServer && !latency,
    closes: name !== "write-lat",
  };
}
