/**
 * Our SMB client and the kernel's server: files both ways, by RDMA and by TCP.
 *
 * @module
 */
import { readinessIdle } from "../../src/verbs/mod.ts";
import { assert, assertEquals } from "../assert.ts";
import { testWith } from "../capabilities.ts";
import { pattern } from "../smbdirect/sides.ts";
import { Ksmbd } from "./ksmbd.ts";
import { connectKsmbd, WAYS } from "./smb_stage.ts";

/** Small ones, and one of many requests; smb_commands_test.ts has larger ones. */
const SIZES = [0, 1, 4_095, 4_097, 1 << 20, 9_000_001];

async function digest(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}

for (const [way, capability, hostname, options] of WAYS) {
  await testWith([capability], `files go to ksmbd and come back as they were over ${way}`, async () => {
    await using ksmbd = await Ksmbd.start();
    {
      await using server = await connectKsmbd(hostname, { ...options, readSize: 1 << 20 });
      assertEquals([server.transport, server.dialect], [way, "3.1.1"]);
      const share = await server.openShare("share");
      for (const size of SIZES) {
        const bytes = pattern(size, size & 0xff);
        const before = { ...server.statistics };
        {
          await using file = await share.open(`${size}.bin`, { write: true, createNew: true });
          await file.write(0, bytes);
        }
        assertEquals(await digest(await Deno.readFile(`${ksmbd.path()}/${size}.bin`)), await digest(bytes));
        const read = new Uint8Array(size);
        {
          await using file = await share.open(`${size}.bin`);
          assertEquals([file.size, await file.read(0, read)], [size, size]);
          assertEquals(await file.read(size, new Uint8Array(1)), 0, "there is no more");
        }
        assertEquals(await digest(read), await digest(bytes));
        const byRdma = way === "tcp" || size < 4_096 ? 0 : size;
        const { statistics } = server;
        assertEquals([
          statistics.readBytes - before.readBytes,
          statistics.writeBytes - before.writeBytes,
          statistics.readRdmaBytes - before.readRdmaBytes,
          statistics.writeRdmaBytes - before.writeRdmaBytes,
        ], [size, size, byRdma, byRdma]);
      }
    }
    await readinessIdle();
  });

  await testWith([capability], `32 files at once go to ksmbd and come back as they were over ${way}`, async () => {
    await using _ksmbd = await Ksmbd.start();
    {
      await using server = await connectKsmbd(hostname, options);
      const share = await server.openShare("share");
      await Promise.all(Array.from({ length: 32 }, async (_, index) => {
        const bytes = pattern(300_000 + index, index);
        {
          await using file = await share.open(`f${index}`, { write: true, createNew: true });
          await file.write(0, bytes);
        }
        await using file = await share.open(`f${index}`);
        const read = new Uint8Array(bytes.length);
        assertEquals(await file.read(0, read), bytes.length);
        assert(await digest(read) === await digest(bytes), `file ${index} is as it was`);
      }));
      const names: string[] = [];
      for await (const { name } of share.readDir("")) names.push(name);
      assertEquals(names.length, 32);
      assertEquals(server.statistics.errors.total, 0);
    }
    await readinessIdle();
  });
}
