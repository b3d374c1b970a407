import { runCli } from "../../commands/cli.ts";
import { configCommand } from "../../commands/config.ts";
import { ConfigFile, ConfigProblems } from "../../commands/config/file.ts";
import { problemsOf } from "../../commands/config/schema.ts";
import { EVERY_SETTING } from "../../commands/config/engine_settings.ts";
import { ALL_SETTINGS } from "../../commands/config/serve_settings.ts";
import { engineCommand } from "../../commands/engine.ts";
import { engineOptions } from "../../commands/engine_options.ts";
import { serveCommand } from "../../commands/serve.ts";
import { serveOptions } from "../../commands/serve_options.ts";
import { Arguments, readArguments } from "../../commands/command.ts";
import configuration from "../../deno.json" with { type: "json" };
import { ConfigError } from "../../src/rdma/errors.ts";
import { SMB_SETTINGS } from "../../src/smb/mod.ts";
import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "../assert.ts";
import { Outside } from "./outside.ts";

const NO_FLAGS = new Arguments(new Map(), []);

const TOML = `
[serve]
listen = "0.0.0.0:80"
engine = ["rdma:10.0.0.5", "rdma:10.0.0.6:7000"]
dir = "volumes"
readKeyFile = "/etc/weed.key"
readAhead = 0

[access]
keyFile = "keys.json"
anonymous = []
trust = ["10.0.0.0/8"]

[http]
cors = ["https://app.example.org"]
rate = 50

[smb]
readSize = 8192

[smb.servers.NAS]
host = "10.0.0.9"
user = "ada"
passwordFile = "nas.password"
timeout = 5
`;

Deno.test("a file in TOML decides what flags and environment do not, and its paths are relative to its folder", async () => {
  const file = await ConfigFile.parse(TOML, "x", "/etc/verbena/verbena.toml");
  const options = serveOptions(NO_FLAGS, () => undefined, file);
  assertEquals(options.listen, { hostname: "0.0.0.0", port: 80 });
  assertEquals(options.engines.length, 2);
  assertEquals(
    [options.directories, options.readKeyFile, options.keyFile, options.readAhead, options.rate],
    [["/etc/verbena/volumes"], "/etc/weed.key", "/etc/verbena/keys.json", 0, 50],
  );
  assertEquals([options.anonymous, options.trust, options.cors], [[], ["10.0.0.0/8"], ["https://app.example.org"]]);
  assertEquals(options.maxSessions, 1000); // of which it says nothing
  assertEquals(options.smb?.settings, { readSize: 8192 });
  assertEquals(options.smb?.servers.get("nas"), {
    host: "10.0.0.9",
    port: undefined,
    user: "ada",
    domain: undefined,
    passwordFile: "/etc/verbena/nas.password",
    logon: undefined,
    settings: { timeout: 5 },
  });
});

Deno.test("flags come before the environment, that before the file, and that before what is usual", async () => {
  const file = await ConfigFile.parse('{"serve": {"timeout": 1, "grace": 1, "engine": "rdma:file"}}', "x.json");
  const environment: Record<string, string> = {
    VERBENA_TIMEOUT: "2",
    VERBENA_GRACE: "",
    VERBENA_ENGINE: "rdma:a, rdma:b",
    VERBENA_SPIN: "7",
    VERBENA_ANONYMOUS: "none",
  };
  const flags = (...args: string[]): Arguments => readArguments(serveCommand, args);
  const read = (given: Arguments): unknown[] => {
    const { timeout, grace, spin, engines, anonymous } = serveOptions(given, (name) => environment[name], file);
    return [
      timeout,
      grace,
      spin,
      engines.map((each) => JSON.stringify(each).match(/"(file|a|b|flag)"/)?.[1]),
      anonymous,
    ];
  };
  assertEquals(read(NO_FLAGS), [2, 1, 7, ["a", "b"], []]);
  assertEquals(read(flags("--timeout", "3", "--engine", "rdma:flag", "--anonymous", "/health/")), [
    3,
    1,
    7,
    ["flag"],
    ["/health"],
  ]);
});

