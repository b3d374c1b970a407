/**
 * Kerberos against MIT's KDC and the real Samba.
 *
 * @module
 */
import { connectSmb, KerberosClient, type SmbOptions, type SmbServer } from "../../src/smb/mod.ts";
import { NtStatus } from "../../src/smb/wire/status.ts";
import { CapabilityError, ConfigError, SystemError, VerbenaError, WireError } from "../../src/rdma/errors.ts";
import { assertEquals, assertRejects, assertThrows } from "../assert.ts";
import { capable, testWith } from "../capabilities.ts";
import { GssAcceptor } from "./gss_acceptor.ts";
import { Kdc } from "./kdc.ts";
import { run } from "./process.ts";
import { Samba } from "./samba.ts";
import { ALICE, BOB } from "./smb_conf.ts";
import { assertStatus, get, put } from "./smb_stage.ts";

// The library stays open, and the sanitizer would hold that against the test that opens it.
if (await capable("kerberos")) new KerberosClient("localhost")[Symbol.dispose]();

/** Connects with whatever tickets there are. */
async function connect(port: number, options: SmbOptions = {}): Promise<SmbServer> {
  using clients = new DisposableStack();
  const mechanisms = (host: string) => [clients.use(new KerberosClient(host))];
  return await connectSmb("localhost", { port, credentials: { name: "the tickets' owner", mechanisms }, ...options });
}

await testWith(["samba", "kerberos"], "smbclient logs on by Kerberos at the Samba of these tests", async () => {
  await using kdc = await Kdc.start(["cifs/samba.lab.test"]); // for localhost it does not ask
  await using samba = await Samba.start({ global: kdc.sambaParameters });
  await kdc.logIn(ALICE);
  await Deno.writeTextFile(`${samba.path()}/there`, "bytes");
  const server = ["//samba.lab.test/share", "-I", "127.0.0.1", "-p", String(samba.port)];
  const tickets = ["-U", ALICE.name, `--use-krb5-ccache=${kdc.environment["KRB5CCNAME"]}`];
  const args = [...server, ...tickets, "--configfile=/dev/null", "-c", "get there here"];
  await run("smbclient", args, { cwd: samba.folder, env: kdc.environment });
  assertEquals(await Deno.readTextFile(`${samba.folder}/here`), "bytes");
});

const WAYS: readonly [string, SmbOptions, signing: string, encryption: string][] = [
  ["3.1.1", {}, "none", "none"],
  ["3.1.1, signed by AES-GMAC", { signing: "required" }, "aes-gmac", "none"],
  ["3.1.1, encrypted by AES-256-GCM", { encryption: "required", ciphers: ["aes-256-gcm"] }, "none", "aes-256-gcm"],
  ["3.0, signed by AES-CMAC", { maxDialect: "3.0", signing: "required" }, "aes-cmac", "none"],
  ["2.1, signed by HMAC-SHA256", { maxDialect: "2.1", signing: "required" }, "hmac-sha256", "none"],
];

await testWith(["samba", "kerberos"], "who has tickets logs on, with keys that Samba has too", async (t) => {
  await using kdc = await Kdc.start(["cifs/localhost"]);
  await using samba = await Samba.start({ global: kdc.sambaParameters });
  await kdc.logIn(ALICE);
  for (const [name, options, signing, encryption] of WAYS) {
    await t.step(name, () =>
      kdc.within(async () => {
        await using server = await connect(samba.port, options);
        assertEquals([server.signing, server.encryption], [signing, encryption]);
        await using share = await server.openShare("share");
        const bytes = new TextEncoder().encode(name);
        await put(share, "file", bytes);
        assertEquals(await get(share, "file"), bytes);
      }));
  }
  await t.step("as the user that the tickets name", async () => {
    await Deno.writeTextFile(`${samba.path()}/mine`, "secret", { mode: 0o600 });
    await kdc.logIn(BOB);
    await kdc.within(async () => {
      await using server = await connect(samba.port);
      await using share = await server.openShare("share");
      await assertStatus(() => get(share, "mine"), NtStatus.ACCESS_DENIED);
    });
  });
});

