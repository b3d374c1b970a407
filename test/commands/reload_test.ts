import { load, openServe } from "../../commands/open_serve.ts";
import type { Loaded } from "../../commands/reload.ts";
import { readArguments } from "../../commands/command.ts";
import { serveCommand } from "../../commands/serve.ts";
import { serveOptions } from "../../commands/serve_options.ts";
import { generateKey } from "../../src/access/mod.ts";
import { ConfigError } from "../../src/rdma/errors.ts";
import { assertEquals, assertMatch, assertRejects } from "../assert.ts";
import { Outside } from "./outside.ts";

/** A service's configuration in a folder of its own, read anew when it is told to. */
class Stage implements AsyncDisposable {
  readonly outside = new Outside();
  readonly applied: Loaded[] = [];

  private constructor(readonly folder: string) {}

  static async open(toml: string, files: Record<string, string> = {}): Promise<Stage> {
    const stage = new Stage(await Deno.makeTempDir({ prefix: "verbena-reload-" }));
    await stage.write("v.toml", toml);
    for (const [name, text] of Object.entries(files)) await stage.write(name, text);
    const given = readArguments(serveCommand, ["--config", `${stage.folder}/v.toml`, "--grace", "1"]);
    const { reload } = await openServe(given, stage.outside);
    reload?.onReload((loaded) => void stage.applied.push(loaded));
    return stage;
  }

  async write(name: string, text: string): Promise<void> {
    await Deno.writeTextFile(`${this.folder}/${name}`, text, { mode: 0o600 });
  }

  /** Tells it to read anew; the line it logs. */
  async hangup(): Promise<Record<string, unknown>> {
    const { reported } = this.outside;
    const before = reported.length;
    this.outside.hangup();
    while (reported.length === before) await new Promise((resolve) => setTimeout(resolve, 1));
    return JSON.parse(reported.at(-1) ?? "");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.folder, { recursive: true });
  }
}

async function keyFile(): Promise<{ kid: string; text: string }> {
  const key = await generateKey("EdDSA");
  return { kid: key.kid, text: JSON.stringify({ keys: [key] }) };
}

const TOML =
  '[access]\nkeyFile = "keys"\nrevoked = "revoked"\n[http]\nrate = 1\n[smb.servers.nas]\nuser = "ada"\npasswordFile = "pw"\n';

Deno.test("a hang-up has keys, revoked tokens, users and limits read anew, and tells what waits for a restart", async () => {
  const [one, two] = [await keyFile(), await keyFile()];
  await using stage = await Stage.open(TOML, { keys: one.text, revoked: "a", pw: "x" });
  await stage.write("keys", two.text);
  await stage.write("revoked", "a\nb\n");
  await stage.write(
    "v.toml",
    `${
      TOML.replace("rate = 1", "rate = 2").replace("ada", "bob")
    }[serve]\nlisten = "127.0.0.1:1"\ncrc = "on"\ngrace = 9\n`,
  );
  const { level, needs_restart } = await stage.hangup();
  assertEquals([level, needs_restart], ["info", "serve.crc, serve.listen"]); // the flag decides of grace
  const [{ options, access } = { options: undefined, access: undefined }] = stage.applied;
  assertEquals([options?.rate, options?.smb?.servers.get("nas")?.user], [2, "bob"]);
  assertEquals([access?.keys?.signing?.id, [...access?.revoked ?? []]], [two.kid, ["a", "b"]]);
});

Deno.test("a hang-up with anything wrong leaves everything as it was, and the log has the reason", async () => {
  const good = { keys: (await keyFile()).text, revoked: "", pw: "x" };
  const table: [Record<string, string>, RegExp][] = [
    [{ "v.toml": "[http]\nrte = 5" }, /v\.toml: http\.rte: unknown key; did you mean rate\?$/],
    [{ "v.toml": "[http" }, /it is no TOML: line 1/],
    [{ "v.toml": TOML.replace("rate = 1", 'cors = ["*"]') }, /http\.cors: got "\*"/],
    [{ keys: "{}" }, /^keyFile .*: it has no keys/],
    [{ revoked: "two words" }, /^revoked .*: line 1: want one id/],
    [{ "v.toml": TOML.replace('"pw"', '"gone"') }, /^passwordFile .*gone: /],
  ];
  for (const [files, reason] of table) {
    await using stage = await Stage.open(TOML, good);
    for (const [name, text] of Object.entries(files)) await stage.write(name, text);
    const line = await stage.hangup();
    assertEquals([line.level, line.message, stage.applied.length], [
      "error",
      "the configuration was not read anew: everything stays as it was",
      0,
    ]);
    assertMatch(String(line.reason), reason);
    for (const [name, text] of Object.entries({ "v.toml": TOML, ...good })) await stage.write(name, text);
    assertEquals([(await stage.hangup()).level, stage.applied.length], ["info", 1]);
  }
});

Deno.test("load() refuses at the start what a hang-up would refuse", async () => {
  const options = serveOptions(readArguments(serveCommand, ["--key-file", "/nowhere/keys"]));
  await assertRejects(() => load(options), ConfigError, "keyFile /nowhere/keys: ");
});
