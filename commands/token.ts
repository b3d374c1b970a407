/**
 * `verbena token`: its flags.
 *
 * @module
 */
import { type Arguments, type Command, readAction } from "./command.ts";
import { ACCESS_SETTINGS } from "./config/serve_settings.ts";
import { ConfigError } from "../src/rdma/errors.ts";

const ACTIONS = ["create", "key", "revoke"] as const;
type Action = typeof ACTIONS[number];

/** The flags that an action takes, beside those that all of them do. */
const FLAGS: Readonly<Record<Action, readonly string[]>> = {
  create: ["scope", "subject", "expires", "not-before", "key-file"],
  key: ["algorithm", "key-file"],
  revoke: ["revoked"],
};

/** `verbena token`. */
export const tokenCommand: Command = {
  name: "token",
  summary: "Makes tokens for the HTTP API, keys that sign them, and lists of those that are not taken any more.\n" +
    "  create  signs a token that has the scopes, and prints it\n" +
    "  key     adds a key to the key file, which is made where it is not there; the new one signs from then on\n" +
    "  revoke  adds a token to the revocation list, by itself or by its id\n" +
    "Scopes: needle:read, needle:read:3,5, smb:read:SERVER/SHARE[/PREFIX], devices:read, stats:read, sessions:read,\n" +
    "sessions:cancel, admin. Send SIGHUP to verbena serve after key and revoke.",
  usage: "create --scope SCOPE… [--expires 1h] | key [--algorithm NAME] | revoke TOKEN|ID",
  role: "token",
  positionals: { minimum: 1, maximum: 2 },
  flags: {
    "scope": { type: "string", value: "SCOPE", multiple: true, help: "what the token allows; repeatable" },
    "subject": { type: "string", value: "NAME", help: "whom it is for, as logs name them" },
    "expires": { type: "string", value: "TIME", help: "how long it is taken: 90s, 15m, 1h, 30d (1h)" },
    "not-before": { type: "string", value: "TIME", help: "how long from now until it is taken (0s)" },
    "algorithm": { type: "string", value: "NAME", help: "of the key: EdDSA or HS256 (EdDSA)" },
    "key-file": { type: "string", value: "FILE", help: ACCESS_SETTINGS.keyFile.help },
    "revoked": { type: "string", value: "FILE", help: ACCESS_SETTINGS.revoked.help },
    "config": { type: "string", value: "FILE", help: "the configuration, which may name these files" },
    "json": { type: "boolean", help: "print JSON" },
  },
  async run(given, context): Promise<void> {
    const { action, rest: [token] } = readAction(given, ACTIONS, { create: [0, 0], key: [0, 0], revoke: [1, 1] });
    refuseOthers(given, action);
    const { createToken, addKey, revokeToken } = await import("./run_token.ts");
    if (action === "create") await createToken(given, context);
    else if (action === "key") await addKey(given, context);
    else await revokeToken(token ?? "", given, context);
  },
};

/** Throws ConfigError for a flag that is another action's. */
function refuseOthers(given: Arguments, action: Action): void {
  const other = Object.values(FLAGS).flat().find((flag) => given.has(flag) && !FLAGS[action].includes(flag));
  if (other !== undefined) throw new ConfigError(`--${other} is not for ${action}`);
}
