import type { Connect } from "../../commands/smb_connections.ts";
import { type SmbConfig, smbConfigOf } from "../../commands/config/smb.ts";
import { checkServers, type PoolOptions, SmbPool } from "../../commands/smb_pool.ts";
import { HttpError } from "../../routes/http_error.ts";
import type { SmbOpenDirectory, SmbOpenFile } from "../../routes/v1/smb_source.ts";
import { ConfigError, SystemError, VerbenaError } from "../../src/rdma/errors.ts";
import { ProviderRegistry } from "../../src/rdma/registry.ts";
import { NtStatus, NtStatusError } from "../../src/smb/mod.ts";
import { assertEquals, assertRejects } from "../assert.ts";
import { MemoryServer } from "./memory_share.ts";

const SIGNAL = new AbortController().signal;

function configOf(server: Record<string, unknown>): SmbConfig {
  const servers = { NAS: server, other: { logon: "anonymous" as const } };
  return smbConfigOf({ readSize: 8192, timeout: 1000, servers }, (file) => file);
}

/** A pool whose server `nas` is in memory. */
class PoolStage {
  readonly servers: MemoryServer[] = [];
  readonly connections: Parameters<Connect>[] = [];
  /** Thrown by the next connection. */
  refusal: unknown;
  readonly pool: SmbPool;

  constructor(
    options: Partial<PoolOptions> = {},
    server: Record<string, unknown> = { host: "10.0.0.5", logon: "guest" },
  ) {
    this.pool = new SmbPool({
      config: configOf(server),
      settings: { timeout: 2000 },
      registry: new ProviderRegistry([]),
      connect: (...args) => {
        this.connections.push(args);
        if (this.refusal !== undefined) return Promise.reject(this.refusal);
        const server = new MemoryServer();
        server.data.put("a/b.bin", "hello");
        this.servers.push(server);
        return Promise.resolve(server);
      },
      log: () => {},
      ...options,
    });
  }

  /** What the path names. */
  open(path: string, server = "nas", share = "data"): Promise<SmbOpenFile | SmbOpenDirectory> {
    return this.pool.open(server, share, path, SIGNAL);
  }

  /** Opens and closes. */
  async touch(path: string, server = "nas", share = "data"): Promise<string> {
    await using opened = await this.open(path, server, share);
    return opened.kind;
  }
}

Deno.test("a pool logs on to a server once, with what the configuration says, however many read from it", async () => {
  const stage = new PoolStage();
  assertEquals(stage.connections, []);
  const kinds = await Promise.all([stage.touch("a/b.bin"), stage.touch("a", "Nas"), stage.touch("", "NAS", "Data")]);
  assertEquals(kinds, ["file", "directory", "directory"]);
  assertEquals(stage.connections.length, 1);
  const [host, options] = stage.connections[0] ?? ["", {}];
  assertEquals([host, options.credentials, options.readSize, options.timeout], [
    "10.0.0.5",
    { guest: true },
    8192,
    2000,
  ]);
  assertEquals(stage.servers[0]?.data.open_, 0);
  await stage.touch("", "other");
  assertEquals(stage.connections[1]?.[0], "other");
  await stage.pool[Symbol.asyncDispose]();
  assertEquals(stage.servers.map(({ closed }) => closed), [1, 1]);
});

Deno.test("a file of a pool has its bytes, its state, and what moves it", async () => {
  const stage = new PoolStage();
  {
    await using file = await stage.open("a/b.bin");
    if (file.kind !== "file") throw new Error(file.kind);
    assertEquals([file.size, file.transport, file.byRdma(1 << 20)], [5, "tcp", false]);
    assertEquals(await file.currentVersion(), file.version);
    const bytes = new Uint8Array(9);
    assertEquals([await file.read(2, bytes, SIGNAL), new TextDecoder().decode(bytes.subarray(0, 3))], [3, "llo"]);
    const node = stage.servers[0]?.data.nodes.get("a/b.bin");
    if (node !== undefined) node.modified++;
    assertEquals(await file.currentVersion() === file.version, false);
  }
  await using directory = await stage.open("a");
  if (directory.kind !== "directory") throw new Error(directory.kind);
  const names: string[] = [];
  for await (const { name, size } of directory.names(SIGNAL)) names.push(`${name} ${size}`);
  assertEquals(names, ["b.bin 5"]);
  await directory[Symbol.asyncDispose]();
  await stage.pool[Symbol.asyncDispose]();
});

Deno.test("bytes of a pool go by RDMA where nothing is signed or encrypted and they are many", async () => {
  const stage = new PoolStage();
  await stage.touch("a");
  const server = stage.servers[0];
  await using file = await stage.open("a/b.bin");
  if (file.kind !== "file") throw new Error(file.kind);
  const table: [Record<string, string>, number, boolean][] = [
    [{ transport: "iwarp", signing: "none", encryption: "none" }, 4096, true],
    [{ transport: "iwarp", signing: "none", encryption: "none" }, 4095, false],
    [{ transport: "iwarp", signing: "aes-gmac", encryption: "none" }, 4096, false],
    [{ transport: "iwarp", signing: "none", encryption: "aes-128-gcm" }, 4096, false],
    [{ transport: "tcp", signing: "none", encryption: "none" }, 4096, false],
  ];
  for (const [properties, length, expected] of table) {
    Object.assign(server ?? {}, properties);
    assertEquals(file.byRdma(length), expected);
  }
  await file[Symbol.asyncDispose]();
  await stage.pool[Symbol.asyncDispose]();
});

