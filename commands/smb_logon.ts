/**
 * Ways to log on without a user's name and password.
 *
 * @module
 */
import { KerberosClient, type SmbCredentials } from "../src/smb/mod.ts";
import type { Logon } from "./smb_flags.ts";

/** What logs on so; `held` gives back in the end what that takes. */
export function credentialsWithout(logon: Logon, held: DisposableStack): SmbCredentials {
  if (logon === "guest") return { guest: true };
  if (logon === "anonymous") return { anonymous: true };
  let client: KerberosClient | undefined;
  held.defer(() => client?.[Symbol.dispose]());
  return {
    name: "the tickets' owner",
    mechanisms: (host) => {
      client?.[Symbol.dispose](); // the log-on before is over
      client = new KerberosClient(host);
      return [client];
    },
  };
}