Deno.test("what makes no sense is told with the flag, variable or key it is from", async () => {
  const file = await ConfigFile.parse('[serve]\nlisten = "nowhere"', "--config x.toml");
  const table: [string, () => unknown][] = [
    [
      '--config x.toml: serve.listen: got "nowhere", want HOST:PORT, as',
      () => serveOptions(NO_FLAGS, () => undefined, file),
    ],
    [
      'VERBENA_RATE: got "many", want a whole number from 0 to 1000000',
      () => serveOptions(NO_FLAGS, (name) => name === "VERBENA_RATE" ? "many" : undefined),
    ],
    [
      '--trust: network "10.0.0.0/33": want one',
      () => serveOptions(readArguments(serveCommand, ["--trust", "10.0.0.0/33"])),
    ],
    [
      '--anonymous: anonymous path "health": want',
      () => serveOptions(readArguments(serveCommand, ["--anonymous", "health"])),
    ],
    ...["*", "https://a.example/", "https://a.example/x", "ftp://a.example", "null"].map((
      origin,
    ): [string, () => unknown] => [
      `--cors: got ${JSON.stringify(origin)}, want one origin, as in https://app.example.org`,
      () => serveOptions(readArguments(serveCommand, ["--cors", origin])),
    ]),
  ];
  for (const [message, run] of table) assertThrows(run, ConfigError, message);
});

Deno.test("a file is read strictly: what it does not know is an error that names the key and the nearest one", () => {
  const table: [unknown, string | RegExp][] = [
    [[], "the file: got [], want an object"],
    [{ smbx: {} }, "smbx: unknown key; did you mean smb?"],
    [{ volumes: {} }, "volumes: unknown key; want serve, access, http, engine, smb"],
    [{ serve: { lisen: "x" } }, "serve.lisen: unknown key; did you mean listen?"],
    [{ serve: 5 }, "serve: got 5, want an object"],
    [{ serve: { timeout: "5" } }, 'serve.timeout: got "5", want a whole number from 1 to 3600000'],
    [{ serve: { timeout: 0 } }, "serve.timeout: got 0, want a whole number from 1 to 3600000"],
    [{ serve: { timeout: 1.5 } }, "serve.timeout: got 1.5, want a whole number from 1 to 3600000"],
    [{ serve: { provider: "rdma" } }, 'serve.provider: got "rdma", want one of auto, verbs, iwarp'],
    [{ serve: { dir: [5] } }, "serve.dir: got [5], want a text, or a list of texts"],
    [{ serve: { listen: "" } }, 'serve.listen: got "", want a text that is not empty'],
    [{ smb: { readsize: 1 } }, "smb.readsize: unknown key; did you mean readSize?"],
    [{ smb: { readSize: "1 MiB" } }, 'smb.readSize: got "1 MiB", want a whole number from 4096 to 8388608'],
    [{ smb: { ciphers: ["rot13"] } }, /^smb\.ciphers\.0: got "rot13", want some of aes-128-gcm, /],
    [{ smb: { servers: [] } }, "smb.servers: got [], want an object"],
    [{ smb: { servers: { "a/b": {} } } }, "smb.servers.a/b: it cannot be part of a URL"],
    [{ smb: { servers: { nas: {}, NAS: {} } } }, "smb.servers.NAS: the name is given twice, case aside"],
    [{ smb: { servers: { nas: { hots: "x" } } } }, "smb.servers.nas.hots: unknown key; did you mean host?"],
    [{ smb: { servers: { nas: { host: "" } } } }, 'smb.servers.nas.host: got "", want a text that is not empty'],
    [{ smb: { servers: { nas: { port: 0 } } } }, "smb.servers.nas.port: got 0, want a whole number from 1 to 65535"],
    [
      { smb: { servers: { nas: { logon: "root" } } } },
      'smb.servers.nas.logon: got "root", want one of kerberos, guest, anonymous',
    ],
    [
      { smb: { servers: { nas: { logon: "guest", user: "a" } } } },
      "smb.servers.nas.logon: it goes without user, domain and passwordFile",
    ],
    [
      { smb: { maxDialect: "2.1", servers: { nas: { minDialect: "3.0" } } } },
      "smb.servers.nas: SMB minDialect 3.0 is newer than maxDialect 2.1",
    ],
  ];
  for (const [document, message] of table) {
    const problems = problemsOf(document);
    assertEquals(problems.length, 1, problems.join("\n"));
    if (typeof message === "string") assertEquals(problems[0], message);
    else assertMatch(problems[0] ?? "", message);
  }
  assertEquals(problemsOf({}), []);
});

Deno.test("a file that is neither TOML nor JSON is told with the line, and nothing of what stands there", async () => {
  const toml = await assertRejects(() => ConfigFile.parse("[serve]\nsecret = hush\n", "x.toml"), ConfigError);
  assertMatch(toml.message, /^x\.toml: it is no TOML: line 2, column \d+: /);
  assertEquals(toml.message.includes("hush"), false);
  await assertRejects(() => ConfigFile.parse("{", "x"), ConfigError, "x: it is no JSON: ");
  await assertRejects(() => ConfigFile.parse("a = 1", "x.json"), ConfigError, "x.json: it is no JSON: ");
  const both = await assertRejects(() => ConfigFile.parse("a = 1\nb = 1", "x.toml"), ConfigProblems);
  assertMatch(both.message, /^x\.toml: a: unknown key; want serve, .*; verbena config check tells 1 more$/);
});

