/**
 * What an SMB connection has done.
 *
 * @module
 */
import { Counters } from "../../rdma/statistics.ts";

/** Counters over every connection made for one {@linkcode SmbServer}, written in place. Sizes are bytes, times milliseconds. */
export class SmbStatistics {
  /** READs answered. */
  reads = 0;
  /** Bytes they brought. */
  readBytes = 0;
  /** Of those, the ones that the server placed by RDMA. */
  readRdmaBytes = 0;
  /** WRITEs answered. */
  writes = 0;
  /** Bytes they took. */
  writeBytes = 0;
  /** Of those, the ones that the server fetched by RDMA. */
  writeRdmaBytes = 0;
  /** Messages sent. */
  sends = 0;
  /** Bytes of those, transport's framing aside. */
  sendBytes = 0;
  /** Messages received. */
  receives = 0;
  /** Bytes of those. */
  receiveBytes = 0;
  /** Requests that had to wait for credits. */
  creditWaits = 0;
  /** How long they waited, in all. */
  creditWaitTime = 0;
  /** Connections made again after one was lost. */
  reconnects = 0;
  /** Answers that were errors, by status, and what ended connections, by reason. */
  readonly errors: Counters = new Counters();
  /** What moves the bytes now, `tcp`, `iwarp`, `verbs:rxe0`; empty before the first connection. */
  transport = "";
  /** Why it is that, and no other. */
  reason = "";

  /** Errors for each message received. */
  get errorRate(): number {
    return this.receives === 0 ? 0 : this.errors.total / this.receives;
  }

  /** Plain, with the rate. */
  toJSON(): Record<string, unknown> {
    return Object.assign({} as Record<string, unknown>, this, {
      errors: this.errors.toJSON(),
      errorRate: this.errorRate,
    });
  }
}
