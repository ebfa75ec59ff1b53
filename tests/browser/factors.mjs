// From a link to the first second factor, to recovery codes, and in again with a code: with script and without.
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { app, given, isGood, portal, seen, signIn, visitors, withPage } from "./lab.mjs";

const password = given("AEGIS_PASSWORD");
const pictures = process.env.AEGIS_SCREENSHOTS;

/** The code that an authenticator app shows now (RFC 6238). */
function codeOf(key) {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  const bits = [...key.replaceAll(" ", "")].map((letter) => alphabet.indexOf(letter).toString(2).padStart(5, "0")).join("");
  const bytes = Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => parseInt(byte, 2)));
  const step = Buffer.alloc(8);
  step.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000)));
  const mac = createHmac("sha1", bytes).update(step).digest();
  const at = mac[19] & 15;
  return String((mac.readUInt32BE(at) & 0x7fffffff) % 1_000_000).padStart(6, "0");
}

/** Every page is looked at, and kept as a picture where somebody wants to see it. */
async function look(page, name, scripted) {
  if (!scripted) return;
  await isGood(page, name);
  if (!pictures) return;
  for (const colorScheme of ["light", "dark"]) {
    for (const width of [360, 1100]) {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width, height: 800 });
      const path = `${pictures}/factors-${name.replaceAll(" ", "-")}-${colorScheme}-${width}.png`;
      await page.screenshot({ path, fullPage: true });
    }
  }
}

for (const visitor of visitors) {
  const scripted = visitor.options.javaScriptEnabled !== false;
  const link = given(scripted ? "AEGIS_SETUP_LINK" : "AEGIS_LINK");
  const name = scripted ? "first" : given("AEGIS_INVITED");
  await withPage(visitor.options, async (page) => {
    const heading = () => page.getByRole("heading", { level: 1 }).textContent();
    await page.goto(link);
    if (!scripted) await page.getByLabel("Code").fill(new URL(link).hash.slice(1));
    if (scripted) await page.getByLabel("Username").fill(name);
    await page.getByLabel("Password", { exact: true }).fill(password);
    await page.getByRole("button", { name: /Create the account|Set password/ }).click();
    assert.equal(await heading(), "Add your second factor", `${visitor.name}: the way goes on`);
    await look(page, "the page that adds the first factor", scripted);

    await page.getByRole("link", { name: "Authenticator app" }).click();
    const key = await page.locator("code.key").textContent();
    assert.ok(await page.getByRole("img", { name: /authenticator app/ }).isVisible(), `${visitor.name}: a picture to scan`);
    await look(page, "the page that sets up an app", scripted);
    await page.getByLabel("Six digits").fill("12345");
    await page.getByRole("button", { name: "Add the app" }).click();
    assert.ok(await page.getByRole("alert").isVisible(), `${visitor.name}: five digits are no code`);
    await look(page, "the page that sets up an app after a refusal", scripted);
    const used = codeOf(key);
    await page.getByLabel("Six digits").fill(used);
    await page.getByRole("button", { name: "Add the app" }).click();

    assert.equal(await heading(), "Recovery codes", `${visitor.name}: they are offered at once`);
    await look(page, "the page about recovery codes", scripted);
    await page.getByRole("button", { name: "Make recovery codes" }).click();
    const codes = (await page.locator("#codes").textContent()).trim().split("\n");
    assert.equal(codes.length, 10, `${visitor.name}: ${codes}`);
    assert.equal(await page.getByRole("button", { name: "Print" }).isVisible(), scripted, visitor.name);
    await look(page, "the recovery codes", scripted);
    if (scripted) {
      const saved = page.waitForEvent("download");
      await page.getByRole("button", { name: "Save as a file" }).click();
      assert.equal((await saved).suggestedFilename(), "aegis-recovery-codes.txt");
    }
    await page.getByRole("link", { name: "I have kept them" }).click();
    assert.ok(await page.getByText("10 of 10 left").isVisible(), visitor.name);
    await look(page, "the account page with factors", scripted);
    await page.getByRole("link", { name: /^Remove/ }).first().click();
    assert.ok(await page.getByText("your last second factor").isVisible(), `${visitor.name}: it is said what that means`);
    await look(page, "the page that removes the last factor", scripted);
    await page.getByRole("link", { name: "Keep it" }).click();

    // Out, and in again: with a recovery code, and with the next code of the app.
    for (const way of ["recovery code", "app"]) {
      await page.getByRole("button", { name: "Sign out" }).click();
      await page.goto(`${portal}/logout`);
      await page.goto(app);
      await signIn(page, name, password);
      if (way === "app") {
        // A code counts once: the one of the next half minute is another.
        while (codeOf(key) === used) await new Promise((done) => { setTimeout(done, 250); });
        await page.getByLabel("Six digits").fill(codeOf(key));
      } else {
        await page.getByRole("link", { name: "Use a recovery code" }).click();
        await page.getByLabel("Recovery code").fill(codes[3].toUpperCase());
      }
      await page.getByRole("button", { name: "Continue" }).click();
      const expected = way === "app" ? "password+totp" : "password+recovery_code";
      const headers = await seen(page);
      assert.deepEqual([headers["remote-user"], headers["remote-auth-method"]], [name, expected], `${visitor.name}, by ${way}`);
      await page.goto(`${portal}/account`);
      assert.ok(await page.getByText("9 of 10 left").isVisible(), `${visitor.name}: one was used`);
    }
  });
}
