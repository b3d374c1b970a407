/**
 * The least that any HTTP service on Deno costs: `Deno.serve` answering ranges of bytes it holds in memory. What the
 * bench shows of it is the floor under `verbena serve`.
 *
 * Prints `listening PORT`, and ends when it is killed.
 *
 * @module
 */
import { Random } from "../test/random.ts";

const [seed, needles, size] = Deno.args.map(Number) as [number, number, number];
const random = new Random(seed);
const held = Array.from({ length: needles }, () => random.bytes(size));

Deno.serve({
  hostname: "127.0.0.1",
  port: 0,
  // deno-lint-ignore no-console -- the one line the bench waits for
  onListen: ({ port }) => console.log(`listening ${port}`),
}, (request) => {
  const [needle, offset, length] = request.url.split("?")[1]?.split("-").map(Number) as [number, number, number];
  return new Response(held[needle]?.subarray(offset, offset + length), {
    headers: { "content-type": "application/octet-stream", "x-source": "memory" },
  });
});