await testWith(["kerberos"], "each way not to get a ticket is told", async (t) => {
  await using kdc = await Kdc.start(["cifs/localhost"]);
  await kdc.within(async () => {
    await t.step("no tickets at all", async () => {
      using client = new KerberosClient("localhost");
      await assertRejects(
        () => client.step(undefined),
        CapabilityError,
        /^Kerberos for cifs@localhost: Matching credential not found.*: kinit first/,
      );
    });
    await kdc.logIn(ALICE);
    await t.step("a server that the realm does not know", async () => {
      using client = new KerberosClient("elsewhere");
      const error = await assertRejects(() => client.step(undefined), SystemError);
      assertEquals(
        error.message,
        "gss_init_sec_context for cifs@elsewhere: GSS_S_FAILURE: Server not found in Kerberos database",
      );
    });
    await t.step("a KDC that is not there", async () => {
      await kdc.stop();
      using client = new KerberosClient("localhost");
      const error = await assertRejects(() => client.step(undefined), SystemError);
      assertEquals(
        error.message,
        "gss_init_sec_context for cifs@localhost: GSS_S_FAILURE: Cannot contact any KDC for requested realm",
      );
    });
  });
});

await testWith(["kerberos"], "a server that does not have its key is not believed", async () => {
  await using kdc = await Kdc.start(["cifs/localhost"]);
  await kdc.logIn(ALICE);
  await kdc.within(async () => {
    using client = new KerberosClient("localhost");
    const request = await client.step(undefined);
    assertEquals([request?.[0], client.complete, client.integrity, client.sessionKey], [0x60, false, false, undefined]);
    assertThrows(() => client.sign(new Uint8Array(1)), VerbenaError, "between AP-REP and its disposal only");
    const error = await assertRejects(() => client.step(request), WireError);
    assertEquals(error.layer, "kerberos");
    assertEquals([client.complete, client.sessionKey], [false, undefined]);
  });
});

await testWith(["kerberos"], "each side's integrity codes are right to the other, in their turn only", async () => {
  await using kdc = await Kdc.start(["cifs/localhost"]);
  await kdc.logIn(ALICE);
  await kdc.within(async () => {
    using client = new KerberosClient("localhost");
    using server = new GssAcceptor();
    assertEquals(await client.step(server.accept(await client.step(undefined) ?? new Uint8Array(0))), undefined);
    assertEquals([client.complete, client.integrity, client.sessionKey?.length], [true, true, 32]);
    const [message, other] = [Uint8Array.of(1, 2, 3), Uint8Array.of(1, 2, 4)];
    assertEquals(server.verify(message, client.sign(message)), true);
    assertEquals(server.verify(other, client.sign(message)), false);
    const code = server.sign(message);
    assertEquals([client.verify(other, code), client.verify(message, code)], [false, true]);
    assertEquals(client.verify(message, code), false, "a code that comes twice");
    assertEquals(client.verify(message, new Uint8Array(0)), false, "no code");
    assertEquals(await client.step(new Uint8Array(0)), undefined);
    await assertRejects(() => client.step(code), WireError, "no token follows AP-REP");
    client[Symbol.dispose]();
    assertThrows(() => client.verify(message, code), VerbenaError, "between AP-REP and its disposal only");
    assertEquals(client.sessionKey?.length, 32);
  });
});

await testWith(["kerberos"], "a client takes one step at a time, and is disposed after the one under way", async () => {
  await using kdc = await Kdc.start(["cifs/localhost"]);
  await kdc.logIn(ALICE);
  await kdc.within(async () => {
    const client = new KerberosClient("localhost");
    const first = client.step(undefined);
    await assertRejects(() => client.step(undefined), ConfigError, "one step at a time");
    client[Symbol.dispose]();
    client[Symbol.dispose]();
    assertEquals((await first)?.[0], 0x60);
    await assertRejects(() => client.step(undefined), ConfigError, "one step at a time");
  });
});
