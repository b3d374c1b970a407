import { NtStatus } from "../../../src/smb/wire/status.ts";
import { assertEquals } from "../../assert.ts";
import { ask, told } from "./answers.ts";
import { outcomes, stage } from "./fake_transport.ts";

for (
  const [title, status, undone] of [
    ["is answered all the same is undone", NtStatus.SUCCESS, ["made"]],
    ["is answered as cancelled is left alone", NtStatus.CANCELLED, []],
  ] as const
) {
  Deno.test(`what was given up and ${title}`, async () => {
    await using set = stage();
    const controller = new AbortController();
    const undoings: string[] = [];
    const undo = (value: string) => void undoings.push(value);
    const asked = set.exchange.call(ask("a", { signal: controller.signal, undo }));
    controller.abort("enough");
    set.transport.deliver(told(0, "made", { status }));
    assertEquals([await outcomes([asked]), undoings], [["enough"], [...undone]]);
  });
}
