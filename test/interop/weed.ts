/**
 * A real SeaweedFS on loopback: master, volume server and filer in one `weed server`, with ports the system chose and
 * data in a temporary folder. Disposing it ends it and removes the folder.
 *
 * @module
 */
import { eventually, freePorts, Process } from "./process.ts";
import { installWeed } from "./weed_install.ts";

/** How many times a start is tried: another program may take a port between its choice and its use. */
const STARTS = 3;
/** How long a start, and each wait for what SeaweedFS does in its own time, may take, in milliseconds. */
const PATIENCE = 60_000;

/** How SeaweedFS is set up. */
export interface WeedOptions {
  /** Volume folders. Default 1. */
  directories?: number;
  /** Whether `.idx` files live in a folder of their own (`-dir.idx`). Default false. */
  indexDirectory?: boolean;
  /** The needle map of the volume server. Default `memory`. */
  index?: "memory" | "leveldb";
  /** Ceiling of the vacuum's speed, to have time to read while it runs. Default none. */
  compactionMBps?: number;
  /** `jwt.signing.read.key`: reads of the volume server then need a token. Default none. */
  readKey?: string;
  /** Volumes made at a time. Default 2. */
  volumeGrowth?: number;
  /** Puts volumes into the first folder before SeaweedFS sees it. */
  prepare?: (directory: string) => void;
}

/** A part of a file, as the filer tells it. */
export interface Chunk {
  /** `3,01637037d6`. */
  readonly fileId: string;
  /** Where it lies within the file. */
  readonly offset: number;
  /** Its size, uncompressed. */
  readonly size: number;
  /** Whether it is stored compressed. */
  readonly compressed: boolean;
}

interface FilerChunk {
  file_id: string;
  offset?: number;
  size: number;
  is_compressed?: boolean;
}

/** The running SeaweedFS. */
export class Weed implements AsyncDisposable {
  private constructor(
    /** The temporary folder of everything. */ readonly folder: string,
    /** The volume folders. */ readonly directories: readonly string[],
    /** The folder of `.idx` files, if they have one. */ readonly indexDirectory: string | undefined,
    /** The master, `127.0.0.1:9333`. */ readonly master: string,
    /** The volume server. */ readonly volumeServer: string,
    /** The filer. */ readonly filer: string,
    /** The filer's address with its gRPC port, as `weed mount -filer` wants it. */ readonly filerAddress: string,
    private readonly process: Process,
  ) {}

  /** Starts it; resolves when the filer takes files. */
  static async start(options: WeedOptions = {}): Promise<Weed> {
    const binary = await installWeed();
    for (let attempt = 1;; attempt++) {
      const weed = await Weed.#launch(binary, options);
      try {
        await weed.#ready();
        return weed;
      } catch (error) {
        await weed[Symbol.asyncDispose]();
        if (attempt === STARTS) throw error;
      }
    }
  }