Deno.test("no two settings share a flag or a variable, and each is in serve's help with its default", async () => {
  const settings = Object.values(ALL_SETTINGS);
  assertEquals(new Set(settings.map(({ flag }) => flag)).size, settings.length);
  assertEquals(new Set(settings.map(({ section, key }) => `${section}.${key}`)).size, settings.length);
  const outside = new Outside();
  assertEquals(await runCli([serveCommand], ["serve", "--help"], outside), 0);
  for (const { flag, fallback } of settings) {
    const line = outside.printed.join("\n").split("\n").find((each) => each.trim().startsWith(`--${flag} `)) ?? "";
    assertMatch(line, fallback.length === 0 ? `--${flag} ` : `(${fallback.join(", ")})`);
  }
});

Deno.test("the roles may read Verbena's own variables and no others, and the services not the password of others", () => {
  const { client, compiled, config, token, serve, "serve-rdma": serveRdma, engine, launch } = configuration.permissions;
  for (const { env } of [client, compiled, config, token]) assertEquals(env, ["VERBENA_*"]);
  for (const { env } of [serve, serveRdma]) {
    assertEquals(env, { allow: ["VERBENA_*"], deny: ["VERBENA_SMB_PASSWORD"] });
  }
  assertEquals(engine.env, ["VERBENA_CONFIG", "VERBENA_ENGINE_*"]);
  assertEquals(launch.env, ["VERBENA_CONFIG", "VERBENA_ENGINE", "VERBENA_PROVIDER"]); // what decides a role
  const variables = [...Object.values(SMB_SETTINGS), ...EVERY_SETTING].map(({ variable }) => variable);
  for (const variable of variables) assert(/^VERBENA_[A-Z_]+$/.test(variable), variable);
  assertEquals(new Set(variables).size, variables.length);
});

