// Where too many have guessed: nobody gets in from there, and the page says when.
import assert from "node:assert/strict";
import { app, given, isGood, portal, signIn, visitors, withPage } from "./lab.mjs";

for (const visitor of visitors) {
  await withPage(visitor.options, async (page) => {
    await page.goto(app);
    await signIn(page, given("AEGIS_USER"), given("AEGIS_PASSWORD"));
    const heading = await page.getByRole("heading", { level: 1 }).textContent();
    assert.equal(heading, "Too many attempts", `${visitor.name}: ${page.url()}`);
    assert.equal(await page.locator(":focus").getAttribute("role"), "alert", `${visitor.name}: what has the focus`);
    if (visitor.options.javaScriptEnabled !== false) await isGood(page, "the page of too many attempts");
    assert.deepEqual(await page.context().cookies(), [], `${visitor.name}: the cookies`);
    await page.getByRole("link", { name: "Back to sign-in" }).click();
    assert.ok(page.url().startsWith(`${portal}/login?rd=`), `${visitor.name}: back, with the wish: ${page.url()}`);
  });
}
