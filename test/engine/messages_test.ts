import fc from "fast-check";
import { Packr } from "msgpackr";
import { WireError } from "../../src/rdma/mod.ts";
import { decodeMessage, encodeMessage, MAX_REQUEST_SIZE, type Message } from "../../src/engine/messages.ts";
import { assert, assertEquals, assertThrows, hex } from "../assert.ts";

/** A StartRead as SeaweedFS's own Go client sends it: volume 3, needle 1, cookie 1, 16 bytes, 30 seconds. */
const GO_START_READ = hex(`
  82a474797065a9537461727452656164a46461746188a9766f6c756d655f6964ce00000003a96e6565646c655f6964cf00000000000000
  01a6636f6f6b6965ce00000001a66f6666736574cf0000000000000000a473697a65cf0000000000000010ab72656d6f74655f61646472
  cf0000000000000000aa72656d6f74655f6b6579ce00000000ac74696d656f75745f73656373cf000000000000001e`);
const GO_PING = hex(
  "82a474797065a450696e67a46461746182ac74696d657374616d705f6e73cf0000000000000001a9636c69656e745f6964a178",
);
const GO_GET_CAPABILITIES = hex("82a474797065af4765744361706162696c6974696573a46461746180");
/** What SeaweedFS's Rust engine answers, an array in an array. */
const RUST_ERROR = hex(
  "92a54572726f7294b3554e535550504f525445445f4d455353414745b8556e737570706f72746564206d6573736167652074797065a772657175657374c3",
);

const START_READ = {
  volume_id: 3,
  needle_id: 1n,
  cookie: 1,
  offset: 0n,
  size: 16n,
  remote_addr: 0n,
  remote_key: 0,
  timeout_secs: 30n,
};

const VOLUMES = {
  ids: [3n, 0xffff_ffffn],
  collections: ["", "ü"],
  versions: [3n, 2n],
  sizes: [8n, 1n << 63n],
  needles: [0n, 1n],
  deleted: [1n, 0n],
  flags: [3n, 0n],
  more: true,
};

const plain = new Packr({ useRecords: false, variableMapSize: true });

/** A message made of anything at all. */
function pack(value: unknown): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(plain.pack(value));
}

function refused(bytes: Uint8Array, reason: string | RegExp): void {
  assertThrows(() => decodeMessage(bytes), WireError, reason);
}

Deno.test("decodeMessage() reads what SeaweedFS's Go client sends", () => {
  assertEquals(decodeMessage(GO_PING), { type: "Ping", data: { timestamp_ns: 1n, client_id: "x" } });
  assertEquals(decodeMessage(GO_START_READ), { type: "StartRead", data: START_READ });
  assertEquals(decodeMessage(GO_GET_CAPABILITIES), { type: "GetCapabilities", data: {} });
});

Deno.test("decodeMessage() reads the arrays that SeaweedFS's Rust engine answers with", () => {
  assertEquals(decodeMessage(RUST_ERROR), {
    type: "Error",
    data: {
      code: "UNSUPPORTED_MESSAGE",
      message: "Unsupported message type",
      category: "request",
      recoverable: true,
    },
  });
  assertEquals(decodeMessage(pack(["CompleteReadResponse", [true, null, null]])), {
    type: "CompleteReadResponse",
    data: { success: true },
  });
});

Deno.test("encodeMessage() makes maps, with the fields in the wire's order and names", () => {
  assertEquals(
    encodeMessage("CompleteReadResponse", { success: true, server_crc: 7 }).toHex(),
    "82a474797065b4436f6d706c65746552656164526573706f6e7365a46461746182a773756363657373c3aa7365727665725f63726307",
  );
  assertEquals(
    encodeMessage("Error", { code: "a", message: "b" }, 5).toHex(),
    "83a474797065a54572726f72a46461746182a4636f6465a161a76d657373616765a162a2696405",
  );
});

Deno.test("encodeMessage() leaves out what is undefined", () => {
  const bytes = encodeMessage("Ping", { timestamp_ns: 1n });
  assertEquals(bytes.toHex(), "82a474797065a450696e67a46461746181ac74696d657374616d705f6e73d30000000000000001");
});

