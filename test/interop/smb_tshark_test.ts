/**
 * tshark reads captured sessions of our SMB client with a real Samba: every request and every answer as what it is.
 *
 * @module
 */
import type { SmbServer, SmbSettings } from "../../src/smb/mod.ts";
import { Command } from "../../src/smb/wire/header.ts";
import { NtStatus } from "../../src/smb/wire/status.ts";
import { assertEquals, assertRejects } from "../assert.ts";
import { testWith } from "../capabilities.ts";
import { pattern } from "../smbdirect/sides.ts";
import { Capture, fieldsOf, SPNEGO_HINTS } from "./capture.ts";
import { eventually } from "./process.ts";
import { Samba } from "./samba.ts";
import { connect, get, put } from "./smb_stage.ts";

/** Four pieces, the last of them short. */
const SIZE = 200_000;
const PIECE = 65_536;

const PUT = ["CREATE", ...new Array(4).fill("WRITE"), "CLOSE"];
const GET = ["CREATE", ...new Array(4).fill("READ"), "CLOSE"];
const REQUESTS = [
  ...["NEGOTIATE", "SESSION_SETUP", "SESSION_SETUP", "TREE_CONNECT"],
  ...PUT,
  ...GET,
  ...["CREATE", "CLOSE"],
  ...["CREATE", "QUERY_DIRECTORY", "QUERY_DIRECTORY", "CLOSE"],
  ...["CREATE", "SET_INFO", "CLOSE"],
  ...["CREATE", "LOCK", "LOCK", "QUERY_INFO", "SET_INFO", "FLUSH", "CLOSE"],
  ...["CREATE", "CHANGE_NOTIFY", "ECHO", "CANCEL", "CLOSE"],
  ...["CREATE", "SET_INFO", "CLOSE"],
  ...["CREATE", "QUERY_INFO", "CLOSE"],
  ...["TREE_DISCONNECT", "LOGOFF"],
];

/** InfoType and class of rename, all, end of file, disposition, and of the file system's full size (MS-FSCC 2.4, 2.5). */
const CLASSES = [[1, 10], [1, 18], [1, 20], [1, 13], [2, 7]];

/** How the sessions differ: settings, the dialects offered and taken, and what leaves signed; ECHO is of no session. */
const SESSIONS: readonly [string, SmbSettings, string, string, (command: string) => boolean][] = [
  ["3.1.1", {}, "0x0210,0x0300,0x0302,0x0311", "0x0311", (command) => command === "TREE_CONNECT"],
  [
    "3.1.1, signed",
    { signing: "required" },
    "0x0210,0x0300,0x0302,0x0311",
    "0x0311",
    (command) => !["NEGOTIATE", "SESSION_SETUP", "ECHO"].includes(command),
  ],
  ["2.1", { maxDialect: "2.1" }, "0x0210", "0x0210", () => false],
];

/** One request or answer as tshark reads it. */
interface Dissected {
  readonly command: string;
  readonly answer: boolean;
  readonly signed: boolean;
  readonly status: number;
}

