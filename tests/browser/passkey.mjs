// A passkey of Chromium's own virtual authenticator: made on the account page, and then all that is needed.
import assert from "node:assert/strict";
import { app, cookiesAreOurs, given, isGood, portal, seen, withPage } from "./lab.mjs";

const name = given("AEGIS_USER");
const password = given("AEGIS_PASSWORD");

/** What the page's script says went wrong. */
const complaint = (page) => page.getByRole("alert").textContent();

await withPage({}, async (page) => {
  const devtools = await page.context().newCDPSession(page);
  await devtools.send("WebAuthn.enable");
  const { authenticatorId } = await devtools.send("WebAuthn.addVirtualAuthenticator", {
    options: {
      protocol: "ctap2", transport: "internal", hasResidentKey: true, hasUserVerification: true,
      isUserVerified: true, automaticPresenceSimulation: true,
    },
  });
  const verifies = (isUserVerified) => devtools.send("WebAuthn.setUserVerified", { authenticatorId, isUserVerified });
  const credentials = async () => (await devtools.send("WebAuthn.getCredentials", { authenticatorId })).credentials;

  // Nobody has one yet.
  await page.goto(`${portal}/login`);
  const button = page.getByRole("button", { name: "Sign in with a passkey" });
  assert.equal(await page.getByLabel("E-mail or username").getAttribute("autocomplete"), "username webauthn");
  await isGood(page, "the sign-in page with its passkey button");
  await button.click();
  assert.equal(await complaint(page), "No passkey was used. Try again when you are ready.", "without a passkey");
  assert.equal(await page.locator(":focus").getAttribute("role"), "alert", "the message takes the focus");
  await isGood(page, "the sign-in page after a passkey that was none");

  // By the link of an invitation one chooses a password, and may add a passkey.
  await page.goto(given("AEGIS_LINK"));
  await page.getByLabel("Password", { exact: true }).or(page.getByLabel("New password", { exact: true })).first().fill(password);
  await page.getByRole("main").getByRole("button", { name: /Save|Set|Choose/ }).click();
  await page.waitForURL((url) => !url.pathname.startsWith("/link/"));
  await page.route(`${portal}/account`, async (route) => {
    const response = await route.fetch();
    const added = '<div hidden><form id="add"><input name="name" value="Chromium"></form><button type="button" form="add" '
      + 'data-passkey-options="/account/passkey/options" data-passkey-finish="/account/passkey" '
      + 'data-passkey-fields="name">Add a passkey</button></div></main>';
    await route.fulfill({ response, body: (await response.text()).replace("</main>", added) });
  });
  await page.goto(`${portal}/account`);
  const add = page.getByRole("button", { name: "Add a passkey" });
  await add.click();
  await page.waitForRequest(`${portal}/account`);
  const [made, ...others] = await credentials();
  assert.deepEqual(others, [], "one passkey was made");
  assert.ok(made.isResidentCredential, "it signs in alone");
  await page.waitForLoadState();
  await add.click();
  assert.equal(await complaint(page), "There is a passkey for this account on this device already.");

  // Out, and in again with the passkey alone, to where one wanted to go.
  await page.context().clearCookies();
  await verifies(false);
  const wish = `${app}/deep/page?with=query&and=more`;
  await page.goto(wish);
  assert.ok(page.url().startsWith(`${portal}/login`), `sent to ${page.url()}`);
  await button.click();
  assert.equal(await complaint(page), "No passkey was used. Try again when you are ready.", "nobody was verified");
  await verifies(true);
  await button.click();
  await page.waitForURL(wish);
  const headers = await seen(page);
  assert.deepEqual([headers["remote-user"], headers["remote-auth-method"]], [name, "passkey"], "the app knows who it is, and how");
  await cookiesAreOurs(page, "with a passkey");

  // One that the server does not know any more.
  await page.context().clearCookies();
  const { privateKey } = made;
  await devtools.send("WebAuthn.clearCredentials", { authenticatorId });
  await devtools.send("WebAuthn.addCredential", {
    authenticatorId, credential: { ...made, privateKey, credentialId: Buffer.alloc(32, 7).toString("base64") },
  });
  await page.goto(wish);
  await button.click();
  assert.equal(await complaint(page), "That passkey didn’t work here. Try again, or sign in another way.");
  assert.deepEqual(await page.context().cookies(), [], "no cookie for that");
});

// Without script there are none, and nothing says so.
await withPage({ javaScriptEnabled: false }, async (page) => {
  await page.goto(`${portal}/login`);
  assert.equal(await page.getByRole("button", { name: "Sign in with a passkey" }).count(), 0, "without JavaScript");
});