Deno.test("64-bit numbers survive both ways, to the last bit", () => {
  for (const value of [0n, 1n, (1n << 53n) + 1n, (1n << 63n) - 1n, 1n << 63n, (1n << 64n) - 1n]) {
    const data = { ...START_READ, needle_id: value, remote_addr: value, offset: value };
    assertEquals(decodeMessage(encodeMessage("StartRead", data)), { type: "StartRead", data });
  }
});

Deno.test("an id goes out and comes back, from a map and from an array", () => {
  for (const id of [0, 1, 0xffff_ffff]) {
    assertEquals(decodeMessage(encodeMessage("GetCapabilities", {}, id)), { type: "GetCapabilities", data: {}, id });
    assertEquals(decodeMessage(pack(["GetCapabilities", {}, id])), { type: "GetCapabilities", data: {}, id });
  }
  assertEquals(decodeMessage(pack({ type: "GetCapabilities", data: {}, id: null })), {
    type: "GetCapabilities",
    data: {},
  });
  refused(pack({ type: "GetCapabilities", data: {}, id: -1 }), "id, wanted u32: got number");
  refused(pack({ type: "GetCapabilities", data: {}, id: 2 ** 32 }), "id, wanted u32");
  refused(pack({ type: "GetCapabilities", data: {}, id: "1" }), `id, wanted u32: got "1"`);
});

Deno.test("decodeMessage() takes keys in any order and leaves unknown ones aside", () => {
  const { needle_id, ...rest } = START_READ;
  const message = { extra: [1, { a: 2 }], data: { zebra: null, needle_id, ...rest }, type: "StartRead" };
  assertEquals(decodeMessage(pack(message)), { type: "StartRead", data: START_READ });
});

Deno.test("decodeMessage() takes optional fields that are missing or nil", () => {
  const data = { timestamp_ns: 1n };
  assertEquals(decodeMessage(pack({ type: "Ping", data: { ...data, client_id: null } })), { type: "Ping", data });
  assertEquals(decodeMessage(pack(["Ping", [1]])), { type: "Ping", data });
});

Deno.test("decodeMessage() refuses fields that are missing, nil, of another kind or out of range", () => {
  const cases: [change: Record<string, unknown>, reason: string][] = [
    [{ cookie: undefined }, "StartRead.cookie: got nothing"],
    [{ cookie: null }, "StartRead.cookie: got nothing"],
    [{ cookie: 2 ** 32 }, "StartRead.cookie, wanted u32"],
    [{ cookie: -1 }, "StartRead.cookie, wanted u32"],
    [{ cookie: 1.5 }, "StartRead.cookie, wanted u32"],
    [{ cookie: true }, "StartRead.cookie, wanted u32: got boolean"],
    [{ needle_id: -1n }, "StartRead.needle_id, wanted u64: got -1"],
    [{ needle_id: "1" }, `StartRead.needle_id, wanted u64: got "1"`],
    [{ size: [16] }, "StartRead.size, wanted u64: got object"],
    [{ auth_token: 1 }, "StartRead.auth_token, wanted string: got number"],
    [{ ends_with_answer: 1 }, "StartRead.ends_with_answer, wanted bool: got number"],
    [{ auth_token: new Uint8Array(3) }, "StartRead.auth_token, wanted string: got object"],
  ];
  for (const [change, reason] of cases) {
    const data = { ...START_READ, ...change };
    if ("cookie" in change && change.cookie === undefined) delete (data as Partial<typeof data>).cookie;
    refused(pack({ type: "StartRead", data }), reason);
  }
  refused(pack({ type: "CompleteRead", data: ["id", 1, 2] }), "CompleteRead.success, wanted bool: got number");
});

Deno.test("decodeMessage() takes a list of strings, of strings only and not too long", () => {
  const names = ["device_name", "vendor_id", "max_transfer_size", "max_sessions", "active_sessions", "port_gid"];
  const made = (auth: unknown) => pack(["GetCapabilitiesResponse", ["d", 0, 1, 2, 3, "g", 0, auth, "v", false]]);
  const { data } = decodeMessage(made(["none", "token"])) as Message<"GetCapabilitiesResponse">;
  assertEquals(data.supported_auth, ["none", "token"]);
  assertEquals(Object.keys(data).slice(0, names.length), names);
  refused(made(["none", 1]), "supported_auth, wanted strings");
  refused(made(new Array(65).fill("x")), "entries: got 65");
});

