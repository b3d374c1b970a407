import { ConfigError } from "../../../src/rdma/errors.ts";
import {
  CIPHERS,
  dialectName,
  DIALECTS,
  resolveSmbSettings,
  SIGNING_ALGORITHMS,
  SMB_SETTINGS,
  type SmbSettings,
  smbSettingsFrom,
} from "../../../src/smb/client/settings.ts";
import { assertEquals, assertThrows } from "../../assert.ts";

const MIB = 1_048_576;
const GIB = 1_073_741_824;

const DEFAULTS = {
  rdma: "auto",
  rdmaPorts: undefined,
  rdmaTimeout: 2_000,
  rdmaThreshold: 4_096,
  readSize: MIB,
  writeSize: MIB,
  inFlight: 8,
  credits: 512,
  sendCredits: 255,
  receiveCredits: 255,
  registeredMemory: 64 * MIB,
  minDialect: "2.1",
  maxDialect: "3.1.1",
  signing: "auto",
  encryption: "auto",
  signingAlgorithms: ["aes-gmac", "aes-cmac", "hmac-sha256"],
  ciphers: ["aes-128-gcm", "aes-256-gcm", "aes-128-ccm", "aes-256-ccm"],
  connectTimeout: 10_000,
  timeout: 60_000,
  echoInterval: 60_000,
  reconnect: true,
};

const VARIABLES: Readonly<Record<keyof SmbSettings, string>> = {
  rdma: "VERBENA_SMB_RDMA",
  rdmaPorts: "VERBENA_SMB_RDMA_PORTS",
  rdmaTimeout: "VERBENA_SMB_RDMA_TIMEOUT",
  rdmaThreshold: "VERBENA_SMB_RDMA_THRESHOLD",
  readSize: "VERBENA_SMB_READ_SIZE",
  writeSize: "VERBENA_SMB_WRITE_SIZE",
  inFlight: "VERBENA_SMB_IN_FLIGHT",
  credits: "VERBENA_SMB_CREDITS",
  sendCredits: "VERBENA_SMB_SEND_CREDITS",
  receiveCredits: "VERBENA_SMB_RECEIVE_CREDITS",
  registeredMemory: "VERBENA_SMB_REGISTERED_MEMORY",
  minDialect: "VERBENA_SMB_MIN_DIALECT",
  maxDialect: "VERBENA_SMB_MAX_DIALECT",
  signing: "VERBENA_SMB_SIGNING",
  encryption: "VERBENA_SMB_ENCRYPTION",
  signingAlgorithms: "VERBENA_SMB_SIGNING_ALGORITHMS",
  ciphers: "VERBENA_SMB_CIPHERS",
  connectTimeout: "VERBENA_SMB_CONNECT_TIMEOUT",
  timeout: "VERBENA_SMB_TIMEOUT",
  echoInterval: "VERBENA_SMB_ECHO_INTERVAL",
  reconnect: "VERBENA_SMB_RECONNECT",
};

/** The settings that are numbers, with the ends of their ranges. */
const RANGES: readonly (readonly [keyof SmbSettings, least: number, most: number])[] = [
  ["rdmaTimeout", 1, 86_400_000],
  ["rdmaThreshold", 1, GIB],
  ["readSize", 4_096, 8 * MIB],
  ["writeSize", 4_096, 8 * MIB],
  ["inFlight", 1, 256],
  ["credits", 1, 8_192],
  ["sendCredits", 1, 255],
  ["receiveCredits", 1, 255],
  ["registeredMemory", MIB, 16 * GIB],
  ["connectTimeout", 1, 86_400_000],
  ["timeout", 1, 86_400_000],
  ["echoInterval", 0, 86_400_000],
];

/** The settings that are one word, with the words. */
const CHOICES: readonly (readonly [keyof SmbSettings, ...string[]])[] = [
  ["rdma", "auto", "verbs", "iwarp", "off"],
  ["minDialect", "2.0.2", "2.1", "3.0", "3.0.2", "3.1.1"],
  ["maxDialect", "2.0.2", "2.1", "3.0", "3.0.2", "3.1.1"],
  ["signing", "auto", "required"],
  ["encryption", "auto", "required"],
];

/** What `name` becomes, as an option. */
const resolved = (name: keyof SmbSettings, value: unknown): unknown =>
  resolveSmbSettings({ minDialect: "2.0.2", [name]: value } as SmbSettings)[name];

/** What `name` becomes, as a variable. */
const read = (name: keyof SmbSettings, text: string): unknown =>
  smbSettingsFrom((variable) => variable === VARIABLES[name] ? text : undefined)[name];

/** Fails unless both an option and a variable are refused, and say what is wanted. */
function refuses(name: keyof SmbSettings, value: unknown, text: string, wanted: string): void {
  const option = assertThrows(() => resolved(name, value), ConfigError);
  assertEquals(option.message, `SMB ${name}: got ${JSON.stringify(value)}, want ${wanted}`);
  const variable = assertThrows(() => read(name, text), ConfigError);
  assertEquals(variable.message, `${VARIABLES[name]}: got ${JSON.stringify(text)}, want ${wanted}`);
}

