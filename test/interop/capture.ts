/**
 * What crosses the loopback interface, captured by dumpcap and read by tshark.
 *
 * @module
 */
import { assertEquals } from "../assert.ts";
import { Process, run, within } from "./process.ts";

/** What tshark has to say of MPA revision 2 (RFC 6581), whose S bit and number it does not know; both are right. */
const REVISION_2 = [
  "Request IWARP_MPA Res field is NOT set to zero as required by RFC 5044",
  "Request IWARP_MPA Rev field is NOT set to one as required by RFC 5044",
];

/** How long the file must stay as it is, and how long it may take until then at most, in milliseconds. */
const QUIET = 1_500;
const PATIENCE = 20_000;

async function sizeOf(file: string): Promise<number> {
  return (await Deno.stat(file)).size;
}

/** A capture under way, of one TCP port. */
export class Capture implements AsyncDisposable {
  private constructor(
    private readonly dumpcap: Process,
    private readonly file: string,
    private readonly empty: number,
  ) {}

  /** Starts to capture what goes to or comes from `port` into `file`, for tshark. */
  static async start(port: number, file: string): Promise<Capture> {
    const args = ["-q", "-i", "lo", "-B", "64", "-f", `tcp port ${port}`, "-w", file];
    const dumpcap = new Process("dumpcap", args);
    await dumpcap.line(/^File: /);
    return new Capture(dumpcap, file, await sizeOf(file));
  }

  /** Ends it, once what was captured has reached the file, which it does in blocks; throws when frames are missing. */
  async stop(): Promise<void> {
    const { dumpcap, file, empty } = this;
    const deadline = Date.now() + PATIENCE;
    let before = -1;
    for (let size = empty; (size === empty || size !== before) && Date.now() < deadline;) {
      before = size;
      await within(new Promise(() => {}), QUIET);
      size = await sizeOf(file);
    }
    await dumpcap.stop("SIGINT");
    const lost = dumpcap.stderr.join("\n").match(/received\/dropped on interface .*: \d+\/(\d+)/);
    assertEquals(lost?.[1], "0", `dumpcap dropped frames:\n${dumpcap.tail()}`);
  }

  /** Ends it, whatever is missing. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.dumpcap.stop();
  }
}

/** What tshark has to say of a server's NegTokenInit2, whose hints (MS-SPNG 2.2.1) it does not know. */
export const SPNEGO_HINTS = "BER Error: OctetString expected but class:UNIVERSAL(0) Constructed tag:16 was unexpected";

/** The fields of the frames of `file` that `filter` lets through, a line each, tabs between; `options` are tshark's. */
export async function fieldsOf(
  file: string,
  options: readonly string[],
  filter: string,
  ...fields: readonly string[]
): Promise<string[]> {
  const named = fields.flatMap((field) => ["-e", field]);
  const lines = await run("tshark", ["-r", file, ...options, "-Y", filter, "-T", "fields", ...named]);
  return lines.split("\n").filter((line) => line !== "");
}

/** Frames of `file` that have the field. */
export async function count(file: string, field: string): Promise<number> {
  return (await fieldsOf(file, [], field, "frame.number")).length;
}

/** What tshark makes of the iWARP in a capture, by one run of it: emulated, each takes seconds. */
export class Dissection {
  private constructor(
    /** The frames that end MPA frames or FPDUs, and those that tshark could not make sense of. */
    readonly frames: readonly DissectedFrame[],
    private readonly expert: string,
  ) {}

  /** Dissects `file`; `options` are tshark's. */
  static async of(file: string, options: readonly string[] = []): Promise<Dissection> {
    const filter = "iwarp_mpa || _ws.malformed || _ws.short";
    const args = ["-r", file, ...options, "-Y", filter, "-O", "iwarp_mpa,iwarp_ddp_rdmap", "-z", "expert,warn"];
    const [details = "", ...remarks] = (await run("tshark", args)).split(/^(?=Errors|Warns)/m);
    const frames = details.split(/^(?=Frame \d+:)/m).filter((text) => text.trim() !== "");
    return new Dissection(frames.map((text) => new DissectedFrame(text)), remarks.join(""));
  }

  /** What `pattern` captures first of each of its matches. */
  every(pattern: RegExp): string[] {
    return this.frames.flatMap((frame) => frame.every(pattern));
  }

  /** Checks that tshark found every FPDU's CRC good. */
  checkCrcs(): void {
    const checks = this.every(/CRC check: (.*)/g);
    assertEquals(checks.filter((check) => !check.endsWith("(Good CRC32)")), []);
    assertEquals(checks.length, this.every(/ULPDU length: (.*)/g).length, "an FPDU was not checked");
  }

  /** Checks that no frame is malformed, and nothing remarkable above TCP but one request of MPA revision 2. */
  checkForm(): void {
    assertEquals(this.every(/(Malformed Packet.*|Packet size limited.*|Bad length.*)/gi), []);
    const remarks = this.expert.split("\n").filter((line) => /iwarp|mpa|ddp|rdmap|smb/i.test(line));
    assertEquals(remarks.map((line) => line.replace(/^ *\d+ +/, "").replaceAll(/ +/g, " ")), REVISION_2);
  }
}

/** A frame that tshark dissected. */
export class DissectedFrame {
  /** Holds what tshark says of it. */
  constructor(readonly text: string) {}

  /** The TCP port it comes from. */
  get port(): number {
    return Number(this.every(/Src Port: (\d+)/g)[0]);
  }

  /** What `pattern` captures first of each of its matches. */
  every(pattern: RegExp): string[] {
    return [...this.text.matchAll(pattern)].map(([, value = ""]) => value);
  }
}