for (const [title, settings, offered, taken, signed] of SESSIONS) {
  await testWith(["samba", "tshark"], `tshark reads a session with Samba, ${title}`, async () => {
    await using samba = await Samba.start();
    const file = `${samba.folder}/session.pcapng`;
    await using capture = await Capture.start(samba.port, file);
    {
      const pieces = { readSize: PIECE, writeSize: PIECE, inFlight: 1 };
      await using server = await connect(samba.port, { ...settings, ...pieces });
      await session(server);
    }
    await capture.stop();
    const tshark = dissector(file, samba.port);

    const dissected = await messages(tshark);
    const requests = dissected.filter(({ answer }) => !answer);
    const names = requests.map(({ command }) => command);
    assertEquals(names, REQUESTS);
    const unsigned = requests.filter((request) => !request.signed).map(({ command }) => command);
    assertEquals(unsigned, names.filter((command) => !signed(command)));

    const answers = dissected.filter(({ answer, status }) => answer && status !== NtStatus.PENDING);
    const answered = names.filter((name) => name !== "CANCEL");
    assertEquals(answers.map(({ command }) => command).sort(), answered.sort());
    const told = answers.map(({ status }) => status).filter((status) => status !== NtStatus.SUCCESS);
    assertEquals(told, [NtStatus.MORE_PROCESSING_REQUIRED, NtStatus.NO_MORE_FILES, NtStatus.CANCELLED]);

    assertEquals(await tshark("smb2.cmd == 0", "smb2.dialect"), [offered, taken]);
    assertEquals(await tshark("smb2.find.infolevel && smb2.flags.response == 0", "smb2.find.infolevel"), ["37", "37"]);
    const info = "smb2.class && smb2.flags.response == 0";
    const classes = await tshark(info, "smb2.class", "smb2.file_info.infolevel", "smb2.fs_info.infolevel");
    assertEquals(classes.map((line) => line.trim().split(/\t+/).map(Number)), CLASSES);
    const transfer = "smb2.flags.response == 0 && (smb2.read_length || smb2.write_length)";
    const lengths = await tshark(transfer, "smb2.read_length", "smb2.write_length");
    const sizes = [PIECE, PIECE, PIECE, SIZE % PIECE];
    assertEquals(lengths.map((line) => Number(line.trim())), [...sizes, ...sizes]);

    const bad = "_ws.malformed || _ws.short || _ws.unreassembled || _ws.expert.severity >= warning";
    assertEquals(await tshark(bad, "smb2.cmd", "smb2.flags.response", "_ws.expert.message"), [`0\t1\t${SPNEGO_HINTS}`]);
  });
}

/** One of everything. */
async function session(server: SmbServer): Promise<void> {
  const share = await server.openShare("share");
  await put(share, "first", pattern(SIZE));
  assertEquals(await get(share, "first"), pattern(SIZE));
  await share.mkdir("folder");
  const names: string[] = [];
  for await (const { name } of share.readDir("")) names.push(name);
  assertEquals(names.sort(), ["first", "folder"]);
  await share.rename("first", "folder/second");
  {
    await using file = await share.open("folder/second", { read: true, write: true });
    await file.lock(10, 20);
    await file.unlock(10, 20);
    assertEquals((await file.refresh()).size, SIZE);
    await file.truncate(100_000);
    await file.flush();
  }
  const stop = new AbortController();
  const { sends } = server.statistics;
  const change = share.watch("folder", { signal: stop.signal }).next();
  await eventually(
    "it is opened and watched",
    () => Promise.resolve(server.statistics.sends >= sends + 2 || undefined),
  );
  await server.echo();
  stop.abort();
  await assertRejects(() => change, DOMException);
  await share.remove("folder/second");
  await share.space();
  await share.close();
}

/** Asks tshark for fields of the frames of `file` that `filter` lets through. How fast TCP goes is its own affair. */
function dissector(file: string, port: number): (filter: string, ...fields: string[]) => Promise<string[]> {
  const options = ["-d", `tcp.port==${port},nbss`, "-o", "tcp.analyze_sequence_numbers:FALSE"];
  return (filter, ...fields) => fieldsOf(file, options, filter, ...fields);
}

/** Every request and answer; several in a frame where they are a chain. */
async function messages(tshark: ReturnType<typeof dissector>): Promise<Dissected[]> {
  const fields = ["smb2.cmd", "smb2.flags.response", "smb2.flags.signature", "smb2.nt_status"];
  const lines = await tshark("smb2", ...fields);
  const names = Object.entries(Command);
  return lines.flatMap((line) => {
    const [commands = [], answers, signatures, statuses] = line.split("\t").map((values) => values.split(","));
    return commands.map((command, index) => ({
      command: names.find(([, id]) => id === Number(command))?.[0] ?? command,
      answer: answers?.[index] === "1",
      signed: signatures?.[index] === "1",
      status: Number(statuses?.[index] ?? 0),
    }));
  });
}
