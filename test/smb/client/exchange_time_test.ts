// Time passes here, by milliseconds, and nothing is asserted of how much: each waits for what must happen in the end.
import type { Security } from "../../../src/smb/client/security.ts";
import { Command, HeaderFlag } from "../../../src/smb/wire/header.ts";
import { NtStatus } from "../../../src/smb/wire/status.ts";
import { assertEquals } from "../../assert.ts";
import { answer, ask, headerOf, told } from "./answers.ts";
import { outcomes, type Stage, stage } from "./fake_transport.ts";

const UNPROTECTED: Security = {
  sessionId: 0n,
  signer: undefined,
  sealer: undefined,
  opener: undefined,
  signs: false,
  encrypts: false,
};

/** Fulfilled with the next message sent. */
function nextSent({ transport }: Stage): Promise<Uint8Array> {
  const { promise, resolve } = Promise.withResolvers<Uint8Array>();
  transport.onSend = resolve;
  return promise;
}

Deno.test("a request that is not answered in time ends the connection: late for its own part, lost for the others", async () => {
  await using set = stage(2, { timeout: 60_000 });
  const asked = ["early", "late", "waits"].map((what, index) =>
    set.exchange.call(ask(what, index === 1 ? { timeout: 20 } : {}))
  );
  const unknown = "; whether the server carried it out is not known";
  const reason = "late: ETIMEDOUT: no answer within 20 ms";
  assertEquals(await outcomes(asked), [
    `ConnectionLost: early: ETIMEDOUT: ${reason}${unknown}`,
    `ConnectionLost: late: ETIMEDOUT: ${reason}${unknown}`,
    `ConnectionLost: waits: ETIMEDOUT: ${reason}`,
  ]);
  assertEquals((await set.exchange.closed)?.message, reason);
});

Deno.test("the settings say how long a request may take that does not say itself", async () => {
  await using set = stage(2, { timeout: 20 });
  const asked = [set.exchange.call(ask("a", { timeout: Infinity })), set.exchange.call(ask("b"))];
  await outcomes(asked);
  assertEquals((await set.exchange.closed)?.message, "b: ETIMEDOUT: no answer within 20 ms");
});

Deno.test("an interim answer gives the final one as much time again", async () => {
  await using set = stage(2, { timeout: 500 });
  const asked = set.exchange.call(ask("a"));
  let interim = 0;
  const timer = setInterval(() => {
    interim++;
    const later = { status: NtStatus.PENDING, flags: HeaderFlag.RESPONSE | HeaderFlag.ASYNC, asyncId: 1n, credits: 0 };
    set.transport.deliver(interim === 7 ? told(0, "at last") : told(0, "", later));
  }, 100);
  assertEquals([await asked, interim], ["at last", 7]);
  clearInterval(timer);
});

Deno.test("a request that was given up and is not answered then ends the connection", async () => {
  await using set = stage(2, { timeout: 60_000 });
  const controller = new AbortController();
  const asked = [set.exchange.call(ask("a", { signal: controller.signal })), set.exchange.call(ask("b"))];
  controller.abort("enough");
  const reason = "a: ETIMEDOUT: no answer within 2000 ms after it was cancelled";
  assertEquals(await outcomes(asked), [
    "enough",
    `ConnectionLost: b: ETIMEDOUT: ${reason}; whether the server carried it out is not known`,
  ]);
});

Deno.test("a session that falls silent asks the server for a sign of life, again and again", async () => {
  await using set = stage(5, { echoInterval: 10 });
  set.exchange.security = UNPROTECTED;
  const asked = set.exchange.call(ask("a", { timeout: Infinity }));
  for (const id of [1, 2, 3]) {
    const { command, messageId } = headerOf(await nextSent(set));
    assertEquals([command, messageId], [Command.ECHO, id]);
    set.transport.deliver(answer({ messageId: id, body: Uint8Array.of(4, 0, 0, 0) }));
  }
  set.transport.deliver(told(0, "answer"));
  assertEquals(await asked, "answer");
});

Deno.test("a server that gives no sign of life in time is given up", async () => {
  await using set = stage(5, { echoInterval: 10, timeout: 30 });
  set.exchange.security = UNPROTECTED;
  const asked = set.exchange.call(ask("a", { timeout: Infinity }));
  const reason = "echo: ETIMEDOUT: no answer within 30 ms";
  assertEquals(await outcomes([asked]), [
    `ConnectionLost: a: ETIMEDOUT: ${reason}; whether the server carried it out is not known`,
  ]);
  assertEquals((await set.exchange.closed)?.message, reason);
  assertEquals(set.transport.sent.map((message) => headerOf(message).command), [Command.FLUSH, Command.ECHO]);
});

Deno.test("nobody is asked for a sign of life before there is a session, nor where the settings say never", async () => {
  for (const settings of [{ echoInterval: 5 }, { echoInterval: 0 }]) {
    await using set = stage(5, settings);
    if (settings.echoInterval === 0) set.exchange.security = UNPROTECTED;
    const asked = set.exchange.call(ask("a", { timeout: 60 }));
    await outcomes([asked]);
    assertEquals(set.transport.sent.length, 1);
  }
});
