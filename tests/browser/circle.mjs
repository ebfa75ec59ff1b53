// A browser that keeps nothing: signed in, it is back at once, and reads why instead of going round.
import assert from "node:assert/strict";
import http from "node:http";
import { app, given, isGood, portal, signIn, visitors, withPage } from "./lab.mjs";

const name = given("AEGIS_USER");
const password = given("AEGIS_PASSWORD");

/** What is answered to a form, without a browser that looks at it. */
const sent = (form) => new Promise((done, failed) => {
  const { host, port, pathname } = new URL(form.url());
  const headers = { ...form.headers(), host, "sec-fetch-site": "same-origin" };
  const request = http.request({ host: given("AEGIS_ADDRESS"), port, path: pathname, method: "POST", headers });
  request.on("response", (answer) => { answer.resume(); done({ status: answer.statusCode, headers: answer.headers }); });
  request.on("error", failed);
  request.end(form.postData());
});

for (const visitor of visitors) {
  await withPage(visitor.options, async (page) => {
    // What a browser does that blocks cookies: it sends the form, follows, and keeps nothing.
    await page.route(`${portal}/login`, async (route) => {
      const request = route.request();
      if (request.method() !== "POST") return route.fallback();
      const { status, headers } = await sent(request);
      await route.fulfill({ status, headers: { location: headers.location } });
    });
    const wish = `${app}/deep/page`;
    await page.goto(wish);
    await signIn(page, name, password);
    assert.ok(page.url().startsWith(`${portal}/login`), `${visitor.name}: back at ${page.url()}`);
    assert.deepEqual(await page.context().cookies(), [], `${visitor.name}: nothing was kept`);
    const said = await page.getByRole("main").textContent();
    assert.ok(said.includes("this browser did not keep it"), `${visitor.name}: the page says why: ${said}`);
    if (visitor.options.javaScriptEnabled !== false) await isGood(page, "the sign-in page that says why");
    // Who types the address again is asked like anybody.
    await page.goto(wish);
    assert.ok(!(await page.getByRole("main").textContent()).includes("did not keep"), `${visitor.name}: typed`);
  });
}
