// Links of one use: the first administrator, and somebody who chooses a password.
import assert from "node:assert/strict";
import { app, given, isGood, portal, seen, signIn, visitors, withPage } from "./lab.mjs";

const password = given("AEGIS_PASSWORD");

// The first administrator, with script: the code goes from the fragment into its field.
await withPage({}, async (page) => {
  await page.goto(given("AEGIS_SETUP_LINK"));
  await isGood(page, "the set-up page");
  await page.getByLabel("Username").fill("first");
  await page.getByLabel("E-mail").fill("first@example.test");
  await page.getByLabel("Password", { exact: true }).fill("short");
  await page.getByRole("button", { name: "Create the account" }).click();
  assert.ok(await page.getByRole("alert").isVisible(), "a short password is refused");
  assert.equal(await page.getByLabel("Username").inputValue(), "first", "what was typed stays");
  await isGood(page, "the set-up page after a refusal");
  await page.getByLabel("Password", { exact: true }).fill(password);
  await page.getByRole("button", { name: "Create the account" }).click();
  await page.goto(app);
  if (page.url().startsWith(portal)) await signIn(page, "first", password);
  assert.equal((await seen(page))["remote-user"], "first", "the first administrator is somebody");
});

for (const visitor of visitors) {
  const scripted = visitor.options.javaScriptEnabled !== false;
  const name = given(scripted ? "AEGIS_INVITED" : "AEGIS_INVITED_TOO");
  const link = given(scripted ? "AEGIS_LINK" : "AEGIS_LINK_TOO");
  const choose = async (page) => {
    await page.goto(link);
    if (!scripted) await page.getByLabel("Code").fill(new URL(link).hash.slice(1));
    await page.getByLabel("Password", { exact: true }).fill(password);
    await page.getByRole("button", { name: "Set password" }).click();
  };
  await withPage(visitor.options, async (page) => {
    await page.goto(link);
    if (scripted) await isGood(page, "the page that chooses a password");
    await choose(page);
    await page.goto(app);
    if (page.url().startsWith(portal)) await signIn(page, name, password);
    assert.equal((await seen(page))["remote-user"], name, `${visitor.name}: the chosen password opens`);
  });
  await withPage(visitor.options, async (page) => {
    await choose(page);
    const heading = await page.getByRole("heading", { level: 1 }).textContent();
    assert.match(heading, /no longer works/, `${visitor.name}: a link works once`);
    if (scripted) await isGood(page, "the page of a used link");
  });
}
