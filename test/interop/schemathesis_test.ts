/**
 * Schemathesis (PyPI) reads /openapi.json and asks everything it describes, rightly and wrongly.
 *
 * @module
 */
import { assert, assertMatch } from "../assert.ts";
import { SCHEMATHESIS_VERSION, testWith } from "../capabilities.ts";
import { installFromPypi } from "./pip_install.ts";
import { Process } from "./process.ts";

const ROOT = new URL("../../", import.meta.url).pathname;

// Which of /read's parameters go together, and which names a file server takes, a description cannot say: what fits it may
// still be refused with 400. All else is held to it.
const ARGUMENTS = [
  ["--checks", "all", "--exclude-checks", "positive_data_acceptance"],
  ["--exclude-path", "/v1/events"], // it has no end
  ["--max-examples", "50", "--request-timeout", "10", "--seed", "1", "--no-color", "--workers", "1"],
].flat();

await testWith(
  ["schemathesis"],
  "schemathesis finds no 5xx, and no answer that the description does not have",
  async () => {
    const command = ["run", "--quiet", "-P=serve", "main.ts", "serve", "--listen", "127.0.0.1:0"];
    await using stack = new AsyncDisposableStack();
    const service = stack.use(new Process(Deno.execPath(), command, { cwd: ROOT, name: "verbena serve" }));
    const [, origin = ""] = await service.line(/^verbena serve listening on (http:\S+)$/, 60_000);
    const [, token = ""] = await service.line(/^ {2}TOKEN=(\S+)$/, 5_000);
    const folder = await installFromPypi("schemathesis", SCHEMATHESIS_VERSION, "whole");
    const { code, stdout } = await new Deno.Command("python3", {
      args: [
        "-m",
        "schemathesis.cli",
        "run",
        `${origin}/openapi.json`,
        "-H",
        `Authorization: Bearer ${token}`,
        ...ARGUMENTS,
      ],
      env: { PYTHONPATH: folder },
      cwd: await tempFolder(stack),
      signal: AbortSignal.timeout(240_000),
      stderr: "inherit",
    }).output();
    const report = new TextDecoder().decode(stdout);
    assert(code === 0, report);
    assertMatch(report, /Tested: 2[0-9]\n/);
    assertMatch(report, /\n {2}(\d+) generated, \1 passed/);
  },
);

/** Where it may keep what it likes. */
async function tempFolder(stack: AsyncDisposableStack): Promise<string> {
  const folder = await Deno.makeTempDir();
  stack.defer(() => Deno.remove(folder, { recursive: true }));
  return folder;
}
