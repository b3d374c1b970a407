import type { Call } from "../../../src/smb/client/call.ts";
import { closeCall, listCall, lockCall, notifyCall, queryCall } from "../../../src/smb/client/requests.ts";
import type { Security } from "../../../src/smb/client/security.ts";
import { MessageSigner } from "../../../src/smb/security/signing.ts";
import { MessageOpener, MessageSealer, TRANSFORM_HEADER_LENGTH } from "../../../src/smb/security/transform.ts";
import { decodeBreak } from "../../../src/smb/wire/break.ts";
import { Command, HeaderFlag } from "../../../src/smb/wire/header.ts";
import { Cipher, SigningAlgorithm } from "../../../src/smb/wire/negotiate_contexts.ts";
import { NtStatus } from "../../../src/smb/wire/status.ts";
import { assert } from "../../assert.ts";
import { FUZZ_RUNS } from "../../fuzz.ts";
import type { Random } from "../../random.ts";
import { answer, ask, chained, readAnswer, readInto } from "./answers.ts";
import { stage } from "./fake_transport.ts";
import { hostileNumber, mutated, once, REASON, settle, torment } from "./hostile.ts";

const SESSION = 7n;
const KEY = Uint8Array.from({ length: 16 }, (_, index) => index);
const FILE = new Uint8Array(16);

/** Memory around what READs read into, which nothing may touch. */
const around = new Uint8Array(600);
const into = around.subarray(100, 500);
const LONG = readAnswer(0, into).slice(64);
/** The requests, each with the body of a sound answer. */
const REQUESTS: readonly (readonly [(signal: AbortSignal) => Call<unknown>, body: Uint8Array])[] = [
  [() => ask("text"), new TextEncoder().encode("an answer")],
  [(signal) => readInto(into, { signal }), LONG],
  [() => readInto(into.subarray(0, 100)), readAnswer(0, into.subarray(0, 100)).slice(64)],
  [() => closeCall("close", FILE), new Uint8Array(60).with(0, 60)],
  [(signal) => queryCall("query", FILE, 1, 18, 4_096, (output) => output.slice(), signal), outputBody(100)],
  [(signal) => listCall("list", FILE, "*", 4_096, true, signal), outputBody(0)],
  [(signal) => notifyCall("watch", FILE, 0, 0xfff, 4_096, signal), outputBody(0)],
  [(signal) => lockCall("lock", FILE, [{ offset: 0n, length: 1n, flags: 1 }], true, signal), Uint8Array.of(4, 0, 0, 0)],
];

/** The body of an answer with `length` bytes of output. */
function outputBody(length: number): Uint8Array {
  const body = new Uint8Array(8 + length).with(0, 9).with(2, 72);
  body[4] = length;
  return body;
}

const NEVER = new AbortController().signal;

/** What a session is protected by. */
const PROTECTIONS = ["none", "signed", "sealed"] as const;
type Protection = typeof PROTECTIONS[number];

const signer = new MessageSigner(SigningAlgorithm.AES_GMAC, KEY, "server");
const sealer = new MessageSealer(Cipher.AES_128_GCM, KEY, SESSION);

/** The client's side of it. */
function securityOf(protection: Protection): Security {
  return {
    sessionId: SESSION,
    signer: new MessageSigner(SigningAlgorithm.AES_GMAC, KEY),
    sealer: new MessageSealer(Cipher.AES_128_GCM, KEY, SESSION),
    opener: new MessageOpener(Cipher.AES_128_GCM, KEY, SESSION, 1 << 20),
    signs: protection === "signed",
    encrypts: protection === "sealed",
  };
}

const STATUSES = Object.values(NtStatus);

/** What a server may say to one of three requests, the `first` of them and on, or to none. */
function said(random: Random, first: number): Uint8Array<ArrayBuffer> {
  const messageId = once(random, 12) ? random.pick([-1, 3, 2 ** 40]) : random.below(3);
  const sound = messageId < 0 ? undefined : REQUESTS[(first + messageId) % REQUESTS.length];
  const flags = once(random, 4)
    ? random.pick([HeaderFlag.RESPONSE | HeaderFlag.ASYNC, random.below(16)])
    : HeaderFlag.RESPONSE;
  const message = answer({
    messageId,
    command: once(random, 12) ? random.below(20) : sound?.[0](NEVER).command ?? Command.OPLOCK_BREAK,
    status: once(random, 3) ? random.pick(STATUSES) : once(random, 12) ? hostileNumber(random) : NtStatus.SUCCESS,
    flags,
    credits: once(random, 4) ? hostileNumber(random) : random.below(4),
    sessionId: once(random, 12) ? BigInt(hostileNumber(random)) : SESSION,
    asyncId: 5n,
    body: sound === undefined || once(random, 3) ? random.bytes(random.below(120)) : sound[1],
  });
  return mutated(message, random);
}

/** What the server sends: one message or a chain, protected as the session is or otherwise. */
function sent(random: Random, first: number, usual: Protection): Uint8Array {
  if (once(random, 12)) return random.bytes(random.below(200));
  const message = once(random, 5)
    ? chained(...[said(random, first), said(random, first)].filter(isMessage))
    : said(random, first);
  const protection = once(random, 4) ? random.pick(PROTECTIONS) : usual;
  if (protection === "none" || message.length < 64) return message;
  if (protection === "signed") {
    signer.sign(message);
    return message;
  }
  const out = new Uint8Array(TRANSFORM_HEADER_LENGTH + message.length);
  sealer.seal(message, out);
  return out;
}

const isMessage = ({ length }: Uint8Array): boolean => length >= 64;

Deno.test("whatever a server says in a session, every request ends, with an answer or a proper error", async () => {
  const securities = PROTECTIONS.map((protection) => [protection, securityOf(protection)] as const);
  await torment("hostile server, running exchange", Math.ceil(FUZZ_RUNS / 10), async (random) => {
    const [protection, security] = random.pick(securities);
    const set = stage(9);
    const { exchange, transport } = set;
    transport.longFrom = 300;
    exchange.security = security;
    exchange.onBreak = (view, at, length) => void decodeBreak(view, at, length);
    const controller = new AbortController();
    const first = random.below(REQUESTS.length);
    const asked = [0, 1, 2].map((more) => {
      const [call] = REQUESTS[(first + more) % REQUESTS.length] as (typeof REQUESTS)[number];
      return exchange.call(call(controller.signal));
    });
    for (let left = 1 + random.below(5); left > 0; left--) {
      const turn = random.below(20);
      if (turn === 0) controller.abort(REASON);
      else if (turn === 1) transport.break();
      else transport.deliver(sent(random, first, protection));
    }
    await settle(set, asked);
  });
  assert(around.every((byte, index) => byte === 0 || (index >= 100 && index < 500)));
});
