import { runCli } from "../../commands/cli.ts";
import type { CliContext } from "../../commands/cli.ts";
import { type Command, OutputClosed, readArguments, type Role, roleOf } from "../../commands/command.ts";
import { engineCommand } from "../../commands/engine.ts";
import { serveCommand } from "../../commands/serve.ts";
import { CapabilityError } from "../../src/rdma/errors.ts";
import { assertEquals, assertMatch } from "../assert.ts";

/** Runs the command line in this process: its exit code, and what it said where. */
async function run(
  args: string[],
  commands: Command[] = [serveCommand, engineCommand],
  extra: Partial<CliContext> = {},
): Promise<{ code: number; printed: string; reported: string }> {
  const printed: string[] = [];
  const reported: string[] = [];
  const code = await runCli(commands, args, {
    version: "0.1.0",
    print: (line) => printed.push(line),
    report: (line) => reported.push(line),
    writeBytes: () => Promise.resolve(),
    terminal: undefined,
    environment: () => undefined,
    askSecret: () => Promise.resolve(undefined),
    onHangup: () => {},
    stop: new AbortController().signal,
    ...extra,
  });
  return { code, printed: printed.join("\n"), reported: reported.join("\n") };
}

/** A command that does what the test says. */
function commandOf(body: Command["run"]): Command {
  return {
    name: "do",
    summary: "Does it. More.",
    usage: "[FLAG]…",
    role: "serve",
    positionals: { minimum: 0, maximum: 1 },
    flags: { "name": { type: "string", help: "a name" }, "quiet": { type: "boolean", short: "q", help: "say less" } },
    run: body,
  };
}

Deno.test("--version prints the version and exits with 0", async () => {
  assertEquals(await run(["--version"]), { code: 0, printed: "verbena 0.1.0", reported: "" });
});

Deno.test("--help names every command and exits with 0; no command at all does so on stderr and exits with 2", async () => {
  const help = await run(["--help"]);
  assertEquals([help.code, help.reported], [0, ""]);
  for (const name of ["serve", "engine"]) assertMatch(help.printed, `\n  ${name} `);
  assertEquals(await run([]), { code: 2, printed: "", reported: help.printed });
});

Deno.test("each command has its own --help, and help COMMAND is the same", async () => {
  for (const name of ["serve", "engine"]) {
    const help = await run([name, "--help"]);
    assertEquals([help.code, help.reported], [0, ""]);
    assertMatch(help.printed, `Usage: verbena ${name} `);
    assertMatch(help.printed, "\n  --listen HOST:PORT ");
    assertEquals(await run(["help", name]), help);
  }
});

const BAD_USAGE: [string[], string][] = [
  [["sreve"], `verbena: unknown command "sreve"; did you mean serve?; see verbena --help`],
  [["frobnicate"], `verbena: unknown command "frobnicate"; see verbena --help`],
  [["--listen", "x"], "verbena: the command comes first, then --listen; see verbena --help"],
  [["serve", "--lisen", "x"], "verbena serve: unknown flag --lisen; did you mean --listen?; see verbena serve --help"],
  [["serve", "--constructor"], "verbena serve: unknown flag --constructor; see verbena serve --help"],
  [["serve", "-x"], "verbena serve: unknown flag -x; see verbena serve --help"],
  [["serve", "here"], `verbena serve: unexpected argument "here"; see verbena serve --help`],
  [["serve", "--listen"], "verbena serve: --listen needs a value: --listen HOST:PORT; see verbena serve --help"],
  [["serve", "--listen="], "verbena serve: --listen needs a value: --listen HOST:PORT; see verbena serve --help"],
  [["serve", "--debug=yes"], `verbena serve: --debug takes no value, got "yes"; see verbena serve --help`],
  [
    ["serve", "--listen", "[::1]:1", "--listen", "[::1]:2"],
    "verbena serve: --listen is given more than once; see verbena serve --help",
  ],
  [
    ["serve", "--listen", "8081"],
    `verbena serve: --listen: got "8081", want HOST:PORT, as in 127.0.0.1:8081 or [::1]:8081; see verbena serve --help`,
  ],
  [
    ["serve", "--engine", "http://x"],
    `verbena serve: --engine: got "http://x", want rdma:HOST[:18515] or unix:PATH, as in rdma:10.0.0.1; ` +
    "see verbena serve --help",
  ],
  [
    ["serve", "--crc", "maybe"],
    `verbena serve: --crc: got "maybe", want auto, on or off; see verbena serve --help`,
  ],
  [
    ["serve", "--read-ahead", "1e6"],
    `verbena serve: --read-ahead: got "1e6", want a whole number from 0 to 1073741824; see verbena serve --help`,
  ],
  [
    ["engine"],
    "verbena engine: --dir is missing: name a SeaweedFS volume directory, --dir DIR; see verbena engine --help",
  ],
];
for (const [args, line] of BAD_USAGE) {
  Deno.test(`verbena ${args.join(" ")} exits with 2 and one line`, async () => {
    assertEquals(await run(args), { code: 2, printed: "", reported: line });
  });
}

