/**
 * The engine against readers played by hand.
 *
 * @module
 */
import { VerbsError } from "../../src/rdma/mod.ts";
import { assert, assertEquals, assertRejects, hex } from "../assert.ts";
import { noise, NOW, Volumes } from "../seaweed/volumes.ts";
import { Engine, openDomain, RawReader, tick, until } from "./stage.ts";
import type { Message } from "../../src/engine/messages.ts";
import type { EngineServerOptions } from "../../src/engine/mod.ts";
import type { FileId } from "../../src/seaweed/mod.ts";
import { connectSmbDirect } from "../../src/smbdirect/mod.ts";

const DATA = noise(60_000);

/** Runs with an engine that serves one needle, and a reader played by hand. */
async function withReader(
  run: (reader: RawReader, engine: Engine, id: FileId) => Promise<void>,
  options: EngineServerOptions = {},
): Promise<void> {
  using volumes = new Volumes();
  const id = volumes.writer(1).append({ key: 1n, cookie: 5, data: DATA }, NOW);
  await using engine = await Engine.start(volumes.store(), options);
  await using reader = await RawReader.connect(engine.address);
  await run(reader, engine, id);
}

async function started(reader: RawReader, id: FileId, size: number): Promise<string> {
  const answer = await reader.ask("StartRead", reader.startRead(id, size));
  assert(answer.type === "StartReadResponse", answer.type);
  return answer.data.session_id;
}

Deno.test("an engine tells what it can do, and answers pings with the id they bear", () =>
  withReader(async (reader) => {
    const { type, id, data } = await reader.ask("GetCapabilities", {}, 7) as Message<"GetCapabilitiesResponse">;
    assertEquals([type, id], ["GetCapabilitiesResponse", 7]);
    assertEquals(data, {
      device_name: "iwarp",
      vendor_id: 0,
      max_transfer_size: 8_388_608n,
      max_sessions: 1_000n,
      active_sessions: 0n,
      port_gid: "",
      port_lid: 0,
      supported_auth: ["none"],
      version: "0.0.0",
      real_rdma: false,
      extensions: ["ListVolumes", "ListNeedles", "ends_with_answer"],
    });
    const pong = await reader.ask("Ping", { timestamp_ns: (1n << 64n) - 1n }, 0xffff_ffff) as Message<"Pong">;
    assertEquals(
      [pong.type, pong.id, pong.data.client_timestamp_ns, pong.data.server_rtt_ns],
      ["Pong", 0xffff_ffff, (1n << 64n) - 1n, 0n],
    );
    assertEquals((await reader.ask("Ping", { timestamp_ns: 0n })).id, undefined);
  }));

Deno.test("bytes are in the buffer that was named when the answer comes, and nowhere else", () =>
  withReader(async (reader, _engine, id) => {
    reader.region.bytes.fill(0xee);
    const other = reader.domain.register(65_536, 2);
    const change = { offset: 100n, remote_addr: reader.region.address + 1_000n };
    const answer = await reader.ask("StartRead", reader.startRead(id, 5_000, change));
    assert(answer.type === "StartReadResponse");
    assertEquals([answer.data.transfer_size, answer.data.needle_size], [5_000n, 60_000n]);
    assertEquals(answer.data.checksum_covers_range, false);
    assertEquals(reader.region.bytes.subarray(1_000, 6_000), DATA.subarray(100, 5_100));
    assert(reader.region.bytes.subarray(0, 1_000).every((byte) => byte === 0xee));
    assert(reader.region.bytes.subarray(6_000).every((byte) => byte === 0xee));
    assert(other.bytes.every((byte) => byte === 0));
  }));

Deno.test("a session is completed once, by its own reader, and the checksum is told", () =>
  withReader(async (reader, engine, id) => {
    const session_id = await started(reader, id, 60_000);
    const complete = { session_id, success: true, bytes_transferred: 60_000n };
    await using other = await RawReader.connect(engine.address);
    assertEquals(await other.outcome("CompleteRead", complete), "SessionNotFound");
    const answer = await reader.ask("CompleteRead", { ...complete, client_crc: 1 });
    assert(answer.type === "CompleteReadResponse");
    assertEquals([answer.data.success, typeof answer.data.server_crc], [false, "number"]);
    assertEquals(await reader.outcome("CompleteRead", complete), "SessionNotFound");
    assertEquals(engine.server.statistics().errors, { ChecksumMismatch: 1, SessionNotFound: 2 });
    assertEquals(engine.server.statistics().sessions, 0);
  }));

