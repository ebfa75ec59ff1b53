// From the closed door to the app and out again, with script and without.
import assert from "node:assert/strict";
import { app, cookiesAreOurs, given, isGood, portal, seen, signIn, visitors, withPage } from "./lab.mjs";

const name = given("AEGIS_USER");
const password = given("AEGIS_PASSWORD");

/** What became of a WebSocket that this page opens: what it said, or how it failed. */
const socket = (page) => page.evaluate(() => new Promise((done) => {
  const socket = new WebSocket(location.origin.replace(/^http/, "ws") + "/socket");
  socket.onopen = () => socket.send("there and back");
  socket.onmessage = ({ data }) => { done(data); socket.close(); };
  socket.onerror = () => done("refused");
}));

for (const visitor of visitors) {
  const scripted = visitor.options.javaScriptEnabled !== false;
  await withPage(visitor.options, async (page) => {
    const wish = `${app}/deep/page?with=query&and=more`;
    await page.goto(wish);
    assert.ok(page.url().startsWith(`${portal}/login`), `${visitor.name}: sent to ${page.url()}`);
    assert.equal(await page.getByRole("heading", { level: 1 }).textContent(), "Sign in");
    assert.equal(await page.locator(":focus").getAttribute("name"), "email", `${visitor.name}: ready to type`);
    if (scripted) await isGood(page, "the sign-in page");

    // Wrong: what was typed stays, the password does not, and the page says so where one is.
    await signIn(page, name, "not the password at all");
    assert.equal(await page.getByLabel("E-mail or username").inputValue(), name, `${visitor.name}: the name stays`);
    assert.equal(await page.getByLabel("Password", { exact: true }).inputValue(), "", `${visitor.name}: the password goes`);
    assert.ok(await page.getByRole("alert").isVisible(), `${visitor.name}: the page says that it was wrong`);
    assert.equal(await page.locator(":focus").getAttribute("role"), "alert", `${visitor.name}: and takes the focus`);
    assert.deepEqual(await page.context().cookies(), [], `${visitor.name}: no cookie for a wrong password`);
    if (scripted) await isGood(page, "the sign-in page after a wrong password");

    // By the keyboard alone: from the message to the form, and Enter sends it.
    await page.getByLabel("E-mail or username").fill(name);
    await page.getByLabel("Password", { exact: true }).fill(password);
    await page.keyboard.press("Enter");
    await page.waitForURL(wish);
    const headers = await seen(page);
    assert.equal(headers["remote-user"], name, `${visitor.name}: the app knows who it is`);
    assert.ok(!JSON.stringify(headers).includes("aegis_token"), `${visitor.name}: the app got no token of ours`);
    await cookiesAreOurs(page, visitor.name);
    if (scripted) assert.equal(await socket(page), "there and back", "a WebSocket to the app, signed in");

    await page.goto(`${portal}/logout`);
    if (scripted) await isGood(page, "the page of sign-out");
    await page.goto(app);
    assert.equal((await seen(page))["remote-user"], name, `${visitor.name}: looking at /logout signs nobody out`);
    if (scripted) {
      // Signed out elsewhere, in the same browser: this page is still open, and its next WebSocket is refused.
      const other = await page.context().newPage();
      await other.goto(`${portal}/logout`);
      await other.getByRole("main").getByRole("button", { name: "Sign out" }).click();
      await isGood(other, "the page after sign-out");
      const complaints = page.listeners("console");
      page.removeAllListeners("console");
      assert.equal(await socket(page), "refused", "a WebSocket to the app, signed out");
      for (const listener of complaints) page.on("console", listener);
    } else {
      await page.goto(`${portal}/logout`);
      await page.getByRole("main").getByRole("button", { name: "Sign out" }).click();
    }
    const left = (await page.context().cookies()).map((cookie) => cookie.name);
    assert.ok(!left.includes("aegis_token") && !left.includes("__Host-aegis_session"), `${visitor.name}: left are ${left}`);
    await page.goto(app);
    assert.ok(page.url().startsWith(`${portal}/login`), `${visitor.name}: signed out, sent to ${page.url()}`);
  });
}
