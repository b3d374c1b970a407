import { ConfigError, SystemError, VerbenaError, VerbsError } from "../../src/rdma/errors.ts";
import { ProviderRegistry } from "../../src/rdma/registry.ts";
import { iwarpProvider } from "../../src/iwarp/mod.ts";
import { connectSmb, type SmbShare } from "../../src/smb/mod.ts";
import { NtStatus } from "../../src/smb/wire/status.ts";
import { assert, assertEquals, assertMatch, assertRejects } from "../assert.ts";
import { testWith } from "../capabilities.ts";
import { pattern } from "../smbdirect/sides.ts";
import { FaultyProxy } from "./faulty_proxy.ts";
import { freePorts } from "./process.ts";
import { Samba } from "./samba.ts";
import { AS_ALICE, assertStatus, connect, get, openSmbStage, put } from "./smb_stage.ts";

const SIZE = 8_000_000;
/** What lets smbd keep a handle while its connection is away. */
const DURABLE = { "kernel oplocks": "no", "kernel share modes": "no", "posix locking": "no" };

await testWith(["samba"], "a server killed while a file is read is read on from when it is back", async () => {
  await using stage = await openSmbStage({}, { readSize: 65_536, inFlight: 2 });
  const { samba, server, share } = stage;
  await put(share, "file", pattern(SIZE, 1));
  await using file = await share.open("file");
  let done = 0;
  for await (const piece of file.readPieces(0, SIZE)) {
    assertEquals(piece, pattern(SIZE, 1).subarray(done, done + piece.length));
    done += piece.length;
    if (done === 10 * 65_536) await samba.restart();
  }
  assertEquals([done, server.statistics.reconnects], [SIZE, 1]);
});

await testWith(["samba"], "a file that changed while the connection was lost is not read on", async () => {
  await using stage = await openSmbStage({}, { readSize: 65_536, inFlight: 2 });
  const { samba, share } = stage;
  await put(share, "file", pattern(SIZE, 1));
  await using file = await share.open("file");
  await file.read(0, new Uint8Array(1_000));
  await samba.kill();
  await Deno.writeFile(`${samba.path()}/file`, pattern(SIZE, 2));
  await samba.restart();
  const error = await assertRejects(() => file.read(0, new Uint8Array(SIZE)), SystemError, "the file changed");
  assertEquals(error.code, "ESTALE");
});

await testWith(
  ["samba"],
  "a server killed while a file is written is told, and writes nothing more by itself",
  async () => {
    await using stage = await openSmbStage({}, { writeSize: 65_536, inFlight: 2 });
    const { samba, share } = stage;
    await using file = await share.open("file", { write: true, create: true });
    let done = 0;
    const error = await assertRejects(
      () =>
        file.writePieces(0, async (into) => {
          done += into.length;
          into.fill(done & 0xff);
          if (done === 10 * 65_536) await samba.restart();
          return done > SIZE ? 0 : into.length;
        }),
      SystemError,
      "the connection was lost while it was open for writing",
    );
    assertEquals(error.code, "ESTALE");
    assert((await Deno.stat(`${samba.path()}/file`)).size < SIZE);
  },
);

await testWith(
  ["samba"],
  "a connection cut while a file is written goes on, where the server keeps the handle",
  async () => {
    await using samba = await Samba.start({ global: DURABLE });
    await using proxy = new FaultyProxy(samba.port);
    await using server = await connect(proxy.port, { writeSize: 65_536, inFlight: 4 });
    const share = await server.openShare("share");
    const bytes = pattern(SIZE, 3);
    {
      await using file = await share.open("file", { write: true, create: true });
      assertEquals(file.durable, true);
      let done = 0;
      let cuts = 0;
      const written = await file.writePieces(0, (into) => {
        const part = bytes.subarray(done, done + into.length);
        into.set(part);
        done += part.length;
        if (done > (cuts + 1) * 2_000_000 && cuts < 3) {
          cuts++;
          proxy.cutAll();
        }
        return Promise.resolve(part.length);
      });
      assertEquals([written, cuts], [SIZE, 3]);
    }
    assertEquals(await Deno.readFile(`${samba.path()}/file`), bytes);
    assert(server.statistics.reconnects >= 1, "the connection was made again");
  },
);

await testWith(
  ["samba"],
  "a connection cut after any count of bytes ends in the right bytes, or an error",
  async () => {
    await using samba = await Samba.start({ global: DURABLE });
    const bytes = pattern(400_000, 4);
    {
      await using server = await connect(samba.port);
      await put(await server.openShare("share"), "file", bytes);
    }
    await using proxy = new FaultyProxy(samba.port);
    let failures = 0;
    for (let trial = 0; trial < 40; trial++) {
      const direction = trial % 2 === 0 ? "back" : "out";
      const after = trial < 20 ? trial * 97 : (trial - 19) * (direction === "back" ? 20_011 : 401);
      let planned = false;
      proxy.plan = () => planned ? undefined : (planned = true, { kind: "cut", direction, after });
      try {
        await using server = await connect(proxy.port, { readSize: 65_536, timeout: 3_000 });
        const share = await server.openShare("share");
        assertEquals(await get(share, "file"), bytes);
        await put(share, "other", bytes);
        assertEquals(await Deno.readFile(`${samba.path()}/other`), bytes);
      } catch (error) {
        assert(error instanceof VerbenaError, `cut ${direction} after ${after}: ${error}`);
        failures++;
      }
    }
    assert(failures < 25, `${failures} of 40 failed: those cut while they logged on, or as they closed`);
  },
);