Deno.test("decodeMessage() takes lists of numbers and bytes, of their kind only and not too long", () => {
  assertEquals(decodeMessage(encodeMessage("ListVolumesResponse", VOLUMES)), {
    type: "ListVolumesResponse",
    data: VOLUMES,
  });
  const made = (change: object) => pack({ type: "ListVolumesResponse", data: { ...VOLUMES, ...change } });
  refused(made({ ids: [1, -1] }), "ListVolumesResponse.ids, wanted u64s: got object");
  refused(made({ ids: [1, 1.5] }), "ids, wanted u64s");
  refused(made({ ids: ["1"] }), "ids, wanted u64s");
  refused(made({ ids: 1 }), "ids, wanted u64s: got number");
  refused(made({ ids: { 0: 1 } }), "ids, wanted u64s");
  refused(made({ sizes: new Array(65).fill(1) }), "entries: got 65");
  const needles = Uint8Array.from({ length: 12_288 }, (_, at) => at);
  const bytes = encodeMessage("ListNeedlesResponse", { needles, more: false });
  const { data } = decodeMessage(bytes) as Message<"ListNeedlesResponse">;
  bytes.fill(0);
  assertEquals(data, { needles, more: false });
  refused(pack({ type: "ListNeedlesResponse", data: { needles: "x", more: true } }), "needles, wanted bytes");
  refused(pack({ type: "ListNeedlesResponse", data: { needles: [1], more: true } }), "needles, wanted bytes");
});

Deno.test("decodeMessage() refuses data that is nil or missing, and types that are unknown", () => {
  refused(pack({ type: "Ping", data: null }), "Ping data: got object");
  refused(pack({ type: "Ping" }), "Ping data: got undefined");
  refused(pack(["GetCapabilities"]), "GetCapabilities data: got undefined");
  refused(pack({ type: "Pingg", data: {} }), `type: got "Pingg"`);
  refused(pack({ type: "toString", data: {} }), `type: got "toString"`);
  refused(pack({ type: "__proto__", data: {} }), `type: got "__proto__"`);
  refused(pack({ type: 1, data: {} }), "type: got number");
  refused(pack({ data: {} }), "type: got undefined");
  for (const value of [null, 1, "Ping", true, 1.5]) refused(pack(value), "envelope");
});

Deno.test("decodeMessage() is not taken in by keys that every object inherits", () => {
  const data = { ...START_READ, __proto__: undefined } as Record<string, unknown>;
  delete data.cookie;
  const bytes = pack({ type: "StartRead", data: { ...data, ["__proto_"]: 1 } });
  const key = bytes.toHex().replace("a85f5f70726f746f5f01", "a95f5f70726f746f5f5f81a6636f6f6b696501");
  refused(hex(key), "StartRead.cookie: got nothing");
});

Deno.test("decodeMessage() refuses extension types, which could unfold without bound", () => {
  const types = ["d400", "d47240", "d5", "d6ff", "d7ff", "d8", "c70078", "c80000", "c900000000ff", "c1"];
  for (const type of types) {
    refused(hex(`82a474797065a450696e67a46461746181ac74696d657374616d705f6e73${type}0000000000000000`), "type: got 0x");
  }
  refused(pack({ type: "Ping", data: { timestamp_ns: new Date(0) } }), "type: got 0xd6");
});

Deno.test("decodeMessage() refuses references that unfold to 2^30 copies, and at once", () => {
  let bytes = "90";
  for (let id = 30; id > 0; id--) {
    const name = id.toString(16).padStart(8, "0");
    bytes = `92d669${name}${bytes}d670${name}`;
  }
  refused(hex(`${bytes}00`), "type: got 0xd6");
});

Deno.test("decodeMessage() refuses keys that come twice, however they are written", () => {
  refused(hex("83a474797065a450696e67a474797065a4506f6e67a46461746180"), "key that comes twice");
  refused(hex("83a474797065a450696e67d90474797065a4506f6e67a46461746180"), "key that comes twice");
  refused(hex("83a474797065a450696e67da000474797065a4506f6e67a46461746180"), "key that comes twice");
});

Deno.test("decodeMessage() refuses keys that are no strings", () => {
  refused(hex("83a474797065af4765744361706162696c6974696573a4646174618001c0"), "key of type: got 0x1");
  refused(hex("8190c0"), "key of type: got 0x90");
});

