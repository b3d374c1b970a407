import { createHmac } from "node:crypto";
import { mintReadToken } from "../../src/seaweed/read_token.ts";
import { assertEquals } from "../assert.ts";

Deno.test("mintReadToken() signs the file id and the expiry with HS256", () => {
  const token = mintReadToken("secret", "3,01637037d6", 1_767_225_600_999, 10);
  const [header, claims, signature] = token.split(".") as [string, string, string];
  const text = (part: string) => atob(part.replaceAll("-", "+").replaceAll("_", "/"));
  assertEquals(text(header), `{"alg":"HS256","typ":"JWT"}`);
  assertEquals(text(claims), `{"fid":"3,01637037d6","exp":1767225610}`);
  assertEquals(signature, createHmac("sha256", "secret").update(`${header}.${claims}`).digest("base64url"));
});

Deno.test("a token is base64url without padding, whatever the key", () => {
  const key = Uint8Array.from({ length: 64 }, (_, at) => at);
  assertEquals(/^[\w-]+\.[\w-]+\.[\w-]{43}$/.test(mintReadToken(key, "1,0100000001", 0)), true);
});