Deno.test("an SMB connection for which nothing was chosen has these settings", () => {
  assertEquals(resolveSmbSettings({}), DEFAULTS);
  assertEquals(resolveSmbSettings({ readSize: undefined, other: 1 } as unknown as SmbSettings), DEFAULTS);
});

Deno.test("every SMB setting has a variable, and a line of help that ends with its default", () => {
  const variables = Object.entries(SMB_SETTINGS).map(([name, { variable }]) => [name, variable]);
  assertEquals(Object.fromEntries(variables), VARIABLES);
  for (const [name, { help }] of Object.entries(SMB_SETTINGS)) {
    const fallback = DEFAULTS[name as keyof SmbSettings];
    assertEquals(help.endsWith(fallback === undefined ? " (445,5445)" : ` (${fallback})`), true, help);
  }
});

for (const [name, least, most] of RANGES) {
  Deno.test(`${name} is a whole number from ${least} to ${most}, as an option and as a text`, () => {
    for (const value of [least, least + 1, most - 1, most]) {
      assertEquals(resolved(name, value), value);
      assertEquals(read(name, String(value)), value);
    }
    const wanted = `a whole number from ${least} to ${most}`;
    for (const value of [least - 1, most + 1, least + 0.5]) refuses(name, value, String(value), wanted);
    refuses(name, String(least), "0x10", wanted);
    refuses(name, null, "1e3", wanted);
    refuses(name, [least], " 5", wanted);
    refuses(name, true, "1".repeat(16), wanted);
    for (const value of [NaN, Infinity]) assertThrows(() => resolved(name, value), ConfigError, wanted);
  });
}

for (const [name, ...words] of CHOICES) {
  Deno.test(`${name} is one of ${words.join(", ")}`, () => {
    for (const word of words) {
      assertEquals(resolved(name, word), word);
      assertEquals(read(name, word), word);
    }
    const wanted = `one of ${words.join(", ")}`;
    refuses(name, words[0]?.toUpperCase() + "!", words[0] + " ", wanted);
    refuses(name, "toString", "toString", wanted);
    refuses(name, 1, "1", wanted);
  });
}

Deno.test("rdmaPorts are ports", () => {
  assertEquals(resolved("rdmaPorts", [1, 65_535]), [1, 65_535]);
  assertEquals(read("rdmaPorts", "445, 5445"), [445, 5445]);
  const wanted = "whole numbers from 1 to 65535";
  refuses("rdmaPorts", [], ",", wanted);
  refuses("rdmaPorts", [0], "0", wanted);
  refuses("rdmaPorts", [445, 65_536], "445,65536", wanted);
  refuses("rdmaPorts", 445, "445;5445", wanted);
});

for (const [name, names] of [["ciphers", CIPHERS], ["signingAlgorithms", SIGNING_ALGORITHMS]] as const) {
  Deno.test(`${name} are some of ${Object.keys(names).join(", ")}, in the order given`, () => {
    const words = Object.keys(names).reverse();
    assertEquals(resolved(name, words), words);
    assertEquals(read(name, words.join(" , ")), words);
    const wanted = `some of ${Object.keys(names).join(", ")}`;
    refuses(name, [], ",", wanted);
    refuses(name, [...words, "rot13"], "rot13", wanted);
    refuses(name, words[0], "aes", wanted);
  });
}

Deno.test("reconnect is true or false, and no other word", () => {
  for (const value of [true, false]) {
    assertEquals(resolved("reconnect", value), value);
    assertEquals(read("reconnect", String(value)), value);
  }
  refuses("reconnect", "true", "yes", "true or false");
  refuses("reconnect", 1, "1", "true or false");
});

Deno.test("a variable that is not set, or empty, chooses nothing", () => {
  assertEquals(smbSettingsFrom(() => undefined), {});
  assertEquals(smbSettingsFrom(() => ""), {});
});

Deno.test("no dialect is accepted where the oldest is newer than the newest", () => {
  const names = Object.keys(DIALECTS) as (keyof typeof DIALECTS)[];
  for (const [from, minDialect] of names.entries()) {
    for (const [to, maxDialect] of names.entries()) {
      const resolve = () => resolveSmbSettings({ minDialect, maxDialect });
      if (from <= to) assertEquals([resolve().minDialect, resolve().maxDialect], [minDialect, maxDialect]);
      else {
        const { message } = assertThrows(resolve, ConfigError);
        assertEquals(message, `SMB minDialect ${minDialect} is newer than maxDialect ${maxDialect}`);
      }
    }
  }
  assertThrows(() => resolveSmbSettings({ maxDialect: "2.0.2" }), ConfigError, "minDialect 2.1 is newer than");
});

Deno.test("dialects have the names people use, and a number where nobody named them", () => {
  assertEquals([0x0202, 0x0210, 0x0300, 0x0302, 0x0311, 0x02ff].map(dialectName), [...Object.keys(DIALECTS), "0x2ff"]);
});
