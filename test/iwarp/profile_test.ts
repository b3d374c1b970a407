import { iwarpProvider } from "../../src/iwarp/mod.ts";
import { writeAll } from "../../src/iwarp/setup.ts";
import { ulpduSizeFor } from "../../src/iwarp/profile.ts";
import { fpduSize } from "../../src/iwarp/wire.ts";
import { Opcode } from "../../src/rdma/completion.ts";
import { assertEquals } from "../assert.ts";
import { LOOPBACK, readExactly, setupFrame } from "./bare_peer.ts";

/** Bytes of a request of revision 2 without private data. */
const REQUEST_SIZE = 24;

Deno.test("frames for hardware fill one segment of Ethernet with TCP's timestamps, over either IP", () => {
  const sizes = ["10.0.0.1", "::ffff:10.0.0.1", "fe80::1"].map((host) => fpduSize(ulpduSizeFor("hardware", host)));
  assertEquals(sizes, [1_448, 1_448, 1_428]);
  assertEquals(ulpduSizeFor("software", "10.0.0.1"), 65_518);
});

Deno.test("where the size of a segment is known, frames for hardware fill it, up to what adapters take", () => {
  const sizes = [536, 1_331, 8_948, 65_483].map((segment) => fpduSize(ulpduSizeFor("hardware", "10.0.0.1", segment)));
  assertEquals(sizes, [536, 1_328, 8_948, 16_384]);
  assertEquals(ulpduSizeFor("hardware", "10.0.0.1", 48), 128);
  assertEquals(ulpduSizeFor("software", "10.0.0.1", 536), 65_518);
});

/** The lengths of the frames in which a message of so many bytes leaves. */
async function framesOf(size: number): Promise<number[]> {
  const listener = Deno.listen(LOOPBACK);
  const domain = await iwarpProvider({ crc: "off", profile: "hardware" }).open(LOOPBACK);
  const region = domain.register(size, 0);
  const connecting = domain.connect({ hostname: "127.0.0.1", port: listener.addr.port });
  using socket = await listener.accept();
  listener.close();
  await readExactly(socket, REQUEST_SIZE);
  await writeAll(socket, setupFrame("reply"));
  const endpoint = await connecting;
  endpoint.postSend({ id: 1, opcode: Opcode.SEND, region, offset: 0, length: size });
  const lengths: number[] = [];
  for (let left = size; left > 0;) {
    const [high = 0, low = 0] = await readExactly(socket, 2);
    const length = high << 8 | low;
    lengths.push(length);
    left -= length - 18;
    await readExactly(socket, fpduSize(length) - 2);
  }
  socket.closeWrite();
  await endpoint.close();
  domain[Symbol.dispose]();
  return lengths;
}

Deno.test("a message for hardware leaves in frames that fit a segment each, over loopback the longest", async () => {
  assertEquals(await framesOf(40_000), [16_378, 16_378, 7_298]);
});

Deno.test({
  name: "a message for hardware leaves in frames that fit a segment of Ethernet, where FFI is not allowed",
  permissions: { net: "inherit", ffi: false },
  fn: async () => {
    assertEquals(await framesOf(10_000), [1_442, 1_442, 1_442, 1_442, 1_442, 1_442, 1_442, 50]);
  },
});
