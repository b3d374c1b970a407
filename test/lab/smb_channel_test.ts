/**
 * The Smb2OverRdmaChannel and Invalidate groups of the Windows protocol test-suite for MS-SMBD, by their names: our client,
 * and READs and WRITEs made by hand, with ksmbd.
 *
 * @module
 */
import { Access, type MemoryRegion } from "../../src/rdma/memory.ts";
import { ConnectionLost } from "../../src/smb/client/call.ts";
import { createCall } from "../../src/smb/client/requests.ts";
import { keeperOf } from "../../src/smb/client/server.ts";
import type { Session, Tree } from "../../src/smb/client/session.ts";
import { NtStatusError, type SmbOptions, type SmbServer } from "../../src/smb/mod.ts";
import { Channel } from "../../src/smb/wire/channel.ts";
import { Disposition, FileAccess, OplockLevel } from "../../src/smb/wire/create.ts";
import { Command, HEADER_LENGTH } from "../../src/smb/wire/header.ts";
import { decodeWriteResponse, encodeReadRequest, encodeWriteRequest } from "../../src/smb/wire/io.ts";
import { NtStatus } from "../../src/smb/wire/status.ts";
import type { BufferDescriptor } from "../../src/smbdirect/wire.ts";
import { readinessIdle } from "../../src/verbs/mod.ts";
import { assert, assertEquals, assertRejects } from "../assert.ts";
import { type Capability, testWith } from "../capabilities.ts";
import { get, put } from "../interop/smb_stage.ts";
import { pattern } from "../smbdirect/sides.ts";
import { Ksmbd } from "./ksmbd.ts";
import { connectKsmbd, WAYS } from "./smb_stage.ts";

const MIB = 1 << 20;
/** As much as ksmbd can be told to take at once. */
const LARGE = 8 * MIB;
const LARGEST = { "smb2 max read": "8MB", "smb2 max write": "8MB", "smbd max io size": "8MB" };
/** A region for one case, and half of what its file has. */
const SIZE = 65_536;
/**
 * A region for a descriptor that lies: a page, which ksmbd moves by one work request. Of several, siw (6.12) flushes
 * those behind the one that a Terminate meets only where that one is still under way, and ksmbd waits for their completions
 * for ever, holding what each log-on wants.
 */
const LIED_ABOUT = 4096;
const SMALL = { registeredMemory: 16 * MIB, echoInterval: 0 };

type Operation = "Read" | "Write";

const RIGHTS: Readonly<Record<Operation, number>> = {
  Read: Access.LOCAL_WRITE | Access.REMOTE_WRITE,
  Write: Access.LOCAL_WRITE | Access.REMOTE_READ,
};

/** A file that is open on a session, for requests made by hand. */
interface RawFile {
  readonly session: Session;
  readonly tree: Tree;
  readonly fileId: Uint8Array;
}

const RDMA_WAYS = WAYS.slice(0, 3);

/** Registers a test with ksmbd and our client. */
async function testKsmbd(
  [way, capability, hostname, options]: readonly [string, Capability, string, SmbOptions],
  name: string,
  settings: SmbOptions,
  fn: (server: SmbServer, t: Deno.TestContext) => Promise<void>,
): Promise<void> {
  await testWith([capability], `${name} over ${way}`, async (t) => {
    await using _ksmbd = await Ksmbd.start({ global: LARGEST });
    {
      await using server = await connectKsmbd(hostname, { ...SMALL, ...options, ...settings });
      await fn(server, t);
    }
    await readinessIdle();
  });
}

for (const way of RDMA_WAYS) {
  const whole = { readSize: LARGE, writeSize: LARGE };
  await testKsmbd(
    way,
    "Smb2OverRdmaChannel_BVT_WriteLargeFile, ReadLargeFile: 8 MiB are one request",
    whole,
    largeFile,
  );

  await testKsmbd(way, "Smb2OverRdmaChannel", SMALL, async (server, t) => {
    const share = await server.openShare("share");
    await put(share, "file", pattern(2 * SIZE));
    for (const operation of ["Read", "Write"] as const) {
      await t.step(
        `${operation}MultipleOperation: 16 at once`,
        () => multipleOperations(server, operation),
      );
      await t.step(
        `${operation}MultipleBufferDescriptorList: memory here and there is filled and taken in the list's order`,
        () => descriptorList(server, operation),
      );
      for (const [name, lie] of Object.entries(LIES)) {
        await t.step(
          `InvalidBufferDescriptor_${operation}_${name}: the connection is lost, and nothing else`,
          async () => {
            await invalidDescriptor(server, operation, lie);
            assertEquals(await get(share, "file"), pattern(2 * SIZE));
          },
        );
      }
    }
    assertEquals(server.transport, way[0]);
  });
}

