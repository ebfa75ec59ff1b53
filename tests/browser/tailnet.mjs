// A browser on a device of the tailnet: signed in without doing anything, and never for another site.
import assert from "node:assert/strict";
import { app, given, seen, visitors, withPage } from "./lab.mjs";

const name = given("AEGIS_USER");
const elsewhere = "http://elsewhere.localhost:8080";

for (const visitor of visitors) {
  await withPage(visitor.options, async (page) => {
    await page.goto(app);
    const headers = await seen(page);
    assert.equal(headers["remote-user"], name, `${visitor.name}: straight through`);
    assert.equal(headers["remote-auth-method"], "tailnet", visitor.name);
    assert.deepEqual(await page.context().cookies(), [], `${visitor.name}: no cookie is left`);
  });
}

// Each attempt of another site has a path of its own; the test looks at which of them the app saw.
await withPage({}, async (page) => {
  const trap = async (body, attempt) => {
    const html = `<!doctype html><title>a trap</title>${body}`;
    await page.route(`${elsewhere}/trap`, (route) => route.fulfill({ contentType: "text/html", body: html }));
    await page.goto(`${elsewhere}/trap`);
    await attempt();
    await page.unroute(`${elsewhere}/trap`);
  };
  const answered = (path) => page.waitForResponse((response) => response.url().endsWith(path));

  await trap("", () => page.evaluate(async (app) => {
    await fetch(`${app}/fetch`, { mode: "no-cors", credentials: "include" }).catch(() => {});
    await fetch(`${app}/read`, { credentials: "include" }).catch(() => {});
    await fetch(`${app}/write`, { method: "POST", mode: "no-cors", credentials: "include", body: "a" }).catch(() => {});
    navigator.sendBeacon(`${app}/beacon`, "a");
    const image = new Image();
    const over = new Promise((resolve) => { image.onload = image.onerror = resolve; });
    image.src = `${app}/image`;
    await over;
    const socket = new WebSocket(`${app.replace("http", "ws")}/socket`);
    await new Promise((resolve) => { socket.onopen = socket.onerror = resolve; });
  }, app));

  const frame = answered("/frame");
  await trap(`<iframe src="${app}/frame"></iframe>`, () => frame);

  const form = answered("/form");
  await trap(`<form method="post" action="${app}/form"><button>win a prize</button></form>`, async () => {
    await page.getByRole("button").click();
    await form;
  });

  await trap(`<a href="${app}/link">a link</a>`, async () => {
    await page.getByRole("link").click();
    assert.equal((await seen(page))["remote-user"], name, "who follows a link is who they are");
  });
}, { mayComplain: true });
