// From the closed door to the app and out again, with script and without.
import assert from "node:assert/strict";
import { app, given, isGood, portal, seen, signIn, visitors, withPage } from "./lab.mjs";

const name = given("AEGIS_USER");
const password = given("AEGIS_PASSWORD");

for (const visitor of visitors) {
  const scripted = visitor.options.javaScriptEnabled !== false;
  await withPage(visitor.options, async (page) => {
    const wish = `${app}/deep/page?with=query&and=more`;
    await page.goto(wish);
    assert.ok(page.url().startsWith(`${portal}/login`), `${visitor.name}: sent to ${page.url()}`);
    assert.equal(await page.getByRole("heading", { level: 1 }).textContent(), "Sign in");
    if (scripted) await isGood(page, "the sign-in page");

    // Wrong: what was typed stays, the password does not, and the page says so.
    await signIn(page, name, "not the password at all");
    assert.equal(await page.getByLabel("E-mail or username").inputValue(), name, `${visitor.name}: the name stays`);
    assert.equal(await page.getByLabel("Password", { exact: true }).inputValue(), "", `${visitor.name}: the password goes`);
    assert.ok(await page.getByRole("alert").isVisible(), `${visitor.name}: the page says that it was wrong`);
    if (scripted) await isGood(page, "the sign-in page after a wrong password");

    await signIn(page, name, password);
    assert.equal(page.url(), wish, `${visitor.name}: back where one wanted to go`);
    const headers = await seen(page);
    assert.equal(headers["remote-user"], name, `${visitor.name}: the app knows who it is`);
    assert.ok(!JSON.stringify(headers).includes("aegis_token"), `${visitor.name}: the app got no token of ours`);

    // The start page names the app's people may open, and the way out.
    await page.goto(`${portal}/`);
    if (scripted) await isGood(page, "the start page");
    await page.goto(given("AEGIS_FORBIDDEN"));
    if (scripted) await isGood(page, "the page of no access");

    await page.goto(`${portal}/logout`);
    if (scripted) await isGood(page, "the page of sign-out");
    await page.goto(app);
    assert.equal((await seen(page))["remote-user"], name, `${visitor.name}: looking at /logout signs nobody out`);
    await page.goto(`${portal}/logout`);
    await page.getByRole("main").getByRole("button", { name: "Sign out" }).click();
    if (scripted) await isGood(page, "the page after sign-out");
    await page.goto(app);
    assert.ok(page.url().startsWith(`${portal}/login`), `${visitor.name}: signed out, sent to ${page.url()}`);
  });
}