const OURS = RDMA_WAYS.filter(([name]) => name === "iwarp");
for (const way of OURS) {
  await testKsmbd(way, "Invalidate, Smb302", { maxDialect: "3.0.2" }, async (server, t) => {
    await put(await server.openShare("share"), "file", pattern(SIZE));
    for (const operation of ["Read", "Write"] as const) {
      await t.step(
        `${operation} V1_INVALIDATE: the answer withdraws the key, and its use ends the connection`,
        () =>
          withRegion(server, operation, async (file, region) => {
            const descriptors = [descriptorOf(region)];
            assertEquals(await transfer(file, operation, SIZE, Channel.RDMA_V1_INVALIDATE, descriptors), SIZE);
            assertEquals(region.valid, false);
            await assertRejects(() => transfer(file, operation, SIZE, Channel.RDMA_V1, descriptors), ConnectionLost);
          }),
      );
      await t.step(
        `${operation} V1: the key goes on to open the memory`,
        () =>
          withRegion(server, operation, async (file, region) => {
            const descriptors = [descriptorOf(region)];
            for (let i = 0; i < 2; i++) {
              assertEquals(await transfer(file, operation, SIZE, Channel.RDMA_V1, descriptors), SIZE);
              assertEquals(region.valid, true);
            }
          }),
      );
    }
  });

  await testKsmbd(way, "Invalidate, Smb300", { maxDialect: "3.0" }, async (server, t) => {
    const share = await server.openShare("share");
    await t.step("our client reads and writes by RDMA, and does not ask for keys to be withdrawn", async () => {
      await put(share, "file", pattern(SIZE));
      assertEquals(await get(share, "file"), pattern(SIZE));
      const { statistics, dialect } = server;
      assertEquals([dialect, statistics.readRdmaBytes, statistics.writeRdmaBytes], ["3.0", SIZE, SIZE]);
    });
    for (const operation of ["Read", "Write"] as const) {
      await t.step(
        `${operation} V1_INVALIDATE: INVALID_PARAMETER`,
        () =>
          withRegion(server, operation, async (file, region) => {
            const descriptors = [descriptorOf(region)];
            const ask = () => transfer(file, operation, SIZE, Channel.RDMA_V1_INVALIDATE, descriptors);
            assertEquals((await assertRejects(ask, NtStatusError)).status, NtStatus.INVALID_PARAMETER);
            assertEquals([region.valid, file.session.over], [true, false]);
          }),
      );
    }
  });
}

async function largeFile(server: SmbServer): Promise<void> {
  const share = await server.openShare("share");
  for (let i = 0; i < 3; i++) await server.echo(); // brings credits: 128 are needed
  const { session } = await openRaw(server);
  assertEquals([session.agreement.maxReadSize, session.agreement.maxWriteSize], [LARGE, LARGE]);
  const { statistics } = server;
  await put(share, "large", pattern(LARGE, 1));
  assertEquals([statistics.writes, statistics.writeRdmaBytes], [1, LARGE]);
  const read = await get(share, "large");
  assertEquals([statistics.reads, statistics.readRdmaBytes], [1, LARGE]);
  assert(read.every((byte, index) => byte === expectedOf(index, 1)), "as it was written");
}

/** {@linkcode pattern}'s byte. */
function expectedOf(index: number, seed: number): number {
  return (index * 7 + (index >>> 8) * 13 + seed) & 0xff;
}

async function multipleOperations(server: SmbServer, operation: Operation): Promise<void> {
  await withRegion(server, operation, async (file, region) => {
    region.bytes.set(pattern(SIZE));
    const piece = SIZE / 16;
    const counts = await Promise.all(Array.from({ length: 16 }, async (_, index) => {
      const descriptors = [descriptorOf(region, index * piece, piece)];
      return await transfer(file, operation, piece, Channel.RDMA_V1, descriptors, index * piece);
    }));
    assertEquals(counts, new Array(16).fill(piece));
    assertEquals(region.bytes, pattern(SIZE));
  });
}

/**
 * Where a list's descriptors start, and how long they are. The suite has 4,095; each takes at least one of the credits that
 * ksmbd has for RDMA, 9 for its 8 MiB, and for more it waits for ever.
 */
const PARTS = [[60_000, 5_536], [0, 1], [100, 10_000], [20_000, 4_096], [50_001, 7], [30_000, 15_000], [
  1,
  99,
]] as const;