/** Runs `verbena config` in a folder of its own that holds `files`. */
async function config(files: Record<string, string>, args: string[], variables: Record<string, string> = {}): Promise<{
  code: number;
  printed: string;
  reported: string[];
}> {
  const folder = await Deno.makeTempDir({ prefix: "verbena-config-" });
  try {
    for (const [name, text] of Object.entries(files)) {
      await Deno.writeTextFile(`${folder}/${name}`, text, { mode: 0o600 });
    }
    const outside = new Outside();
    for (const [name, value] of Object.entries(variables)) outside.variables.set(name, value.replace("@", folder));
    const code = await runCli([configCommand], ["config", ...args.map((each) => each.replace("@", folder))], outside);
    const shown = (text: string): string => text.replaceAll(folder, "@");
    return { code, printed: shown(outside.printed.join("\n")), reported: outside.reported.map(shown) };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("verbena config check shows what decides each setting, and starts nothing", async () => {
  const files = {
    "v.toml":
      '[serve]\nreadKeyFile = "key"\nmaster = "http://u:secret@m:9333"\n[smb.servers.nas]\nuser = "ada"\npasswordFile = "pw"',
    key: "hush",
    pw: "hush",
  };
  const { code, printed, reported } = await config(files, ["check", "@/v.toml", "--grace", "1"], { VERBENA_RATE: "9" });
  assertEquals([code, reported], [0, []]);
  const lines = printed.split("\n").map((line) => line.split(/ {2,}/).join(" | "));
  for (
    const line of [
      "serve.listen | 127.0.0.1:8081 | default",
      "serve.dir | - | default",
      "serve.readKeyFile | @/key | @/v.toml",
      "serve.master | http://u:…@m:9333 | @/v.toml",
      "serve.grace | 1 | --grace",
      "access.anonymous | /health, /read | default",
      "http.rate | 9 | VERBENA_RATE",
      "smb.servers.nas | nas as ada, password from @/pw | @/v.toml",
    ]
  ) assert(lines.includes(line), `${line} is not in\n${lines.join("\n")}`);
  assertEquals(/hush|secret/.test(printed), false);
});

Deno.test("verbena config check --json is the same for programs", async () => {
  const files = { "v.json": '{"http": {"cors": ["https://a.example"]}}' };
  const { code, printed } = await config(files, ["check", "--json"], { VERBENA_CONFIG: "@/v.json" });
  const { file, settings, problems } = JSON.parse(printed);
  assertEquals([code, file, problems], [0, "@/v.json", []]);
  assertEquals(settings["http.cors"], { value: ["https://a.example"], from: "VERBENA_CONFIG @/v.json" });
  assertEquals(settings["serve.timeout"], { value: "4500", from: "default" });
  assertEquals(Object.keys(settings).length, EVERY_SETTING.length);
});

Deno.test("verbena config check tells all that is wrong, and exits with 2", async () => {
  const wrong = { "v.toml": "[serve]\nlisen = 1\ntimeout = 0" };
  const keys = await config(wrong, ["check", "@/v.toml"]);
  assertEquals([keys.code, keys.printed, keys.reported.toSorted()], [2, "", [
    "verbena config: @/v.toml: serve.lisen: unknown key; did you mean listen?",
    "verbena config: @/v.toml: serve.timeout: got 0, want a whole number from 1 to 3600000",
  ]]);
  const files = {
    "v.toml": '[serve]\ndir = "gone"\nreadKeyFile = "empty"\n[access]\nkeyFile = "keys"\nrevoked = "none"\n' +
      '[smb.servers.nas]\nuser = "ada"\npasswordFile = "pw"',
    keys: "[]",
    empty: "\n",
  };
  const named = await config(files, ["check", "@/v.toml"]);
  assertEquals(named.code, 2);
  const starts = [
    "keyFile @/keys: it has no keys",
    "revoked @/none: ",
    "readKeyFile @/empty: it is empty",
    "serve.dir @/gone: ",
    "passwordFile @/pw: ",
  ];
  assertEquals(
    named.reported.map((line, i) => line.startsWith(`verbena config: ${starts[i]}`)),
    starts.map(() => true),
  );
  const values = await config({ "v.toml": '[serve]\nlisten = "x"\n[access]\ntrust = "y"' }, [
    "check",
    "@/v.toml",
    "--json",
  ]);
  assertEquals([values.code, JSON.parse(values.printed).problems.length], [2, 2]);
  const missing = await config({}, ["check", "@/v.toml"]);
  assertMatch(missing.reported.join(), /^verbena config: @\/v\.toml: No such file/);
});

Deno.test("verbena config schema prints JSON Schema that knows every key", async () => {
  const { code, printed } = await config({}, ["schema"]);
  const schema = JSON.parse(printed);
  assertEquals([code, schema.$schema, schema.additionalProperties], [
    0,
    "https://json-schema.org/draft/2020-12/schema",
    false,
  ]);
  for (const { section, key, help } of EVERY_SETTING) {
    assertMatch(schema.properties[section].properties[key].description, help);
  }
  assertEquals(schema.properties.smb.properties.servers.additionalProperties.properties.port, {
    description: "TCP's port",
    type: "integer",
    minimum: 1,
    maximum: 65535,
  });
});

Deno.test("verbena config refuses an action it does not know, and arguments it does not take", async () => {
  assertEquals((await config({}, ["chekc"])).reported, [
    'verbena config: unknown action "chekc"; did you mean check?; see verbena config --help',
  ]);
  assertEquals((await config({}, ["schema", "x"])).reported, [
    'verbena config: schema: unexpected argument "x"; see verbena config --help',
  ]);
});

Deno.test("an engine has a section and variables of its own, beside a service's", async () => {
  const text = '[serve]\nlisten = "127.0.0.1:80"\n[engine]\ndir = "v"\nsocket = "e.sock"\ncrc = "on"\n';
  const file = await ConfigFile.parse(text, "v.toml", "/etc/v.toml");
  const variables: Record<string, string> = { VERBENA_LISTEN: "127.0.0.1:81", VERBENA_ENGINE_GRACE: "7" };
  const options = engineOptions(NO_FLAGS, (name) => variables[name], file);
  const { directories, socket, listen, grace, iwarp } = options;
  assertEquals([directories, socket, listen, grace, iwarp.crc], [["/etc/v"], "/etc/e.sock", undefined, 7, "on"]);
  assertEquals(engineOptions(readArguments(engineCommand, ["--dir", "x"])).listen, { hostname: "::", port: 18515 });
  assertThrows(() => engineOptions(NO_FLAGS), ConfigError, "--dir is missing");
  const wrong = await config({ "v.toml": '[engine]\nlisten = "a b"\n' }, [
    "check",
    "@/v.toml",
    "--listen",
    "127.0.0.1:1",
  ]);
  assertMatch(wrong.reported.join(), 'v.toml: engine.listen: got "a b", want HOST or HOST:PORT');
});
