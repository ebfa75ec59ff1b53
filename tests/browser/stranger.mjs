// A browser on a device of somebody who is nobody here yet: told so, signed in by password, and linked.
import assert from "node:assert/strict";
import { app, given, isGood, portal, seen, signIn, withPage } from "./lab.mjs";

const name = given("AEGIS_USER");
const login = given("AEGIS_LOGIN");
const password = given("AEGIS_PASSWORD");
const strong = given("AEGIS_STRONG");
const link = given("AEGIS_LINK");
const says = async (page, words) => {
  const text = await page.textContent("main");
  assert.ok(text.includes(words), `${page.url()} does not say ${words}: ${text}`);
};

await withPage({}, async (page) => {
  await page.goto(app);
  await says(page, `on the tailnet as ${login}`);
  await isGood(page, "the sign-in page of a stranger");
  await page.goto(`${portal}/link/password`);
  assert.ok(await page.getByLabel(`Also recognise ${login}`).isChecked(), "the box is ticked");
  await isGood(page, "the page of a link, on a device that could be linked");
});

// The last without script: the first part of it is what the other has seen.
await withPage({ javaScriptEnabled: false }, async (page) => {
  await page.goto(`${portal}/login`);
  await signIn(page, name, password);
  await page.goto(`${strong}/x`);
  await says(page, "A second factor is asked for here");
  await page.getByRole("link", { name: "My account" }).click();
  assert.ok(!(await page.textContent("main")).includes("Link it to this account"), "a password alone links nothing");
  // What counts as a factor is added after a link.
  await page.goto(`${portal}/link/factor`);
  await page.getByLabel("Code").fill(link);
  await page.getByLabel("Password").fill(password);
  await page.locator("button.main").click();
  await page.goto(`${portal}/account`);
  await says(page, `This device belongs to ${login} on the tailnet.`);
  await page.getByLabel("Your password").fill(password);
  await page.getByRole("button", { name: "Link it to this account" }).click();
  await says(page, `On the tailnet, ${login} is recognised as you from now on.`);
  await page.goto(`${strong}/x`);
  assert.equal((await seen(page))["remote-user"], name, "what a password alone did not open");
});

await withPage({}, async (page) => {
  await page.goto(`${portal}/account`);
  await says(page, `You are here by your tailnet device, as ${login}.`);
  await isGood(page, "the account with a linked person");
  await page.goto(app);
  assert.equal((await seen(page))["remote-user"], name, "linked, and straight through");
});
