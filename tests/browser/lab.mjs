// What every browser test needs: a real Chromium, the lab's addresses, and the eyes of axe.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** A setting the test that started this one gives. */
export function given(name) {
  const value = process.env[name];
  assert.ok(value, `${name} is not set: these files are started by tests/it/browser.rs`);
  return value;
}

export const portal = given("AEGIS_PORTAL");
export const app = given("AEGIS_APP");

/** Runs `work` with a page of its own; what a page's script complains of fails the test, unless it may. */
export async function withPage(options, work, { mayComplain = false } = {}) {
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: [
      `--host-resolver-rules=MAP * ${given("AEGIS_ADDRESS")}`,
      // Pages that a test makes up are of no network; Chromium would keep them from loopback by itself.
      "--disable-features=LocalNetworkAccessChecks",
      "--no-sandbox", "--disable-gpu", "--disable-background-networking",
      "--disable-component-update", "--disable-sync", "--no-first-run",
    ],
  });
  try {
    const page = await (await browser.newContext({ ignoreHTTPSErrors: true, ...options })).newPage();
    const complaints = [];
    page.on("console", (message) => {
      // A refused page is an error to the console, and what some tests ask for.
      if (message.type() === "error" && !message.text().startsWith("Failed to load resource")) {
        complaints.push(message.text());
      }
    });
    page.on("pageerror", (error) => complaints.push(String(error)));
    await work(page);
    if (!mayComplain) assert.deepEqual(complaints, [], "complaints of the console");
  } finally {
    await browser.close();
  }
}

/** Fills in the form of sign-in and sends it. */
export async function signIn(page, name, password) {
  await page.getByLabel("E-mail or username").fill(name);
  await page.getByLabel("Password", { exact: true }).fill(password);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
}

/** What the app saw, from its answer. */
export async function seen(page) {
  const text = await page.evaluate(() => document.body.innerText).catch(() => page.textContent("body"));
  try {
    return Object.fromEntries(JSON.parse(text).headers);
  } catch (error) {
    throw new Error(`not the app, but ${page.url()}: ${text.slice(0, 300)}`, { cause: error });
  }
}

/** Looks at a page in light and dark, narrow and wide: nothing for axe, nothing to scroll sideways. */
export async function isGood(page, name) {
  const size = page.viewportSize();
  for (const colorScheme of ["light", "dark"]) {
    for (const width of [320, 1280]) {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width, height: 800 });
      await page.evaluate(axe);
      const { violations } = await page.evaluate(() =>
        window.axe.run(document, {
          runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
        }));
      const said = violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map((node) => node.html).join(" | ")}`);
      assert.deepEqual(said, [], `axe on ${name}, ${colorScheme}, ${width} px (${page.url()})`);
      const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      assert.equal(over, 0, `${name} scrolls sideways by ${over} px at ${width} px, ${colorScheme}`);
    }
  }
  await page.emulateMedia({ colorScheme: null });
  if (size) await page.setViewportSize(size);
}

/** The cookies of a sign-in as this browser keeps them: the session here, the token for the apps, no other. */
export async function cookiesAreOurs(page, name) {
  const cookies = await page.context().cookies();
  const { hostname } = new URL(portal);
  const domain = `.${hostname.split(".").slice(1).join(".")}`;
  const kept = cookies.map(({ name, domain, path, secure, httpOnly, sameSite }) =>
    [name, domain, path, secure, httpOnly, sameSite].join(" ")).sort();
  assert.deepEqual(kept, [
    `__Host-aegis_device ${hostname} / true true Lax`,
    `__Host-aegis_session ${hostname} / true true Lax`,
    `aegis_token ${domain} / true true Lax`,
  ], `${name}: the cookies`);
}

/** Both ways to visit: with script and without. */
export const visitors = [
  { name: "with JavaScript", options: {} },
  { name: "without JavaScript", options: { javaScriptEnabled: false } },
];
