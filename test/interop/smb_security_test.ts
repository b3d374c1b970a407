import { NtStatusError, type SmbOptions } from "../../src/smb/mod.ts";
import { NtStatus } from "../../src/smb/wire/status.ts";
import { CapabilityError, ConfigError, VerbenaError, WireError } from "../../src/rdma/errors.ts";
import { assert, assertEquals, assertRejects } from "../assert.ts";
import { testWith } from "../capabilities.ts";
import { pattern } from "../smbdirect/sides.ts";
import { FaultyProxy } from "./faulty_proxy.ts";
import { Samba } from "./samba.ts";
import { BOB, type SmbParameters } from "./smb_conf.ts";
import { AS_ALICE, assertStatus, connect, get, openSmbStage, put } from "./smb_stage.ts";

/** Settings, what Samba is told, and what comes of it. */
type Case = readonly [settings: SmbOptions, global: SmbParameters, signing: string, encryption: string];

const only = (dialect: NonNullable<SmbOptions["minDialect"]>): SmbOptions => ({
  minDialect: dialect,
  maxDialect: dialect,
});
const SIGNED = { "server signing": "mandatory" };
const ENCRYPTED = { "server smb encrypt": "required" };

const CASES: readonly [string, Case][] = [
  ["2.0.2", [only("2.0.2"), {}, "none", "none"]],
  ["2.1", [only("2.1"), {}, "none", "none"]],
  ["3.0", [only("3.0"), {}, "none", "none"]],
  ["3.0.2", [only("3.0.2"), {}, "none", "none"]],
  ["3.1.1", [only("3.1.1"), {}, "none", "none"]],
  ["2.0.2, signed by HMAC-SHA256", [only("2.0.2"), SIGNED, "hmac-sha256", "none"]],
  ["2.1, signed by HMAC-SHA256", [only("2.1"), SIGNED, "hmac-sha256", "none"]],
  ["3.0, signed by AES-CMAC", [only("3.0"), SIGNED, "aes-cmac", "none"]],
  ["3.0.2, signed by AES-CMAC", [only("3.0.2"), SIGNED, "aes-cmac", "none"]],
  ...(["hmac-sha256", "aes-cmac", "aes-gmac"] as const).map((name): [string, Case] => [
    `3.1.1, signed by ${name}`,
    [{ ...only("3.1.1"), signingAlgorithms: [name] }, SIGNED, name, "none"],
  ]),
  ["3.1.1, signed as the client wants it", [{ signing: "required" }, {}, "aes-gmac", "none"]],
  ["3.0, encrypted by AES-128-CCM", [only("3.0"), ENCRYPTED, "none", "aes-128-ccm"]],
  ["3.0.2, encrypted by AES-128-CCM", [only("3.0.2"), ENCRYPTED, "none", "aes-128-ccm"]],
  ...(["aes-128-ccm", "aes-128-gcm", "aes-256-ccm", "aes-256-gcm"] as const).map((name): [string, Case] => [
    `3.1.1, encrypted by ${name}`,
    [{ ...only("3.1.1"), ciphers: [name] }, ENCRYPTED, "none", name],
  ]),
  ["3.1.1, encrypted as the client wants it", [{ encryption: "required" }, {}, "none", "aes-128-gcm"]],
];

for (const [name, [settings, global, signing, encryption]] of CASES) {
  await testWith(["samba"], `Samba and the client agree on ${name}, and a file comes back as it was`, async () => {
    await using stage = await openSmbStage({ global: { "server min protocol": "SMB2_02", ...global } }, settings);
    const { server, share } = stage;
    assertEquals([server.dialect, server.signing, server.encryption], [
      settings.maxDialect ?? "3.1.1",
      signing,
      encryption,
    ]);
    const bytes = pattern(3_000_001, 7);
    await put(share, "file", bytes);
    assertEquals(await Deno.readFile(`${stage.samba.path()}/file`), bytes);
    assertEquals(await get(share, "file"), bytes);
    const names: string[] = [];
    for await (const entry of share.readDir("")) names.push(entry.name);
    assertEquals(names, ["file"]);
    await server.echo();
    assertEquals(server.statistics.errors.total, 0);
  });
}

await testWith(["samba"], "a share that wants encryption gets it, though the session has none", async () => {
  await using stage = await openSmbStage({ shares: { share: { "smb encrypt": "required" } } });
  assertEquals(stage.server.encryption, "none");
  await put(stage.share, "file", pattern(100_000, 1));
  assertEquals(await get(stage.share, "file"), pattern(100_000, 1));
});

