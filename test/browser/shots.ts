/**
 * `deno task shots DIRECTORY`: pictures of the pages, wide and narrow, light and dark, next to a real service at work.
 *
 * @module
 */
import { LONG_NEEDLE, openBrowser, openTab, Stage } from "./stage.ts";

/** Milliseconds of reads before the pictures: a minute fills the charts. */
const WARM_UP = 62_000;

if (import.meta.main) await takeShots(Deno.args[0] ?? "shots", Number(Deno.args[1] ?? WARM_UP));

async function takeShots(directory: string, warmUp: number): Promise<void> {
  await Deno.mkdir(directory, { recursive: true });
  await using stage = await Stage.start();
  await using browser = await openBrowser();
  await using _reads = stage.keepReading();
  using _reader = await stage.fallBehind(LONG_NEEDLE);
  // a page that has listened all along has lines to show
  const variants = (["light", "dark"] as const).flatMap((colorScheme) =>
    [1280, 360].map((width) => ({ colorScheme, viewport: { width, height: 900 } }))
  );
  await using stack = new AsyncDisposableStack();
  const tabs = await Promise.all(variants.map(async (variant) => {
    const tab = stack.use(await openTab(browser, variant));
    await tab.page.goto(`${stage.origin}/#token=${stage.admin}`);
    return { page: tab.page, name: `${variant.viewport.width}-${variant.colorScheme}.png` };
  }));
  await new Promise((resolve) => setTimeout(resolve, warmUp));
  for (const { page, name } of tabs) {
    await page.screenshot({ path: `${directory}/dashboard-${name}`, fullPage: true });
    await page.goto(`${stage.origin}/docs`);
    await page.screenshot({ path: `${directory}/docs-${name}` });
    await page.goto(stage.origin);
    await page.evaluate("sessionStorage.clear()");
    await page.reload();
    await page.locator('html[data-state="denied"]').waitFor();
    await page.screenshot({ path: `${directory}/access-${name}` });
  }
}
