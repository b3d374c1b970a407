/**
 * tshark reads what our SMB client over our iWARP and ksmbd on siw say to each other, from MPA up to SMB.
 *
 * @module
 */
import { iwarpProvider } from "../../src/iwarp/mod.ts";
import { ProviderRegistry } from "../../src/rdma/registry.ts";
import { connectSmb } from "../../src/smb/mod.ts";
import { Channel } from "../../src/smb/wire/channel.ts";
import { Command } from "../../src/smb/wire/header.ts";
import { assert, assertEquals } from "../assert.ts";
import { testWith } from "../capabilities.ts";
import { Capture, Dissection, fieldsOf, SPNEGO_HINTS } from "../interop/capture.ts";
import { ALICE } from "../interop/smb_conf.ts";
import { get, put } from "../interop/smb_stage.ts";
import { pattern } from "../smbdirect/sides.ts";
import { Ksmbd, SMB_DIRECT_PORT } from "./ksmbd.ts";
import { HOSTS } from "./provider_stage.ts";

/** A file by RDMA, one request each way; and one in messages, which comes back in several fragments. */
const LARGE = 70_003;
const SMALL = 3_001;
/** What the small one is written in: tshark takes one fragment of a segment of TCP's, and several sent at once are in one. */
const PIECE = 1_001;

/** tshark has another protocol on this port, which is not to look first. */
const OPTIONS = ["-o", "tcp.try_heuristic_first:TRUE"];

/** What is asked of each frame, all at once: tshark takes its time here. */
const FIELDS = [
  "tcp.srcport",
  "_ws.expert.message",
  "iwarp_rdma.opcode",
  "iwarp_rdma.srcstag",
  "iwarp_rdma.inval_stag",
  "iwarp_ddp.stag",
  "smb_direct.negotiate_request",
  "smb_direct.negotiate_response",
  "smb_direct.status",
  "smb_direct.credits.requested",
  "smb_direct.preferred_send_size",
  "smb_direct.remaining_length",
  "smb2.cmd",
  "smb2.flags.response",
  "smb2.channel",
  "smb2.buffer_descriptor.token",
] as const;
type Field = typeof FIELDS[number];

/** What is remarked of MPA revision 2, which {@linkcode Dissection.checkForm} looks into. */
const REVISION = /^Request IWARP_MPA Re[sv] field is NOT set/;

const REQUESTS = [
  ...["NEGOTIATE", "SESSION_SETUP", "SESSION_SETUP", "TREE_CONNECT"],
  ...["CREATE", "WRITE", "WRITE", "WRITE", "CLOSE", "CREATE", "READ", "CLOSE"],
  ...["CREATE", "WRITE", "CLOSE", "CREATE", "READ", "CLOSE"],
  ...["TREE_DISCONNECT", "LOGOFF"],
] as const;