Deno.test("sizes, keys and addresses that make no sense are refused, and nothing is placed", () =>
  withReader(async (reader, engine, id) => {
    const cases = [
      { size: 0n },
      { size: 8_388_609n },
      { size: (1n << 64n) - 1n },
      { remote_key: 0 },
      { remote_addr: (1n << 64n) - 1n },
    ];
    for (const change of cases) {
      assertEquals(await reader.outcome("StartRead", reader.startRead(id, 16, change)), "InvalidRequest");
    }
    const beyond = reader.startRead(id, 16, { offset: (1n << 64n) - 1n });
    assertEquals(await reader.outcome("StartRead", beyond), "RangeNotSatisfiable");
    const { sessions, transfers, errors, pool } = engine.server.statistics();
    assertEquals([sessions, transfers, errors], [0, 0, { InvalidRequest: 5, RangeNotSatisfiable: 1 }]);
    assertEquals(pool.lent, 0);
  }));

Deno.test("a message that only an engine sends is answered with SeaweedFS's own error", () =>
  withReader(async (reader, engine) => {
    const answer = await reader.ask("CompleteReadResponse", { success: true }, 3);
    assertEquals(answer, {
      type: "Error",
      data: {
        code: "UNSUPPORTED_MESSAGE",
        message: "Unsupported message type",
        category: "request",
        recoverable: true,
      },
      id: 3,
    });
    assertEquals(engine.server.statistics().errors, { UNSUPPORTED_MESSAGE: 1 });
  }));

Deno.test("a refusal tells a reader what is wrong, and the log alone in which directory", async () => {
  using volumes = new Volumes();
  const id = volumes.writer(1).append({ key: 1n, cookie: 5, data: DATA }, NOW);
  Deno.removeSync(volumes.path("1.idx"));
  const reasons: unknown[] = [];
  const log: EngineServerOptions["log"] = (level, _message, { reason }) =>
    void (level === "debug" && reasons.push(reason));
  await using engine = await Engine.start(volumes.store(), { log });
  await using reader = await RawReader.connect(engine.address);
  const answer = await reader.ask("StartRead", reader.startRead(id, 10));
  assert(answer.type === "Error");
  assertEquals(answer.data.message, "volume 1: 1.idx is missing: `weed fix` makes it anew");
  assertEquals(reasons, [`volume 1: ${volumes.path("1.idx")} is missing: \`weed fix\` makes it anew`]);
});

Deno.test("sessions at the ceiling refuse further ones, until some are completed", () =>
  withReader(async (reader, engine, id) => {
    const first = await started(reader, id, 10);
    await started(reader, id, 10);
    assertEquals(await reader.outcome("StartRead", reader.startRead(id, 10)), "TooManySessions");
    await reader.ask("CompleteRead", { session_id: first, success: true, bytes_transferred: 10n });
    await started(reader, id, 10);
    assertEquals([engine.server.statistics().sessions, engine.server.statistics().started], [2, 3]);
  }, { maxSessions: 2 }));

Deno.test("a session that is not completed in its time expires, and says so", () =>
  withReader(async (reader, engine, id) => {
    const session_id = await started(reader, id, 10);
    await until(() => engine.server.statistics().expired === 1);
    const outcome = await reader.outcome("CompleteRead", { session_id, success: true, bytes_transferred: 10n });
    assertEquals([outcome, engine.server.statistics().sessions], ["SessionExpired", 0]);
  }, { sessionTimeout: 50 }));

Deno.test("a session that is to end with its answer is over when the answer comes, and never counts as expired", () =>
  withReader(async (reader, engine, id) => {
    const ending = reader.startRead(id, 60_000, { ends_with_answer: true });
    for (let round = 0; round < 5; round++) {
      reader.region.bytes.fill(0);
      assertEquals(await reader.outcome("StartRead", ending), "StartReadResponse");
      assertEquals(reader.region.bytes.subarray(0, 60_000), DATA);
    }
    const { sessions, started, expired, transfers, errors } = engine.server.statistics();
    assertEquals([sessions, started, expired, transfers, errors], [0, 5, 0, 5, {}]);
  }, { maxSessions: 1 }));