Deno.test("a pool lets go of a server that nobody reads from, and logs on anew for the next", async () => {
  const stage = new PoolStage({ idle: 5 });
  const file = await stage.open("a/b.bin");
  await new Promise((resolve) => setTimeout(resolve, 30));
  assertEquals(stage.servers[0]?.closed, 0);
  await file[Symbol.asyncDispose]();
  while (stage.servers[0]?.closed === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  assertEquals(await stage.touch("a/b.bin"), "file");
  assertEquals(stage.connections.length, 2);
  await stage.pool[Symbol.asyncDispose]();
});

Deno.test("a log-on that fails is tried again for the next who asks", async () => {
  for (const refusal of [new SystemError("connect", "ECONNREFUSED"), new NtStatusError("log on", 0xc000_006d)]) {
    const stage = new PoolStage();
    stage.refusal = refusal;
    await assertRejects(() => stage.open("a"), VerbenaError);
    stage.refusal = undefined;
    assertEquals([await stage.touch("a"), stage.connections.length], ["directory", 2]);
    await stage.pool[Symbol.asyncDispose]();
  }
});

Deno.test("what a server refuses leaves the connection; one that is lost is made anew", async () => {
  const stage = new PoolStage();
  await assertRejects(() => stage.open("none.bin"), NtStatusError);
  await assertRejects(() => stage.open("", "nas", "none"), NtStatusError);
  await stage.touch("a/b.bin");
  assertEquals(stage.connections.length, 1);
  const [first] = stage.servers;
  if (first !== undefined) first.data.fails = () => new SystemError("open", "ECONNRESET");
  await assertRejects(() => stage.open("a/b.bin"), SystemError);
  await stage.touch("a/b.bin");
  assertEquals([stage.connections.length, first?.closed, first?.data.open_], [2, 1, 0]);
  await stage.pool[Symbol.asyncDispose]();
});

Deno.test("a pool refuses what is not configured, and more files than may be open", async () => {
  const stage = new PoolStage({ maxOpen: 2 });
  const unknown = await assertRejects(() => stage.open("a", "10.0.0.5"), HttpError);
  assertEquals([unknown.status, unknown.message], [404, 'no SMB server is configured as "10.0.0.5"']);
  const files = [await stage.open("a/b.bin"), await stage.open("a/b.bin")];
  const busy = await assertRejects(() => stage.open("a/b.bin"), HttpError);
  assertEquals([busy.status, busy.headers], [503, { "retry-after": "1" }]);
  await files.pop()?.[Symbol.asyncDispose]();
  files.push(await stage.open("a/b.bin"));
  for (const file of files) await file[Symbol.asyncDispose]();
  await stage.pool[Symbol.asyncDispose]();
});

Deno.test("a failure to open is no file that is open", async () => {
  const stage = new PoolStage({ maxOpen: 1 });
  for (let time = 0; time < 3; time++) await assertRejects(() => stage.open("none.bin"), NtStatusError);
  stage.servers.forEach(({ data }) => data.fails = () => new NtStatusError("open", NtStatus.ACCESS_DENIED));
  for (let time = 0; time < 3; time++) await assertRejects(() => stage.open("a/b.bin"), NtStatusError);
  await stage.pool[Symbol.asyncDispose]();
});

Deno.test("checkServers() names the server whose log-on would have to ask somebody", async () => {
  const table: [Record<string, unknown>, string][] = [
    [{}, "smb.servers.nas: who logs on? user or logon is missing"],
    [{ user: "ada" }, "smb.servers.nas: passwordFile is missing: nobody can be asked"],
    [{ user: "ada", passwordFile: "/nowhere/secret" }, "passwordFile /nowhere/secret: "],
  ];
  for (const [server, message] of table) {
    await assertRejects(() => checkServers(configOf(server)), ConfigError, message);
  }
  await checkServers(configOf({ logon: "guest" }));
});

Deno.test("a pool that is given another configuration logs on anew by it, and reads on what is open", async () => {
  const stage = new PoolStage();
  const file = await stage.open("a/b.bin");
  stage.pool.replace(configOf({ host: "10.0.0.6", logon: "anonymous" }));
  if (file.kind !== "file") throw new Error(file.kind);
  const bytes = new Uint8Array(5);
  assertEquals([await file.read(0, bytes, SIGNAL), new TextDecoder().decode(bytes)], [5, "hello"]);
  await stage.touch("a/b.bin");
  assertEquals(stage.connections.map(([host, { credentials }]) => [host, credentials]), [
    ["10.0.0.5", { guest: true }],
    ["10.0.0.6", { anonymous: true }],
  ]);
  assertEquals(stage.servers.map(({ closed }) => closed), [0, 0]);
  await file[Symbol.asyncDispose]();
  while (stage.servers[0]?.closed === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  stage.pool.replace({ servers: new Map(), settings: {} });
  const unknown = await assertRejects(() => stage.open("a"), HttpError);
  assertEquals(unknown.status, 404);
  await stage.pool[Symbol.asyncDispose]();
});
