/**
 * The files of volumes, found by listing directories: nothing that a request says ever becomes part of a path.
 *
 * @module
 */
import { ConfigError } from "../rdma/errors.ts";

/** A directory of volumes. */
export interface VolumeDirectory {
  /** Where `.dat` and `.vif` files are: weed's `-dir`. */
  directory: string;
  /** Where `.idx` files are when not beside them: weed's `-dir.idx`. */
  indexDirectory?: string;
}

/** Where the files of one volume are. */
export interface VolumeFiles {
  /** Volume id. */
  readonly id: number;
  /** Collection; empty for the default one. */
  readonly collection: string;
  /** The directory that holds the `.dat`. */
  readonly directory: string;
  /** Path of `.dat` and `.vif` without the ending. */
  readonly base: string;
  /** Path of `.idx` without the ending. */
  readonly indexBase: string;
  /** Why it is not served, or undefined. */
  readonly refused: string | undefined;
}

/** Volumes beyond this many in all directories are left aside. */
export const MOST_VOLUMES = 100_000;

/** Endings that stand for a volume: data, volume information without data, an index of erasure-coded shards. */
const ENDINGS = [".dat", ".vif", ".ecx"];

interface Found {
  id: number;
  collection: string;
  endings: Set<string>;
}

/** Checks that directories are there, and gives each its absolute form. Throws ConfigError. */
export function checkDirectories(directories: readonly (string | VolumeDirectory)[]): VolumeDirectory[] {
  return directories.map((entry) => {
    const given = typeof entry === "string" ? { directory: entry } : entry;
    const absolute = (path: string): string => {
      try {
        const real = Deno.realPathSync(path);
        if (Deno.statSync(real).isDirectory) return real;
      } catch (error) {
        throw new ConfigError(`${path}: not a readable directory: ${(error as Error).message}`);
      }
      throw new ConfigError(`${path}: not a directory`);
    };
    const directory = absolute(given.directory);
    return given.indexDirectory === undefined
      ? { directory }
      : { directory, indexDirectory: absolute(given.indexDirectory) };
  });
}

/** `[collection_]id` as weed writes it; undefined for any other name. */
function parseVolumeName(name: string): { id: number; collection: string } | undefined {
  const match = /^(?:(.+)_)?([1-9][0-9]{0,9})$/.exec(name);
  const id = Number(match?.[2]);
  return match === null || id > 0xffff_ffff ? undefined : { id, collection: match[1] ?? "" };
}

function listDirectory(directory: string): Map<string, Found> {
  const found = new Map<string, Found>();
  for (const entry of Deno.readDirSync(directory)) {
    const dot = entry.name.lastIndexOf(".");
    if (dot < 1 || !entry.isFile) continue; // a symbolic link could lead anywhere
    const name = entry.name.slice(0, dot);
    const volume = found.get(name) ?? withEndings(parseVolumeName(name));
    if (volume === undefined) continue;
    volume.endings.add(entry.name.slice(dot));
    found.set(name, volume);
  }
  return found;
}

function withEndings(name: { id: number; collection: string } | undefined): Found | undefined {
  return name === undefined ? undefined : { ...name, endings: new Set() };
}

/**
 * Lists the volumes of all directories. One whose data is there twice is refused: which of the two weed goes on writing
 * to cannot be told from outside, and the other would serve what has since been deleted. One that weed marks as an
 * incomplete copy (`.note`) is left out, as weed does.
 */
export function listVolumes(directories: readonly VolumeDirectory[]): Map<number, VolumeFiles> {
  const volumes = new Map<number, Candidate>();
  for (const { directory, indexDirectory } of directories) {
    let listed: Map<string, Found>;
    let indexed: Map<string, Found> | undefined;
    try {
      listed = listDirectory(directory);
      indexed = indexDirectory === undefined ? undefined : listDirectory(indexDirectory);
    } catch {
      continue; // a disk that is away takes its volumes with it
    }
    for (const [name, { id, collection, endings }] of listed) {
      if (!ENDINGS.some((ending) => endings.has(ending)) || endings.has(".note")) continue;
      const apart = indexDirectory !== undefined && !endings.has(".idx"); // weed, too, prefers the one beside the data
      const base = `${directory}/${name}`;
      const data = endings.has(".dat");
      const coded = endings.has(".ecx") || indexed?.get(name)?.endings.has(".ecx") === true;
      const indexBase = apart ? `${indexDirectory}/${name}` : base;
      addVolume(volumes, { id, collection, directory, base, indexBase, refused: undefined, data, coded });
    }
  }
  for (const volume of volumes.values()) volume.refused ??= refusal(volume);
  return volumes;
}

interface Candidate extends VolumeFiles {
  refused: string | undefined;
  data: boolean;
  coded: boolean;
}

function refusal(volume: Candidate): string | undefined {
  if (volume.coded) return "it is erasure-coded (.ecx)";
  return volume.data ? undefined : "it has no .dat here, as when it is on a remote tier";
}

function addVolume(volumes: Map<number, Candidate>, volume: Candidate): void {
  const other = volumes.get(volume.id);
  if (other === undefined) {
    if (volumes.size < MOST_VOLUMES) volumes.set(volume.id, volume);
    return;
  }
  const kept = other.data ? other : volume; // shards and stray .vif files may lie on any disk of a server
  kept.coded = other.coded || volume.coded;
  if (other.data && volume.data) {
    kept.refused = `it is there twice, ${other.base} and ${volume.base}: remove or move one`;
  }
  volumes.set(kept.id, kept);
}
