// From the password to the app by way of a second factor, with script and without.
import assert from "node:assert/strict";
import { join } from "node:path";
import { app as wish, given, isGood, portal, signIn, visitors, withPage } from "./lab.mjs";

const name = given("AEGIS_USER");
const password = given("AEGIS_PASSWORD");

/** Lets something happen that is not in the browser. */
const world = async (what) => (await fetch(`${given("AEGIS_WORLD")}/${what}`)).text();

const heading = (page) => page.getByRole("heading", { level: 1 }).textContent();

/** Pictures of a page as people have it: narrow and wide, light and dark. */
async function pictures(page, file) {
  const size = page.viewportSize();
  for (const colorScheme of ["light", "dark"]) {
    for (const width of [320, 1280]) {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width, height: 800 });
      await page.screenshot({ path: join(given("AEGIS_SCREENSHOTS"), `${file}-${colorScheme}-${width}.png`) });
    }
  }
  await page.emulateMedia({ colorScheme: null });
  if (size) await page.setViewportSize(size);
}

for (const visitor of visitors) {
  const scripted = visitor.options.javaScriptEnabled !== false;
  const good = async (page, what) => {
    if (!scripted) return;
    await isGood(page, what);
    await pictures(page, what.replaceAll(" ", "-"));
  };
  const begin = async (page) => {
    await page.goto(`${portal}/login?rd=${encodeURIComponent(wish)}`);
    await signIn(page, name, password);
  };

  // Approved in Telegram: the page goes on by itself, or by its button.
  await withPage(visitor.options, async (page) => {
    if (scripted) await page.clock.install();
    await begin(page);
    assert.equal(page.url(), `${portal}/login/approve`, visitor.name);
    assert.equal(await heading(page), "Approve this sign‑in in Telegram");
    assert.match(await page.locator(".number b").textContent(), /^[1-9][0-9]$/, `${visitor.name}: a number of two digits`);
    const again = page.getByRole("button", { name: "Send again" });
    assert.equal(await again.isDisabled(), scripted, `${visitor.name}: not to be asked for yet`);
    await good(page, "approve");
    if (!scripted) {
      await again.click();
      assert.match(await page.getByRole("alert").textContent(), /A new request can be sent at/);
      await page.getByRole("button", { name: "I’ve approved it" }).click();
      assert.match(await page.getByRole("alert").textContent(), /Telegram hasn’t told us yet/);
    }
    await world("later");
    if (scripted) await page.clock.runFor(30_000);
    await again.click();
    await page.waitForURL(`${portal}/login/approve`);
    if (scripted) await page.clock.resume();
    await world("approve");
    if (!scripted) await page.getByRole("button", { name: "I’ve approved it" }).click();
    await page.waitForURL(wish);
    const left = (await page.context().cookies()).map((cookie) => cookie.name).sort();
    assert.deepEqual(left, ["__Host-aegis_device", "__Host-aegis_session", "aegis_token"], `${visitor.name}: the cookies`);
  });

  // Denied: the page says so by itself, or when the button is pressed.
  await withPage(visitor.options, async (page) => {
    await begin(page);
    await world("deny");
    if (!scripted) await page.getByRole("button", { name: "I’ve approved it" }).click();
    await page.getByRole("heading", { name: "You denied this sign-in" }).waitFor();
    assert.equal(await page.locator(":focus").getAttribute("role"), "alert", `${visitor.name}: and takes the focus`);
    await good(page, "denied");
    await page.getByRole("link", { name: "Start over" }).click();
    assert.ok(page.url().startsWith(`${portal}/login?rd=`), `${visitor.name}: over again at ${page.url()}`);
  });

  // Nobody is asked there for a while: a code, wrong and right.
  await withPage(visitor.options, async (page) => {
    await begin(page);
    assert.equal(page.url(), `${portal}/login/code`, visitor.name);
    assert.equal(await page.locator(":focus").getAttribute("name"), "totp", `${visitor.name}: ready to type`);
    assert.match(await page.textContent("main"), /Telegram is paused for this account until/);
    await good(page, "code");
    await page.getByLabel("Six digits").fill("000000");
    await page.keyboard.press("Enter");
    await page.getByRole("alert").waitFor();
    assert.equal(await page.locator(":focus").getAttribute("role"), "alert", `${visitor.name}: and takes the focus`);
    await good(page, "code wrong");
    await page.getByLabel("Six digits").fill(await world("code"));
    await page.getByRole("button", { name: "Continue" }).click();
    await page.waitForURL(wish);
  });
  if (scripted) for (let times = 0; times < 31; times += 1) await world("later");
}
