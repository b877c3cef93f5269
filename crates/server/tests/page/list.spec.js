// The list: reasons, intervals, the sum, sliders and filters, two models, the map, and that it moves.
import { asked, EMPIRE, expect, FARGO, listed, picks, post, rate, rateById, spoken, STAR_WARS, test, titles, withModels } from "./page.js";

const RATINGS = [
  { item: STAR_WARS, value: 5 },
  { item: FARGO, value: 1 },
];
const number = (text) => Number(text.replace("−", "-"));

async function rated(page) {
  await rateById(page, STAR_WARS, "star wars", 5);
  await rateById(page, FARGO, "fargo", 1);
}

test("every pick has the stars, the interval and the shares that the server gave", async ({ open }) => {
  await rated(open);
  const { models } = await (await open.request.get("/v1/models")).json();
  const hasIntervals = models[0].intervals;
  const answer = await post(open, "/v1/recommend", { ratings: RATINGS, n: 10, reasons: 3, interval: hasIntervals ? 0.8 : undefined });
  for (const [i, pick] of answer.picks.entries()) {
    const row = picks(open).nth(i);
    await expect(row.locator(".score b")).toContainText(pick.stars.toFixed(1));
    if (pick.interval)
      await expect(row.locator(".score small")).toContainText(`${pick.interval.low.toFixed(1)} to ${pick.interval.high.toFixed(1)}`);
    const telling = pick.reasons.filter(({ taste }) => Math.abs(taste) >= 0.005);
    const shares = (await row.locator(".share").allTextContents()).map(number);
    expect([...shares].sort((a, b) => a - b)).toEqual(telling.map(({ taste }) => Number(taste.toFixed(2))).sort((a, b) => a - b));
    if (telling.some(({ taste }) => taste > 0)) await expect(row.locator(".because")).toContainText("Because you gave");
    if (telling.some(({ taste }) => taste < 0)) await expect(row.locator(".because")).toContainText(/in spite of/i);
  }
});

test("a pick opens to a sum whose terms add up to the server's score", async ({ open }) => {
  await rated(open);
  const answer = await post(open, "/v1/recommend", { ratings: RATINGS, n: 1 });
  const told = await post(open, "/v1/explain", { ratings: RATINGS, item: String(answer.picks[0].id) });
  const title = picks(open)
    .first()
    .getByRole("button", { name: spoken(answer.picks[0].title) });
  await title.click();
  await expect(title).toHaveAttribute("aria-expanded", "true");
  const table = open.getByRole("table", { name: "What adds up to the score" });
  const terms = (await table.locator("tbody td:last-child").allTextContents()).map(number);
  const total = number(await table.locator("tfoot td:last-child").textContent());
  expect(total).toBe(Number(told.explained_score.toFixed(2)));
  expect(Math.abs(terms.reduce((sum, term) => sum + term, 0) - told.explained_score)).toBeLessThan(0.005 * (terms.length + 1));
  expect(terms[0]).toBe(Number(told.mean.toFixed(2)));
  await title.click();
  await expect(table).toBeHidden();
});

test("an opened pick leads on: to its neighbours, to a rating, or out of the list", async ({ open }) => {
  await rated(open);
  const [first, second] = await titles(open);
  await open.getByRole("button", { name: first, exact: true }).first().click();
  await open.getByRole("button", { name: "Don’t show it" }).click();
  await listed(open);
  expect(await titles(open)).not.toContain(first);
  await open.locator("#filter summary").click();
  await open.getByRole("button", { name: "Show again" }).click();
  await listed(open);
  expect((await titles(open))[0]).toBe(first);

  await open.locator("#lists").getByRole("button", { name: second, exact: true }).click();
  const drawer = open.locator(".pick.open .drawer");
  const near = drawer.locator(".near button").first();
  const neighbour = await near.textContent();
  await near.click();
  await expect(asked(open)).toHaveText(neighbour);
  await drawer.getByRole("radio", { name: "2 stars" }).click();
  await listed(open);
  expect(await titles(open)).not.toContain(second);
  await expect(open.locator("#rated .title").first()).toHaveText(second);
});

