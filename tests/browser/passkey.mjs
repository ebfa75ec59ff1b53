// Passkeys in Chromium's own virtual authenticator: one signs in alone, and adds another.
import assert from "node:assert/strict";
import { app, cookiesAreOurs, given, isGood, portal, seen, withPage } from "./lab.mjs";

const name = given("AEGIS_USER");
const first = JSON.parse(given("AEGIS_PASSKEY"));

const NONE = "No passkey was used. Try again when you are ready.";

/** A virtual authenticator of this page, whose user is there and verified. */
async function authenticator(page) {
  const devtools = await page.context().newCDPSession(page);
  await devtools.send("WebAuthn.enable");
  const { authenticatorId } = await devtools.send("WebAuthn.addVirtualAuthenticator", {
    options: {
      protocol: "ctap2", transport: "internal", hasResidentKey: true, hasUserVerification: true,
      isUserVerified: true, automaticPresenceSimulation: true,
    },
  });
  const send = (what, more) => devtools.send(`WebAuthn.${what}`, { authenticatorId, ...more });
  return {
    keep: (credential) => send("addCredential", { credential }),
    forget: () => send("clearCredentials"),
    kept: async () => (await send("getCredentials")).credentials,
    verifies: (isUserVerified) => send("setUserVerified", { isUserVerified }),
  };
}

const wish = `${app}/deep/page?with=query&and=more`;

await withPage({}, async (page) => {
  const { keep, forget, kept, verifies } = await authenticator(page);
  // What the field offers, a virtual authenticator takes at once: here it is the button's turn.
  await page.addInitScript(() => { PublicKeyCredential.isConditionalMediationAvailable = async () => false; });
  const button = page.getByRole("button", { name: "Sign in with a passkey" });
  const said = async (sentence, when) => {
    await page.getByRole("alert").waitFor();
    assert.equal(await page.getByRole("alert").textContent(), sentence, when);
  };

  await page.goto(`${portal}/login`);
  assert.equal(await page.getByLabel("E-mail or username").getAttribute("autocomplete"), "username webauthn");
  await button.waitFor();
  await isGood(page, "the sign-in page with its passkey button");
  await button.click();
  await said(NONE, "there is none yet");
  assert.equal(await page.locator(":focus").getAttribute("role"), "alert", "the message takes the focus");
  await isGood(page, "the sign-in page after a passkey that was none");

  // To where one wanted to go, by the passkey alone, but only for who is verified.
  await keep(first);
  await verifies(false);
  await page.goto(wish);
  assert.ok(page.url().startsWith(`${portal}/login`), `sent to ${page.url()}`);
  await button.click();
  await said(NONE, "nobody was verified");
  await verifies(true);
  await button.click();
  await page.waitForURL(wish);
  const headers = await seen(page);
  assert.deepEqual([headers["remote-user"], headers["remote-auth-method"]], [name, "passkey"], "who it is, and how");
  await cookiesAreOurs(page, "with a passkey");

  // Another one, by a button as the account page has it: it is there before the page's script runs.
  await page.addInitScript(() => document.addEventListener("readystatechange", () => {
    if (document.readyState !== "interactive" || location.pathname !== "/account") return;
    document.querySelector("main").insertAdjacentHTML("beforeend",
      '<div hidden><form id="add"><input type="hidden" name="name" value="Chromium"></form>'
      + '<button type="button" form="add" data-passkey-options="/account/passkey/options" '
      + 'data-passkey-finish="/account/passkey" data-passkey-fields="name">Add one more</button></div>');
  }));
  await page.goto(`${portal}/account`);
  const add = page.getByRole("button", { name: "Add one more" });
  await add.click();
  await said("There is a passkey for this account on this device already.", "it was told which there are");
  await forget();
  const [answer] = await Promise.all([
    page.waitForResponse(`${portal}/account/passkey`),
    page.waitForEvent("load"), // where the answer leads
    add.click(),
  ]);
  assert.equal(answer.status(), 200, "adding it");
  const [made, ...others] = await kept();
  assert.deepEqual([made.isResidentCredential, others], [true, []], "one passkey was made, that signs in alone");

  // It does.
  await page.context().clearCookies();
  await page.goto(wish);
  await button.click();
  await page.waitForURL(wish);
  assert.equal((await seen(page))["remote-user"], name, "with the passkey that was made here");

  // One that the server does not know.
  await page.context().clearCookies();
  await forget();
  await keep({ ...first, credentialId: Buffer.alloc(32, 7).toString("base64") });
  await page.goto(wish);
  await button.click();
  await said("That passkey didn’t work here. Try again, or sign in another way.", "nobody has that passkey");
  assert.deepEqual(await page.context().cookies(), [], "no cookie for that");
});

// A passkey that the field of the name offers, and that is chosen there.
await withPage({}, async (page) => {
  const { keep } = await authenticator(page);
  await keep({ ...first, signCount: 100 });
  await page.goto(wish, { waitUntil: "commit" }); // the sign-in page leaves before it is whole
  await page.waitForURL(wish);
  assert.equal((await seen(page))["remote-auth-method"], "passkey", "chosen in the field");
});

// Without script there is no button.
await withPage({ javaScriptEnabled: false }, async (page) => {
  await page.goto(`${portal}/login`);
  assert.equal(await page.getByRole("button", { name: "Sign in with a passkey" }).count(), 0, "without JavaScript");
});
