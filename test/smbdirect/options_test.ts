import { ConfigError } from "../../src/rdma/errors.ts";
import { resolveSettings, type SmbDirectOptions } from "../../src/smbdirect/mod.ts";
import { assertEquals, assertThrows } from "../assert.ts";

Deno.test("resolveSettings() fills in what Windows, ksmbd and cifs.ko all accept", () => {
  assertEquals(resolveSettings("active"), {
    sendCreditTarget: 255,
    receiveCreditMax: 255,
    maxSendSize: 1364,
    maxReceiveSize: 8136,
    maxFragmentedSize: 1_048_576,
    maxReadWriteSize: 8_388_608,
    negotiateTimeout: 120_000,
    idleTimeout: 120_000,
    keepaliveTimeout: 5_000,
    creditTimeout: Infinity,
    maxQueuedMessages: 1024,
    maxQueuedBytes: 4_194_304,
    maxOutstandingTransfers: 128,
    maxTransfers: 1024,
  });
});

Deno.test("resolveSettings() gives the passive side five seconds to negotiate and to be given credits", () => {
  const settings = resolveSettings("passive");
  assertEquals([settings.negotiateTimeout, settings.creditTimeout], [5_000, 5_000]);
});

Deno.test("resolveSettings() keeps what is chosen, ends of ranges and Infinity for times included", () => {
  const chosen = { sendCreditTarget: 1, receiveCreditMax: 255, maxSendSize: 128, idleTimeout: Infinity };
  const settings = resolveSettings("active", chosen);
  assertEquals({ ...settings, ...chosen }, settings);
});

const refused: [SmbDirectOptions, string][] = [
  [{ sendCreditTarget: 0 }, "sendCreditTarget 0: an integer from 1 to 255 is wanted"],
  [{ receiveCreditMax: 256 }, "receiveCreditMax 256: an integer from 1 to 255 is wanted"],
  [{ maxSendSize: 127 }, "maxSendSize 127: an integer from 128 to 65536 is wanted"],
  [{ maxReceiveSize: 127 }, "maxReceiveSize 127: an integer from 128 to 65536 is wanted"],
  [{ maxFragmentedSize: 131_071 }, "maxFragmentedSize 131071: an integer from 131072 to 16777216 is wanted"],
  [{ maxReadWriteSize: 1.5 }, "maxReadWriteSize 1.5: an integer from 4096 to 4294967295 is wanted"],
  [{ maxQueuedMessages: Infinity }, "maxQueuedMessages Infinity: an integer from 1 to 65536 is wanted"],
  [{ keepaliveTimeout: NaN }, "keepaliveTimeout NaN: an integer from 1 to 86400000 is wanted"],
];
for (const [options, message] of refused) {
  Deno.test(`resolveSettings() refuses ${Object.keys(options)} ${Object.values(options)}`, () => {
    assertThrows(() => resolveSettings("active", options), ConfigError, message);
  });
}
