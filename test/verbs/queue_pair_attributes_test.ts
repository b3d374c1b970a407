/**
 * Attributes of queue pairs and the ways to their peers, as C lays them out.
 *
 * @module
 */
import {
  mtuBytes,
  parseGid,
  readAddressVector,
  readAttributes,
  stateOf,
  writeAddressVector,
  writeAttributes,
} from "../../src/verbs/mod.ts";
import { assertEquals, assertThrows } from "../assert.ts";

const newView = (): DataView<ArrayBuffer> => new DataView(new ArrayBuffer(144)); // struct ibv_qp_attr

Deno.test("every attribute is written to its field, and its bit set in the mask", () => {
  const view = newView();
  const mask = writeAttributes(view, {
    state: "RTS",
    currentState: "RTR",
    access: 7,
    partitionKeyIndex: 0x1234,
    port: 2,
    queueKey: 0x1111_1111,
    path: { port: 3, gid: parseGid("10.7.0.1"), gidIndex: 4, hopLimit: 5, trafficClass: 6, flowLabel: 0xfffff },
    pathMtu: 3,
    destination: 0xabcdef,
    receivePacketNumber: 0x123456,
    sendPacketNumber: 0x654321,
    maxReadAtomicDestination: 8,
    maxReadAtomic: 9,
    minRnrTimer: 12,
    timeout: 14,
    retryCount: 6,
    rnrRetry: 7,
    drainNotification: true,
    alternatePath: { path: { port: 5, lid: 0x4321 }, partitionKeyIndex: 1, port: 5, timeout: 15 },
    migration: "ARMED",
  });
  assertEquals(mask, 0x1f_ffff & ~0x8_0000); // all but the capacities
  const u32 = (offset: number): number => view.getUint32(offset, true);
  assertEquals([0, 4, 8, 12, 16, 20, 24, 28, 32].map(u32), [3, 2, 3, 2, 0x1111_1111, 0x123456, 0x654321, 0xabcdef, 7]);
  assertEquals(new Uint8Array(view.buffer, 56, 16), parseGid("10.7.0.1"));
  assertEquals(u32(72), 0xfffff);
  assertEquals([...new Uint8Array(view.buffer, 76, 3)], [4, 5, 6]);
  assertEquals([view.getUint8(85), view.getUint8(86)], [1, 3]); // is_global, port_num
  assertEquals([view.getUint16(112, true), view.getUint8(117), view.getUint8(118)], [0x4321, 0, 5]);
  assertEquals([view.getUint16(120, true), view.getUint16(122, true)], [0x1234, 1]);
  assertEquals([...new Uint8Array(view.buffer, 124, 11)], [1, 0, 9, 8, 12, 2, 14, 6, 7, 5, 15]);
});

Deno.test("attributes that are not there leave their fields and bits alone", () => {
  const view = newView();
  assertEquals(writeAttributes(view, { state: "ERR" }), 1);
  assertEquals([...new Uint8Array(view.buffer)].filter((byte) => byte !== 0), [6]);
  assertEquals(writeAttributes(newView(), {}), 0);
});

Deno.test("what is written is what a query reads", () => {
  const view = newView();
  const attributes = {
    state: "RTR",
    access: 15,
    port: 1,
    path: {
      port: 1,
      lid: 0,
      serviceLevel: 2,
      sourcePathBits: 0,
      staticRate: 0,
      gid: parseGid("fe80::1"),
      gidIndex: 3,
      hopLimit: 64,
      trafficClass: 104,
      flowLabel: 77,
    },
    pathMtu: 5,
    destination: 99,
    migration: "MIGRATED",
  } as const;
  writeAttributes(view, attributes);
  view.setUint32(36, 16, true);
  view.setUint32(40, 32, true);
  view.setUint32(44, 1, true);
  view.setUint32(48, 2, true);
  view.setUint32(52, 64, true);
  view.setUint8(125, 1);
  const { state, access, port, path, pathMtu, destination, migration, draining, ...rest } = readAttributes(view);
  assertEquals({ state, access, port, path, pathMtu, destination, migration }, attributes);
  assertEquals(draining, true);
  const { sendDepth, receiveDepth, sendEntries, receiveEntries, inlineSize } = rest;
  assertEquals([sendDepth, receiveDepth, sendEntries, receiveEntries, inlineSize], [16, 32, 1, 2, 64]);
});

Deno.test("a value that its field does not hold is refused by name", () => {
  for (
    const [attributes, message] of [
      [{ destination: 0x100_0000 }, "destination 16777216: 0 to 16777215"],
      [{ sendPacketNumber: -1 }, "sendPacketNumber -1: 0 to 16777215"],
      [{ rnrRetry: 8 }, "rnrRetry 8: 0 to 7"],
      [{ timeout: 32 }, "timeout 32: 0 to 31"],
      [{ partitionKeyIndex: 1.5 }, "partitionKeyIndex 1.5: 0 to 65535"],
      [{ path: { port: 256 } }, "port 256: 0 to 255"],
      [{ path: { port: 1, gid: new Uint8Array(16), flowLabel: 0x10_0000 } }, "flowLabel 1048576: 0 to 1048575"],
      [{ path: { port: 1, gid: new Uint8Array(4) } }, "a GID of 4 bytes: 16 are wanted"],
    ] as const
  ) assertThrows(() => writeAttributes(newView(), attributes), RangeError, message);
});

Deno.test("without a GID there is no global route header", () => {
  const view = new DataView(new ArrayBuffer(40));
  writeAddressVector(view, 8, { port: 1, lid: 0xbeef, serviceLevel: 3, sourcePathBits: 1, staticRate: 2, hopLimit: 9 });
  assertEquals([...new Uint8Array(view.buffer, 0, 32)].every((byte) => byte === 0), true);
  assertEquals([...new Uint8Array(view.buffer, 32, 8)], [0xef, 0xbe, 3, 1, 2, 0, 1, 0]);
  assertEquals(readAddressVector(view, 8), { port: 1, lid: 0xbeef, serviceLevel: 3, sourcePathBits: 1, staticRate: 2 });
});

Deno.test("states and MTUs are numbered as C numbers them", () => {
  assertEquals([0, 1, 2, 3, 4, 5, 6, 7].map(stateOf), [
    "RESET",
    "INIT",
    "RTR",
    "RTS",
    "SQD",
    "SQE",
    "ERR",
    undefined,
  ]);
  assertEquals([1, 2, 3, 4, 5].map(mtuBytes), [256, 512, 1024, 2048, 4096]);
});
