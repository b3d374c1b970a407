/**
 * What is to be measured, whatever with.
 *
 * @module
 */
import type { TestName } from "./plan.ts";

/** The sizes of a test. */
export interface TestSizes {
  /** Bytes of a message. */
  readonly size: number;
  /** Messages. */
  readonly iterations: number;
  /** Requests under way at once, where bandwidth is measured. */
  readonly depth: number;
  /** Messages of up to so many bytes are sent inline, where the device and the operation allow it. */
  readonly inlineSize: number;
}

/** A test. */
export interface PerftestOptions extends TestSizes {
  /** The test. */
  readonly test: TestName;
  /** How long the peer may take for anything but the whole test, in milliseconds. */
  readonly timeout: number;
  /** Ends it, with its reason. */
  readonly signal?: AbortSignal;
}

/** What a server tells before it measures. */
export interface ServerNews {
  /** It listens. */
  onListening?(): void;
  /** A client has come. */
  onClient?(): void;
}
