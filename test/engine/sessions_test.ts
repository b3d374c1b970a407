import { type Session, Sessions } from "../../src/engine/sessions.ts";
import { assert, assertEquals, assertMatch } from "../assert.ts";

const reader = {};
const other = {};

function start(sessions: Sessions, timeout = 1_000, now = 0, owner: object = reader): Session {
  const session = sessions.start(owner, timeout, now);
  assert(session !== undefined, "no session was started");
  return session;
}

Deno.test("a session is started, completed once, and then not found", () => {
  const sessions = new Sessions(10, 60_000);
  const session = start(sessions);
  assertMatch(session.id, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assertEquals([sessions.active, sessions.started], [1, 1]);
  assertEquals(sessions.complete(reader, session.id, 999), session);
  assertEquals(sessions.complete(reader, session.id, 999), "SessionNotFound");
  assertEquals([sessions.active, sessions.started, sessions.expirations], [0, 1, 0]);
});

Deno.test("a session lives as long as it asked for, at least a millisecond and at most the ceiling", () => {
  const sessions = new Sessions(10, 60_000);
  const cases = [[0, 1], [1, 1], [30_000, 30_000], [60_001, 60_000], [1e300, 60_000], [Infinity, 60_000]] as const;
  for (const [asked, given] of cases) assertEquals(start(sessions, asked, 5).expiresAt, 5 + given);
});

Deno.test("a session that is completed too late says so, now and later", () => {
  const sessions = new Sessions(10, 60_000);
  const late = start(sessions);
  assertEquals(sessions.complete(reader, late.id, 1_000), "SessionExpired");
  assertEquals(sessions.complete(reader, late.id, 1_001), "SessionExpired");
  const swept = start(sessions);
  assertEquals([sessions.expire(999), sessions.expire(1_000), sessions.expire(1_000)], [0, 1, 0]);
  assertEquals(sessions.complete(reader, swept.id, 1_001), "SessionExpired");
  assertEquals(sessions.expirations, 2);
});

Deno.test("another reader's session can be neither completed nor told from none", () => {
  const sessions = new Sessions(10, 60_000);
  const session = start(sessions);
  assertEquals(sessions.complete(other, session.id, 0), "SessionNotFound");
  assertEquals(sessions.complete(reader, session.id, 0), session);
  const expired = start(sessions);
  sessions.expire(1_000);
  assertEquals(sessions.complete(other, expired.id, 1_000), "SessionNotFound");
  assertEquals(sessions.complete(other, "", 0), "SessionNotFound");
});

Deno.test("at the ceiling none is started until one is completed, cancelled or expired", () => {
  const sessions = new Sessions(3, 60_000);
  const [first, second] = [start(sessions), start(sessions), start(sessions, 5_000)];
  assertEquals(sessions.start(reader, 1, 0), undefined);
  sessions.complete(reader, first.id, 0);
  start(sessions);
  assertEquals(sessions.start(reader, 1, 0), undefined);
  assertEquals([sessions.cancel(second.id), sessions.cancel(second.id)], [true, false]);
  start(sessions, 5_000);
  assertEquals(sessions.start(reader, 1, 999), undefined);
  start(sessions, 1, 1_000); // one's time is over
  assertEquals(sessions.list().length, 3);
  assertEquals(sessions.started, 6);
});

Deno.test("a reader's sessions end with it, and only those", () => {
  const sessions = new Sessions(10, 60_000);
  const mine = start(sessions);
  const expired = start(sessions, 1);
  const theirs = start(sessions, 1_000, 0, other);
  sessions.expire(1);
  sessions.drop(reader);
  assertEquals(sessions.list(), [theirs]);
  assertEquals(sessions.complete(reader, mine.id, 0), "SessionNotFound");
  assertEquals(sessions.complete(reader, expired.id, 0), "SessionNotFound");
});

Deno.test("only the last thousand or so of expired sessions are remembered", () => {
  const sessions = new Sessions(5_000, 60_000);
  const ids = Array.from({ length: 3_000 }, () => start(sessions).id);
  assertEquals(sessions.expire(1_000), 3_000);
  const remembered = ids.filter((id) => sessions.complete(reader, id, 1_000) === "SessionExpired");
  assertEquals(remembered, ids.slice(-1_024));
  assertEquals(sessions.expirations, 3_000);
});
