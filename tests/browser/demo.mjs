// The first minute of a newcomer: the demo's sign-in page and the pretend phone beside it, with script and
// without.
import assert from "node:assert/strict";
import { app, given, isGood, portal, signIn, visitors, withPage } from "./lab.mjs";

const phoneAt = given("AEGIS_PHONE");
const name = given("AEGIS_USER");
const password = given("AEGIS_PASSWORD");

// A denial silences the bot for a while, so each visitor has a demo of their own.
const chosen = visitors.filter(({ name }) => name === given("AEGIS_VISITOR"));
assert.equal(chosen.length, 1, `one visitor is ${given("AEGIS_VISITOR")}`);

for (const visitor of chosen) {
  const scripted = visitor.options.javaScriptEnabled !== false;
  await withPage(visitor.options, async (page) => {
    // The phone lies beside it, in the same browser.
    const phone = await page.context().newPage();
    const complaints = [];
    phone.on("console", (message) => { if (message.type() === "error") complaints.push(message.text()); });
    phone.on("pageerror", (error) => complaints.push(String(error)));
    // Its script shall ask for the first time when there is something new already.
    let asks;
    const mayAsk = new Promise((resolve) => { asks = resolve; });
    await phone.route("**/messages", async (route) => {
      await mayAsk;
      await route.continue();
    });
    await phone.goto(`${phoneAt}/`);
    assert.equal(await phone.getByRole("heading", { level: 1 }).textContent(), "Sam's phone", visitor.name);
    /** Without script the phone shows what is new when it is asked to. */
    const look = async () => { if (!scripted) await phone.getByRole("link", { name: "Look again" }).click(); };
    /** Waits for a button on the phone, and gives it. */
    const key = async (text) => {
      const button = phone.getByRole("button", { name: text, exact: true }).last();
      while (!scripted && await button.count() === 0) await look();
      await button.waitFor();
      return button;
    };

    /** To the app, and as far as the second factor; gives the number of the page. */
    const begin = async () => {
      await page.goto(`${app}/`);
      assert.ok(page.url().startsWith(`${portal}/login?rd=`), `${visitor.name}: sent to ${page.url()}`);
      await signIn(page, name, password);
      assert.equal(page.url(), `${portal}/login/approve`, visitor.name);
      const number = await page.locator(".number b").textContent();
      assert.match(number, /^[1-9][0-9]$/, `${visitor.name}: a number of two digits`);
      return number;
    };

    const number = await begin();
    const beside = await page.context().newPage();
    do {
      await beside.goto(`${phoneAt}/messages`);
    } while (await beside.getByRole("button", { name: number, exact: true }).count() === 0);
    await beside.close();
    asks();
    const button = await key(number);
    const offered = await phone.locator(".keys").first().getByRole("button").count();
    assert.equal(offered, 4, `${visitor.name}: the phone offers four numbers`);
    if (scripted) await isGood(phone, "the phone, asked");
    await button.click();
    await phone.getByText("Signed in.").first().waitFor();
    if (!scripted) await page.getByRole("button", { name: "I’ve approved it" }).click();
    await page.waitForURL(`${app}/`);
    assert.match(await page.textContent("body"), /Hello, Sam/, `${visitor.name}: in the app`);
    const approved = phone.getByText("Approved at").first();
    while (!scripted && await approved.count() === 0) await look();
    await approved.waitFor();

    // Denied: nobody is signed in.
    await page.context().clearCookies();
    await begin();
    await (await key("🚫 This isn't me")).click();
    if (!scripted) await page.getByRole("button", { name: "I’ve approved it" }).click();
    await page.getByRole("heading", { name: "You denied this sign-in" }).waitFor();
    await page.goto(`${app}/`);
    assert.ok(page.url().startsWith(`${portal}/login?rd=`), `${visitor.name}: nobody is signed in at ${page.url()}`);
    assert.deepEqual(complaints, [], `${visitor.name}: complaints of the phone's console`);
  });
}
