import { runCli } from "../../commands/cli.ts";
import { tokenCommand } from "../../commands/token.ts";
import { readKeySet, readRevoked } from "../../commands/access_files.ts";
import { parseKeySet, TokenError, TokenVerifier } from "../../src/access/mod.ts";
import { ConfigError } from "../../src/rdma/errors.ts";
import { assert, assertEquals, assertMatch, assertRejects } from "../assert.ts";
import { Outside } from "./outside.ts";

/** A folder in which `verbena token` runs; `@` stands for it. */
class Folder implements AsyncDisposable {
  readonly variables = new Map<string, string>();

  private constructor(readonly path: string) {}

  static async make(): Promise<Folder> {
    return new Folder(await Deno.makeTempDir({ prefix: "verbena-token-" }));
  }

  async run(...args: string[]): Promise<{ code: number; printed: string; reported: string }> {
    const outside = new Outside();
    for (const [name, value] of this.variables) outside.variables.set(name, value);
    const code = await runCli([tokenCommand], ["token", ...args.map((each) => each.replace("@", this.path))], outside);
    const shown = (lines: string[]): string => lines.join("\n").replaceAll(this.path, "@");
    return { code, printed: shown(outside.printed), reported: shown(outside.reported) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.path, { recursive: true });
  }
}

Deno.test("verbena token key makes a file for its owner alone, and each further key comes first", async () => {
  await using folder = await Folder.make();
  const file = `${folder.path}/keys.json`;
  const first = await folder.run("key", "--key-file", "@/keys.json");
  assertMatch(first.printed, /^@\/keys\.json: key [0-9a-f-]{36} \(EdDSA\) signs from now on, the first of 1$/);
  assertEquals(((await Deno.stat(file)).mode ?? 0) & 0o777, 0o600);
  const second = JSON.parse(
    (await folder.run("key", "--algorithm", "HS256", "--key-file", "@/keys.json", "--json")).printed,
  );
  assertEquals([second.algorithm, second.file, second.keys], ["HS256", "@/keys.json", 2]);
  const { verifying, signing } = await readKeySet(file);
  assertEquals([verifying.size, signing?.id, signing?.algorithm], [2, second.kid, "HS256"]);
  assertEquals(((await Deno.stat(file)).mode ?? 0) & 0o777, 0o600);
  assertEquals([...Deno.readDirSync(folder.path)].map(({ name }) => name), ["keys.json"]);
});

Deno.test("verbena token create signs what it was told, for as long as it was told", async () => {
  await using folder = await Folder.make();
  folder.variables.set("VERBENA_KEY_FILE", `${folder.path}/keys.json`);
  await folder.run("key");
  const before = Math.floor(Date.now() / 1000) * 1000;
  const scopes = ["--scope", "needle:read:3,5", "--scope", "smb:read:nas/data/a%20b"];
  const made = await folder.run(
    "create",
    ...scopes,
    "--subject",
    "ada",
    "--expires",
    "2d",
    "--not-before",
    "1m",
    "--json",
  );
  const { token, id, expires } = JSON.parse(made.printed);
  const verifier = new TokenVerifier(await readKeySet(`${folder.path}/keys.json`), new Set(), undefined);
  const grant = await verifier.verify(token, before + 120_000);
  assertEquals([grant.subject, grant.id, grant.validUntil - grant.validFrom], ["ada", id, (2 * 86_400 - 60) * 1000]);
  assertEquals(new Date(grant.validUntil).toISOString(), expires);
  assert(grant.validUntil >= before + 2 * 86_400_000);
  assertEquals([grant.permits({ kind: "needle", volume: 5 }), grant.permits({ kind: "needle", volume: 4 })], [
    true,
    false,
  ]);
  await assertRejects(async () => await verifier.verify(token, before), TokenError, "not valid yet");
  const plain = await folder.run("create", "--scope", "admin");
  assertMatch(plain.printed, /^[\w-]+\.[\w-]+\.[\w-]+$/);
});

Deno.test("verbena token revoke lists a token, or an id, once", async () => {
  await using folder = await Folder.make();
  folder.variables.set("VERBENA_KEY_FILE", `${folder.path}/keys.json`);
  await folder.run("key");
  const { token, id } = JSON.parse((await folder.run("create", "--scope", "admin", "--json")).printed);
  await Deno.writeTextFile(`${folder.path}/revoked`, "old # of last year");
  assertEquals((await folder.run("revoke", token, "--revoked", "@/revoked")).printed, `@/revoked: ${id}`);
  assertEquals(
    (await folder.run("revoke", id, "--revoked", "@/revoked")).printed,
    `@/revoked: ${id} was there already`,
  );
  assertEquals(await Deno.readTextFile(`${folder.path}/revoked`), `old # of last year\n${id}\n`);
  const revoked = await readRevoked(`${folder.path}/revoked`);
  assertEquals([...revoked], ["old", id]);
  const verifier = new TokenVerifier(await readKeySet(`${folder.path}/keys.json`), revoked, undefined);
  await assertRejects(async () => await verifier.verify(token, Date.now()), TokenError, "revoked");
  assertEquals(JSON.parse((await folder.run("revoke", "x", "--revoked", "@/new", "--json")).printed), {
    id: "x",
    file: "@/new",
    revoked: 1,
  });
});

