/**
 * Waiting for descriptors. Deno has no interface for it, so one thread of its pool waits in epoll for all of them; it
 * does so only while somebody waits.
 *
 * @module
 */
import {
  epoll,
  errno,
  errnoName,
  eventfd_flags,
  fcntl_command,
  layout,
  libc,
  NativeMemory,
  prepareErrno,
} from "../../ffi/mod.ts";
import { VerbsError } from "../rdma/errors.ts";
import { verbsFailure } from "./failure.ts";

/** Events taken from one wait. */
const EVENTS = 64;
const { size: EVENT_SIZE, events: EVENT_EVENTS, data: EVENT_DATA } = layout.epoll_event;

/** One thread's descriptors that are waited for. */
class Readiness {
  readonly #epoll: number;
  readonly #interrupt: number; // an eventfd that ends the wait
  readonly #waiters = new Map<number, () => void>();
  readonly #events = new NativeMemory(EVENTS * EVENT_SIZE);
  readonly #event = new Uint8Array(EVENT_SIZE);
  readonly #counter = new Uint8Array(8);
  #running: Promise<void> | undefined;

  constructor() {
    prepareErrno();
    this.#epoll = libc().epoll_create1(epoll.EPOLL_CLOEXEC);
    if (this.#epoll < 0) throw verbsFailure("epoll_create1", errno());
    this.#interrupt = libc().eventfd(0, eventfd_flags.EFD_CLOEXEC | eventfd_flags.EFD_NONBLOCK);
    if (this.#interrupt < 0) throw verbsFailure("eventfd", errno());
    this.#add(this.#interrupt);
  }

  /** Resolves once `fd` is readable or broken. */
  async wait(fd: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    if (this.#waiters.has(fd)) throw new VerbsError(`poll(${fd})`, "EBUSY", "this descriptor is waited for already");
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#add(fd);
    this.#waiters.set(fd, resolve);
    const onAbort = (): void => this.#remove(fd);
    signal?.addEventListener("abort", onAbort);
    this.#running ??= this.#run();
    try {
      await promise;
    } finally {
      signal?.removeEventListener("abort", onAbort);
    }
    signal?.throwIfAborted();
  }

  /** Ends the wait for `fd`, if there is one, as if it had become readable. */
  abandon(fd: number): void {
    this.#remove(fd);
  }

  /** Resolves once no thread waits, where nobody waits for a descriptor. */
  async idle(): Promise<void> {
    while (this.#running !== undefined && this.#waiters.size === 0) await this.#running;
  }

  #add(fd: number): void {
    const view = new DataView(this.#event.buffer);
    view.setUint32(EVENT_EVENTS, epoll.EPOLLIN, true);
    view.setInt32(EVENT_DATA, fd, true);
    prepareErrno();
    if (libc().epoll_ctl(this.#epoll, epoll.EPOLL_CTL_ADD, fd, this.#event) < 0) {
      throw verbsFailure(`epoll_ctl(${fd})`, errno());
    }
  }

  // Ends a wait, whatever ended it; the descriptor may be closed by now, and is then gone from the set by itself.
  #remove(fd: number): void {
    const resolve = this.#waiters.get(fd);
    if (resolve === undefined) return;
    this.#waiters.delete(fd);
    libc().epoll_ctl(this.#epoll, epoll.EPOLL_CTL_DEL, fd, this.#event);
    if (this.#waiters.size === 0) this.#wake();
    resolve();
  }

  #wake(): void {
    this.#counter[0] = 1;
    libc().write(this.#interrupt, this.#counter, 8n);
  }

  async #run(): Promise<void> {
    while (this.#waiters.size > 0) {
      const count = await libc().epoll_wait_elsewhere(this.#epoll, this.#events.address, EVENTS, -1);
      for (let index = 0; index < count; index++) {
        const fd = this.#events.view.getInt32(index * EVENT_SIZE + EVENT_DATA, true);
        if (fd !== this.#interrupt) this.#deliver(fd);
      }
      libc().read(this.#interrupt, this.#counter, 8n); // EAGAIN where nobody interrupted
    }
    this.#running = undefined;
  }

  #deliver(fd: number): void {
    const resolve = this.#waiters.get(fd);
    this.#waiters.delete(fd);
    libc().epoll_ctl(this.#epoll, epoll.EPOLL_CTL_DEL, fd, this.#event);
    resolve?.();
  }
}

let shared: Readiness | undefined;

/**
 * Waits until a descriptor is readable, or broken. One caller may wait for a descriptor at a time, and must abort the
 * wait before it closes the descriptor. Rejects with the signal's reason, and with VerbsError. It takes some 20 to 90
 * microseconds to be told: poll for a while before.
 */
export function readable(fd: number, signal?: AbortSignal): Promise<void> {
  return (shared ??= new Readiness()).wait(fd, signal);
}

/** Ends the wait for a descriptor that is about to be closed, if there is one; who waited then finds it closed. */
export function abandon(fd: number): void {
  shared?.abandon(fd);
}

/** Resolves once the thread that waited for descriptors is back, if nobody waits any more. */
export async function readinessIdle(): Promise<void> {
  await shared?.idle();
}

/** Whether errno, just read, says that a descriptor has nothing to give now. */
export function wouldBlock(code: number): boolean {
  return errnoName(code) === "EAGAIN";
}

/** Makes reads of a descriptor return EAGAIN instead of waiting. Throws VerbsError. */
export function makeNonBlocking(fd: number): void {
  prepareErrno();
  const flags = libc().fcntl(fd, fcntl_command.F_GETFL, 0);
  if (flags < 0 || libc().fcntl(fd, fcntl_command.F_SETFL, flags | fcntl_command.O_NONBLOCK) < 0) {
    throw verbsFailure(`fcntl(${fd}, O_NONBLOCK)`, errno());
  }
}