Deno.test("a session that is to end with its answer ends with a refusal too", () =>
  withReader(async (reader, engine, id) => {
    const ending = reader.startRead(id, 10, { ends_with_answer: true });
    assertEquals(await reader.outcome("StartRead", { ...ending, cookie: 6 }), "NeedleNotFound");
    assertEquals(await reader.outcome("StartRead", { ...ending, offset: 60_000n }), "RangeNotSatisfiable");
    assertEquals(engine.server.statistics().sessions, 0);
    assertEquals(await reader.outcome("StartRead", ending), "StartReadResponse");
  }, { maxSessions: 1 }));

Deno.test("sessions of both kinds count as one, whichever the reader asks for", () =>
  withReader(async (reader, engine, id) => {
    const session_id = await started(reader, id, 10);
    for (const ends_with_answer of [true, false]) {
      const request = reader.startRead(id, 10, { ends_with_answer });
      assertEquals(await reader.outcome("StartRead", request), "TooManySessions");
    }
    const complete = { session_id, success: true, bytes_transferred: 10n };
    assertEquals(await reader.outcome("CompleteRead", complete), "CompleteReadResponse");
    const staying = reader.startRead(id, 10, { ends_with_answer: false });
    assertEquals(await reader.outcome("StartRead", staying), "StartReadResponse");
    assertEquals(engine.server.statistics().sessions, 1);
  }, { maxSessions: 1 }));

Deno.test("a session that ended with its answer takes a complaint of spoilt bytes, and nothing else", () =>
  withReader(async (reader, engine, id) => {
    const answer = await reader.ask("StartRead", reader.startRead(id, 10, { ends_with_answer: true }));
    assert(answer.type === "StartReadResponse");
    const complete = { session_id: answer.data.session_id, success: true, bytes_transferred: 10n };
    assertEquals(await reader.outcome("CompleteRead", complete), "SessionNotFound");
    assertEquals(await reader.ask("CompleteRead", { ...complete, success: false, client_crc: 1 }, 9), {
      type: "CompleteReadResponse",
      data: { success: false },
      id: 9,
    });
    assertEquals(engine.server.statistics().errors, { SessionNotFound: 1, ChecksumMismatch: 1 });
    await using other = await RawReader.connect(engine.address); // which asked for no session of the kind
    assertEquals(await other.outcome("CompleteRead", { ...complete, success: false }), "SessionNotFound");
  }));

Deno.test("a reader's sessions end with its connection", () =>
  withReader(async (reader, engine, id) => {
    const other = await RawReader.connect(engine.address);
    await started(other, id, 10);
    await started(reader, id, 10);
    await other[Symbol.asyncDispose]();
    await until(() => engine.server.statistics().connections === 1);
    assertEquals(engine.server.statistics().sessions, 1);
  }));

Deno.test("a malformed message ends the connection without an answer, and is counted", async () => {
  const wrong = [
    "00",
    "c1",
    "82a474797065a450696e67a464617461c0",
    "82a474797065a4506f6f66a46461746180",
    "dfffffffff",
    "91".repeat(2_000),
  ];
  for (const bytes of wrong) {
    await withReader(async (reader, engine, id) => {
      await using other = await RawReader.connect(engine.address);
      reader.connection.send(hex(bytes));
      await reader.connection.closed;
      assertEquals(reader.answers, []);
      assertEquals(engine.server.statistics().errors.Malformed, 1);
      await started(other, id, 10);
    });
  }
});

Deno.test("a key that opens nothing ends that connection and no other", () =>
  withReader(async (reader, engine, id) => {
    await using other = await RawReader.connect(engine.address);
    const stale = reader.region.remoteKey;
    reader.region.rotateKey();
    reader.send("StartRead", reader.startRead(id, 10, { remote_key: stale }));
    await reader.connection.closed;
    assertEquals(reader.answers, []);
    assert(reader.region.bytes.every((byte) => byte === 0));
    await until(() => engine.server.statistics().connections === 1);
    assertEquals(engine.server.statistics().sessions, 0);
    await started(other, id, 10);
  }));

Deno.test("a thousand requests at once are all answered, each with its id", () =>
  withReader(async (reader, engine, id) => {
    const ids = new Set<number>();
    for (let number = 1; number <= 1_000; number++) {
      await reader.connection.ready();
      reader.send("StartRead", reader.startRead(id, 100, { offset: BigInt(number), timeout_secs: 60n }), number);
      ids.add(number);
    }
    await until(() => reader.answers.length === 1_000);
    for (const answer of reader.answers) {
      assertEquals([answer.type, ids.delete(answer.id ?? 0)], ["StartReadResponse", true]);
    }
    assertEquals([engine.server.statistics().transfers, engine.server.statistics().pool.lent], [1_000, 0]);
  }));

