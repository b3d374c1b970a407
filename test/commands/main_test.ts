import configuration from "../../deno.json" with { type: "json" };
import { assertEquals, assertMatch, assertRejects } from "../assert.ts";

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
    if (name !== "test" && name !== "lab") assertEquals(set.run, name === "launch" ? ["deno"] : undefined, name);
  }
  for (const [name, task] of Object.entries(configuration.tasks)) {
    assertEquals(/(^|\s)(-A|--allow-all)(\s|$)/.test(task), false, name);
  }
});

Deno.test("verbena serve through its task: ready line, a pasted read over RDMA, SIGTERM, exit 0 and nothing left", async () => {
  await using child = new Deno.Command("deno", {
    args: ["run", "--quiet", "--permission-set=launch", "main.ts", "serve", "--listen", "127.0.0.1:0"],
    cwd: ROOT,
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const errors = new Response(child.stderr).text();
  const lines = child.stdout.pipeThrough(new TextDecoderStream());
  let printed = "";
  for await (const text of lines) {
    printed += text;
    const path = /'(http:[^']+\/read[^']+)'/.exec(printed)?.[1];
    if (path === undefined) continue;
    const response = await fetch(path);
    assertEquals([response.status, response.headers.get("x-source")], [200, "rdma"]);
    const { byteLength } = await response.arrayBuffer();
    assertEquals(String(byteLength), new URL(path).searchParams.get("size"));
    child.kill("SIGTERM");
    break;
  }
  assertMatch(printed, /^verbena serve listening on http:\/\/127\.0\.0\.1:\d+\n/);
  assertEquals((await child.status).code, 0);
  const directory = /"directory":"([^"]+)"/.exec(await errors)?.[1] ?? "";
  await assertRejects(() => Deno.stat(directory), Deno.errors.NotFound);
});

Deno.test("main.ts says in one line that an address is taken, and exits with 1", async () => {
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const address = `127.0.0.1:${(taken.addr as Deno.NetAddr).port}`;
  const { code, stdout, stderr } = await main("serve", "serve", "--listen", address, "--log-level", "error");
  assertEquals([code, stdout], [1, ""]);
  const line =
    `verbena serve: listen ${address}: EADDRINUSE: another program has it; choose a port with --listen, 0 for any\n`;
  assertEquals(stderr, line);
});
