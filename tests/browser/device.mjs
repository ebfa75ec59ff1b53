// Aegis's own site, in a browser on somebody's device: straight through, their account, and out for a while.
import assert from "node:assert/strict";
import { app, given, isGood, portal, seen, visitors, withPage } from "./lab.mjs";

const name = given("AEGIS_USER");
const mark = async (page) => (await page.context().cookies()).map(({ name }) => name);

for (const visitor of visitors) {
  const scripted = visitor.options.javaScriptEnabled !== false;
  const good = async (page, what) => { if (scripted) await isGood(page, what); };
  const press = (page, button) => page.getByRole("button", { name: button, exact: true }).click();
  // One device, so the same address twice within ten seconds would be a circle.
  const out = `${app}/out/${scripted}`;
  await withPage(visitor.options, async (page) => {
    const way = `${portal}/login?rd=${encodeURIComponent(`${app}/way`)}`;
    await page.goto(way);
    assert.equal(page.url(), `${app}/way`, `${visitor.name}: past the sign-in page`);
    await page.goto(way);
    assert.ok((await page.textContent("h1")).includes("sent you back"), `${visitor.name}: a circle`);
    await good(page, "the page of a circle, by device");

    await page.goto(`${portal}/`);
    assert.ok((await page.textContent("main")).includes("by your tailnet device"), `${visitor.name}: the start page`);
    await good(page, "the start page, by device");
    await page.getByRole("link", { name: "Account" }).click();
    await page.getByLabel("Name", { exact: true }).fill("Sam by device");
    await press(page, "Save name");
    assert.ok((await page.textContent("main")).includes("Your name was saved."), `${visitor.name}: a change`);
    await good(page, "the account, by device");
    assert.deepEqual(await mark(page), [], `${visitor.name}: no cookie`);

    await press(page, "Sign out");
    assert.equal(await page.textContent("h1"), "Signed out", visitor.name);
    await good(page, "the page after a sign-out, by device");
    assert.deepEqual(await mark(page), ["aegis_signed_out"], `${visitor.name}: the mark alone`);
    await page.goto(out);
    assert.ok(page.url().startsWith(`${portal}/login`), `${visitor.name}: signed out, at an app: ${page.url()}`);
    assert.ok((await page.textContent("main")).includes("but you signed out in this browser"), visitor.name);
    await good(page, "the sign-in page after a sign-out, by device");
    await press(page, "Continue with the tailnet");
    assert.equal(page.url(), out, `${visitor.name}: back on the tailnet, and where they were going`);
    assert.equal((await seen(page))["remote-user"], name, visitor.name);
    assert.deepEqual(await mark(page), [], `${visitor.name}: no mark`);
  });
}