await testWith(["samba"], "a wrong password, and a user that is not there, are told as LOGON_FAILURE", async () => {
  await using samba = await Samba.start();
  for (const credentials of [{ ...AS_ALICE, password: "wonderland 1865" }, { user: "nobody there", password: "x" }]) {
    const error = await assertStatus(() => connect(samba.port, { credentials }), NtStatus.LOGON_FAILURE);
    assertEquals(
      error.message,
      `log ${credentials.user} on to 127.0.0.1: STATUS_LOGON_FAILURE: the user name or password is wrong`,
    );
  }
});

await testWith(["samba"], "a password beyond ASCII logs on", async () => {
  await using samba = await Samba.start();
  await using server = await connect(samba.port, { credentials: { user: BOB.name, password: BOB.password } });
  await server.openShare("share");
});

await testWith(["samba"], "nobody is made a guest who did not ask for it", async () => {
  await using samba = await Samba.start({
    global: { "map to guest": "Bad User", "guest account": "nobody" },
    shares: { share: { "guest ok": "yes" } },
  });
  await assertRejects(
    () => connect(samba.port, { credentials: { user: "stranger", password: "x" } }),
    CapabilityError,
    "made a guest of the user",
  );
  await assertRejects(
    () => connect(samba.port, { credentials: { guest: true }, signing: "required" }),
    CapabilityError,
    "a guest's session has no keys",
  );
  for (const credentials of [{ guest: true }, { anonymous: true }] as const) {
    await using server = await connect(samba.port, { credentials });
    const share = await server.openShare("share");
    assertEquals((await share.stat("")).directory, true);
  }
});

await testWith(["samba"], "a share that is not there, or not for this user, is told as such", async () => {
  await using samba = await Samba.start({ shares: { share: {}, closed: { "valid users": "nobody" } } });
  await using server = await connect(samba.port);
  await assertStatus(() => server.openShare("missing"), NtStatus.BAD_NETWORK_NAME);
  await assertStatus(() => server.openShare("closed"), NtStatus.ACCESS_DENIED);
});

await testWith(
  ["samba"],
  "what the server cannot do and the client asks for is refused before anything is sent",
  async () => {
    await using samba = await Samba.start({ global: { "server max protocol": "SMB2_10" } });
    await assertRejects(() => connect(samba.port, { encryption: "required" }), CapabilityError, "cannot encrypt");
    await assertStatus(() => connect(samba.port, { minDialect: "3.0" }), NtStatus.NOT_SUPPORTED);
    await assertRejects(() => connect(samba.port, { minDialect: "3.1.1", maxDialect: "3.0" }), ConfigError, "newer");
  },
);

for (const protection of ["signing", "encryption"] as const) {
  await testWith(
    ["samba"],
    `with ${protection} required, no bit changes on its way without being noticed`,
    async () => {
      await using samba = await Samba.start({ global: { "server min protocol": "SMB3" } });
      {
        await using server = await connect(samba.port);
        await put(await server.openShare("share"), "file", pattern(300_000, 3));
      }
      let refused = 0;
      for (let trial = 0; trial < 60; trial++) {
        await using proxy = new FaultyProxy(samba.port);
        // over the negotiation, the log-on, and the data that follow them
        const after = trial < 30 ? 10 + trial * 41 : 2_000 + trial * 4_001;
        let planned = false;
        proxy.plan = () => planned ? undefined : (planned = true, { kind: "flip", direction: "back", after });
        try {
          await using server = await connect(proxy.port, {
            [protection]: "required",
            timeout: 2_000,
            reconnect: false,
          });
          const bytes = await get(await server.openShare("share"), "file");
          assertEquals(bytes, pattern(300_000, 3), `after ${after} bytes`);
        } catch (error) {
          assert(error instanceof VerbenaError, `after ${after} bytes: ${error}`);
          refused++;
        }
      }
      assert(refused > 30, `${refused} of 60 were noticed; the others came where no bit counts, or too late`);
    },
  );
}

await testWith(["samba"], "a bit turned in a signed answer is told as a wrong signature", async () => {
  await using samba = await Samba.start();
  {
    await using server = await connect(samba.port);
    await put(await server.openShare("share"), "file", pattern(300_000, 3));
  }
  await using proxy = new FaultyProxy(samba.port);
  proxy.plan = () => ({ kind: "flip", direction: "back", after: 100_000 });
  await using server = await connect(proxy.port, { signing: "required" });
  const share = await server.openShare("share");
  const error = await assertRejects(() => get(share, "file"), WireError, "Signature fits");
  assert(!(error instanceof NtStatusError));
});
