/**
 * A disk that is soon full: a file system of a few pages in memory, mounted on a temporary folder.
 *
 * @module
 */
import { run } from "./process.ts";

/** A mounted tmpfs(5). Needs the capability `mount`. */
export class SmallDisk implements AsyncDisposable {
  private constructor(/** Where it is mounted; anybody may write there. */ readonly path: string) {}

  /** Mounts one that holds `size` bytes, rounded up to pages; a folder or file takes none beyond its bytes. */
  static async mount(size = 1024 * 1024): Promise<SmallDisk> {
    const path = await Deno.makeTempDir({ prefix: "verbena-disk-" });
    try {
      await run("mount", ["-t", "tmpfs", "-o", `size=${size},mode=777`, "verbena", path]);
    } catch (error) {
      await Deno.remove(path);
      throw error;
    }
    return new SmallDisk(path);
  }

  /** Unmounts it; what it held is gone. */
  async [Symbol.asyncDispose](): Promise<void> {
    await run("umount", ["-l", this.path]); // lazily: a server that is about to end may still have a file open
    await Deno.remove(this.path);
  }
}
