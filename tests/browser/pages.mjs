// The pages beside the way: the apps one may open, the ones one may not, a circle, and nothing at all.
import assert from "node:assert/strict";
import { app, given, isGood, portal, seen, signIn, visitors, withPage } from "./lab.mjs";

const name = given("AEGIS_USER");
const password = given("AEGIS_PASSWORD");
const site = new URL(portal).host.replace(/^auth\./, "");

for (const visitor of visitors) {
  const scripted = visitor.options.javaScriptEnabled !== false;
  const good = async (page, what) => { if (scripted) await isGood(page, what); };
  const heading = (page) => page.getByRole("heading", { level: 1 }).textContent();
  await withPage(visitor.options, async (page) => {
    await page.goto(`${portal}/`);
    assert.ok(page.url().startsWith(`${portal}/login`), `${visitor.name}: nobody's start page is ${page.url()}`);
    await signIn(page, name, password);

    // The apps of this person, by their titles, and no others.
    assert.equal(page.url(), `${portal}/`, `${visitor.name}: signed in without a wish`);
    await good(page, "the start page");
    const tiles = page.getByRole("main").getByRole("listitem").getByRole("link");
    const links = await Promise.all((await tiles.all()).map((tile) => tile.getAttribute("href")));
    const scheme = new URL(portal).protocol;
    const expected = ["arlo", "n".repeat(63)].map((label) => `${scheme}//${label}.${site}/`);
    assert.deepEqual(links.sort(), expected.sort(), `${visitor.name}: the apps on the start page`);
    await page.getByRole("link", { name: "Arlo" }).click();
    assert.equal((await seen(page))["remote-user"], name, `${visitor.name}: a tile opens its app`);

    // No access: the page says who and where, and the ways on lead home.
    await page.goto(given("AEGIS_FORBIDDEN"));
    const text = await page.textContent("main");
    for (const said of ["Signed in as", new URL(given("AEGIS_FORBIDDEN")).hostname, "role operator", "Reference"]) {
      assert.ok(text.includes(said), `${visitor.name}: the page of no access does not say ${said}: ${text}`);
    }
    await good(page, "the page of no access");
    await page.getByRole("link", { name: "My apps" }).click();
    assert.equal(page.url(), `${portal}/`, `${visitor.name}: from no access to one's apps`);
    await page.goto(given("AEGIS_FORBIDDEN"));
    await page.getByRole("link", { name: "Use another account" }).click();
    assert.equal(page.url(), `${portal}/logout`, `${visitor.name}: from no access to sign-out`);

    // A circle: sent to the app and back at once is told why.
    const round = `${portal}/login?rd=${encodeURIComponent(`${app}/round`)}`;
    await page.goto(round);
    assert.equal(page.url(), `${app}/round`, `${visitor.name}: signed in already`);
    await page.goto(round);
    assert.equal(await heading(page), "Signed in, but the app sent you back", `${visitor.name}: ${page.url()}`);
    await good(page, "the page of a circle");
    await page.getByRole("link", { name: "Try once more" }).click();
    assert.equal(page.url(), `${app}/round`, `${visitor.name}: once more`);

    await page.goto(`${scheme}//unheard-of.${site}/`);
    await good(page, "the page of no app");
    await page.goto(`${portal}/nothing/here`);
    assert.equal(await heading(page), "There is nothing here", visitor.name);
    await good(page, "the page of nothing");
  });
}