Deno.test("ranges under way of one reader stay few, however many it asks for, and hold up no other", () =>
  withReader(async (reader, engine, id) => {
    await using other = await RawReader.connect(engine.address);
    for (let number = 0; number < 200; number++) reader.send("StartRead", reader.startRead(id, 60_000), number + 1);
    for (let number = 0; number < 20; number++) {
      await started(other, id, 60_000);
      const { pool } = engine.server.statistics();
      assert(pool.lentBytes <= 3 << 20, `${pool.lentBytes} bytes lent`);
    }
    await until(() => reader.answers.length === 200);
  }));

Deno.test("ranges wait for registered memory no longer than their sessions last", async () => {
  using volumes = new Volumes();
  const id = volumes.writer(1).append({ key: 1n, cookie: 5, data: DATA }, NOW);
  // The pause of a volume that is being changed keeps the only buffer lent.
  Deno.writeTextFileSync(volumes.path("1.cpc"), "");
  await using engine = await Engine.start(volumes.store(), { poolCeiling: 65_536, maxTransferSize: 65_536 });
  await using reader = await RawReader.connect(engine.address);
  reader.send("StartRead", reader.startRead(id, 60_000), 1);
  await until(() => engine.server.statistics().pool.lent === 1);
  await using other = await RawReader.connect(engine.address);
  const short = other.startRead(id, 60_000, { timeout_secs: 0n });
  const codes = [await other.outcome("StartRead", short), await other.outcome("StartRead", short)];
  for (const code of codes) assert(code === "ResourceExhausted" || code === "SessionExpired", code);
  await until(() => reader.answers.length === 1);
  assertEquals(reader.answers[0]?.type, "Error");
});

Deno.test("connections beyond the ceiling are turned away, and there is room when one has gone", () =>
  withReader(async (reader, engine) => {
    const domain = await openDomain();
    await assertRejects(() => connectSmbDirect(domain, engine.address), VerbsError, "rejected");
    domain[Symbol.dispose]();
    assertEquals(engine.server.statistics().errors, { TooManyConnections: 1 });
    await reader[Symbol.asyncDispose]();
    await until(() => engine.server.statistics().connections === 0);
    await using another = await RawReader.connect(engine.address);
    assertEquals(await another.outcome("GetCapabilities", {}), "GetCapabilitiesResponse");
    assertEquals([engine.server.statistics().connections, engine.server.statistics().accepted], [1, 2]);
  }, { maxConnections: 1 }));

Deno.test("a thousand refusals write no line that is not asked for", async () => {
  const lines: string[] = [];
  await withReader(async (reader) => {
    for (let number = 0; number < 1_000; number++) {
      await reader.connection.ready();
      reader.send("CompleteRead", { session_id: "x", success: true, bytes_transferred: 0n });
    }
    await until(() => reader.answers.length === 1_000);
  }, { log: (level, message) => void (level === "debug" || lines.push(message)) });
  assertEquals(lines.filter((line) => !line.startsWith("reader ")), []);
  assert(lines.length <= 2, lines.join("; "));
});

Deno.test("an engine that closes lets ranges under way leave first, and may be closed twice", async () => {
  using volumes = new Volumes();
  const id = volumes.writer(1).append({ key: 1n, cookie: 5, data: noise(4 << 20) }, NOW);
  const engine = await Engine.start(volumes.store());
  await using reader = await RawReader.connect(engine.address, 4 << 20);
  for (let number = 1; number <= 4; number++) reader.send("StartRead", reader.startRead(id, 4 << 20), number);
  await until(() => engine.server.statistics().started === 4);
  await Promise.all([engine.server.close(5_000), engine.server.close(5_000)]);
  await reader.connection.closed;
  assertEquals(reader.answers.map(({ type }) => type), new Array(4).fill("StartReadResponse"));
  assertEquals(reader.region.bytes, noise(4 << 20));
  await engine.stop();
});

Deno.test("an engine can be closed while readers connect", async () => {
  using volumes = new Volumes();
  volumes.writer(1);
  const engine = await Engine.start(volumes.store());
  const domain = await openDomain();
  const connecting = Array.from({ length: 8 }, () => connectSmbDirect(domain, engine.address).catch(() => undefined));
  await tick();
  await engine.stop();
  for (const connection of await Promise.all(connecting)) await connection?.closed;
  domain[Symbol.dispose]();
});
