/**
 * What is given up too late: the server has carried it out, and our client undoes it.
 *
 * @module
 */
import { NtStatusError } from "../../src/smb/mod.ts";
import { NtStatus } from "../../src/smb/wire/status.ts";
import { assertEquals, assertRejects } from "../assert.ts";
import { testWith } from "../capabilities.ts";
import { pattern } from "../smbdirect/sides.ts";
import { eventually } from "./process.ts";
import { assertStatus, openSmbStage, put, type SmbStage } from "./smb_stage.ts";

/** Starts something, and gives it up while the server has it and has not looked at it yet. */
async function giveUp({ samba, server }: SmbStage, start: (signal: AbortSignal) => Promise<unknown>): Promise<void> {
  const controller = new AbortController();
  await samba.pause();
  const { sends } = server.statistics;
  const givenUp = assertRejects(() => start(controller.signal), DOMException);
  const sent = (count: number) => () => Promise.resolve(server.statistics.sends >= sends + count || undefined);
  await eventually("the request leaves", sent(1));
  controller.abort();
  await eventually("so does its CANCEL", sent(2));
  await samba.resume();
  await givenUp;
}

/**
 * What `start` resolves to once the server does not answer `status` any more: it may see this before our CLOSE, or unlock,
 * which cannot leave before its answer to what was given up is here.
 */
function once<T>(status: number, start: () => Promise<T>): Promise<{ value: T }> {
  return eventually("what was given up is undone", async () => {
    try {
      return { value: await start() };
    } catch (error) {
      if (error instanceof NtStatusError && error.status === status) return undefined;
      throw error;
    }
  });
}

await testWith(
  ["samba"],
  "a file that was opened all the same is closed again: it can be opened for oneself",
  async () => {
    await using stage = await openSmbStage();
    const { share } = stage;
    await put(share, "file", pattern(10));
    await giveUp(stage, (signal) => share.open("file", { write: true, signal }));
    const alone = () => share.open("file", { write: true, share: 0 });
    await using file = (await once(NtStatus.SHARING_VIOLATION, alone)).value;
    assertEquals(file.size, 10);
  },
);

await testWith(
  ["samba"],
  "a directory that was opened all the same is closed again, listed or watched: it can go",
  async () => {
    await using stage = await openSmbStage();
    const { share } = stage;
    for (
      const start of [
        (signal: AbortSignal) => share.readDir("folder", { signal }).next(),
        (signal: AbortSignal) => share.watch("folder", { signal }).next(),
      ]
    ) {
      await share.mkdir("folder");
      await giveUp(stage, start);
      await share.remove("folder");
      const gone = () => assertStatus(() => share.stat("folder"), NtStatus.OBJECT_NAME_NOT_FOUND);
      await eventually("it is gone", () => gone().then(() => true, () => undefined));
    }
  },
);

await testWith(["samba"], "a range that was locked all the same is unlocked again", async () => {
  await using stage = await openSmbStage();
  const { share } = stage;
  await put(share, "file", pattern(10));
  const everybody = { write: true, read: true, share: 7 };
  await using one = await share.open("file", everybody);
  await using other = await share.open("file", everybody);
  await giveUp(stage, (signal) => one.lock(0, 10, { wait: true, signal }));
  await once(NtStatus.LOCK_NOT_GRANTED, () => other.lock(0, 10));
});
