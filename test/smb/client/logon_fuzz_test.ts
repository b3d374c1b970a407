import type { SmbCredentials } from "../../../src/smb/client/credentials.ts";
import { negotiate } from "../../../src/smb/client/negotiation.ts";
import { resolveSmbSettings } from "../../../src/smb/client/settings.ts";
import { NtStatus } from "../../../src/smb/wire/status.ts";
import { FUZZ_RUNS } from "../../fuzz.ts";
import { NTLM_SESSION } from "../security/microsoft_vectors.ts";
import { stage } from "./fake_transport.ts";
import { mutated, once, settle, torment } from "./hostile.ts";
import { type Change, logOnTo, negotiateAnswer, serve, setupAnswer, USER } from "./logon_server.ts";

const NAMED: SmbCredentials = { user: "ada", password: "secret" };
const STATUSES = [NtStatus.SUCCESS, NtStatus.MORE_PROCESSING_REQUIRED, NtStatus.LOGON_FAILURE];
/** Keys take their time. */
const SLOW_RUNS = Math.ceil(FUZZ_RUNS / 10);
const NOTHING = new Uint8Array(0);
const GUID = new Uint8Array(16);
const SETTINGS = resolveSmbSettings({ minDialect: "2.0.2" });

const DIALECTS = [0x0202, 0x0210, 0x0300, 0x0302, 0x0311, 0x0311, 0x0311, 0x02ff];

Deno.test("whatever a server answers to NEGOTIATE, there is an agreement or a proper error", async () => {
  await torment("hostile server, NEGOTIATE", FUZZ_RUNS, async (random) => {
    const set = stage(1);
    const agreed = negotiate(set.exchange, SETTINGS, GUID, "nas");
    const sound = negotiateAnswer({ dialect: random.pick(DIALECTS) });
    set.transport.deliver(once(random, 12) ? random.bytes(random.below(300)) : mutated(sound, random));
    await settle(set, [agreed]);
  });
});

/** Turns that logging on may take; nothing in it waits for anything but the server. */
const TURNS = 300;

/** Logs on to a server that says what `changes` make of it, and nothing more. */
async function tries(credentials: SmbCredentials, changes: readonly Change[]): Promise<void> {
  const set = stage(1);
  serve(set, changes);
  let over = false;
  const logged = logOnTo(set, credentials).finally(() => over = true);
  logged.catch(() => {});
  for (let turn = 0; turn < TURNS && !over; turn++) await undefined;
  await settle(set, [logged]);
}

Deno.test("whatever a server answers while a user logs on, there is a session or a proper error", async () => {
  await torment("hostile server, SESSION_SETUP", SLOW_RUNS, (random) => {
    const change: Change = (message) => mutated(message, random);
    return tries(USER, [change, change, change]);
  });
});

Deno.test("whatever a server answers while a user logs on by NTLM, there is a session or a proper error", async () => {
  await torment("hostile server, NTLM", SLOW_RUNS, (random) =>
    tries(once(random, 5) ? { guest: true } : NAMED, [
      (message) => once(random, 4) ? mutated(message, random) : message,
      () => mutated(setupAnswer(1, NTLM_SESSION.challenge), random),
      () =>
        mutated(
          setupAnswer(2, once(random, 2) ? NOTHING : NTLM_SESSION.last, random.pick(STATUSES), random.below(5)),
          random,
        ),
    ]));
});
