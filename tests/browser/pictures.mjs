// The pictures of the README, made from the running server.
import { join } from "node:path";
import { given, portal, withPage } from "./lab.mjs";

const folder = given("AEGIS_SCREENSHOTS");
const look = { viewport: { width: 520, height: 545 }, deviceScaleFactor: 1.5 };

for (const [colorScheme, file] of [["light", "sign-in.png"], ["dark", "sign-in-dark.png"]]) {
  await withPage({ ...look, colorScheme }, async (page) => {
    await page.goto(portal.replace("auth.", "arlo."));
    await page.getByLabel("E-mail or username").fill("sam@example.com");
    await page.screenshot({ path: join(folder, file) });
  });
}