async function descriptorList(server: SmbServer, operation: Operation): Promise<void> {
  await withRegion(server, operation, async (file, region) => {
    const descriptors = PARTS.map(([start, length]) => descriptorOf(region, start, length));
    const total = PARTS.reduce((sum, [, length]) => sum + length, 0);
    region.bytes.fill(0);
    if (operation === "Write") scatter(region.bytes, pattern(total));
    assertEquals(await transfer(file, operation, total, Channel.RDMA_V1, descriptors), total);
    const expected = new Uint8Array(SIZE);
    scatter(expected, pattern(total));
    assertEquals(region.bytes, expected);
  });
}

/** Puts `from` into the parts, in their order. */
function scatter(into: Uint8Array, from: Uint8Array): void {
  let at = 0;
  for (const [start, length] of PARTS) into.set(from.subarray(at, at += length), start);
}

/** Descriptors that do not hold what they promise. */
const LIES: Readonly<Record<string, (region: MemoryRegion) => BufferDescriptor>> = {
  Offset: (region) => ({ ...descriptorOf(region), offset: region.address + BigInt(region.length) }),
  Length: (region) => ({ ...descriptorOf(region), length: 2 * region.length }),
  Token: (region) => ({ ...descriptorOf(region), token: (region.remoteKey ^ 0x5a5a_5a00) >>> 0 }),
  DeregisteredBuffer: (region) => {
    const descriptor = descriptorOf(region);
    region[Symbol.dispose]();
    return descriptor;
  },
};

async function invalidDescriptor(
  server: SmbServer,
  operation: Operation,
  lie: (region: MemoryRegion) => BufferDescriptor,
): Promise<void> {
  const { reconnects } = server.statistics;
  await withRegion(server, operation, async (file, region) => {
    const descriptor = lie(region);
    const ask = () => transfer(file, operation, descriptor.length, Channel.RDMA_V1, [descriptor]);
    const error = await assertRejects(ask, ConnectionLost, "whether the server carried it out is not known");
    assertEquals([error.sent, file.session.over], [true, true]);
  }, LIED_ABOUT);
  await server.echo();
  assertEquals(server.statistics.reconnects, reconnects + 1);
}

/** Gives a file and a region of the session there is; its domain outlives both. */
async function withRegion(
  server: SmbServer,
  operation: Operation,
  run: (file: RawFile, region: MemoryRegion) => Promise<void>,
  size = SIZE,
): Promise<void> {
  const file = await openRaw(server);
  const { memory, exchange } = file.session;
  using _held = await memory.lend("read", size, true);
  const { domain } = exchange.transport;
  if (domain === undefined) throw new Error("the session is not on RDMA");
  const invalidate = domain.capabilities.remoteInvalidate ? Access.REMOTE_INVALIDATE : 0;
  using region = domain.register(size, RIGHTS[operation] | invalidate);
  if (operation === "Write") region.bytes.set(pattern(2 * SIZE).subarray(0, size));
  await run(file, region);
}

async function openRaw(server: SmbServer): Promise<RawFile> {
  const session = await keeperOf(server).session();
  const tree = await session.tree("share");
  const access = FileAccess.READ_DATA | FileAccess.WRITE_DATA;
  const request = { path: "file", access, share: 7, disposition: Disposition.OPEN_IF, options: 0, attributes: 0 };
  const call = createCall("open file", { ...request, oplock: OplockLevel.NONE, contexts: {} }, undefined);
  return { session, tree, fileId: (await session.call(tree, call)).fileId };
}

function descriptorOf(region: MemoryRegion, start = 0, length = region.length): BufferDescriptor {
  return { offset: region.address + BigInt(start), token: region.remoteKey, length };
}

/** One READ or WRITE; the bytes that went by RDMA. */
async function transfer(
  { session, tree, fileId }: RawFile,
  operation: Operation,
  length: number,
  channel: number,
  descriptors: readonly BufferDescriptor[],
  offset = 0,
): Promise<number> {
  const request = { fileId, offset, length, minimumCount: 0, flags: 0, channel, descriptors };
  const common = { what: operation, bytes: length };
  if (operation === "Write") {
    return await session.call(tree, {
      ...common,
      command: Command.WRITE,
      encode: (view, at) => encodeWriteRequest(view, at, request),
      decode: (view, at, size) => decodeWriteResponse(view, at, size, length),
    });
  }
  return await session.call(tree, {
    ...common,
    command: Command.READ,
    encode: (view, at) => encodeReadRequest(view, at, request),
    decode: (view, at, size) => {
      const [dataOffset, dataLength] = [view.getUint8(at + HEADER_LENGTH + 2), view.getUint32(at + HEADER_LENGTH + 4)];
      assertEquals([size, dataOffset, dataLength], [80, 80, 0]);
      return view.getUint32(at + HEADER_LENGTH + 8, true);
    },
  });
}
