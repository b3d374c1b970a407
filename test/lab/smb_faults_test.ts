/**
 * Our SMB client while ksmbd dies, links go down and credits are few: the right bytes, or an error that says why.
 *
 * @module
 */
import { SystemError } from "../../src/rdma/errors.ts";
import type { SmbFile, SmbShare } from "../../src/smb/mod.ts";
import { readinessIdle } from "../../src/verbs/mod.ts";
import { assert, assertEquals, assertRejects } from "../assert.ts";
import { testWith } from "../capabilities.ts";
import { run } from "../interop/process.ts";
import { pattern } from "../smbdirect/sides.ts";
import { Ksmbd } from "./ksmbd.ts";
import { HOSTS } from "./provider_stage.ts";
import { connectKsmbd, WAYS } from "./smb_stage.ts";

const SIZE = 4_000_000;
const PIECE = 65_536;

async function put(share: SmbShare, path: string, bytes: Uint8Array): Promise<void> {
  await using file = await share.open(path, { write: true, create: true, truncate: true });
  await file.write(0, bytes);
}

async function get(share: SmbShare, path: string): Promise<Uint8Array> {
  await using file = await share.open(path);
  const bytes = new Uint8Array(file.size);
  assertEquals(await file.read(0, bytes), bytes.length);
  return bytes;
}

for (const [way, capability, hostname, options] of WAYS) {
  await testWith(
    [capability],
    `ksmbd killed while a file is read over ${way}: it is read on when it is back`,
    async () => {
      await using ksmbd = await Ksmbd.start();
      {
        await using server = await connectKsmbd(hostname, { ...options, readSize: PIECE, inFlight: 2 });
        const share = await server.openShare("share");
        await put(share, "file", pattern(SIZE, 1));
        await using file = await share.open("file");
        let done = 0;
        for await (const piece of file.readPieces(0, SIZE)) {
          assertEquals(piece.slice(), pattern(SIZE, 1).slice(done, done + piece.length));
          done += piece.length;
          if (done === 10 * PIECE) await ksmbd.restart();
        }
        assertEquals([done, server.transport, server.statistics.reconnects >= 1], [SIZE, way, true]);
      }
      await readinessIdle();
    },
  );

  await testWith([capability], `ksmbd killed while a file is written over ${way}: it is written on`, async () => {
    await using ksmbd = await Ksmbd.start();
    {
      await using server = await connectKsmbd(hostname, { ...options, writeSize: PIECE, inFlight: 2 });
      const share = await server.openShare("share");
      await using file = await share.open("file", { write: true, create: true });
      assertEquals([file.durable, await writeThrough(file, ksmbd)], [true, SIZE]);
      assertEquals(await Deno.readFile(`${ksmbd.path()}/file`), pattern(SIZE, 1));
      assertEquals([server.transport, server.statistics.reconnects >= 1], [way, true]);
    }
    await readinessIdle();
  });
}

await testWith(
  ["rxe"],
  "ksmbd killed while a file is written, whose handle it does not keep: that is told",
  async () => {
    await using ksmbd = await Ksmbd.start({ global: { "durable handles": "no" } });
    {
      const settings = { rdma: "verbs", writeSize: PIECE, inFlight: 2 } as const;
      await using server = await connectKsmbd(HOSTS.rxe0, settings);
      const share = await server.openShare("share");
      {
        await using file = await share.open("file", { write: true, create: true });
        const error = await assertRejects(
          () => writeThrough(file, ksmbd),
          SystemError,
          "what was written last may be missing",
        );
        assertEquals([file.durable, error.code], [false, "ESTALE"]);
      }
      await put(share, "another", pattern(SIZE, 2));
      assertEquals(await get(share, "another"), pattern(SIZE, 2), "what comes after goes on");
    }
    await readinessIdle();
  },
);

