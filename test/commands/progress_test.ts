import { formatBytes, formatSeconds, Progress } from "../../commands/progress.ts";
import { shown } from "../../commands/shown.ts";
import { assertEquals } from "../assert.ts";

Deno.test("formatBytes() gives three digits, and never four before the point but in bytes", () => {
  const table: [number, string][] = [
    [0, "0 B"],
    [999, "999 B"],
    [1000, "0.98 KiB"],
    [1024, "1.00 KiB"],
    [1536, "1.50 KiB"],
    [10 * 1024, "10.0 KiB"],
    [104_857_600, "100 MiB"],
    [1023 * 1024, "1.00 MiB"],
    [5 * 2 ** 40, "5.00 TiB"],
    [2 ** 60, "1024 PiB"],
  ];
  for (const [bytes, text] of table) assertEquals(formatBytes(bytes), text);
});

Deno.test("formatSeconds() gives minutes, and hours where there are any", () => {
  for (const [seconds, text] of [[0, "0:00"], [65, "1:05"], [7209, "2:00:09"]] as const) {
    assertEquals(formatSeconds(seconds), text);
  }
});

Deno.test("Progress shows share, rate over the last seconds, and what is left once all is known", () => {
  const progress = new Progress(0);
  progress.total = 100 << 20;
  progress.expected = 1;
  assertEquals(progress.line(0, 80), "0 B of 100 MiB+  0 B/s");
  progress.complete = true;
  progress.bytes = 25 << 20;
  assertEquals(
    progress.line(1000, 80),
    "[#####---------------]  25 %  25.0 MiB of 100 MiB  25.0 MiB/s  0:03 left",
  );
  assertEquals(progress.line(1000, 60), " 25 %  25.0 MiB of 100 MiB  25.0 MiB/s  0:03 left");
  assertEquals(progress.line(1000, 10), " 25 %  25.");
});

Deno.test("Progress counts what a resumed file had already for the share, and not for the rate", () => {
  const progress = new Progress(0);
  [progress.total, progress.expected, progress.complete] = [1000, 2, true];
  progress.skip(500);
  progress.bytes += 100;
  progress.files = 1;
  assertEquals(
    progress.line(1000, 99),
    "[############--------]  60 %  600 B of 0.98 KiB  1 of 2 files  100 B/s  0:04 left",
  );
});

Deno.test("Progress forgets the rate of long ago", () => {
  const progress = new Progress(0);
  progress.total = 10_000;
  for (let second = 1; second <= 20; second++) {
    progress.bytes += second <= 10 ? 900 : 100;
    progress.line(second * 1000, 80);
  }
  assertEquals(progress.line(20_000, 80), "9.77 KiB of 9.77 KiB+  100 B/s");
});

Deno.test("shown() leaves people's text alone and disarms what a terminal would obey", () => {
  for (const text of ["", "plain", "Ünïcödé 漢字 👩‍👩‍👧", "100%"]) assertEquals(shown(text), text);
  assertEquals(
    shown("\x1b[2J\n\u009b\u202e\u2028\ud800\x7f"),
    "\\u{1b}[2J\\u{a}\\u{9b}\\u{202e}\\u{2028}\\u{d800}\\u{7f}",
  );
});
