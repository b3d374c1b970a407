import { assertEquals } from "../assert.ts";

const LAUNCH = new URL("../../commands/launch.ts", import.meta.url).href;

/** A program that stands in for main.ts: it launches itself as `serve`, tells what it may do, and awaits a signal. */
const PROGRAM = `
import { launch, mustLaunch } from ${JSON.stringify(LAUNCH)};
if (mustLaunch("serve")) Deno.exit(await launch("serve", new URL(import.meta.url), Deno.args));
const state = (name) => Deno.permissions.querySync({ name }).state;
const [code, wait] = Deno.args;
if (wait === "wait") {
  const timer = setInterval(() => {}, 1000);
  Deno.addSignalListener("SIGTERM", () => {
    console.log("SIGTERM");
    clearInterval(timer);
    Deno.exit(Number(code));
  });
}
console.log(["net", "read", "run", "ffi", "write", "env"].map((name) => name + " " + state(name)).join(", "));
if (wait !== "wait") Deno.exit(Number(code));
`;

const CONFIGURATION = {
  permissions: { launch: { run: ["deno"] }, serve: { net: true, read: true } },
};

/** Starts the program under the `launch` set, in a folder that goes when the test ends. */
async function start(folder: string, args: string[]): Promise<Deno.ChildProcess> {
  await Deno.writeTextFile(`${folder}/main.ts`, PROGRAM);
  await Deno.writeTextFile(`${folder}/deno.json`, JSON.stringify(CONFIGURATION));
  return new Deno.Command("deno", {
    args: ["run", "--quiet", "--no-check", "--permission-set=launch", "main.ts", ...args],
    cwd: folder,
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
}

const GRANTED = "net granted, read granted, run prompt, ffi prompt, write prompt, env prompt";

Deno.test("launch() runs the program with the role's permission set and no more, and hands on its exit code", async () => {
  const folder = await Deno.makeTempDir({ prefix: "with a space " });
  try {
    const child = await start(folder, ["5"]);
    const { code, stdout } = await child.output();
    assertEquals([code, new TextDecoder().decode(stdout)], [5, `${GRANTED}\n`]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("launch() hands on a signal and waits for what it started", async () => {
  const folder = await Deno.makeTempDir({ prefix: "with a space " });
  try {
    await using child = await start(folder, ["0", "wait"]);
    const lines: string[] = [];
    for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
      if (lines.length === 0) child.kill("SIGTERM");
      lines.push(text);
    }
    assertEquals(lines.join(""), `${GRANTED}\nSIGTERM\n`);
    assertEquals((await child.status).code, 0);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