  static async #launch(binary: string, options: WeedOptions): Promise<Weed> {
    const folder = await Deno.makeTempDir({ prefix: "verbena-weed-" });
    const directories = Array.from({ length: options.directories ?? 1 }, (_, i) => `${folder}/volumes${i + 1}`);
    const indexDirectory = options.indexDirectory ? `${folder}/index` : undefined;
    for (const path of [`${folder}/master`, ...directories, ...(indexDirectory ? [indexDirectory] : [])]) {
      await Deno.mkdir(path);
    }
    options.prepare?.(directories[0] as string);
    const ports = freePorts(6) as [number, number, number, number, number, number];
    const [master, masterGrpc, volume, volumeGrpc, filer, filerGrpc] = ports;
    const args = [
      "server",
      "-ip=127.0.0.1",
      `-dir=${directories.join(",")}`,
      `-master.dir=${folder}/master`,
      "-master.telemetry=false",
      "-master.volumeSizeLimitMB=1024",
      `-master.port=${master}`,
      `-master.port.grpc=${masterGrpc}`,
      `-volume.port=${volume}`,
      `-volume.port.grpc=${volumeGrpc}`,
      `-volume.max=${directories.map(() => 50).join(",")}`,
      `-volume.index=${options.index ?? "memory"}`,
      "-volume.preStopSeconds=0",
      "-filer",
      `-filer.port=${filer}`,
      `-filer.port.grpc=${filerGrpc}`,
      `-filer.localSocket=${folder}/filer.sock`,
      "-filer.maxMB=4",
      ...(indexDirectory ? [`-volume.dir.idx=${indexDirectory}`] : []),
      ...(options.compactionMBps ? [`-volume.compactionMBps=${options.compactionMBps}`] : []),
    ];
    const env = {
      WEED_MASTER_VOLUME_GROWTH_COPY_1: String(options.volumeGrowth ?? 2),
      ...(options.readKey === undefined ? {} : { WEED_JWT_SIGNING_READ_KEY: options.readKey }),
    };
    const process = new Process(binary, args, { cwd: folder, env, name: "weed server" });
    const address = (port: number) => `127.0.0.1:${port}`;
    const filerAddress = `${address(filer)}.${filerGrpc}`;
    return new Weed(
      folder,
      directories,
      indexDirectory,
      address(master),
      address(volume),
      address(filer),
      filerAddress,
      process,
    );
  }

  async #ready(): Promise<void> {
    await eventually("weed server takes files", async () => {
      if (!this.process.running) return true;
      await this.upload("/.ready", new Uint8Array([1]));
      return true;
    }, PATIENCE);
    if (!this.process.running) throw new Error(`weed server ended:\n${this.process.tail()}`);
    await this.remove("/.ready");
  }

  /** Writes a file through the filer; one that is there is replaced. */
  async upload(path: string, bytes: Uint8Array<ArrayBuffer>, type = "application/octet-stream"): Promise<void> {
    const form = new FormData();
    form.append("file", new Blob([bytes], { type }), path.split("/").at(-1) ?? "file");
    await request(`http://${this.filer}${path}`, { method: "POST", body: form });
  }

  /** Removes a file through the filer; its chunks are deleted some time after. */
  async remove(path: string): Promise<void> {
    await request(`http://${this.filer}${path}`, { method: "DELETE" });
  }

  /** The chunks of a file, in order of their offsets. */
  async chunks(path: string): Promise<Chunk[]> {
    const entry = JSON.parse(await request(`http://${this.filer}${path}?metadata=true`)) as { chunks?: FilerChunk[] };
    return (entry.chunks ?? []).map((chunk) => ({
      fileId: chunk.file_id,
      offset: chunk.offset ?? 0,
      size: chunk.size,
      compressed: chunk.is_compressed ?? false,
    })).sort((a, b) => a.offset - b.offset);
  }

  /** A new file id from the master, for {@linkcode put}. */
  async assign(): Promise<string> {
    const answer = JSON.parse(await request(`http://${this.master}/dir/assign`)) as { fid: string };
    return answer.fid;
  }

  /** Writes a needle at the volume server; one that is there is replaced. */
  async put(
    fileId: string,
    bytes: Uint8Array<ArrayBuffer>,
    options: { name?: string; type?: string } = {},
  ): Promise<void> {
    const form = new FormData();
    const type = options.type ?? "application/octet-stream";
    form.append("file", new Blob([bytes], { type }), options.name ?? "needle");
    await request(`http://${this.volumeServer}/${fileId}`, { method: "POST", body: form });
  }

  /** Deletes a needle at the volume server. */
  async delete(fileId: string): Promise<void> {
    await request(`http://${this.volumeServer}/${fileId}`, { method: "DELETE" });
  }

  /** The HTTP status that the volume server itself gives for a needle. */
  async status(fileId: string): Promise<number> {
    const answer = await fetch(`http://${this.volumeServer}/${fileId}`);
    await answer.body?.cancel();
    return answer.status;
  }

  /** Waits until the volume server itself says that the needle is gone: the filer deletes chunks in its own time. */
  async gone(fileId: string): Promise<void> {
    const probe = async () => await this.status(fileId) === 404 ? true : undefined;
    await eventually(`${fileId} is deleted`, probe, PATIENCE);
  }

  /** Rewrites every volume that has garbage; resolves when that is done. */
  async vacuum(): Promise<void> {
    await request(`http://${this.master}/vol/vacuum?garbageThreshold=0.0001`);
  }

  /** Mounts the filer over FUSE with its reads sent to the sidecar at `sidecar` (`127.0.0.1:8081`). */
  async mount(sidecar: string, options: { timeout?: number } = {}): Promise<Mount> {
    return await Mount.start(this, sidecar, options.timeout ?? 5_000);
  }

  /** Ends it and removes its folder. SIGKILL: what it has is thrown away, and it takes long to end in good order. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.process.stop("SIGKILL");
    await Deno.remove(this.folder, { recursive: true });
  }
}

/** A FUSE mount of a {@linkcode Weed}'s filer. */
export class Mount implements AsyncDisposable {
  private constructor(
    /** Where the filer's root appears. */ readonly path: string,
    private readonly process: Process,
  ) {}

  /** Mounts; resolves when the root can be listed. */
  static async start(weed: Weed, sidecar: string, timeout: number): Promise<Mount> {
    const path = await Deno.makeTempDir({ dir: weed.folder, prefix: "mount-" });
    const before = (await Deno.stat(path)).dev;
    const args = [
      "mount",
      `-filer=${weed.filerAddress}`,
      `-dir=${path}`,
      "-dirAutoCreate=false",
      "-cacheCapacityMB=0",
      `-cacheDir=${weed.folder}`,
      `-localSocket=${path}.sock`,
      "-rdma.enabled=true",
      `-rdma.sidecar=${sidecar}`,
      `-rdma.timeoutMs=${timeout}`,
    ];
    const process = new Process(await installWeed(), args, { cwd: weed.folder, name: "weed mount" });
    const mount = new Mount(path, process);
    try {
      await eventually("weed mount is mounted", async () => {
        if (!process.running) throw new Error(`weed mount ended:\n${process.tail()}`);
        return (await Deno.stat(path)).dev !== before || undefined;
      });
      return mount;
    } catch (error) {
      await mount[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** What `weed mount` has logged. */
  get log(): readonly string[] {
    return this.process.stderr;
  }

  /** Unmounts and ends it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.process.stop();
    const command = new Deno.Command("fusermount3", { args: ["-uqz", this.path], stdout: "null", stderr: "null" });
    await command.output(); // when it had to be killed the mount point is still there, dead
  }
}

/** Carries out a request that must succeed; its body. */
async function request(url: string, init: RequestInit = {}): Promise<string> {
  const answer = await fetch(url, init);
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${init.method ?? "GET"} ${url}: ${answer.status} ${text}`);
  return text;
}
