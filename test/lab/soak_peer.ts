/**
 * A peer to be killed: connects through the verbs provider to the address it is given, and writes without end to the
 * memory that the acceptance names.
 *
 * @module
 */
import { completions, Opcode, statusText } from "../../src/rdma/completion.ts";
import { Access } from "../../src/rdma/memory.ts";
import { verbsProvider } from "../../src/verbs/mod.ts";

/** Bytes of each RDMA Write. */
export const WRITE_SIZE = 65_536;
const DEPTH = 16;

if (import.meta.main) {
  const [hostname = "", port = ""] = Deno.args;
  const address = { hostname, port: Number(port) };
  const domain = await verbsProvider().open(address);
  const region = domain.register(WRITE_SIZE, Access.LOCAL_WRITE);
  const endpoint = await domain.connect(address, { sendDepth: DEPTH, receiveDepth: DEPTH });
  const { buffer, byteOffset } = Uint8Array.from(endpoint.privateData);
  const target = new DataView(buffer, byteOffset);
  const write = {
    id: 0,
    opcode: Opcode.WRITE,
    region,
    offset: 0,
    length: WRITE_SIZE,
    remoteAddress: target.getBigUint64(0),
    remoteKey: target.getUint32(8),
  };
  const out = completions(DEPTH);
  for (let written = 0;;) {
    while (endpoint.sendSlots > 0) endpoint.postSend(write);
    const count = endpoint.poll(out);
    if (count === 0) {
      await new Promise((resolve) => setTimeout(resolve));
      continue;
    }
    for (const { status } of out.slice(0, count)) {
      if (status !== 0) throw new Error(`a Write ended with ${statusText(status)}`);
      written++;
      // deno-lint-ignore no-console -- its parent waits for this
      if (written === 2 * DEPTH) console.log("writing");
    }
  }
}
