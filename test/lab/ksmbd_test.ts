/**
 * SMB Direct with ksmbd, over each device and over our iWARP.
 *
 * @module
 */
import { connectSmbDirect, type SmbDirectConnection } from "../../src/smbdirect/mod.ts";
import { assertEquals } from "../assert.ts";
import { type Capability, testWith } from "../capabilities.ts";
import { Ksmbd, SMB_DIRECT_PORT } from "./ksmbd.ts";
import { HOSTS, openMixedStage, openStage, type ProviderStage } from "./provider_stage.ts";

/** SMB2's NEGOTIATE (MS-SMB2 2.2.3) that knows one dialect. */
function negotiateRequest(dialect: number): Uint8Array<ArrayBuffer> {
  const view = new DataView(new ArrayBuffer(64 + 36 + 2));
  view.setUint32(0, 0xfe53_4d42); // ProtocolId
  view.setUint16(4, 64, true); // StructureSize of the header
  view.setUint16(14, 1, true); // CreditRequest
  view.setUint16(64, 36, true); // StructureSize
  view.setUint16(66, 1, true); // DialectCount
  view.setUint16(68, 1, true); // SecurityMode: signing enabled
  view.setUint16(100, dialect, true);
  return new Uint8Array(view.buffer);
}

const WAYS: readonly [string, Capability, string, () => Promise<ProviderStage>][] = [
  ["verbs over rxe0", "rxe", HOSTS.rxe0, () => openStage("rxe0")],
  ["verbs over siw0", "siw", HOSTS.siw0, () => openStage("siw0")],
  ["our iWARP to siw0", "siw", HOSTS.siw0, () => openMixedStage("iwarp")],
];

/** Connects, and has its NEGOTIATE answered by SMB 3.0.2. */
async function negotiate(stage: ProviderStage, hostname: string): Promise<SmbDirectConnection> {
  const { promise, resolve } = Promise.withResolvers<Uint8Array>();
  const connection = await connectSmbDirect(stage.active, { hostname, port: SMB_DIRECT_PORT }, {
    onMessage: (message) => resolve(message.slice()),
  });
  connection.send(negotiateRequest(0x0302));
  const answer = await promise;
  const view = new DataView(answer.buffer);
  assertEquals(
    [view.getUint32(0), view.getUint16(12, true), view.getUint32(8, true), view.getUint16(68, true)],
    [0xfe53_4d42, 0, 0, 0x0302],
    "ProtocolId, command NEGOTIATE, STATUS_SUCCESS, DialectRevision",
  );
  return connection;
}

for (const [way, capability, hostname, open] of WAYS) {
  await testWith([capability], `ksmbd negotiates SMB Direct, and SMB on it: ${way}`, async () => {
    await using _ksmbd = await Ksmbd.start();
    await using stage = await open();
    await using connection = await negotiate(stage, hostname);
    await connection.close();
    assertEquals(await connection.closed, { graceful: true });
  });

  await testWith(
    [capability],
    `a killed ksmbd cuts its connections, and takes others when it is back: ${way}`,
    async () => {
      await using ksmbd = await Ksmbd.start();
      await using stage = await open();
      await using cut = await negotiate(stage, hostname);
      await ksmbd.kill();
      assertEquals(await cut.closed, { graceful: true }); // it does say goodbye to RDMA
      await ksmbd.restart();
      await using connection = await negotiate(stage, hostname);
      await connection.close();
      assertEquals(await connection.closed, { graceful: true });
    },
  );
}
