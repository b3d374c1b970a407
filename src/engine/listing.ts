/**
 * What an engine tells of its volumes and of the needles in them: pages of both, to messages and back.
 *
 * @module
 */
import { WireError } from "../rdma/errors.ts";
import type { NeedleEntry } from "../seaweed/needle_page.ts";
import type { Store } from "../seaweed/store.ts";
import { MAX_LIST, type MessageData, type MessageType } from "./messages.ts";
import { MAX_LISTED_NEEDLES, type NeedleInfo, type VolumeInfo } from "./reader.ts";
import { Refusal } from "./refusal.ts";

/** The messages that list, as an engine's `extensions` name them. */
export const LISTING_EXTENSIONS: readonly string[] = ["ListVolumes", "ListNeedles"];

/** Needles of one ListNeedlesResponse, at most. */
export const NEEDLES_PER_PAGE = 1_024;
/** Volumes that are taken from one engine, at most. */
export const MAX_LISTED_VOLUMES = 100_000;

const BYTES_PER_NEEDLE = 12;
const COUNTED = 1n;
const READ_ONLY = 2n;

/** What an engine answers to ListVolumes. */
export function volumesPage(store: Store, { after }: MessageData<"ListVolumes">): MessageData<"ListVolumesResponse"> {
  const { volumes, more } = store.describe(after, MAX_LIST, Date.now());
  return {
    ids: volumes.map(({ id }) => BigInt(id)),
    collections: volumes.map(({ collection }) => collection),
    versions: volumes.map(({ version }) => BigInt(version)),
    sizes: volumes.map(({ size }) => BigInt(size)),
    needles: volumes.map(({ needles }) => BigInt(needles)),
    deleted: volumes.map(({ deleted }) => BigInt(deleted)),
    flags: volumes.map(({ counted, readOnly }) => (counted ? COUNTED : 0n) | (readOnly ? READ_ONLY : 0n)),
    more,
  };
}

/** Characters of a collection's name: it is part of a file's. */
const MAX_COLLECTION_LENGTH = 255;

/** What an engine answers to ListNeedles. Throws Refusal and NeedleError. */
export async function needlesPage(
  store: Store,
  { volume_id, after = -1n, limit }: MessageData<"ListNeedles">,
): Promise<MessageData<"ListNeedlesResponse">> {
  if (limit < 1) throw new Refusal("InvalidRequest", `limit ${limit} of ListNeedles is not 1 or more`);
  const page = await store.needles(volume_id, after, Math.min(limit, NEEDLES_PER_PAGE), Date.now());
  return { needles: encodeNeedles(page.needles), more: page.more };
}

/** Asks an engine, and reads its answer by `decode`, which throws WireError for one that breaks the protocol. Throws ReadError. */
export type Ask = <T extends MessageType, A extends MessageType, R>(
  type: T,
  data: MessageData<T>,
  answer: A,
  decode: (data: MessageData<A>) => R,
) => Promise<R>;

/** All volumes of the engine called `engine`. Throws what `ask` throws. */
export async function listVolumes(ask: Ask, engine: string): Promise<VolumeInfo[]> {
  const volumes: VolumeInfo[] = [];
  for (let after = 0; volumes.length < MAX_LISTED_VOLUMES;) {
    const page = await ask(
      "ListVolumes",
      { after },
      "ListVolumesResponse",
      (data) => decodeVolumes(data, after, engine),
    );
    for (const volume of page.volumes) volumes.push(volume);
    if (!page.more) break;
    after = volumes.at(-1)?.id ?? 0;
  }
  return volumes;
}