await testWith(["siw", "tshark"], "tshark reads our SMB client over iWARP as it talks to ksmbd", async (t) => {
  const file = await Deno.makeTempFile({ prefix: "verbena-tshark-", suffix: ".pcapng" });
  try {
    await using _ksmbd = await Ksmbd.start();
    await using capture = await Capture.start(SMB_DIRECT_PORT, file);
    await session();
    await capture.stop();
    const dissection = await Dissection.of(file, OPTIONS);
    const frames = await fieldsOf(file, OPTIONS, "iwarp_mpa || _ws.malformed || _ws.short", ...FIELDS);
    /** The named fields of each frame that has the first. */
    const fields = (...names: readonly Field[]): string[] =>
      frames.map((frame) => frame.split("\t"))
        .map((values) => names.map((name) => values[FIELDS.indexOf(name)] ?? ""))
        .filter(([first]) => first !== "")
        .map((values) => values.join(" "));

    await t.step("MPA, DDP and RDMAP: a request, a reply, and one message for each thing done", () => {
      assertEquals(dissection.every(/(ID Req frame|ID Rep frame): /g), ["ID Req frame", "ID Rep frame"]);
      const opcodes = dissection.every(/OpCode: (.*) \(/g);
      const messages = (name: string) => opcodes.filter((opcode) => opcode === name).length;
      assertEquals([messages("Read Request"), messages("Send with Invalidate")], [1, 2]);
      assert(messages("Write") > 0 && messages("Read Response") > 0);
    });
    await t.step("every FPDU's CRC is good", () => dissection.checkCrcs());
    await t.step("no frame is malformed", () => {
      dissection.checkForm();
      const remarks = fields("_ws.expert.message", "smb2.cmd", "smb2.flags.response");
      assertEquals(remarks.filter((remark) => !REVISION.test(remark)), [`${SPNEGO_HINTS} ${Command.NEGOTIATE} 1`]);
    });
    await t.step("SMB Direct negotiates, and carries what ksmbd has to say in fragments", () => {
      const negotiated = ["smb_direct.credits.requested", "smb_direct.preferred_send_size"] as const;
      assertEquals(fields("smb_direct.negotiate_request", ...negotiated), ["1 255 1364"]);
      assertEquals(fields("smb_direct.negotiate_response", "smb_direct.status", ...negotiated), [
        "1 0x00000000 255 1364",
      ]);
      const remaining = fields("smb_direct.remaining_length").map(Number).filter((length) => length > 0);
      assertEquals(remaining, [SMALL, SMALL - 1_340, SMALL - 2 * 1_340]);
    });
    await t.step("SMB2's requests are in the order sent, and each is answered", () => {
      const commands = fields("smb2.cmd", "smb2.flags.response");
      assertEquals(commands, REQUESTS.flatMap((name) => [`${Command[name]} 0`, `${Command[name]} 1`]));
    });
    await t.step("READ and WRITE name memory, RDMA goes to and from there, and the answer withdraws its key", () => {
      const [writeKey = "", readKey = "", ...more] = fields("smb2.buffer_descriptor.token");
      assertEquals(more, []);
      const channel = `0x${Channel.RDMA_V1_INVALIDATE.toString(16).padStart(8, "0")}`;
      assertEquals(fields("smb2.buffer_descriptor.token", "smb2.cmd", "smb2.channel"), [
        `${writeKey} ${Command.WRITE} ${channel}`,
        `${readKey} ${Command.READ} ${channel}`,
      ]);
      assertEquals(fields("iwarp_rdma.srcstag"), [writeKey]);
      const tagged = fields("iwarp_ddp.stag", "tcp.srcport", "iwarp_rdma.opcode").map((line) => line.split(" "));
      const written = tagged.filter(([, port, opcode]) =>
        Number(port) === SMB_DIRECT_PORT && opcode?.startsWith("0x00")
      );
      assertEquals([...new Set(written.flatMap(([keys = ""]) => keys.split(",")))], [readKey]);
      assertEquals(fields("iwarp_rdma.inval_stag").map(Number), [Number(writeKey), Number(readKey)]);
    });
  } finally {
    await Deno.remove(file);
  }
});

async function session(): Promise<void> {
  const registry = new ProviderRegistry([iwarpProvider({ crc: "on" })]);
  const credentials = { user: ALICE.name, password: ALICE.password };
  await using server = await connectSmb(HOSTS.siw0, { credentials, registry, rdma: "iwarp" });
  const share = await server.openShare("share");
  {
    await using file = await share.open("small", { write: true, create: true });
    for (let at = 0; at < SMALL; at += PIECE) await file.write(at, pattern(SMALL).subarray(at, at + PIECE));
  }
  assertEquals(await get(share, "small"), pattern(SMALL));
  await put(share, "large", pattern(LARGE));
  assertEquals(await get(share, "large"), pattern(LARGE));
  assertEquals([server.statistics.readRdmaBytes, server.statistics.writeRdmaBytes], [LARGE, LARGE]);
  await share.close();
}
