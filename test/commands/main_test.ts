import configuration from "../../deno.json" with { type: "json" };
import { assertEquals } from "../assert.ts";

const ROOT = new URL("../..", import.meta.url).pathname;

/** Runs main.ts as its own process under a permission set. */
async function main(set: string, ...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const command = new Deno.Command("deno", {
    args: ["run", "--quiet", `--permission-set=${set}`, "main.ts", ...args],
    cwd: ROOT,
  });
  const { code, stdout, stderr } = await command.output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

Deno.test("main.ts prints its version with no permission but to run Deno", async () => {
  assertEquals(await main("launch", "--version"), {
    code: 0,
    stdout: `verbena ${configuration.version}\n`,
    stderr: "",
  });
});

Deno.test("main.ts refuses bad usage with 2, one line on stderr and nothing on stdout, before it starts anything", async () => {
  const { code, stdout, stderr } = await main("launch", "serve", "--provider", "carrier-pigeon");
  assertEquals([code, stdout], [2, ""]);
  assertEquals(
    stderr,
    `verbena serve: --provider: got "carrier-pigeon", want auto, verbs or iwarp; see verbena serve --help\n`,
  );
});

Deno.test("no permission set but the tests' own may run programs at will, and none grants everything", () => {
  for (const [name, set] of Object.entries<Record<string, unknown>>(configuration.permissions)) {
    assertEquals("all" in set, false, name);
    if (name !== "test") assertEquals(set.run, name === "launch" ? ["deno"] : undefined, name);
  }
  for (const [name, task] of Object.entries(configuration.tasks)) {
    assertEquals(/(^|\s)(-A|--allow-all)(\s|$)/.test(task), false, name);
  }
});
