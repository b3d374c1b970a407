import { NtStatusError } from "../../../src/smb/client/status_error.ts";
import { WireError } from "../../../src/rdma/errors.ts";
import { CreditsTooFew } from "../../../src/smb/client/call.ts";
import { Command, HeaderFlag, RELATED_ID, RELATED_TREE } from "../../../src/smb/wire/header.ts";
import { NtStatus } from "../../../src/smb/wire/status.ts";
import { assert, assertEquals, assertRejects } from "../../assert.ts";
import { answer, ask, chained, headerOf, headersOf, readAnswer, readInto, told } from "./answers.ts";
import { outcomes, stage } from "./fake_transport.ts";

const RESPONSE = HeaderFlag.RESPONSE;
const LATER = { status: NtStatus.PENDING, flags: RESPONSE | HeaderFlag.ASYNC, asyncId: 0x77n };

Deno.test("a request is sent with its number, what it costs and what it asks for, behind room for framing", async () => {
  await using set = stage(1);
  set.exchange.multiCredit = true;
  const sent = set.exchange.call(ask("abc", { treeId: 9 }));
  assertEquals(set.transport.sent.length, 1);
  const [message] = set.transport.sent as [Uint8Array];
  const { command, messageId, creditCharge, credits, flags, treeId, sessionId, status } = headerOf(message);
  assertEquals({ command, messageId, creditCharge, credits, flags, treeId, sessionId, status }, {
    command: Command.FLUSH,
    messageId: 0,
    creditCharge: 1,
    credits: 10,
    flags: 0,
    treeId: 9,
    sessionId: 0n,
    status: 0,
  });
  assertEquals(new TextDecoder().decode(message.subarray(64)), "abc");
  set.transport.deliver(told(0, "done"));
  assertEquals(await sent, "done");
  const { sends, sendBytes, receives, receiveBytes } = set.statistics;
  assertEquals({ sends, sendBytes, receives, receiveBytes }, {
    sends: 1,
    sendBytes: 67,
    receives: 1,
    receiveBytes: 68,
  });
});

Deno.test("answers may come in any order", async () => {
  await using set = stage();
  const asked = ["a", "b", "c", "d"].map((what) => set.exchange.call(ask(what)));
  assertEquals(set.transport.sent.map((message) => headerOf(message).messageId), [0, 1, 2, 3]);
  for (const id of [2, 0, 3, 1]) set.transport.deliver(told(id, `answer ${id}`));
  assertEquals(await Promise.all(asked), ["answer 0", "answer 1", "answer 2", "answer 3"]);
  assertEquals([set.exchange.over, set.statistics.errors.toJSON()], [false, {}]);
});

Deno.test("an interim answer announces the final one, and brings its credits", async () => {
  await using set = stage(1);
  const asked = set.exchange.call(ask("a"));
  let answered = false;
  asked.then(() => answered = true);
  set.transport.deliver(told(0, "no answer", { ...LATER, credits: 3 }));
  await Promise.resolve();
  assertEquals([answered, set.exchange.window.available], [false, 3]);
  set.transport.deliver(told(0, "final", { flags: RESPONSE | HeaderFlag.ASYNC, asyncId: 0x77n, credits: 0 }));
  assertEquals(await asked, "final");
  assertEquals(set.exchange.window.total, 3);
});

Deno.test("PENDING without the flag ASYNC is no interim answer but an error", async () => {
  await using set = stage();
  const asked = set.exchange.call(ask("a"));
  set.transport.deliver(told(0, "", { status: NtStatus.PENDING }));
  const { status } = await assertRejects(() => asked, NtStatusError, "a: STATUS_PENDING: ");
  assertEquals([status, set.exchange.over], [NtStatus.PENDING, false]);
});

Deno.test("an error's status is thrown with what was asked, and counted; or it means what the request says", async () => {
  await using set = stage();
  const asked = set.exchange.call(ask("open x"));
  const other = set.exchange.call(
    ask("read", { otherwise: (status) => status === NtStatus.END_OF_FILE ? "end" : undefined }),
  );
  set.transport.deliver(told(0, "", { status: NtStatus.ACCESS_DENIED }), told(1, "", { status: NtStatus.END_OF_FILE }));
  await assertRejects(() => asked, NtStatusError, "open x: STATUS_ACCESS_DENIED: ");
  assertEquals(await other, "end");
  assertEquals(set.statistics.errors.toJSON(), { STATUS_ACCESS_DENIED: 1 });
});