test("the slider asks for more or less known picks, and tells its value", async ({ open }) => {
  await rated(open);
  const known = async () => {
    const facts = await picks(open).locator(".what .small").allTextContents();
    return facts.reduce((sum, text) => sum + Math.log(Number(text.match(/([\d,]+) ratings?$/)[1].replace(",", ""))), 0);
  };
  const plain = await known();
  const slider = open.getByRole("slider", { name: "Popularity" });
  await slider.focus();
  const request = open.waitForRequest((sent) => sent.url().endsWith("/v1/recommend") && sent.postDataJSON().popularity > 0.3);
  for (let i = 0; i < 5; i++) await open.keyboard.press("ArrowRight");
  await request;
  await listed(open);
  await expect(slider).toHaveAttribute("aria-valuetext", "5 of 5 toward the well known");
  await expect.poll(known).toBeGreaterThan(plain);
});

test("categories let through what bears any of them, and say so when nothing is left", async ({ open }) => {
  await open.locator("#filter summary").click();
  await open.getByRole("checkbox", { name: "Western" }).check({ force: true });
  await expect(open.locator("#filter-count")).toHaveText(" · 1 set");
  await expect
    .poll(async () => (await picks(open).locator(".what .small").allTextContents()).every((text) => text.includes("Western")))
    .toBe(true);
  await open.route("**/v1/recommend", (route) => route.fulfill({ json: { model: "films", basis: "popular", picks: [] } }));
  await open.getByRole("checkbox", { name: "War", exact: true }).check({ force: true });
  await expect(open.getByText("Nothing is left")).toBeVisible();
});

test("two models stand side by side, each with its own answer, and say what they share", async ({ open }) => {
  await rated(open);
  await open.getByRole("combobox", { name: "Compare with" }).selectOption("als");
  await listed(open);
  const lists = open.locator("#lists article");
  await expect(lists).toHaveCount(2);
  const one = await post(open, "/v1/recommend", { ratings: RATINGS, n: 10 });
  const two = await post(open, "/v1/recommend", { ratings: RATINGS, n: 10, model: "als" });
  expect(await lists.nth(0).locator("h3 button").allTextContents()).toEqual(one.picks.map(({ title }) => spoken(title)));
  expect(await lists.nth(1).locator("h3 button").allTextContents()).toEqual(two.picks.map(({ title }) => spoken(title)));
  const shared = one.picks.filter(({ id }) => two.picks.some((pick) => pick.id === id)).length;
  await expect(open.locator("#list-remark")).toContainText(`${shared} of 10 picks stand in both lists`);
  await expect(lists.nth(0).getByText("Only here")).toHaveCount(10 - shared);
  await expect(lists.nth(1).getByText(/^Also no\. \d+ there$/)).toHaveCount(shared);
  await open.getByRole("combobox", { name: "Compare with" }).selectOption("");
  await expect(lists).toHaveCount(1);
});

test("another model answers after it is chosen", async ({ open }) => {
  await rated(open);
  await open.getByRole("combobox", { name: "Model" }).selectOption("als");
  await listed(open);
  const answer = await post(open, "/v1/recommend", { ratings: RATINGS, n: 10, model: "als" });
  expect(await titles(open)).toEqual(answer.picks.map(({ title }) => spoken(title)));
  await expect(open.locator("#rated li")).toHaveCount(2);
});

test("a model of other data takes along what it knows by title, on its own scale", async ({ watched: page }) => {
  await withModels(page, ({ models }) => Object.assign(models[1], { data: "books.csv", scale: { min: 1, max: 10, step: 1 } }));
  await page.goto("/");
  await listed(page);
  await rateById(page, STAR_WARS, "star wars", 5);
  await rateById(page, FARGO, "fargo", 2);
  await expect(page.getByRole("combobox", { name: "Compare with" })).toBeHidden();
  // The other catalogue knows Fargo by another id, and no Star Wars.
  await page.route("**/v1/items?search=*", (route) =>
    route.fulfill({ json: { items: [{ id: 7, title: "Fargo (1996)", year: 1996, ratings: 1 }] } }),
  );
  const request = page.waitForRequest((sent) => sent.url().endsWith("/v1/recommend") && sent.postDataJSON().model === "als");
  await page.getByRole("combobox", { name: "Model" }).selectOption("als");
  // 2 on 1–5 is a quarter of the way: 3.25 on 1–10, and so 3.
  expect((await request).postDataJSON().ratings).toEqual([{ item: "7", value: 3 }]);
  await expect(page.locator("#rated .title")).toHaveText(["Fargo"]);
  await expect(page.getByRole("heading", { level: 1 })).toContainText("items");
});

test("a model that takes nobody in is asked for what is popular, without what was rated", async ({ watched: page }) => {
  await withModels(page, ({ models }) => {
    models[0].folds_in = false;
    models[0].explains = false;
  });
  await page.goto("/");
  await listed(page);
  await rate(page, 5);
  await expect(page.locator("#list-remark")).toContainText("cannot take in somebody new");
  const request = page.waitForRequest("**/v1/recommend");
  await rate(page, 4);
  const body = (await request).postDataJSON();
  expect(body.ratings).toEqual([]);
  expect(body.deny).toHaveLength(2);
});

