import { libc, socketDescriptor } from "../../ffi/mod.ts";
import { assert, assertEquals } from "../assert.ts";

libc(); // it stays open, and the sanitizer would hold that against the test that opens it

const [DONT_WAIT, PEEK] = [0x40, 2];

/** What can be read of a descriptor now, without taking it. */
function peek(descriptor: number): number[] {
  const bytes = new Uint8Array(16);
  const count = libc().recv(descriptor, bytes, bytes.length, PEEK | DONT_WAIT);
  return [...bytes.subarray(0, Math.max(0, count))];
}

async function descriptorOf(socket: Deno.TcpConn, peer: Deno.TcpConn, mark: number): Promise<number> {
  const descriptor = socketDescriptor(socket.localAddr, socket.remoteAddr);
  assert(descriptor !== undefined, "a descriptor");
  await peer.write(new Uint8Array([mark]));
  while (peek(descriptor).length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  assertEquals(peek(descriptor), [mark]);
  return descriptor;
}

for (const [listenAt, connectTo] of [["127.0.0.1", "127.0.0.1"], ["::1", "::1"], ["::", "127.0.0.1"]] as const) {
  Deno.test(`both ends of a connection from ${connectTo} to a listener on ${listenAt} are found, among many`, async () => {
    using listener = Deno.listen({ hostname: listenAt, port: 0 });
    const pairs: [Deno.TcpConn, Deno.TcpConn][] = [];
    for (let count = 0; count < 20; count++) {
      const socket = await Deno.connect({ hostname: connectTo, port: listener.addr.port });
      pairs.push([socket, await listener.accept()]);
    }
    const found = new Set<number>();
    for (const [index, [one, other]] of pairs.entries()) {
      found.add(await descriptorOf(one, other, 1 + index));
      found.add(await descriptorOf(other, one, 101 + index));
    }
    assertEquals(found.size, 40);
    for (const pair of pairs) for (const socket of pair) socket.close();
  });
}

Deno.test("a connection that is not this process's has no descriptor", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  using socket = await Deno.connect({ hostname: "127.0.0.1", port: listener.addr.port });
  using _accepted = await listener.accept();
  const { localAddr, remoteAddr } = socket;
  assertEquals(socketDescriptor(localAddr, { ...remoteAddr, port: remoteAddr.port ^ 1 }), undefined);
  assertEquals(socketDescriptor({ ...localAddr, hostname: "127.0.0.2" }, remoteAddr), undefined);
});