Deno.test("decodeMessage() refuses nesting, and headers that promise more than there is", () => {
  refused(new Uint8Array(MAX_REQUEST_SIZE).fill(0x91), "depth: got 9");
  refused(new Uint8Array(1000).fill(0x81), "key of type");
  refused(hex("82a474797065a450696e67a464617461818181818181818181"), "key of type");
  for (const huge of ["ddffffffff", "dcffff", "dfffffffff", "deffff"]) refused(hex(huge), "entries");
  for (const huge of ["dbffffffff", "daffff", "d9ff", "c6ffffffff", "c5ffff", "c4ff", "bf", "9f", "cf00", "ca00"]) {
    refused(hex(huge), "ends early");
  }
  refused(new Uint8Array(0), "ends early");
});

Deno.test("decodeMessage() refuses strings that are not UTF-8", () => {
  const made = (text: string) =>
    hex(`82a474797065a450696e67a46461746182ac74696d657374616d705f6e7301a9636c69656e745f6964${text}`);
  assertEquals((decodeMessage(made("a2c3a9")) as Message<"Ping">).data.client_id, "é");
  for (const wrong of ["a1ff", "a2c3c3", "a3eda080", "a2c080", "a4f4908080"]) refused(made(wrong), "not UTF-8");
});

Deno.test("decodeMessage() refuses what is behind the message, and what is too long", () => {
  refused(Uint8Array.of(...GO_PING, 0xc0), "bytes behind the message: got 1");
  const long = pack({ type: "Ping", data: { timestamp_ns: 1, client_id: "x".repeat(MAX_REQUEST_SIZE) } });
  refused(long, `message length: got ${long.length}`);
});

Deno.test("every message that is cut short is refused", () => {
  for (const message of [GO_PING, GO_START_READ, GO_GET_CAPABILITIES, RUST_ERROR]) {
    for (let length = 0; length < message.length; length++) {
      assertThrows(() => decodeMessage(message.subarray(0, length)), WireError);
    }
  }
});

/** Decodes; anything but a message or a WireError escapes and fails the test. */
function survives(bytes: Uint8Array): boolean {
  try {
    return typeof decodeMessage(bytes).type === "string";
  } catch (error) {
    if (error instanceof WireError) return error.message.length < 300;
    throw error;
  }
}

Deno.test("100,000 random strings of bytes are messages or WireErrors, nothing else", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), survives), { numRuns: 100_000 });
});

Deno.test("100,000 valid messages with bytes changed are messages or WireErrors, nothing else", () => {
  const valid = [
    GO_PING,
    GO_START_READ,
    RUST_ERROR,
    encodeMessage("StartRead", START_READ, 77),
    encodeMessage("CompleteRead", { session_id: "x", success: true, bytes_transferred: 1n, client_crc: 3 }),
    pack(["GetCapabilitiesResponse", ["d", 0, 1, 2, 3, "g", 0, ["none"], "v", false]]),
    encodeMessage("ListVolumes", { after: 9 }, 1),
    encodeMessage("ListVolumesResponse", VOLUMES, 2),
    encodeMessage("ListNeedles", { volume_id: 3, after: 1n << 63n, limit: 7 }, 3),
    encodeMessage("ListNeedlesResponse", { needles: new Uint8Array(24), more: false }, 4),
  ].map((bytes) => Uint8Array.from(bytes));
  const change = fc.tuple(fc.nat(300), fc.nat(255));
  const property = fc.property(fc.constantFrom(...valid), fc.array(change, { maxLength: 4 }), (message, changes) => {
    const bytes = message.slice();
    for (const [at, value] of changes) bytes[at % bytes.length] = value;
    return survives(bytes);
  });
  fc.assert(property, { numRuns: 100_000 });
});

Deno.test("the decoder's memory does not grow with what it refused", () => {
  const nested = new Uint8Array(MAX_REQUEST_SIZE);
  for (let at = 0; at < nested.length; at++) nested[at] = [0xdd, 0x00, 0x0f, 0x42, 0x40][at % 5] as number;
  const before = Deno.memoryUsage().rss;
  for (let round = 0; round < 1_000; round++) survives(nested);
  assert(Deno.memoryUsage().rss - before < 64 << 20);
});
