/**
 * Waiting that ends: by a signal, or by time.
 *
 * @module
 */
import type { PooledBuffer, RegisteredPool } from "../rdma/pool.ts";

/** The promise, or the signal's reason if it aborts first. */
export async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return await promise;
  signal.throwIfAborted();
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(signal.reason);
  signal.addEventListener("abort", onAbort);
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

/** Fulfilled after so many milliseconds, or when the signal aborts. */
export async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  if (milliseconds <= 0 || signal.aborted) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const onAbort = () => resolve();
  const timer = setTimeout(resolve, milliseconds);
  signal.addEventListener("abort", onAbort);
  await promise;
  clearTimeout(timer);
  signal.removeEventListener("abort", onAbort);
}

/** A buffer, waited for in line at most so many milliseconds; undefined when none came free or the signal aborted. */
export async function lendWithin(
  pool: RegisteredPool,
  size: number,
  milliseconds: number,
  signal: AbortSignal | undefined,
): Promise<PooledBuffer | undefined> {
  if (signal?.aborted) return undefined;
  const over = new AbortController();
  const giveUp = () => over.abort();
  const timer = setTimeout(giveUp, milliseconds);
  signal?.addEventListener("abort", giveUp);
  try {
    return await pool.acquireWhenFree(size, over.signal);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", giveUp);
  }
}