Deno.test("a command that fails exits with 1 and one line, and with its stack under --debug", async () => {
  const failing = commandOf(() => Promise.reject(new CapabilityError("no device:\n  plug one in")));
  assertEquals(await run(["do"], [failing]), { code: 1, printed: "", reported: "verbena do: no device: plug one in" });
  const { code, reported } = await run(["do", "--debug"], [failing]);
  assertEquals(code, 1);
  assertMatch(reported, /^verbena do: no device: plug one in\nCapabilityError: no device:\n[^]*cli_test\.ts/);
});

Deno.test("a command whose output nobody reads any more exits with 1 and no line", async () => {
  const unread = commandOf(() => Promise.reject(new OutputClosed("standard output: nobody reads it")));
  assertEquals(await run(["do"], [unread]), { code: 1, printed: "", reported: "" });
});

Deno.test("a defect exits with 1 and says how to see where it comes from", async () => {
  const defective = commandOf(() => Promise.reject(new TypeError("x is not a function")));
  assertEquals(
    (await run(["do"], [defective])).reported,
    "verbena do: x is not a function; --debug shows where it comes from",
  );
});

Deno.test("a command is given its flags, its short flags and its arguments", async () => {
  const seen: unknown[] = [];
  const command = commandOf((given) => {
    seen.push(given.value("name"), given.has("quiet"), given.positionals);
    return Promise.resolve();
  });
  assertEquals((await run(["do", "-q", "--name=--x", "there"], [command])).code, 0);
  assertEquals((await run(["do", "--", "--name"], [command])).code, 0);
  assertEquals(seen, ["--x", true, ["there"], undefined, false, ["--name"]]);
});

Deno.test("a command is launched with its role's permissions where they are missing, and its exit code handed on", async () => {
  const command = commandOf(() => Promise.reject(new Error("ran here")));
  const launch = (role: Role) => role === "serve" ? Promise.resolve(7) : undefined;
  assertEquals((await run(["do"], [command], { launch })).code, 7);
  assertEquals((await run(["do", "--nmae"], [command], { launch })).code, 2);
});

Deno.test("verbena serve has the right to open libraries only where a device may have to be reached", () => {
  const table: [string[], Role, Record<string, string>?][] = [
    [[], "serve"],
    [["--dir", "/data"], "serve"],
    [["--engine", "unix:/run/engine.sock"], "serve"],
    [["--engine", "unix:/run/engine.sock", "--engine", "rdma:10.0.0.1"], "serve-rdma"],
    [[], "serve-rdma", { VERBENA_ENGINE: "unix:/run/engine.sock,rdma:10.0.0.1" }],
    [[], "serve", { VERBENA_ENGINE: "rdma:10.0.0.1", VERBENA_PROVIDER: "iwarp" }],
    [["--provider", "verbs"], "serve-rdma", { VERBENA_PROVIDER: "iwarp" }],
    [[], "serve-rdma", { VERBENA_CONFIG: "verbena.toml" }],
    [["--engine", "rdma:10.0.0.1"], "serve-rdma"],
    [["--engine", "rdma:10.0.0.1", "--provider", "iwarp"], "serve"],
    [["--dir", "/data", "--provider", "verbs"], "serve-rdma"],
    [["--config", "verbena.json"], "serve-rdma"],
    [["--config", "verbena.json", "--provider", "iwarp"], "serve"],
  ];
  for (const [args, role, variables = {}] of table) {
    const given = readArguments(serveCommand, args);
    assertEquals(roleOf(serveCommand, given, (name) => variables[name]), role, args.join(" "));
  }
});
