/**
 * `deno task bench:smb`: our SMB client next to smbclient at a Samba on this machine, and next to the kernel's client at
 * ksmbd in the lab's guest. `--samba` and `--lab` run one part only; a number is how many rounds each part has.
 *
 * @module
 */
// deno-lint-ignore-file no-console -- figures are what it is for
import { ALICE } from "../test/interop/smb_conf.ts";
import { Samba } from "../test/interop/samba.ts";
import { SmallDisk } from "../test/interop/small_disk.ts";
import { megabytes, table } from "./figures.ts";
import { runInLab } from "./lab.ts";
import { compare, FILE_SIZE, smbclient, type SmbFigure, verbena } from "./smb_contenders.ts";

async function samba(rounds: number): Promise<void> {
  await using disk = await SmallDisk.mount(5 * FILE_SIZE); // in memory: a disk would be what is measured
  const path = `${disk.path}/share`;
  await Deno.mkdir(path);
  const local = `${disk.path}/local`;
  await Deno.writeFile(local, new Uint8Array(FILE_SIZE));
  await using server = await Samba.start({ shares: { share: { path } } });
  const { name, password } = ALICE;
  const { port } = server;
  await using own = await verbena("127.0.0.1", { port, credentials: { user: name, password } });
  show("Samba, over TCP; aim: 1.0 of smbclient's rates", [
    await compare([smbclient(port, name, password, local), own], rounds, 2_000),
  ]);
}

async function lab(rounds: number): Promise<void> {
  const [mounted, verbs, mountedTcp, tcp, iwarp] = await runInLab("smb_lab.ts", rounds) as [
    SmbFigure,
    SmbFigure,
    SmbFigure,
    SmbFigure,
    SmbFigure,
  ];
  show("ksmbd in the guest, each next to the kernel's client; aim: 0.8 of its rates over rxe", [
    [mounted, verbs],
    [mountedTcp, tcp, iwarp],
  ]);
}

/** Each group begins with what the others of it are compared with. */
function show(title: string, groups: readonly (readonly SmbFigure[])[]): void {
  const rows = groups.flatMap(([baseline, ...others]) => {
    if (baseline === undefined) return [];
    return [baseline, ...others].map(({ name, write, read, random }) => [
      name,
      megabytes(write),
      (write / baseline.write).toFixed(2),
      megabytes(read),
      (read / baseline.read).toFixed(2),
      random === undefined ? "–" : random.toFixed(0),
      random === undefined || baseline.random === undefined ? "–" : (random / baseline.random).toFixed(2),
    ]);
  });
  console.log(`\n${title}`);
  console.log(table([["100 MiB, 4 KiB", "write MB/s", "×", "read MB/s", "×", "random 4 KiB µs", "×"], ...rows]));
}

if (import.meta.main) {
  const only = Deno.args.find((argument) => argument.startsWith("--"));
  const rounds = Number(Deno.args.find((argument) => /^\d+$/.test(argument)) ?? 5);
  if (only !== "--lab") await samba(rounds);
  if (only !== "--samba") await lab(rounds);
}
