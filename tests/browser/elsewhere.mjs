// Forms that other sites send in a visitor's name: none is taken, whoever the visitor is.
import assert from "node:assert/strict";
import { app, given, isGood, portal, signIn, visitors, withPage } from "./lab.mjs";

const name = given("AEGIS_USER");
const password = given("AEGIS_PASSWORD");
const scheme = new URL(portal).protocol;

for (const visitor of visitors) {
  for (const [relation, origin] of [["another site", `${scheme}//elsewhere.test`], ["an app behind Aegis", app]]) {
    const who = `${visitor.name}, from ${relation}`;
    await withPage(visitor.options, async (page) => {
      const forged = async (action, fields) => {
        const inputs = Object.entries(fields).map(([key, value]) => `<input name="${key}" value="${value}">`);
        const body = `<!doctype html><title>a trap</title><form method="post" action="${portal}${action}">` +
          `${inputs.join("")}<button>win a prize</button></form>`;
        await page.route(`${origin}/trap`, (route) => route.fulfill({ contentType: "text/html", body }));
        await page.goto(`${origin}/trap`);
        const answer = page.waitForResponse((response) => response.request().method() === "POST");
        await page.getByRole("button").click();
        const status = (await answer).status();
        await page.unroute(`${origin}/trap`);
        assert.equal(status, 403, `${who}: POST ${action}`);
      };
      const cookies = async () => (await page.context().cookies()).map(({ name, value }) => `${name}=${value}`).sort();

      await forged("/login", { email: name, password });
      assert.deepEqual(await cookies(), [], `${who}: signed in by a forged form`);
      if (visitor.options.javaScriptEnabled !== false) await isGood(page, "the page of a refused form");

      await page.goto(`${portal}/login`);
      await signIn(page, name, password);
      const mine = await cookies();
      assert.equal(mine.length, 3, `${who}: signed in`);
      await forged("/login", { email: name, password });
      await forged("/logout", {});
      await forged("/account/password", { current: password, new: "nine bridges across the estuary" });
      await forged("/account/sessions/end-others", {});
      assert.deepEqual(await cookies(), mine, `${who}: a forged form changed the session`);
      await page.goto(`${portal}/account`);
      assert.equal(page.url(), `${portal}/account`, `${who}: signed out by a forged form`);
    });
  }
}
