/**
 * Our SMB client connected to a Samba of its own.
 *
 * @module
 */
import { connectSmb, NtStatusError, type SmbOptions, type SmbServer, type SmbShare } from "../../src/smb/mod.ts";
import { assertEquals, assertRejects } from "../assert.ts";
import { Samba } from "./samba.ts";
import { ALICE, type SmbConf } from "./smb_conf.ts";

/** ALICE's credentials. */
export const AS_ALICE = { user: ALICE.name, password: ALICE.password };

/** Connects as ALICE, over TCP. */
export async function connect(port: number, options: SmbOptions = {}): Promise<SmbServer> {
  return await connectSmb("127.0.0.1", { port, credentials: AS_ALICE, ...options });
}

/** A Samba, a client that is logged on, and its share `share`. */
export interface SmbStage extends AsyncDisposable {
  readonly samba: Samba;
  readonly server: SmbServer;
  readonly share: SmbShare;
}

/** Opens all of them. */
export async function openSmbStage(conf: SmbConf = {}, options: SmbOptions = {}): Promise<SmbStage> {
  await using opening = new AsyncDisposableStack();
  const samba = opening.use(await Samba.start(conf));
  const server = opening.use(await connect(samba.port, options));
  const share = await server.openShare("share");
  const opened = opening.move();
  return { samba, server, share, [Symbol.asyncDispose]: () => opened.disposeAsync() };
}

/** Writes a file from its start. */
export async function put(share: SmbShare, path: string, bytes: Uint8Array): Promise<void> {
  await using file = await share.open(path, { write: true, create: true, truncate: true });
  await file.write(0, bytes);
}

/** Reads a whole file. */
export async function get(share: SmbShare, path: string): Promise<Uint8Array> {
  await using file = await share.open(path);
  const bytes = new Uint8Array(file.size);
  assertEquals(await file.read(0, bytes), bytes.length);
  return bytes;
}

/** Fails unless the promise is rejected with an NTSTATUS. */
export async function assertStatus(run: () => Promise<unknown>, status: number): Promise<NtStatusError> {
  const error = await assertRejects(run, NtStatusError);
  assertEquals(error.status, status, error.message);
  return error;
}
