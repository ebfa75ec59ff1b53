// One's own account: ending a session, changing the name, and a changed password that ends every other session.
import assert from "node:assert/strict";
import { app, given, isGood, portal, seen, signIn, visitors, withPage } from "./lab.mjs";

const name = given("AEGIS_USER");
let password = given("AEGIS_PASSWORD");

for (const [round, visitor] of visitors.entries()) {
  const scripted = visitor.options.javaScriptEnabled !== false;
  const next = `${password} and ${round + 2} more words`;
  await withPage(visitor.options, async (page) => {
    await withPage(visitor.options, async (elsewhere) => {
      await elsewhere.goto(app);
      await signIn(elsewhere, name, password);
      assert.equal((await seen(elsewhere))["remote-user"], name, `${visitor.name}: signed in elsewhere`);

      await page.goto(`${portal}/account`);
      await signIn(page, name, password);
      await page.goto(`${portal}/account`);
      if (scripted) await isGood(page, "the account page");

      await page.getByLabel("Name", { exact: true }).fill("Ann ".repeat(20).trim());
      await page.getByRole("button", { name: "Save name" }).click();
      assert.equal(await page.getByLabel("Name", { exact: true }).inputValue(), "Ann ".repeat(20).trim(), visitor.name);
      await elsewhere.reload();
      assert.equal((await seen(elsewhere))["remote-name"], "Ann ".repeat(20).trim(), `${visitor.name}: the app shows it`);

      // The other browser is in the list, and ended from here.
      const lines = page.getByRole("region", { name: "Where you are signed in" }).getByRole("listitem");
      const open = await lines.count();
      const end = page.getByRole("main").getByRole("button", { name: /^End (?!all)/ });
      assert.equal(await end.count(), open - 1, `${visitor.name}: every session but this one can be ended`);
      while (await end.count()) await end.first().click();
      assert.equal(await lines.count(), 1, `${visitor.name}: this session is left`);
      if (scripted) await isGood(page, "the account page after a session was ended");
      await elsewhere.goto(app);
      assert.ok(elsewhere.url().startsWith(`${portal}/login`), `${visitor.name}: ended, and at ${elsewhere.url()}`);
      assert.ok(await elsewhere.getByText("ended from another device").isVisible(), `${visitor.name}: and told so`);
      if (scripted) await isGood(elsewhere, "the sign-in page of an ended session");
      await signIn(elsewhere, name, password);
      assert.equal((await seen(elsewhere))["remote-user"], name, `${visitor.name}: signed in anew`);

      await page.getByLabel("Current password").fill("not the password at all");
      await page.getByLabel("New password").fill(next);
      await page.getByRole("button", { name: "Change password" }).click();
      assert.ok(await page.getByRole("alert").isVisible(), `${visitor.name}: a wrong current password is refused`);
      if (scripted) await isGood(page, "the account page after a refusal");

      await page.getByLabel("Current password").fill(password);
      await page.getByLabel("New password").fill("short");
      await page.getByRole("button", { name: "Change password" }).click();
      assert.ok(await page.getByRole("alert").isVisible(), `${visitor.name}: a short password is refused`);

      await page.getByLabel("Current password").fill(password);
      await page.getByLabel("New password").fill(next);
      await page.getByRole("button", { name: "Change password" }).click();
      assert.ok(page.url().startsWith(`${portal}/account`), `${visitor.name}: still on the account, at ${page.url()}`);
      assert.equal(await page.getByRole("alert").count(), 0, `${visitor.name}: the new password is taken`);

      await elsewhere.goto(app);
      assert.ok(elsewhere.url().startsWith(`${portal}/login`), `${visitor.name}: the other session is over`);
      await signIn(elsewhere, name, password);
      assert.ok(await elsewhere.getByRole("alert").isVisible(), `${visitor.name}: the old password is over`);
      await signIn(elsewhere, name, next);
      assert.equal((await seen(elsewhere))["remote-user"], name, `${visitor.name}: the new password opens`);
    });
  });
  password = next;
}
