import { assertEquals } from "../assert.ts";

async function target(verb: string, kind: "fast" | "slow"): Promise<string> {
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--quiet",
      "--no-check",
      "--allow-ffi",
      "--v8-flags=--allow-natives-syntax",
      new URL("turbocall_probe.ts", import.meta.url).href,
      verb,
      kind,
    ],
    env: { DENO_UNSTABLE_FFI_TRACE_TURBO: "1", NO_COLOR: "1" },
  }).output();
  return new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
}

for (const verb of ["post_send", "post_recv", "poll_cq", "req_notify_cq"]) {
  Deno.test(`optimised code calls ${verb} directly where addresses are bigints`, async () => {
    assertEquals(await target(verb, "fast"), "target\n");
  });
}

Deno.test("an address given as a number takes the long way, which is why none is", async () => {
  assertEquals(await target("post_send", "slow"), "null\n");
});
