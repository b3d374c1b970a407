import type { Page } from "playwright-core";
import { assert, assertEquals, assertMatch } from "../assert.ts";
import { testWith } from "../capabilities.ts";
import { GONE_NEEDLE, LONG_NEEDLE, NEEDLE, openBrowser, openTab, Stage } from "./stage.ts";
import { eventually } from "../interop/process.ts";
import { hostileEvents } from "./hostile.ts";

/** Waits until an element says something of this form. */
async function shows(page: Page, selector: string, form: RegExp): Promise<void> {
  await eventually(`${selector} is like ${form}`, async () => form.test(await page.innerText(selector)) || undefined);
}

/** Waits until an element says something else. */
async function changed(page: Page, selector: string, before: string): Promise<void> {
  await eventually(`${selector} is not ${before}`, async () => await page.innerText(selector) !== before || undefined);
}

await testWith(["chromium"], "the dashboard in a browser, next to a real service", async (context) => {
  await using stage = await Stage.start();
  await using browser = await openBrowser();
  const address = `${stage.origin}/#token=${stage.admin}`;

  await context.step("a token in the address is used, and is in it no more", async () => {
    await using tab = await openTab(browser);
    const { page, complaints } = tab;
    await page.goto(address);
    await page.locator('html[data-state="live"]').waitFor();
    assertEquals(page.url(), `${stage.origin}/`);
    assertEquals(await page.evaluate("history.length"), 2);
    assertEquals(await page.locator("#access").isVisible(), false);
    await page.reload();
    await page.locator('html[data-state="live"]').waitFor();
    assertEquals(complaints, []);
  });

  await context.step("numbers move while reads run", async () => {
    await using tab = await openTab(browser);
    const { page, complaints } = tab;
    await page.goto(address);
    await page.locator('html[data-state="live"]').waitFor();
    const figures = (): Promise<string[]> =>
      Promise.all(["#throughput", "#reads", "#throughput-sub", "#reads-sub"].map((id) => page.innerText(id)));
    const before = await figures();
    await using _reads = stage.keepReading();
    await shows(page, "#reads", /^[1-9][\d,.]*\/s$/);
    await shows(page, "#throughput", /^[1-9][\d,.]*\u00a0[KMG]iB\/s$/);
    const first = await figures();
    await changed(page, "#reads-sub", first[3] ?? "");
    const second = await figures();
    for (const [index, figure] of first.entries()) assert(figure !== before[index], figure);
    assert(first[3] !== second[3], second[3]);
    assertEquals(await page.innerText("#share"), "100\u00a0%");
    const row = page.locator("#latencies tbody tr", { hasText: "success" });
    assertEquals(await row.locator("td").first().innerText(), "iwarp");
    assertMatch(await row.locator("td").nth(3).innerText(), /^[\d.]+\u00a0(µs|ms|s)$/);
    assertMatch(await page.locator("#connections tbody tr").first().innerText(), /engine\s+iwarp/);
    assertEquals(await page.locator("#transport").inputValue(), "iwarp");
    // the charts' own tables tell the same in words
    await page.locator("#throughput-chart summary").click();
    assertMatch(
      await page.locator("#throughput-chart tbody tr").first().innerText(),
      /^\d\d:\d\d:\d\d\s+[\d.]+\u00a0\w+\/s/,
    );
    assertEquals(complaints, []);
  });

  await context.step("a read that fails appears with its reason", async () => {
    await using tab = await openTab(browser);
    const { page, complaints } = tab;
    await page.goto(address);
    await page.locator('html[data-state="live"]').waitFor();
    assertEquals(await stage.read(GONE_NEEDLE), 404);
    const row = page.locator("#failures tbody tr").first();
    await row.waitFor();
    const cells = await row.locator("td").allInnerTexts();
    assertEquals(cells.slice(1, 4), ["404", "1", "GET /v1/needles/3…"]);
    assertMatch(cells[4] ?? "", /: no such key in volume 3$/);
    assertEquals(complaints, []);
  });

  await context.step("a read in progress is shown, and is cancelled with the keyboard", async () => {
    await using tab = await openTab(browser);
    const { page, complaints } = tab;
    await page.goto(address);
    using reader = await stage.fallBehind(LONG_NEEDLE);
    const row = page.locator("#sessions tbody tr");
    await row.waitFor();
    assertMatch(await row.locator("td").first().innerText(), "volume 3, needle 2");
    assertMatch(await row.locator("td").nth(1).innerText(), "ada at 127.0.0.1");
    await row.locator("button").focus();
    await page.keyboard.press("Enter");
    await page.locator("#sessions-outcome:text-matches('is being ended')").waitFor();
    const taken = await reader.drain();
    assert(taken > 0 && taken < 48 << 20, `${taken} bytes of what was cancelled`);
    await row.waitFor({ state: "detached" });
    // who was on the button is not lost at the top of the page
    assertEquals(await page.evaluate("document.activeElement.id"), "sessions-heading");
    assertEquals(await page.locator("#sessions .empty").innerText(), "None at the moment.");
    assertEquals(complaints, []);
  });

  await context.step(
    "without a token it is asked for; a wrong one is refused with the reason, and may be forgotten",
    async () => {
      await using tab = await openTab(browser);
      const { page } = tab;
      await page.goto(stage.origin);
      await page.locator('html[data-state="denied"]').waitFor();
      assertEquals(await page.innerText("#access-reason"), "A token with the scope stats:read is needed.");
      assertEquals(await page.innerText("#state"), "Waiting for a token");
      assertEquals(await page.evaluate("document.activeElement.id"), "token");
      await page.keyboard.type(await stage.token("devices:read"));
      await page.keyboard.press("Enter");
      await page.locator("#access-reason:text-matches('lacks')").waitFor();
      assertEquals(await page.innerText("#access-reason"), "The token lacks the scope stats:read.");
      assertEquals(await page.getAttribute("#token", "aria-invalid"), "true");
      await page.fill("#token", await stage.token("stats:read"));
      await page.keyboard.press("Enter");
      await page.locator('html[data-state="live"]').waitFor();
      assertEquals(await page.locator("#access").isVisible(), false);
      // what this token does not allow is said where it would be
      await page.locator("#devices .empty:text-matches('the token lacks the scope devices:read')").waitFor();
      await page.locator("#access-button").click();
      await page.locator("#token-forget").click();
      await page.locator('html[data-state="denied"]').waitFor();
      assertEquals(await page.evaluate("sessionStorage.length"), 0);
    },
  );

  await context.step("a service that goes away is told, with since when, and is found again", async () => {
    await using tab = await openTab(browser);
    const { page } = tab;
    await page.goto(address);
    await page.locator('html[data-state="live"]').waitFor();
    await stage.kill();
    await page.locator('html[data-state="lost"]').waitFor();
    assertMatch(
      await page.innerText("#state"),
      /^Disconnected since \d\d:\d\d:\d\d: .*\. Trying again in [\d.]+\u00a0s\.$/,
    );
    assertEquals(await page.title(), "Disconnected – Verbena");
    await stage.launch();
    await page.locator("#retry").click();
    await page.locator('html[data-state="live"]').waitFor();
    assertEquals([await page.title(), await page.innerText("#state"), await page.locator("#retry").isVisible()], [
      "Verbena",
      "Live",
      false,
    ]);
  });

  await context.step("every control is reached with the keyboard, and shows that it is", async () => {
    await using tab = await openTab(browser);
    const { page, complaints } = tab;
    await stage.read(NEEDLE);
    await page.goto(address);
    await page.locator('html[data-state="live"]').waitFor();
    await page.locator("#transport-label").waitFor();
    await page.locator("#access-button").click();
    await page.locator("#token").fill("x"); // an empty form has nothing to forget, and all there is is to be seen
    const controls = await page.locator("a:visible, button:visible, input:visible, select:visible, summary:visible")
      .count();
    const reached = new Set<string>();
    await page.locator("body").press("Home");
    await page.evaluate("document.activeElement.blur()");
    for (let count = 0; count < 3 * controls; count++) {
      await page.keyboard.press("Tab");
      const seen = await page.evaluate(`(() => {
        const { activeElement: element } = document;
        if (element === document.body) return "";
        const { outlineStyle, outlineWidth } = getComputedStyle(element);
        const place = [...document.querySelectorAll("*")].indexOf(element);
        return outlineStyle === "none" || outlineWidth === "0px" ? "no outline: " + element.outerHTML : String(place);
      })()`) as string;
      if (seen !== "") reached.add(seen);
    }
    assertEquals([...reached].filter((seen) => seen.startsWith("no outline")), []);
    assertEquals(reached.size, controls);
    assertEquals(controls, 10);
    assertEquals(complaints, []);
  });
});

await testWith(["chromium"], "names that someone chose to break the dashboard with are shown as they are", async () => {
  await using stage = await Stage.start();
  await using browser = await openBrowser();
  await using tab = await openTab(browser);
  const { page, complaints } = tab;
  const { body, name } = hostileEvents();
  await page.route("**/v1/events", (route) => route.fulfill({ contentType: "text/event-stream", body }));
  await page.goto(`${stage.origin}/#token=${stage.admin}`);
  await page.locator("#failures tbody tr").first().waitFor();
  assertEquals(await page.locator("main img, main script, main iframe").count(), 0);
  assertEquals(await page.evaluate("globalThis.broken"), undefined);
  for (const panel of ["#latencies", "#engines", "#connections", "#failures"]) {
    assertMatch(await page.locator(`${panel} tbody`).innerText(), name);
  }
  assertEquals(complaints, []);
});
