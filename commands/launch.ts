/**
 * Roles: a command runs with the permission set that deno.json names for it, and with no more. A process that has
 * nothing but the right to run Deno starts another one with that set and stands in for it.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import type { Role } from "./command.ts";

/** What the roles cannot do without, as a cheap sign of whether a process has a role's set. */
const SIGNS: Readonly<Record<Role, Deno.PermissionDescriptor>> = {
  "serve": { name: "net" },
  "serve-rdma": { name: "ffi" },
  "engine": { name: "ffi" },
  "client": { name: "net" },
  "config": { name: "read" },
  "token": { name: "write" },
};

/** Whether this process should start another to have the role's permissions: it lacks them, and may run Deno. */
export function mustLaunch(
  role: Role,
  query = (descriptor: Deno.PermissionDescriptor) => Deno.permissions.querySync(descriptor).state,
): boolean {
  const granted = (descriptor: Deno.PermissionDescriptor): boolean => {
    const state = query(descriptor);
    return state === "granted" || state === "granted-partial" as Deno.PermissionState;
  };
  return !Deno.build.standalone && !granted(SIGNS[role]) && granted({ name: "run", command: "deno" });
}

/**
 * Runs `main` with `args` under the role's permission set, which may write to `writes` as well, hands signals on, and returns the exit code. A signal that a
 * terminal sends to the whole group reaches the other process twice; it takes two so close together for one.
 */
export async function launch(
  role: Role,
  main: URL,
  args: readonly string[],
  writes: readonly string[] = [],
): Promise<number> {
  const granted = writes.filter((path) => path !== "" && !path.includes(",")); // which would part one path into two
  const child = new Deno.Command("deno", {
    args: [
      "run",
      "--quiet",
      `--permission-set=${role}`,
      ...(granted.length === 0 ? [] : [`--allow-write=${granted.join(",")}`]),
      "--config",
      fileURLToPath(new URL("deno.json", main)),
      main.href,
      ...args,
    ],
    stdin: "inherit",
    stdout: "inherit",
    stderr: "inherit",
  }).spawn();
  const forward = (["SIGINT", "SIGTERM", "SIGHUP"] as const).map((name): [Deno.Signal, () => void] => [name, () => {
    try {
      child.kill(name);
    } catch {
      // It has just ended; its status is on the way.
    }
  }]);
  for (const [name, handler] of forward) Deno.addSignalListener(name, handler);
  try {
    return (await child.status).code;
  } finally {
    for (const [name, handler] of forward) Deno.removeSignalListener(name, handler);
  }
}
