import type { Page } from "playwright-core";
import axe from "axe-core/axe.min.js" with { type: "text" };
import { assertEquals } from "../assert.ts";
import { testWith } from "../capabilities.ts";
import { LONG_NEEDLE, NO_NEEDLE, openBrowser, openTab, Stage } from "./stage.ts";

/** What axe-core finds wrong with a page: rule and element, one a line. */
async function violations(page: Page): Promise<string[]> {
  await page.evaluate(axe);
  const found = await page.evaluate("axe.run().then(({ violations }) => violations)") as {
    id: string;
    nodes: { html: string; failureSummary: string }[];
  }[];
  return found.flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary}`));
}

/** How far a page reaches beyond its window, in CSS pixels. */
async function overflow(page: Page): Promise<number> {
  return await page.evaluate("document.documentElement.scrollWidth - innerWidth") as number;
}

await testWith(["chromium"], "the pages, to axe-core and on narrow screens, in light and dark", async (context) => {
  await using stage = await Stage.start();
  await using browser = await openBrowser();
  await using _reads = stage.keepReading();
  using _reader = await stage.fallBehind(LONG_NEEDLE);
  await stage.read(NO_NEEDLE);

  await context.step("axe-core complains of a page where there is something to complain of", async () => {
    await using tab = await openTab(browser);
    const { page } = tab;
    await page.goto(`${stage.origin}/docs`);
    await page.evaluate("document.querySelector('main').append(document.createElement('button'))");
    assertEquals((await violations(page)).map((found) => found.split(" ")[0]), ["button-name:"]);
  });

  for (const colorScheme of ["light", "dark"] as const) {
    for (const width of [1280, 768, 360]) {
      const options = { colorScheme, viewport: { width, height: 900 } };
      await context.step(`the dashboard while reads run, ${colorScheme}, ${width} px`, async () => {
        await using tab = await openTab(browser, options);
        const { page, complaints } = tab;
        await page.goto(`${stage.origin}/#token=${stage.admin}`);
        await page.locator("#sessions tbody tr").first().waitFor();
        await page.locator("#failures tbody tr").first().waitFor();
        for (const summary of await page.locator("summary").all()) await summary.click();
        await page.locator("#throughput-chart tbody tr").nth(1).waitFor();
        assertEquals([await violations(page), await overflow(page), complaints], [[], 0, []]);
      });
      await context.step(`the form that asks for a token, ${colorScheme}, ${width} px`, async () => {
        await using tab = await openTab(browser, options);
        const { page } = tab;
        await page.goto(stage.origin);
        await page.locator('html[data-state="denied"]').waitFor();
        assertEquals([await violations(page), await overflow(page)], [[], 0]);
      });
      await context.step(`the description of the API, ${colorScheme}, ${width} px`, async () => {
        await using tab = await openTab(browser, options);
        const { page, complaints } = tab;
        await page.goto(`${stage.origin}/docs`);
        assertEquals([await violations(page), await overflow(page), complaints], [[], 0, []]);
      });
    }
  }
});