/** The needles of a volume beyond `after`, at most `limit`. Throws what `ask` throws. */
export async function listNeedles(ask: Ask, volume: number, after: bigint, limit: number): Promise<NeedleInfo[]> {
  const most = Math.min(limit, MAX_LISTED_NEEDLES);
  const needles: NeedleInfo[] = [];
  for (let last = after; needles.length < most;) {
    const wanted = Math.min(most - needles.length, NEEDLES_PER_PAGE);
    const request = { volume_id: volume, limit: wanted, ...(last < 0n ? {} : { after: last }) };
    const page = await ask("ListNeedles", request, "ListNeedlesResponse", (data) => decodeNeedles(data, last, wanted));
    for (const needle of page.needles) needles.push(needle);
    if (!page.more) break;
    last = needles.at(-1)?.key ?? last;
  }
  return needles;
}

/** As a ListNeedlesResponse has them. */
export function encodeNeedles(needles: readonly NeedleEntry[]): Uint8Array {
  const bytes = new Uint8Array(needles.length * BYTES_PER_NEEDLE);
  const view = new DataView(bytes.buffer);
  for (const [index, { key, size }] of needles.entries()) {
    view.setBigUint64(index * BYTES_PER_NEEDLE, key, true);
    view.setUint32(index * BYTES_PER_NEEDLE + 8, size, true);
  }
  return bytes;
}

/** Reads them. Throws WireError unless they are at most `most`, and ascend from beyond `after`. */
export function decodeNeedles(
  { needles: bytes, more }: MessageData<"ListNeedlesResponse">,
  after: bigint,
  most: number,
): { needles: NeedleInfo[]; more: boolean } {
  const count = bytes.length / BYTES_PER_NEEDLE;
  if (!Number.isInteger(count) || count > most) throw wrong("ListNeedlesResponse", "bytes of needles", bytes.length);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  checkProgress("ListNeedlesResponse", count, more);
  let last = after;
  const needles = Array.from({ length: count }, (_, index) => {
    const key = view.getBigUint64(index * BYTES_PER_NEEDLE, true);
    if (key <= last) throw wrong("ListNeedlesResponse", `key behind ${last}`, key);
    last = key;
    return { key, size: view.getUint32(index * BYTES_PER_NEEDLE + 8, true) };
  });
  return { needles, more };
}

/** Reads a page of volumes. Throws WireError unless its lists are of one length and its ids ascend from beyond `after`. */
export function decodeVolumes(
  page: MessageData<"ListVolumesResponse">,
  after: number,
  engine: string,
): { volumes: VolumeInfo[]; more: boolean } {
  const { ids, collections, versions, sizes, needles, deleted, flags, more } = page;
  for (const list of [collections, versions, sizes, needles, deleted, flags]) {
    if (list.length !== ids.length) throw wrong("ListVolumesResponse", `list of ${ids.length}`, list.length);
  }
  checkProgress("ListVolumesResponse", ids.length, more);
  let last = BigInt(after);
  const volumes = ids.map((id, index) => {
    if (id <= last || id > 0xffff_ffffn) throw wrong("ListVolumesResponse", `id behind ${last}`, id);
    last = id;
    const collection = collections[index] ?? "";
    if (collection.length > MAX_COLLECTION_LENGTH) throw wrong("ListVolumesResponse", "collection", collection.length);
    return {
      id: Number(id),
      collection,
      version: safe(versions[index]),
      size: safe(sizes[index]),
      needles: safe(needles[index]),
      deleted: safe(deleted[index]),
      counted: ((flags[index] ?? 0n) & COUNTED) !== 0n,
      readOnly: ((flags[index] ?? 0n) & READ_ONLY) !== 0n,
      engine,
    };
  });
  return { volumes, more };
}

function safe(value = 0n): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number)) throw wrong("ListVolumesResponse", "number", value);
  return number;
}

// An engine that gives nothing and says that there is more would be asked for ever.
function checkProgress(type: string, count: number, more: boolean): void {
  if (count === 0 && more) throw wrong(type, "elements before more", 0);
}

function wrong(type: string, field: string, value: number | bigint | string): WireError {
  return new WireError("engine", `${type}: ${field}`, value);
}
