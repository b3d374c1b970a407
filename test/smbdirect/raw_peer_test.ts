// Connections whose peer is no SMB Direct machine but a bare endpoint: silent, hostile, or gone.
import { Opcode } from "../../src/rdma/completion.ts";
import { ConfigError, SystemError, type VerbenaError, VerbsError, WireError } from "../../src/rdma/errors.ts";
import { Access, type MemoryRegion } from "../../src/rdma/memory.ts";
import type { Endpoint, Listener, ProtectionDomain } from "../../src/rdma/provider.ts";
import {
  acceptSmbDirect,
  connectSmbDirect,
  type SmbDirectConnection,
  type SmbDirectConnectionOptions,
} from "../../src/smbdirect/mod.ts";
import { assert, assertEquals, assertMatch, assertRejects, hex } from "../assert.ts";
import { completeOne, nextRequest } from "../rdma/players.ts";
import { data, negotiateRequest, pattern } from "./sides.ts";
import { iwarpStage, memoryStage, type Stage } from "./stages.ts";

/** A bare endpoint with sixteen receives of 2 KiB, and what it needs to send raw messages. */
class RawPeer implements AsyncDisposable {
  endpoint!: Endpoint;
  readonly receives: MemoryRegion;
  readonly sends: MemoryRegion;

  constructor(readonly domain: ProtectionDomain) {
    this.receives = domain.register(16 * 2048, Access.LOCAL_WRITE);
    this.sends = domain.register(2048, 0);
  }

  prepare = (endpoint: Endpoint): void => {
    for (let id = 0; id < 16; id++) endpoint.postReceive(id, this.receives, id * 2048, 2048);
  };

  async send(message: Uint8Array): Promise<void> {
    this.sends.bytes.set(message);
    this.endpoint.postSend({ id: 99, opcode: Opcode.SEND, region: this.sends, offset: 0, length: message.length });
    assertEquals((await completeOne(this.endpoint)).id, 99);
  }

  async receive(): Promise<Uint8Array> {
    const { id, length } = await completeOne(this.endpoint);
    return this.receives.bytes.slice(id * 2048, id * 2048 + length);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.endpoint?.close({ linger: 0 });
    this.receives[Symbol.dispose]();
    this.sends[Symbol.dispose]();
  }
}

/** Listens, connects a raw peer, and accepts it as SMB Direct. */
async function rawClient(
  stage: Stage,
  options: SmbDirectConnectionOptions,
): Promise<{ listener: Listener; peer: RawPeer; accepting: Promise<SmbDirectConnection> }> {
  const listener = await stage.passive.listen({ hostname: "127.0.0.1", port: 0 });
  const accepting = nextRequest(listener).then((request) => acceptSmbDirect(stage.passive, request, options));
  accepting.catch(() => {}); // who awaits it sees it
  const peer = new RawPeer(stage.active);
  peer.endpoint = await stage.active.connect(listener.address, { prepare: peer.prepare });
  return { listener, peer, accepting };
}