/** Writes a file whose server is killed, and back, on the way. */
async function writeThrough(file: SmbFile, ksmbd: Ksmbd): Promise<number> {
  let done = 0;
  let killed = false;
  return await file.writePieces(0, async (into) => {
    if (done >= 10 * PIECE && !killed) {
      killed = true;
      await ksmbd.restart();
    }
    const part = pattern(SIZE, 1).subarray(done, done + into.length);
    into.set(part);
    done += part.length;
    return part.length;
  });
}

for (const credits of [1, 10]) {
  for (const [way, capability, hostname, options] of WAYS.slice(0, 3)) {
    await testWith([capability], `files come and go with ${credits} SMB Direct credits over ${way}`, async () => {
      await using _ksmbd = await Ksmbd.start();
      {
        const few = { sendCredits: credits, receiveCredits: credits, readSize: 262_144, writeSize: 262_144 };
        await using server = await connectKsmbd(hostname, { ...options, ...few });
        const share = await server.openShare("share");
        await put(share, "file", pattern(SIZE, 3));
        assertEquals(await get(share, "file"), pattern(SIZE, 3));
        assert(server.statistics.readRdmaBytes === SIZE, "by RDMA");
      }
      if (credits > 1) { // with one, ksmbd may spend its last where it gives none back, and both wait
        // in the messages themselves, of which each takes many
        const inline = { rdmaThreshold: 1 << 30, sendCredits: credits, receiveCredits: credits };
        await using server = await connectKsmbd(hostname, { ...options, ...inline });
        const share = await server.openShare("share");
        await put(share, "file", pattern(1_000_000, 4));
        assertEquals(await get(share, "file"), pattern(1_000_000, 4));
        assertEquals([server.statistics.readRdmaBytes, server.statistics.writeRdmaBytes], [0, 0]);
      }
      await readinessIdle();
    });
  }
}

/** Takes the interface down for a while, or for good. */
async function down(name: string, milliseconds: number): Promise<void> {
  await run("ip", ["link", "set", name, "down"]);
  await new Promise((resolve) => setTimeout(resolve, milliseconds));
  await run("ip", ["link", "set", name, "up"]);
}

// not dummy0: rxe answers nobody any more once that was down, stock programs neither
for (const [rdma, way] of [["verbs", "verbs:siw0"], ["iwarp", "iwarp"], ["off", "tcp"]] as const) {
  await testWith(["siw"], `a link that is down for 3 s while files come over ${way} costs no byte`, async () => {
    await using _ksmbd = await Ksmbd.start();
    {
      await using server = await connectKsmbd(HOSTS.siw0, { rdma, connectTimeout: 30_000 });
      const share = await server.openShare("share");
      await put(share, "file", pattern(SIZE, 5));
      let restored = false;
      const outage = down("veth0", 3_000).then(() => restored = true);
      for (let rounds = 0; rounds < 3;) {
        assertEquals(await get(share, "file"), pattern(SIZE, 5));
        if (restored) rounds++;
      }
      await outage;
      assertEquals(server.transport, way);
    }
    await readinessIdle();
  });
}

await testWith(["siw"], "with signing required, SMB Direct carries the bytes in its messages", async () => {
  await using _ksmbd = await Ksmbd.start();
  await using server = await connectKsmbd(HOSTS.siw0, { signing: "required", rdma: "iwarp" });
  const share = await server.openShare("share");
  await put(share, "file", pattern(1_000_000, 6));
  assertEquals(await get(share, "file"), pattern(1_000_000, 6));
  const { transport, signing, statistics } = server;
  assertEquals([transport, signing, statistics.readRdmaBytes, statistics.writeRdmaBytes], ["iwarp", "aes-cmac", 0, 0]);
});

// over SMB Direct this ksmbd answers nothing that is encrypted
await testWith(["rxe"], "with encryption required, ksmbd is spoken to over TCP", async () => {
  await using _ksmbd = await Ksmbd.start();
  await using server = await connectKsmbd(HOSTS.rxe0, { encryption: "required", rdma: "off" });
  const share = await server.openShare("share");
  await put(share, "file", pattern(1_000_000, 6));
  assertEquals(await get(share, "file"), pattern(1_000_000, 6));
  assertEquals(server.encryption, "aes-128-gcm");
});