Deno.test("a signal that aborts sends CANCEL, and the promise ends with its reason once the answer is there", async () => {
  for (const interim of [false, true]) {
    for (const fields of [{ status: NtStatus.CANCELLED }, {}]) {
      await using set = stage();
      const controller = new AbortController();
      const asked = set.exchange.call(ask("a", { treeId: 4, signal: controller.signal }));
      let over = false;
      asked.catch(() => over = true);
      if (interim) set.transport.deliver(told(0, "", LATER));
      controller.abort("enough");
      assertEquals(set.transport.sent.length, 2);
      const cancel = headerOf(set.transport.sent[1] as Uint8Array);
      assertEquals([cancel.command, cancel.messageId, cancel.credits, cancel.creditCharge], [Command.CANCEL, 0, 0, 0]);
      if (interim) assertEquals([cancel.flags, cancel.asyncId], [HeaderFlag.ASYNC, 0x77n]);
      else assertEquals([cancel.flags, cancel.treeId], [0, 4]);
      await Promise.resolve();
      assertEquals(over, false, "its memory may be in use until then");
      set.transport.deliver(told(0, "late", fields));
      assertEquals(await outcomes([asked]), ["enough"]);
      assertEquals(set.exchange.window.available, interim ? 11 : 10);
    }
  }
});

Deno.test("a signal aborted beforehand sends nothing, and no number is missing", async () => {
  await using set = stage();
  const asked = set.exchange.call(ask("a", { signal: AbortSignal.abort("before") }));
  assertEquals(await outcomes([asked]), ["before"]);
  assertEquals([set.transport.sent.length, set.exchange.window.available], [0, 10]);
  const next = set.exchange.call(ask("b"));
  assertEquals(headerOf(set.transport.sent[0] as Uint8Array).messageId, 0);
  set.transport.deliver(told(0, "sent"));
  assertEquals(await next, "sent");
});

Deno.test("a signal that aborts once the answer is there changes nothing", async () => {
  await using set = stage();
  const controller = new AbortController();
  const asked = set.exchange.call(ask("a", { signal: controller.signal }));
  set.transport.deliver(told(0, "there"));
  controller.abort();
  assertEquals([await asked, set.transport.sent.length], ["there", 1]);
});

Deno.test("requests wait for credits in order, and go out as soon as they are granted", async () => {
  await using set = stage(1);
  set.exchange.multiCredit = true;
  const sizes = [1, 2, 1, 3];
  const asked = sizes.map((count, index) => set.exchange.call(ask(`${index}`, { bytes: count * 65_536 })));
  const sent = (): number[] => set.transport.sent.map((message) => headerOf(message).messageId);
  assertEquals(sent(), [0]);
  set.transport.deliver(told(0, "0", { credits: 1 })); // nothing is expected of others: the second can never go
  assertEquals(sent(), [0, 1]);
  set.transport.deliver(told(1, "2", { credits: 3 }));
  assertEquals(sent(), [0, 1, 2]);
  set.transport.deliver(told(2, "3", { credits: 0 }));
  assertEquals(await outcomes(asked), [
    "0",
    "CreditsTooFew: 1: EMSGSIZE: it costs 2 credits and the server gives 1",
    "2",
    "3",
  ]);
  assertEquals([set.exchange.over, set.statistics.creditWaits], [false, 2]);
});

Deno.test("a request that costs more credits than the server gives is refused, and the others go on", async () => {
  await using set = stage(2);
  set.exchange.multiCredit = true;
  const large = set.exchange.call(ask("large", { bytes: 2 * 65_536 + 1 }));
  const small = set.exchange.call(ask("small", { bytes: 2 * 65_536 }));
  const { available } = await assertRejects(() => large, CreditsTooFew);
  assertEquals(available, 2);
  set.transport.deliver(told(0, "small", { credits: 2 }));
  assertEquals([await small, set.exchange.mostPayload], ["small", 131_072]);
});