Deno.test("the configuration file names key file and revocation list where no flag does", async () => {
  await using folder = await Folder.make();
  await Deno.writeTextFile(`${folder.path}/v.toml`, '[access]\nkeyFile = "k"\nrevoked = "r"');
  assertEquals((await folder.run("key", "--config", "@/v.toml")).code, 0);
  assertEquals((await folder.run("create", "--scope", "admin", "--config", "@/v.toml")).code, 0);
  assertEquals((await folder.run("revoke", "x", "--config", "@/v.toml")).printed, "@/r: x");
});

Deno.test("a key that can sign is refused where others may read its file; a public one is nobody's secret", async () => {
  await using folder = await Folder.make();
  const file = `${folder.path}/keys.json`;
  await folder.run("key", "--key-file", "@/keys.json");
  await Deno.chmod(file, 0o644);
  for (const args of [["create", "--scope", "admin"], ["key"]]) {
    const { code, reported } = await folder.run(...args, "--key-file", "@/keys.json");
    assertEquals([code, reported], [
      2,
      "verbena token: keyFile @/keys.json: others may read or write it (mode 644), and it can sign: chmod 600 @/keys.json; " +
      "see verbena token --help",
    ]);
  }
  const { keys: [{ d: _secret, ...open }] } = JSON.parse(await Deno.readTextFile(file));
  await Deno.writeTextFile(file, JSON.stringify({ keys: [open] }));
  assertEquals((await readKeySet(file)).signing, undefined);
  assertMatch(
    (await folder.run("create", "--scope", "admin", "--key-file", "@/keys.json")).reported,
    "public keys only",
  );
});

Deno.test("verbena token refuses what makes no sense with 2, leaves the files as they are, and never shows a token", async () => {
  await using folder = await Folder.make();
  await folder.run("key", "--key-file", "@/k");
  const before = await Deno.readTextFile(`${folder.path}/k`);
  const table: [string[], string][] = [
    [["create", "--key-file", "@/k"], "--scope is missing: say what the token allows, --scope needle:read"],
    [["create", "--key-file", "@/k", "--scope", "needle:write"], "scope"],
    [["create", "--key-file", "@/k", "--scope", "admin", "--expires", "1y"], '--expires: got "1y", want 1s to 3650d'],
    [["create", "--key-file", "@/k", "--scope", "admin", "--expires", "0s"], '--expires: got "0s", want 1s to 3650d'],
    [
      ["create", "--key-file", "@/k", "--scope", "admin", "--not-before", "1h"],
      "--not-before: the token would be over",
    ],
    [["create", "--scope", "admin"], "--key-file is missing; VERBENA_KEY_FILE and access.keyFile may name it, too"],
    [["create", "--key-file", "@/gone", "--scope", "admin"], "keyFile @/gone: No such file"],
    [["create", "--revoked", "@/r", "--scope", "admin"], "--revoked is not for create"],
    [["key", "--key-file", "@/k", "--algorithm", "RS256"], '--algorithm: got "RS256", want EdDSA or HS256'],
    [["key", "--key-file", "@/gone/k"], "@/gone/k: No such file"],
    [["revoke", "--revoked", "@/r"], "revoke: an argument is missing"],
    [["revoke", "a.b.hush", "--revoked", "@/r"], "revoke: the token is not well formed, or has no id"],
    [["revoke", "a#b", "--revoked", "@/r"], 'revoke: got "a#b", want a token or its id'],
  ];
  for (const [args, message] of table) {
    const { code, printed, reported } = await folder.run(...args);
    assertEquals([code, printed], [2, ""], reported);
    assertMatch(reported, message);
    assertEquals(reported.includes("hush"), false);
  }
  assertEquals(await Deno.readTextFile(`${folder.path}/k`), before);
  await assertRejects(() => readRevoked(`${folder.path}/k`), ConfigError, "line 2: want one id of a token");
  await parseKeySet(before);
  assertEquals([...Deno.readDirSync(folder.path)].map(({ name }) => name), ["k"]);
});
