// The pictures of the README, made from the running server.
import { join } from "node:path";
import { app, given, withPage } from "./lab.mjs";

const folder = given("AEGIS_SCREENSHOTS");
const look = { viewport: { width: 640, height: 620 }, deviceScaleFactor: 2 };

for (const [colorScheme, file] of [["light", "sign-in.png"], ["dark", "sign-in-dark.png"]]) {
  await withPage({ ...look, colorScheme }, async (page) => {
    await page.goto(app);
    await page.getByLabel("E-mail or username").fill("sam@example.com");
    await page.screenshot({ path: join(folder, file) });
  });
}
