/**
 * Files of a share as `ls` and `stat` tell of them.
 *
 * @module
 */
import { FileAttribute } from "../src/smb/mod.ts";
import type { ShareStat } from "./share.ts";
import { shown } from "./shown.ts";
import type { Cell } from "./table.ts";

/** Attributes with the letter that stands for each in `ls -l`. */
const LETTERS: readonly [number, string, string][] = [
  [FileAttribute.DIRECTORY, "d", "directory"],
  [FileAttribute.REPARSE_POINT, "l", "reparse point"],
  [FileAttribute.READONLY, "r", "read-only"],
  [FileAttribute.HIDDEN, "h", "hidden"],
  [FileAttribute.SYSTEM, "s", "system"],
  [FileAttribute.ARCHIVE, "a", "archive"],
  [FileAttribute.COMPRESSED, "c", "compressed"],
  [FileAttribute.ENCRYPTED, "e", "encrypted"],
  [FileAttribute.OFFLINE, "o", "offline"],
];

/** The attributes' letters, `d-r------`. */
export function attributeLetters(attributes: number): string {
  return LETTERS.map(([bit, letter]) => (attributes & bit) === 0 ? "-" : letter).join("");
}

/** The attributes' names. */
export function attributeNames(attributes: number): string[] {
  return LETTERS.filter(([bit]) => (attributes & bit) !== 0).map(([, , name]) => name);
}

/** What it is, in a word. */
export function typeOf({ directory, link }: ShareStat): string {
  return directory ? link ? "directory link" : "directory" : link ? "reparse point" : "file";
}

/** Whether it is left out of a listing unless asked for. */
export function isHidden(name: string, { attributes }: ShareStat): boolean {
  return name.startsWith(".") || (attributes & FileAttribute.HIDDEN) !== 0;
}

/** One file for programs. */
export function shareDocument(url: string, name: string, stat: ShareStat): Record<string, unknown> {
  return {
    url,
    name,
    type: typeOf(stat),
    size: stat.size,
    allocated: stat.allocated,
    attributes: attributeNames(stat.attributes),
    created: timeOf(stat.created),
    accessed: timeOf(stat.accessed),
    modified: timeOf(stat.modified),
    changed: timeOf(stat.changed),
    file_id: String(stat.fileId),
  };
}

/** One file for people, a row for each thing that is known. */
export function statRows(url: string, stat: ShareStat): Cell[][] {
  return [
    ["url", shown(url)],
    ["type", typeOf(stat)],
    ["size", `${stat.size}`],
    ["allocated", `${stat.allocated}`],
    ["attributes", attributeNames(stat.attributes).join(", ")],
    ["modified", timeOf(stat.modified)],
    ["created", timeOf(stat.created)],
    ["accessed", timeOf(stat.accessed)],
    ["changed", timeOf(stat.changed)],
    ["file id", `${stat.fileId}`],
  ];
}

/** One file in a row of a table. */
export function listRow(name: string, stat: ShareStat): Cell[] {
  const modified = timeOf(stat.modified).replace("T", " ").replace(/\.\d+/, "");
  return [attributeLetters(stat.attributes), stat.size, modified, listName(name, stat)];
}

/** A name as it is listed, a directory's with a slash. */
export function listName(name: string, { directory }: ShareStat): string {
  return `${shown(name)}${directory ? "/" : ""}`;
}

function timeOf(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}
