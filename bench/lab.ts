/**
 * Benchmarks that run in the lab's guest.
 *
 * @module
 */

const ROOT = new URL("../", import.meta.url).pathname;

/** Runs a script of this folder in the guest; the JSON that it prints. */
export async function runInLab(script: string, rounds: number): Promise<unknown> {
  const command = `deno run --quiet --no-check --cached-only -P=lab bench/${script} ${rounds}`;
  const { success, stdout } = await new Deno.Command("test/lab/lab.sh", {
    args: ["run", "-t", "3600", `cd ${ROOT} && ${command}`],
    cwd: ROOT,
    stderr: "inherit", // its progress
  }).output();
  if (!success) throw new Error("the lab's part failed");
  return JSON.parse(new TextDecoder().decode(stdout));
}