Deno.test("what an interim answer brought is not expected of the final one: no request waits for it", async () => {
  await using set = stage(3);
  set.exchange.multiCredit = true;
  const watch = set.exchange.call(ask("watch", { timeout: Infinity }));
  assertEquals(set.exchange.window.total, 3);
  set.transport.deliver(told(0, "", { ...LATER, credits: 1 }));
  assertEquals([set.exchange.window.available, set.exchange.window.total], [3, 3]);
  const large = set.exchange.call(ask("large", { bytes: 4 * 65_536 }));
  await assertRejects(() => large, CreditsTooFew, "it costs 4 credits and the server gives 3");
  set.transport.deliver(told(0, "changed", { credits: 0 }));
  assertEquals([await watch, set.exchange.window.total, set.exchange.window.expecting], ["changed", 3, false]);
});

Deno.test("what an interim answer did not bring is waited for", async () => {
  await using set = stage(3);
  set.exchange.multiCredit = true;
  const watch = set.exchange.call(ask("watch"));
  set.transport.deliver(told(0, "", { ...LATER, credits: 0 }));
  const large = set.exchange.call(ask("large", { bytes: 3 * 65_536 }));
  assertEquals(set.transport.sent.length, 1);
  set.transport.deliver(told(0, "changed", { credits: 1 }), told(1, "large"));
  assertEquals(await outcomes([watch, large]), ["changed", "large"]);
});

Deno.test("a signal that aborts while its request waits for credits takes it out, and those behind it go on", async () => {
  await using set = stage(3);
  set.exchange.multiCredit = true;
  const controller = new AbortController();
  const first = set.exchange.call(ask("first"));
  set.transport.deliver(told(0, "", { ...LATER, credits: 0 }));
  const large = set.exchange.call(ask("large", { bytes: 3 * 65_536, signal: controller.signal }));
  const small = set.exchange.call(ask("small"));
  controller.abort("enough");
  assertEquals(set.transport.sent.map((message) => headerOf(message).messageId), [0, 1]);
  set.transport.deliver(told(1, "small"), told(0, "first"));
  assertEquals(await outcomes([first, large, small]), ["first", "enough", "small"]);
});

Deno.test("the memory of a payload is in use until it has left, even if the answer is there before", async () => {
  await using set = stage();
  const left = Promise.withResolvers<void>();
  set.transport.stalled = left.promise;
  const payload = Uint8Array.of(1, 2, 3);
  const asked = set.exchange.call(ask("w", { payload }));
  let answered = false;
  asked.then(() => answered = true);
  set.transport.deliver(told(0, "written"));
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
  assertEquals([answered, [...set.transport.sent[0] ?? []].slice(-4)], [false, [0x77, 1, 2, 3]]);
  left.resolve();
  assertEquals(await asked, "written");
});

Deno.test("requests in one message are related to the first, and answered in one message", async () => {
  await using set = stage();
  set.exchange.multiCredit = true;
  const asked = set.exchange.chain([ask("a", { treeId: 3 }), ask("bc", { bytes: 65_537 }), ask("d")]);
  assertEquals(set.transport.sent.length, 1);
  const headers = headersOf(set.transport.sent[0] as Uint8Array);
  assertEquals(headers.map(({ messageId, creditCharge }) => [messageId, creditCharge]), [[0, 1], [1, 2], [3, 1]]);
  assertEquals(headers.map(({ flags }) => flags), [0, HeaderFlag.RELATED, HeaderFlag.RELATED]);
  assertEquals(headers.map(({ treeId }) => treeId), [3, RELATED_TREE, RELATED_TREE]);
  assertEquals(headers.map(({ sessionId }) => sessionId), [0n, RELATED_ID, RELATED_ID]);
  assertEquals(headers.map(({ nextCommand }) => nextCommand), [72, 72, 0]);
  set.transport.deliver(chained(told(0, "12345678"), told(1, "2       "), told(3, "3")));
  assertEquals(await Promise.all(asked), ["12345678", "2       ", "3"]);
});

