/**
 * Who moves a file to and from an SMB server: our client, smbclient, or a program that uses the kernel's mount.
 *
 * @module
 */
import { connectSmb, type SmbOptions, type SmbServer, type SmbShare } from "../src/smb/mod.ts";
import { run } from "../test/interop/process.ts";
import { quantile } from "./figures.ts";

/** Bytes of the file. */
export const FILE_SIZE = 100 << 20;
/** Bytes of a random read. */
export const SMALL = 4_096;

/** One of them. Times are seconds for the whole file, microseconds for one random read. */
export interface Contender extends AsyncDisposable {
  /** Its name, and what carries the bytes. */
  readonly name: string;
  /** Writes the file called `path`. */
  write(path: string): Promise<number>;
  /** Reads it. */
  read(path: string): Promise<number>;
  /** Reads `count` pieces of it here and there, one after another: the median; undefined of who cannot. */
  random(path: string, count: number): Promise<number | undefined>;
}

/** Seconds that something takes. */
export async function seconds(task: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await task();
  return (performance.now() - began) / 1e3;
}

/** Our client, from memory to memory. */
export async function verbena(hostname: string, options: SmbOptions): Promise<Contender> {
  const server = await connectSmb(hostname, options);
  const share = await server.openShare("share");
  const source = crypto.getRandomValues(new Uint8Array(65_536));
  return {
    name: `Verbena, ${server.transport}`,
    write: (path) => seconds(() => writeFile(share, path, source)),
    read: (path) => seconds(() => readFile(share, path)),
    random: (path, count) => randomReads(share, path, count),
    [Symbol.asyncDispose]: () => closed(server),
  };
}

async function closed(server: SmbServer): Promise<void> {
  await server.close();
}

async function writeFile(share: SmbShare, path: string, source: Uint8Array): Promise<void> {
  await using file = await share.open(path, { write: true, create: true, truncate: true });
  let left = FILE_SIZE;
  await file.writePieces(0, (into) => {
    const count = Math.min(into.length, left);
    for (let at = 0; at < count; at += source.length) into.set(source.subarray(0, count - at), at);
    left -= count;
    return Promise.resolve(count);
  });
  await file.flush();
}

async function readFile(share: SmbShare, path: string): Promise<void> {
  await using file = await share.open(path);
  let count = 0;
  for await (const piece of file.readPieces(0, FILE_SIZE)) count += piece.length;
  if (count !== FILE_SIZE) throw new Error(`${path} has ${count} bytes`);
}

async function randomReads(share: SmbShare, path: string, count: number): Promise<number> {
  await using file = await share.open(path);
  const into = new Uint8Array(SMALL);
  const samples = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    const began = performance.now();
    await file.read(placeOf(i), into);
    samples[i] = (performance.now() - began) * 1e3;
  }
  return quantile(samples, 0.5);
}

/** Where the random read of this number is. */
function placeOf(index: number): number {
  return ((index * 7_919) % (FILE_SIZE / SMALL)) * SMALL;
}

/** Debian's smbclient, from a file in memory to nowhere. What it takes to log on is subtracted. */
export function smbclient(port: number, user: string, password: string, local: string): Contender {
  const command = (text: string): Promise<number> =>
    seconds(() => run("smbclient", ["//127.0.0.1/share", "-p", `${port}`, "-U", `${user}%${password}`, "-c", text]));
  const timed = async (text: string): Promise<number> => {
    const bare = await command("exit");
    return await command(text) - bare;
  };
  return {
    name: "smbclient, tcp",
    write: (path) => timed(`put ${local} ${path}`),
    read: (path) => timed(`get ${path} /dev/null`),
    random: () => Promise.resolve(undefined),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

/**
 * The kernel's client. Whole files go through its cache, which is emptied before each read and written out after each
 * write; random reads go past it.
 */
export async function kernel(hostname: string, user: string, password: string, options: string): Promise<Contender> {
  const common = `username=${user},password=${password},vers=3.1.1,${options}`;
  const mounts = new AsyncDisposableStack();
  const mount = async (more: string): Promise<string> => {
    const path = await Deno.makeTempDir();
    await run("mount", ["-t", "cifs", "-o", `${common}${more}`, `//${hostname}/share`, path]);
    mounts.defer(async () => void await run("umount", [path]));
    return path;
  };
  const cached = await mount("");
  const bare = await mount(",cache=none,nosharesock");
  return {
    name: `mount -t cifs, ${options.split(",")[0]}`,
    write: (path) =>
      seconds(() =>
        run("dd", ["if=/dev/zero", `of=${cached}/${path}`, "bs=1M", `count=${FILE_SIZE >> 20}`, "conv=fsync"])
      ),
    async read(path) {
      await run("bash", ["-c", "sync; echo 3 >/proc/sys/vm/drop_caches"]);
      return await seconds(() => run("dd", [`if=${cached}/${path}`, "of=/dev/null", "bs=1M"]));
    },
    // deno-lint-ignore require-await -- a system call has no promise
    async random(path, count) {
      using file = Deno.openSync(`${bare}/${path}`);
      const into = new Uint8Array(SMALL);
      const samples = new Float64Array(count);
      for (let i = 0; i < count; i++) {
        const began = performance.now();
        file.seekSync(placeOf(i), Deno.SeekMode.Start);
        file.readSync(into);
        samples[i] = (performance.now() - began) * 1e3;
      }
      return quantile(samples, 0.5);
    },
    [Symbol.asyncDispose]: () => mounts.disposeAsync(),
  };
}

/** What one contender did: medians over the rounds. */
export interface SmbFigure {
  /** The contender. */
  readonly name: string;
  /** Bytes a second. */
  readonly write: number;
  /** Bytes a second. */
  readonly read: number;
  /** Microseconds; undefined of who cannot. */
  readonly random: number | undefined;
}

/** Lets contenders take turns, `rounds` times after one that warms up. */
export async function compare(contenders: readonly Contender[], rounds: number, count: number): Promise<SmbFigure[]> {
  const samples = contenders.map(() => ({ write: [] as number[], read: [] as number[], random: [] as number[] }));
  for (let round = -1; round < rounds; round++) {
    for (const [index, contender] of contenders.entries()) {
      const path = `bench${index}`;
      const write = await contender.write(path);
      const read = await contender.read(path);
      const random = await contender.random(path, count);
      if (round < 0) continue;
      samples[index]?.write.push(write);
      samples[index]?.read.push(read);
      if (random !== undefined) samples[index]?.random.push(random);
    }
  }
  return contenders.map(({ name }, index) => {
    const { write = [], read = [], random = [] } = samples[index] ?? {};
    return {
      name,
      write: FILE_SIZE / quantile(write, 0.5),
      read: FILE_SIZE / quantile(read, 0.5),
      random: random.length === 0 ? undefined : quantile(random, 0.5),
    };
  });
}
