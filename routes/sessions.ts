/**
 * Answers in progress that read something: who asked, for what, how far they are; and a way to end one.
 *
 * @module
 */
import { IdRing } from "../src/engine/id_ring.ts";
import { Asker } from "./asker.ts";
import type { Clock } from "./clock.ts";
import { addressOf, type Asked, type Caller } from "./guard.ts";
import { HttpError } from "./http_error.ts";

/** What a session reads. */
export interface Target {
  /** Where the bytes are. */
  readonly kind: "needle" | "smb";
  /** `volume 3, needle 1`, `smb://nas/media/films/a.mkv`. No cookie is in it: that would give the needle away. */
  readonly name: string;
}

/** One answer in progress. */
export class Session extends Asker {
  /** Bytes handed on so far. */
  bytes = 0;
  /** What it answers. */
  readonly request: Request;
  /** From where that was asked. */
  readonly address: string;
  readonly #sessions: Sessions;
  readonly #held = new DisposableStack();

  /** Is of `sessions` until it is disposed. */
  constructor(
    sessions: Sessions,
    asked: Asked,
    /** Tells it from others, now and later. */ readonly id: number,
    /** What it reads. */ readonly target: Target,
    /** Who asked. */ readonly caller: string,
    /** When, milliseconds since 1970. */ readonly since: number,
  ) {
    super(asked);
    this.#sessions = sessions;
    this.request = asked.req.raw;
    this.address = addressOf(asked.env);
  }

  /** Ends what it reads; its client gets 503, or an answer that is broken off. */
  cancel(): void {
    this.abort(new HttpError(503, "the read was cancelled", { "retry-after": "1" }));
  }

  /** Has `resource` disposed when it is over. */
  hold(resource: Disposable): void {
    this.#held.use(resource);
  }

  /** It is over. */
  override [Symbol.dispose](): void {
    this.#held.dispose();
    super[Symbol.dispose]();
    this.#sessions.end(this);
  }
}

/** All answers in progress of one service. */
export class Sessions {
  readonly #clock: Pick<Clock, "now">;
  readonly #open = new IdRing<Session>();

  /** None yet. */
  constructor(clock: Pick<Clock, "now">) {
    this.#clock = clock;
  }

  /** How many there are. */
  get count(): number {
    return this.#open.size;
  }

  /** Begins one, which its owner disposes. */
  begin(asked: Asked, target: Target, caller: Caller): Session {
    const session = new Session(this, asked, this.#open.draw(), target, caller.name, this.#clock.now());
    this.#open.add(session.id, session);
    return session;
  }

  /** The oldest first. */
  list(): Session[] {
    return this.#open.values().sort((a, b) => a.since - b.since || a.id - b.id);
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
