/**
 * The least that a service on Deno's `node:http` costs, which `verbena serve` stands on: like bare_serve.ts, but there.
 *
 * @module
 */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Random } from "../test/random.ts";

const [seed, needles, size] = Deno.args.map(Number) as [number, number, number];
const random = new Random(seed);
const held = Array.from({ length: needles }, () => random.bytes(size));

const server = createServer(({ url }, answer) => {
  const [needle, offset, length] = url?.split("?")[1]?.split("-").map(Number) as [number, number, number];
  answer.writeHead(200, { "content-type": "application/octet-stream", "content-length": String(length) });
  answer.end(held[needle]?.subarray(offset, offset + length));
});
// deno-lint-ignore no-console -- the one line the bench waits for
server.listen(0, "127.0.0.1", () => console.log(`listening ${(server.address() as AddressInfo).port}`));