Deno.test("requests in one message may be answered each by itself, in any order, some with errors", async () => {
  await using set = stage();
  const asked = set.exchange.chain([ask("a"), ask("b"), ask("c")]);
  set.transport.deliver(told(2, "3"), told(0, "1"), told(1, "", { status: NtStatus.OBJECT_NAME_NOT_FOUND }));
  const [first, second, third] = await outcomes(asked);
  assertEquals([first, third], ["1", "3"]);
  assert(String(second).startsWith("NtStatusError: b: STATUS_OBJECT_NAME_NOT_FOUND: "));
});

Deno.test("requests in one message go together or not at all", async () => {
  await using set = stage(2);
  const early = set.exchange.call(ask("early"));
  const asked = set.exchange.chain([ask("a"), ask("b")]);
  assertEquals(set.transport.sent.length, 1);
  set.transport.deliver(told(0, "1"));
  assertEquals(set.transport.sent.length, 2);
  set.transport.deliver(chained(told(1, "--------"), told(2, "2")));
  assertEquals(await Promise.all([early, ...asked]), ["1", "--------", "2"]);
});

Deno.test("a break that answers no request is heard, alone and in a chain, and uses up no request", async () => {
  await using set = stage();
  const heard: number[][] = [];
  set.exchange.onBreak = (view, at, length) => heard.push([view.getUint8(at + 64), length]);
  const breaking = answer({ command: Command.OPLOCK_BREAK, messageId: -1, body: Uint8Array.of(24, 0, 0, 0) });
  set.transport.deliver(breaking);
  const asked = set.exchange.call(ask("a"));
  set.transport.deliver(chained(breaking, told(0, "answer")));
  assertEquals([heard, await asked, set.exchange.window.total], [[[24, 68], [24, 72]], "answer", 10]);
});

Deno.test("a break that nobody listens to, and one that breaks a rule, are not the same", async () => {
  await using set = stage();
  const breaking = answer({ command: Command.OPLOCK_BREAK, messageId: -1 });
  set.transport.deliver(breaking);
  assertEquals(set.exchange.over, false);
  set.exchange.onBreak = () => {
    throw new WireError("smb2", "a rule", "not so");
  };
  set.transport.deliver(breaking);
  assertEquals((await set.exchange.closed)?.message, "smb2: a rule: got not so");
});

Deno.test("an answer to no request is counted and dropped, and so is one that comes twice", async () => {
  await using set = stage();
  const asked = set.exchange.call(ask("a"));
  set.transport.deliver(told(7, "whose?"), told(0, "mine"), told(0, "again"), told(1, "early"));
  assertEquals([await asked, set.exchange.over], ["mine", false]);
  assertEquals(set.statistics.errors.toJSON(), { "an answer to no request": 3 });
});

Deno.test("a long READ's payload is placed and not copied; a short one's is in the message", async () => {
  await using set = stage();
  set.exchange.multiCredit = true;
  for (const [turn, length] of [100_000, 1_000].entries()) {
    const into = new Uint8Array(length);
    const payload = Uint8Array.from({ length }, (_, index) => index * 7);
    const asked = set.exchange.call(readInto(into));
    set.transport.deliver(readAnswer(turn === 0 ? 0 : 2, payload, { credits: 2 }));
    assertEquals([await asked, into], [length, payload]);
  }
});

Deno.test("what cannot be said in the protocol costs neither a number nor credits", async () => {
  await using set = stage();
  const wrong = ask("wrong", {
    encode: () => {
      throw new WireError("smb2", "a path's length", 70_000);
    },
  });
  const asked = [set.exchange.call(wrong), set.exchange.call(ask("right"))];
  assertEquals(set.transport.sent.map((message) => headerOf(message).messageId), [0]);
  set.transport.deliver(told(0, "right"));
  assertEquals(await outcomes(asked), ["WireError: smb2: a path's length: got 70000", "right"]);
  assertEquals(set.exchange.window.total, 10);
});

Deno.test("ECHO belongs to no session", async () => {
  await using set = stage();
  const asked = set.exchange.echo();
  const { command, sessionId, treeId } = headerOf(set.transport.sent[0] as Uint8Array);
  assertEquals([command, sessionId, treeId], [Command.ECHO, 0n, 0]);
  set.transport.deliver(answer({ messageId: 0, body: Uint8Array.of(4, 0, 0, 0) }));
  assertEquals(await asked, undefined);
});
