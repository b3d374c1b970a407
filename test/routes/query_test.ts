import fc from "fast-check";
import { HttpError } from "../../routes/http_error.ts";
import { parseCookie, parseInteger, parseKey, readQuery } from "../../routes/query.ts";
import { parseRead } from "../../routes/read.ts";
import { assert, assertEquals } from "../assert.ts";

const NAMES = ["file_id", "offset", "size"];
const RUNS = { numRuns: 100_000 };

/** What `run` gives, or the status it refuses with; anything else thrown fails the test. */
function statusOf<T>(run: () => T): T | number {
  try {
    return run();
  } catch (error) {
    assert(error instanceof HttpError, `threw ${error}`);
    assert(error.message.length < 256 && !/[\r\n]/.test(error.message), error.message);
    return error.status;
  }
}

Deno.test("readQuery() gives the values in the order of the names, and undefined for what is absent", () => {
  assertEquals(readQuery("/read?size=2&x=1&file_id=3,01", NAMES), ["3,01", undefined, "2"]);
  assertEquals(readQuery("/read", NAMES), [undefined, undefined, undefined]);
  assertEquals(readQuery("/read?", NAMES), [undefined, undefined, undefined]);
  assertEquals(readQuery("/read?size", NAMES), [undefined, undefined, ""]);
  assertEquals(readQuery("/read?&&size=a=b&", NAMES), [undefined, undefined, "a=b"]);
  assertEquals(readQuery("/read?size=1#&offset=2", NAMES), [undefined, undefined, "1"]);
  assertEquals(readQuery("/read?s%69ze=%31+", NAMES), [undefined, undefined, "1 "]);
});

Deno.test("readQuery() agrees with URLSearchParams on whatever comes once and is well encoded", () => {
  const piece = fc.string({ unit: fc.constantFrom(..."&=%+#?;file_idsz0159,-. \u00e9\u{1f980}"), maxLength: 40 });
  fc.assert(
    fc.property(piece, (text) => {
      const values = statusOf(() => readQuery(`http://h/read?${text}`, NAMES));
      if (typeof values === "number") return assertEquals(values, 400);
      const expected = new URLSearchParams(`?${text.split("#")[0]}`); // it drops one leading "?" itself
      assertEquals(values, NAMES.map((name) => expected.get(name) ?? undefined));
      for (const name of NAMES) assert(expected.getAll(name).length <= 1);
    }),
    RUNS,
  );
});

Deno.test("parseInteger() takes the canonical decimal numbers of its range and nothing else", () => {
  const text = fc.oneof(
    fc.nat({ max: 3000 }).map(String),
    fc.maxSafeNat().map(String),
    fc.string({ unit: fc.constantFrom(..."0123456789+-.eExX _n\n"), maxLength: 18 }),
  );
  fc.assert(
    fc.property(text, (digits) => {
      const value = statusOf(() => parseInteger("size", digits, 2000, 2 ** 53 - 1));
      const fits = /^[1-9][0-9]{0,15}$/.test(digits) && BigInt(digits) >= 2000n && BigInt(digits) < 2n ** 53n;
      assertEquals(value, fits ? Number(BigInt(digits)) : 400);
    }),
    RUNS,
  );
});

Deno.test("parseKey() takes 1 to 2^64−1 exactly and nothing else", () => {
  const text = fc.oneof(
    fc.bigInt({ min: 0n, max: 2n ** 66n }).map(String),
    fc.string({ unit: fc.constantFrom(..."0123456789-x "), maxLength: 22 }),
  );
  fc.assert(
    fc.property(text, (digits) => {
      const fits = /^[1-9][0-9]{0,19}$/.test(digits) && BigInt(digits) < 2n ** 64n;
      assertEquals(statusOf(() => parseKey("needle", digits)), fits ? BigInt(digits) : 400);
    }),
    RUNS,
  );
});

Deno.test("parseCookie() takes decimal and 0x hexadecimal of 32 bits", () => {
  assertEquals(parseCookie("cookie", "0"), 0);
  assertEquals(parseCookie("cookie", "4294967295"), 0xffff_ffff);
  assertEquals(parseCookie("cookie", "0xFFFFffff"), 0xffff_ffff);
  assertEquals(parseCookie("cookie", "0x0001"), 1);
  for (const text of ["", "4294967296", "0x", "0x1ffffffff", "ff", "-1", "1.0", " 1", "010", "1e3"]) {
    assertEquals(statusOf(() => parseCookie("cookie", text)), 400, text);
  }
});

Deno.test("parseRead() survives any URL: a checked request, or a refusal of one line", () => {
  const value = fc.oneof(
    fc.constantFrom(
      "3,01637037d6",
      "0",
      "1",
      "4096",
      "-1",
      "1e9",
      "0x12345678",
      "18446744073709551615",
      "%31",
      "%",
      "+",
    ),
    fc.string({ unit: fc.constantFrom(..."0123456789abcdef,_%&=+x-. "), maxLength: 24 }),
  );
  const name = fc.constantFrom("file_id", "offset", "size", "volume", "needle", "cookie", "volume_server", "");
  const query = fc.array(fc.tuple(name, value).map(([key, text]) => `${key}=${text}`), { maxLength: 6 });
  fc.assert(
    fc.property(query, (pairs) => {
      const request = statusOf(() => parseRead(`http://h/read?${pairs.join("&")}`, 65536));
      if (typeof request === "number") return assert([400, 413].includes(request));
      assert(request.volume >= 1 && request.volume <= 0xffff_ffff);
      assert(request.key >= 0n && request.key <= 0xffff_ffff_ffff_ffffn);
      assert(request.cookie >= 0 && request.cookie <= 0xffff_ffff);
      assert(Number.isSafeInteger(request.offset) && request.offset >= 0);
      assert(Number.isSafeInteger(request.size) && request.size >= 1 && request.size <= 65536);
    }),
    RUNS,
  );
});