for (const [name, open] of [["memory", memoryStage], ["iwarp", iwarpStage]] as const) {
  const test = (
    what: string,
    options: SmbDirectConnectionOptions,
    run: (peer: RawPeer, accepting: Promise<SmbDirectConnection>) => Promise<void>,
  ) =>
    Deno.test(`${name}: ${what}`, async () => {
      await using stage = await open();
      {
        const { listener, peer, accepting } = await rawClient(stage, options);
        await using _listener = listener;
        await using _peer = peer;
        await run(peer, accepting);
      }
      assertEquals([stage.active.regionCount, stage.passive.regionCount], [0, 0]);
    });

  test("a peer that negotiates nothing is dropped", { negotiateTimeout: 20 }, async (_, accepting) => {
    const error = await assertRejects(() => accepting, VerbsError, "SMB Direct negotiation: timeout");
    assertEquals(error.code, "timeout");
  });

  test("a peer of another version is told NOT_SUPPORTED before the end", {}, async (peer, accepting) => {
    await peer.send(negotiateRequest({ minVersion: 0x200, maxVersion: 0x300 }));
    assertEquals((await peer.receive()).slice(0, 16), hex("0001 0001 0000 0000 0000 0000 bb0000c0"));
    await assertRejects(() => accepting, WireError, "covers 0x0100: got 0x200 to 0x300");
    await peer.endpoint.closed;
  });

  test("a peer that speaks nonsense is dropped without an answer", {}, async (peer, accepting) => {
    await peer.send(pattern(15));
    await assertRejects(() => accepting, WireError, "length of a negotiate request is at least 20: got 15");
    await peer.endpoint.closed;
  });

  test("a peer that leaves in the middle of the negotiation is noticed", {}, async (peer, accepting) => {
    await peer.endpoint.close();
    await assertRejects(() => accepting, VerbsError, "the peer disconnected during the negotiation");
  });

  test("a peer that breaks the protocol later is dropped, and its reason counted", {}, async (peer, accepting) => {
    await peer.send(negotiateRequest());
    await peer.receive();
    const connection = await accepting;
    await peer.send(data({ payload: pattern(5), dataOffset: 12 }));
    const { graceful, error } = await connection.closed;
    assert(!graceful && error instanceof WireError);
    assertEquals(connection.statistics.errors.get("DataOffset is a multiple of 8"), 1);
    await peer.endpoint.closed;
  });

  test("a peer that floods beyond its credits is dropped", { receiveCreditMax: 3 }, async (peer, accepting) => {
    await peer.send(negotiateRequest());
    await peer.receive();
    const connection = await accepting;
    peer.sends.bytes.set(data({ payload: pattern(5) }));
    const work = { opcode: Opcode.SEND, region: peer.sends, offset: 0, length: 29 };
    peer.endpoint.postSend(Array.from({ length: 50 }, (_, id) => ({ ...work, id })));
    const { graceful, error } = await connection.closed;
    assertEquals(graceful, false);
    assert(error !== undefined && connection.statistics.messagesReceived <= 4);
    await peer.endpoint.closed;
  });

  test(
    "a peer's message longer than a receive ends the connection",
    { maxReceiveSize: 512 },
    async (peer, accepting) => {
      await peer.send(negotiateRequest());
      await peer.receive();
      const connection = await accepting;
      await peer.send(new Uint8Array(2000)).catch(() => {}); // it may be flushed
      assertEquals((await connection.closed).graceful, false);
    },
  );

  test("a half message when the peer leaves is no graceful end", {}, async (peer, accepting) => {
    await peer.send(negotiateRequest());
    await peer.receive();
    const connection = await accepting;
    await peer.send(data({ payload: pattern(5), remaining: 10 }));
    await peer.endpoint.close();
    const { graceful, error } = await connection.closed;
    assertEquals(graceful, false);
    assertMatch(error?.message ?? "", "a message had come in part");
  });

  Deno.test(`${name}: connecting can be abandoned while the peer says nothing`, async () => {
    await using stage = await open();
    {
      await using listener = await stage.passive.listen({ hostname: "127.0.0.1", port: 0 });
      await using peer = new RawPeer(stage.passive);
      const accepting = nextRequest(listener).then((request) => request.accept({ prepare: peer.prepare }));
      const abandon = new AbortController();
      const connecting = connectSmbDirect(stage.active, listener.address, { signal: abandon.signal });
      peer.endpoint = await accepting;
      assertEquals((await peer.receive()).length, 20);
      abandon.abort();
      const error = await assertRejects(() => connecting, VerbsError);
      assertEquals(error.code, "aborted");
    }
    assertEquals([stage.active.regionCount, stage.passive.regionCount], [0, 0]);
  });

  for (
    const [what, options, expected] of [
      ["an option that makes no sense", { maxSendSize: 1 }, ConfigError],
      ["memory that cannot be had", {}, SystemError],
    ] as [string, SmbDirectConnectionOptions, new (...of: never[]) => VerbenaError][]
  ) {
    Deno.test(`${name}: ${what} rejects the request`, async () => {
      await using stage = await open();
      {
        await using listener = await stage.passive.listen({ hostname: "127.0.0.1", port: 0 });
        const connecting = connectSmbDirect(stage.active, listener.address);
        connecting.catch(() => {});
        const request = await nextRequest(listener);
        const poor: ProtectionDomain = Object.create(stage.passive, {
          capabilities: { value: stage.passive.capabilities },
          register: {
            value: () => {
              throw new SystemError("register", "ENOMEM");
            },
          },
        });
        await assertRejects(() => acceptSmbDirect(poor, request, options), expected as typeof ConfigError);
        assertEquals((await assertRejects(() => connecting, VerbsError)).code, "rejected");
      }
      assertEquals([stage.active.regionCount, stage.passive.regionCount], [0, 0]);
    });
  }
}
