/**
 * Answers in progress that read something: who asked, for what, how far they are; and a way to end one.
 *
 * @module
 */
import type { Clock } from "./clock.ts";
import { addressOf, type Asked, type Caller } from "./guard.ts";
import { clientGone, HttpError } from "./http_error.ts";

/** What a session reads. */
export interface Target {
  /** Where the bytes are. */
  readonly kind: "needle" | "smb";
  /** `volume 3, needle 1`, `smb://nas/media/films/a.mkv`. No cookie is in it: that would give the needle away. */
  readonly name: string;
}

/** One answer in progress. */
export class Session implements Disposable {
  /** Bytes handed on so far. */
  bytes = 0;
  readonly #controller = new AbortController();
  readonly #sessions: Sessions;
  readonly #held = new DisposableStack();
  readonly #onGone = (): void => this.#controller.abort(clientGone());

  /** Is of `sessions` until it is disposed. */
  constructor(
    sessions: Sessions,
    /** Tells it from others, now and later. */ readonly id: number,
    /** What it answers. */ readonly request: Request,
    /** What it reads. */ readonly target: Target,
    /** Who asked. */ readonly caller: string,
    /** From where. */ readonly address: string,
    /** When, milliseconds since 1970. */ readonly since: number,
  ) {
    this.#sessions = sessions;
    const client = request.signal;
    if (client.aborted) this.#onGone();
    else client.addEventListener("abort", this.#onGone);
  }

  /** Aborts when the client goes away, and when the session is cancelled. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Ends what it reads; its client gets 503, or an answer that is broken off. */
  cancel(): void {
    this.#controller.abort(new HttpError(503, "the read was cancelled", { "retry-after": "1" }));
  }

  /** Has `resource` disposed when it is over. */
  hold(resource: Disposable): void {
    this.#held.use(resource);
  }

  /** It is over. */
  [Symbol.dispose](): void {
    this.#held.dispose();
    this.request.signal.removeEventListener("abort", this.#onGone);
    this.#sessions.end(this);
  }
}

/** All answers in progress of one service. */
export class Sessions {
  readonly #clock: Pick<Clock, "now">;
  readonly #open = new Map<number, Session>();
  #next = 1;

  /** None yet. */
  constructor(clock: Pick<Clock, "now">) {
    this.#clock = clock;
  }

  /** How many there are. */
  get count(): number {
    return this.#open.size;
  }

  /** Begins one, which its owner disposes. */
  begin({ env, req }: Asked, target: Target, caller: Caller): Session {
    const session = new Session(this, this.#next++, req.raw, target, caller.name, addressOf(env), this.#clock.now());
    this.#open.set(session.id, session);
    return session;
  }

  /** The oldest first. */
  list(): Session[] {
    return [...this.#open.values()];
  }

  /** The one with this id. */
  get(id: number): Session | undefined {
    return this.#open.get(id);
  }

  /** Forgets one that is over. */
  end(session: Session): void {
    this.#open.delete(session.id);
  }
}