await testWith(["samba"], "without reconnect a lost connection is an error at once", async () => {
  await using stage = await openSmbStage({}, { reconnect: false });
  const { samba, share } = stage;
  await put(share, "file", pattern(10));
  await samba.restart();
  await assertRejects(() => share.stat("file"), SystemError, "lost");
});

await testWith(["samba"], "a server that stalls is given up after the timeout", async () => {
  await using stage = await openSmbStage({}, { timeout: 500, connectTimeout: 700, echoInterval: 0 });
  const { samba, server, share } = stage;
  await put(share, "file", pattern(100_000));
  await using file = await share.open("file");
  await samba.pause();
  try {
    const error = await assertRejects(() => file.read(0, new Uint8Array(100_000)), SystemError);
    assertEquals(error.code, "ETIMEDOUT", error.message);
    assertMatch(error.message, "within");
    const controller = new AbortController();
    const stopped = share.stat("file", { signal: controller.signal });
    controller.abort(new Error("enough"));
    await assertRejects(() => stopped, Error, "enough");
  } finally {
    await samba.resume();
  }
  assertEquals(await get(share, "file"), pattern(100_000));
  assert(server.statistics.reconnects >= 1);
});

await testWith(["samba"], "silence is asked for a sign of life, and a silent server given up", async () => {
  await using stage = await openSmbStage({}, { timeout: 300, connectTimeout: 500, echoInterval: 100 });
  const { samba, server, share } = stage;
  const heard = server.statistics.receives;
  await new Promise((resolve) => setTimeout(resolve, 500));
  assert(server.statistics.receives > heard, "it was asked, and answered");
  await samba.pause();
  try {
    await new Promise((resolve) => setTimeout(resolve, 800));
    assertEquals(server.connected, false);
  } finally {
    await samba.resume();
  }
  assertEquals((await share.stat("")).directory, true);
});

for (const credits of [1, 10]) {
  await testWith(["samba"], `files come and go where the server gives ${credits} credits`, async () => {
    await using stage = await openSmbStage({ global: { "smb2 max credits": String(credits) } });
    await exchangeFiles(stage.share);
    await Promise.all(Array.from({ length: 20 }, (_, index) => put(stage.share, `f${index}`, pattern(100_000, index))));
    for (let index = 0; index < 20; index++) assertEquals(await get(stage.share, `f${index}`), pattern(100_000, index));
  });

  await testWith(["samba"], `files come and go where the client asks for ${credits} credits`, async () => {
    await using stage = await openSmbStage({}, { credits });
    await exchangeFiles(stage.share);
  });
}

async function exchangeFiles(share: SmbShare): Promise<void> {
  await put(share, "file", pattern(3_000_001, 6));
  assertEquals(await get(share, "file"), pattern(3_000_001, 6));
}

await testWith(["samba"], "a server without SMB Direct is reached over TCP, and why is told", async () => {
  await using samba = await Samba.start();
  const registry = new ProviderRegistry([iwarpProvider()]);
  const [nothing = 0] = freePorts(1);
  const options = { port: samba.port, credentials: AS_ALICE, registry, rdmaPorts: [nothing] };
  await using server = await connectSmb("127.0.0.1", options);
  assertEquals(server.transport, "tcp");
  assertMatch(server.passedOver.map(({ name, reason }) => `${name}: ${reason}`).join(), /^iwarp: port \d+: .*refused/);
  assertEquals(server.statistics.reason, server.passedOver.map(({ name, reason }) => `${name}: ${reason}`).join("; "));
  await assertRejects(() => connectSmb("127.0.0.1", { ...options, rdma: "iwarp" }), VerbsError, "refused");
  const error = await assertRejects(() => connectSmb("127.0.0.1", { ...options, rdma: "verbs" }), ConfigError);
  assertMatch(error.message, "provider: verbs is not one of auto, iwarp");
});

await testWith([], "a server that is not there is told as such", async () => {
  const [nothing = 0] = freePorts(1);
  const error = await assertRejects(() => connect(nothing), SystemError, "nothing listens there");
  assertEquals(error.code, "ECONNREFUSED");
  await assertRejects(() => connectSmb("127.0.0.1", { port: nothing }), ConfigError, "no credentials");
});

await testWith(["samba"], "a file that is closed, and a server that is, say so", async () => {
  await using stage = await openSmbStage();
  const { server, share } = stage;
  await put(share, "file", pattern(10));
  const file = await share.open("file");
  await file.close();
  await file.close();
  await assertRejects(() => file.read(0, new Uint8Array(1)), ConfigError, "the file is closed");
  await share.close();
  assertEquals((await share.stat("file")).size, 10, "a share is reached again when it is used again");
  await server.close();
  await server.close();
  await assertRejects(() => share.stat("file"), SystemError, "it was closed");
});

await testWith(["samba"], "two writers of one file at once are told as SHARING_VIOLATION", async () => {
  await using stage = await openSmbStage();
  await using _first = await stage.share.open("file", { write: true, create: true });
  await using server = await connect(stage.samba.port);
  const share = await server.openShare("share");
  await assertStatus(() => share.open("file", { write: true }), NtStatus.SHARING_VIOLATION);
});

await testWith(
  ["samba"],
  "a file whose server forgot it before it was closed is told, as its last bytes may be",
  async () => {
    await using stage = await openSmbStage();
    const { samba, share } = stage;
    const file = await share.open("file", { write: true, create: true });
    await file.write(0, pattern(100_000));
    await samba.restart();
    const error = await assertRejects(() => file.close(), SystemError, "what was written last may be missing");
    assertEquals(error.code, "ESTALE");
    await file.close();
  },
);