test("rows travel to their new places, and stand still for whoever wants that", async ({ open }) => {
  const moving = () => open.evaluate(() => document.getAnimations().filter(({ effect }) => effect.target.matches(".pick")).length);
  await open.evaluate(() => {
    globalThis.moved = 0;
    const animate = Element.prototype.animate;
    Element.prototype.animate = function counted(...args) {
      if (this.matches(".pick")) globalThis.moved += 1;
      return animate.apply(this, args);
    };
  });
  await rate(open, 5);
  expect(await open.evaluate(() => globalThis.moved)).toBeGreaterThan(0);
  await expect.poll(moving).toBe(0);
  await open.emulateMedia({ reducedMotion: "reduce" });
  await open.evaluate(() => {
    globalThis.moved = 0;
  });
  await rate(open, 1);
  expect(await open.evaluate(() => globalThis.moved)).toBe(0);
});

test("only the newest answer counts: what was overtaken is aborted", async ({ open }) => {
  const aborted = [];
  open.on("requestfailed", (request) => aborted.push(request.failure().errorText));
  let held = true;
  await open.route("**/v1/recommend", async (route) => {
    if (!held) {
      await route.continue();
      return;
    }
    held = false;
    await new Promise((done) => {
      setTimeout(done, 800);
    });
    await route.continue().catch(() => {});
  });
  const slider = open.getByRole("slider", { name: "Popularity" });
  await slider.fill("5");
  await open.waitForRequest("**/v1/recommend");
  await slider.fill("0");
  await open.waitForResponse("**/v1/recommend");
  await listed(open);
  const popular = await post(open, "/v1/recommend", { n: 10 });
  expect(await titles(open)).toEqual(popular.picks.map(({ title }) => spoken(title)));
  expect(aborted).toContain("net::ERR_ABORTED");
});

test("the map numbers the picks, marks the ratings, and a dot becomes the question", async ({ open }) => {
  await rated(open);
  await open.locator("#map").scrollIntoViewIfNeeded();
  const { points } = await (await open.request.get("/v1/map?n=400")).json();
  await expect(open.locator("#plot .point")).toHaveCount(points.length);
  const answer = await post(open, "/v1/recommend", { ratings: RATINGS, n: 10 });
  const onMap = answer.picks
    .map(({ id }, i) => [id, String(i + 1)])
    .filter(([id]) => points.some((point) => point.id === id))
    .map(([, place]) => place);
  expect((await open.locator("#plot .number").allTextContents()).sort()).toEqual(onMap.sort());
  await expect(open.locator("#plot .point.rated")).toHaveCount(
    points.filter(({ id }) => RATINGS.some(({ item }) => item === String(id))).length,
  );

  const map = open.getByRole("application", { name: /map/i });
  await map.focus();
  await open.keyboard.press("ArrowRight");
  const told = (await open.locator("#map-remark").textContent()).split(". ")[0];
  await open.keyboard.press("Enter");
  await expect(asked(open)).toHaveText(told);
});

test("a dot is found by the pointer", async ({ open }) => {
  await open.locator("#plot").scrollIntoViewIfNeeded();
  const circle = open.locator("#plot .point").last();
  const box = await circle.boundingBox();
  await open.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
  const title = await open.locator(".tip b").textContent();
  await open.mouse.click(box.x + box.width / 2, box.y + box.height / 2);
  await expect(asked(open)).toHaveText(title);
});

test("the page holds its own against hostile titles", async ({ open }) => {
  const title = "<img src=x onerror=\"document.title='taken'\"><b>bold</b>";
  await open.route("**/v1/items?search=*", (route) =>
    route.fulfill({ json: { items: [{ id: Number(EMPIRE), title, ratings: 3, categories: ["<i>x</i>"] }] } }),
  );
  await open.getByRole("combobox", { name: /title/ }).fill("x");
  const found = open.getByRole("listbox", { name: "Found" }).getByRole("option");
  await expect(found).toContainText(title);
  await found.click();
  await expect(asked(open)).toHaveText(title);
  await rate(open, 3);
  await expect(open.locator("#rated .title")).toHaveText(title);
  await expect(open.locator("main img, main b > b, main i")).toHaveCount(0);
  await expect(open).toHaveTitle("Cofactor: rate a few films");
});
