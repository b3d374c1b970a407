/**
 * What one SMB Direct connection has done.
 *
 * @module
 */
import { Counters } from "../rdma/statistics.ts";

/** Counters of one connection, written in place. Bytes are payload bytes, times milliseconds. */
export class SmbDirectStatistics {
  /** Whole messages sent. */
  messagesSent = 0;
  /** Fragments those took. */
  fragmentsSent = 0;
  /** Bytes of those. */
  bytesSent = 0;
  /** Whole messages received. */
  messagesReceived = 0;
  /** Fragments received. */
  fragmentsReceived = 0;
  /** Bytes of those. */
  bytesReceived = 0;
  /** Messages without payload sent: credit grants and keepalives. */
  emptySent = 0;
  /** Messages without payload received. */
  emptyReceived = 0;
  /** Messages this side may send now. */
  sendCredits = 0;
  /** Messages the peer may send now, as far as this side knows. */
  receiveCredits = 0;
  /** Credits given to the peer. */
  creditsGranted = 0;
  /** Credits the peer gave. */
  creditsReceived = 0;
  /** Keepalives sent, which asked the peer for an answer. */
  keepalivesSent = 0;
  /** Keepalives of the peer's. */
  keepalivesReceived = 0;
  /** Times a message had to wait for credits. */
  creditWaits = 0;
  /** Time messages waited for credits. */
  creditWaitTime = 0;
  /** Keys that the peer's Sends with Invalidate withdrew. */
  invalidatedKeys = 0;
  /** What ended the connection, by reason. */
  readonly errors: Counters = new Counters();
}
