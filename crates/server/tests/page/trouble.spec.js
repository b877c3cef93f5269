// What goes wrong: no server, no key, too many requests, refusals. The page says what it is and goes on when it can.
import { asked, expect, listed, problem, question, rate, test, titles } from "./page.js";

const notice = (page) => page.getByRole("alert");

test("a server that is gone is waited for, and nothing is lost", async ({ open }) => {
  const before = await titles(open);
  await open.route("**/{v1,health}/**", (route) => route.abort());
  await question(open).getByRole("radio", { name: "5 stars" }).click();
  await expect(notice(open)).toContainText("The server does not answer");
  expect(await titles(open)).toEqual(before);
  await expect(open.locator("#rated li")).toHaveCount(1);
  await open.unroute("**/{v1,health}/**");
  await expect(notice(open)).toBeHidden();
  await listed(open);
  expect(await titles(open)).not.toEqual(before);
});

test("a page that opens before the server is there comes to life with it", async ({ watched: page }) => {
  await page.route("**/{v1,health}/**", (route) => route.abort());
  await page.goto("/");
  await expect(notice(page)).toContainText("The server does not answer");
  await page.unroute("**/{v1,health}/**");
  await listed(page);
  await expect(notice(page)).toBeHidden();
  await expect(asked(page)).toBeVisible();
});

test("a key is asked for, sent as a bearer token, and asked for again when it is refused", async ({ watched: page }) => {
  const keys = [];
  await page.route("**/v1/**", async (route) => {
    const key = await route.request().headerValue("authorization");
    keys.push(key);
    if (key === "Bearer right") await route.continue();
    else await route.fulfill(problem(401, "unauthorized"));
  });
  await page.goto("/");
  const dialog = page.getByRole("dialog", { name: "This server asks for a key" });
  await expect(dialog.getByLabel("API key")).toBeFocused();
  await page.keyboard.type("wrong");
  await page.keyboard.press("Enter");
  await expect(dialog).toContainText("The server did not take that key");
  await dialog.getByLabel("API key").fill("right");
  await dialog.getByRole("button", { name: "Use it" }).click();
  await listed(page);
  await expect(dialog).toBeHidden();
  expect(keys.slice(0, 2)).toEqual([null, "Bearer wrong"]);
  expect(keys.slice(2).every((key) => key === "Bearer right")).toBe(true);
});

test("who closes the key's dialog finds the way back to it", async ({ watched: page }) => {
  await page.route("**/v1/**", (route) => route.fulfill(problem(401, "unauthorized")));
  await page.goto("/");
  await expect(page.getByRole("dialog")).toBeVisible();
  await page.keyboard.press("Escape");
  await notice(page).getByRole("button", { name: "Give a key" }).click();
  await expect(page.getByRole("dialog")).toBeVisible();
});

test("a pause that the server asks for is kept, and then the list comes", async ({ open }) => {
  let refused = 0;
  await open.route("**/v1/recommend", async (route) => {
    if (refused++ === 0) await route.fulfill(problem(429, "too-many-requests", {}, { "retry-after": "2" }));
    else await route.continue();
  });
  const before = await titles(open);
  await question(open).getByRole("radio", { name: "5 stars" }).click();
  await expect(notice(open)).toContainText("Asking again in 2 s");
  await open.waitForTimeout(1_000);
  expect(refused).toBe(1);
  await expect(notice(open)).toBeHidden();
  await listed(open);
  expect(await titles(open)).not.toEqual(before);
});

test("a refusal is shown with its reason, its way out and its number, and can be asked again", async ({ open }) => {
  await open.route("**/v1/recommend", (route) =>
    route.fulfill(problem(500, "internal", { title: "Internal error", hint: "look into the log" })),
  );
  await question(open).getByRole("radio", { name: "5 stars" }).click();
  await expect(notice(open)).toContainText("Internal error");
  await expect(notice(open)).toContainText("Detail of internal. Look into the log. (Request r-1)");
  await open.unroute("**/v1/recommend");
  await notice(open).getByRole("button", { name: "Ask again" }).click();
  await expect(notice(open)).toBeHidden();
});

test("an answer that is no JSON is a refusal too", async ({ open }) => {
  await open.route("**/v1/recommend", (route) => route.fulfill({ status: 502, contentType: "text/html", body: "<h1>Bad gateway</h1>" }));
  await question(open).getByRole("radio", { name: "5 stars" }).click();
  await expect(notice(open)).toContainText("The server answered 502");
});

test("an import that is told to pause goes on by itself", async ({ open }) => {
  let refused = 0;
  await open.route("**/v1/items?search=*", async (route) => {
    if (refused++ === 0) await route.fulfill(problem(429, "too-many-requests", {}, { "retry-after": "1" }));
    else await route.continue();
  });
  await open.getByRole("button", { name: "Import a CSV" }).click();
  await open
    .getByLabel("Choose a file, or drop it here")
    .setInputFiles({ name: "r.csv", mimeType: "text/csv", buffer: Buffer.from("Name,Year,Rating\nFargo,1996,4\n") });
  await expect(open.getByRole("heading", { name: "1 of 1 rating found" })).toBeVisible();
});

test("a model without a map has none, and all the rest", async ({ watched: page }) => {
  await page.route("**/v1/map*", (route) => route.fulfill(problem(400, "unsupported")));
  await page.goto("/");
  await listed(page);
  await rate(page, 4);
  await expect(page.locator("#map")).toBeHidden();
  await expect(notice(page)).toBeHidden();
});

test("a model that can tell nothing informative asks what most people know", async ({ watched: page }) => {
  await page.route("**/v1/questions", (route) => route.fulfill(problem(400, "unsupported")));
  await page.goto("/");
  await listed(page);
  const { items } = await (await page.request.get("/v1/items?n=3")).json();
  await expect(asked(page)).toContainText(items[0].title.slice(0, 6));
  await rate(page, 4);
  await expect(asked(page)).not.toContainText(items[0].title.slice(0, 6));
});
