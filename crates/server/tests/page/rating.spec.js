// Rating: by click, by keyboard and by search; skipping, changing, removing, taking back; every kind of scale.
import {
  asked,
  expect,
  FARGO,
  listed,
  picks,
  post,
  question,
  rate,
  rateById,
  spoken,
  STAR_WARS,
  test,
  titles,
  withModels,
} from "./page.js";

test("a first list and the most informative question are there before any rating", async ({ open }) => {
  const popular = await post(open, "/v1/recommend", { n: 10 });
  expect(await titles(open)).toEqual(popular.picks.map(({ title }) => spoken(title)));
  const { questions } = await post(open, "/v1/questions", { n: 5 });
  await expect(asked(open)).toHaveText(spoken(questions[0].title));
  expect(await question(open).getByRole("listitem").allTextContents()).toEqual(questions.slice(1).map(({ title }) => spoken(title)));
  await expect(open.locator("#list-remark")).toContainText("Before your first rating");
});

test("a click on a star moves the list to what the server answers for it", async ({ open }) => {
  const { questions } = await post(open, "/v1/questions", { n: 1 });
  await rate(open, 5);
  const ratings = [{ item: String(questions[0].id), value: 5 }];
  const answer = await post(open, "/v1/recommend", { ratings, n: 10 });
  expect(await titles(open)).toEqual(answer.picks.map(({ title }) => spoken(title)));
  const next = await post(open, "/v1/questions", { ratings, n: 1 });
  await expect(asked(open)).toHaveText(spoken(next.questions[0].title));
  await expect(open.getByRole("heading", { name: "Your 1 rating" })).toBeVisible();
  await expect(open.locator("#live")).toContainText("rated 5 stars. First now:");
});

test("what was not seen is not asked again, and takes no part in the list", async ({ open }) => {
  const before = await titles(open),
    first = await asked(open).textContent();
  await question(open).getByRole("button", { name: "Haven’t seen it" }).click();
  await expect(asked(open)).not.toHaveText(first);
  await listed(open);
  expect(await titles(open)).toEqual(before);
  expect(await question(open).getByRole("listitem").allTextContents()).not.toContain(first);
});

test("another of the questions can be chosen", async ({ open }) => {
  const other = await question(open).getByRole("listitem").first().textContent();
  await question(open).getByRole("button", { name: other }).click();
  await expect(asked(open)).toHaveText(other);
  await rate(open, 2);
  await expect(open.locator("#rated .title")).toHaveText([other]);
});

test("the search finds by title, with the keyboard alone", async ({ open }) => {
  const field = open.getByRole("combobox", { name: "Or search by title" });
  await field.fill("fargo");
  const option = open.getByRole("option", { name: /Fargo/ });
  await expect(option).toHaveAttribute("aria-selected", "true");
  await expect(field).toHaveAttribute("aria-activedescendant", await option.getAttribute("id"));
  await field.press("Enter");
  await expect(asked(open)).toHaveText("Fargo");
  await expect(field).toHaveValue("");
  await expect(question(open).getByRole("radio").first()).toBeFocused();
  await open.keyboard.press("4");
  await expect(open.locator("#rated").getByRole("radio", { name: "4 stars" })).toHaveAttribute("aria-checked", "true");
});

test("the search says when nothing has the words, and Escape closes it", async ({ open }) => {
  const field = open.getByRole("combobox", { name: /title/ });
  await field.fill("zzzzqqq");
  await expect(open.getByText("Nothing in the catalogue has “zzzzqqq”")).toBeVisible();
  await field.fill("star");
  await expect(open.getByRole("listbox")).toBeVisible();
  await field.press("Escape");
  await expect(open.getByRole("listbox")).toBeHidden();
});

test("arrows choose without rating, Enter rates, digits rate, N skips, and the keyboard stays in the question", async ({ open }) => {
  await question(open).getByRole("radio", { name: "1 star", exact: true }).focus();
  await open.keyboard.press("ArrowRight");
  await open.keyboard.press("ArrowRight");
  await open.keyboard.press("ArrowRight");
  await expect(question(open).getByRole("radio", { name: "3 stars" })).toBeFocused();
  await expect(question(open).getByRole("radio", { name: "3 stars" })).toHaveAttribute("aria-checked", "true");
  await expect(open.locator("#rated li")).toHaveCount(0);
  const first = await asked(open).textContent();
  await open.keyboard.press("Enter");
  await expect(asked(open)).not.toHaveText(first);
  await listed(open);
  const second = await asked(open).textContent();
  await expect(question(open).getByRole("radio").first()).toBeFocused();
  await open.keyboard.press("5");
  await expect(asked(open)).not.toHaveText(second);
  await listed(open);
  const third = await asked(open).textContent();
  await open.keyboard.press("n");
  await expect(asked(open)).not.toHaveText(third);
  await listed(open);
  await expect(open.locator("#rated .title")).toHaveText([second, first]);
  await expect(open.locator("#rated [aria-checked=true]")).toHaveCount(2);
  expect(await open.locator("#rated [aria-checked=true]").evaluateAll((all) => all.map((each) => each.getAttribute("aria-label")))).toEqual(
    ["5 stars", "3 stars"],
  );
});

test("a rating is changed and removed where it stands, and every step is taken back", async ({ open }) => {
  await rateById(open, STAR_WARS, "star wars", 5);
  await rateById(open, FARGO, "fargo", 4);
  const both = await titles(open);
  const fargo = open.getByRole("radiogroup", { name: "Your rating of Fargo" });
  await fargo.getByRole("radio", { name: "1 star", exact: true }).click();
  await listed(open);
  const changed = await post(open, "/v1/recommend", {
    ratings: [
      { item: STAR_WARS, value: 5 },
      { item: FARGO, value: 1 },
    ],
    n: 10,
  });
  expect(await titles(open)).toEqual(changed.picks.map(({ title }) => spoken(title)));
  await open.getByRole("button", { name: "Remove Fargo" }).click();
  await listed(open);
  await expect(open.locator("#rated .title")).toHaveText(["Star Wars"]);
  await expect(open.getByRole("button", { name: "Remove Star Wars" })).toBeFocused();

  await question(open).getByRole("button", { name: "Undo" }).click();
  await listed(open);
  await expect(fargo.getByRole("radio", { name: "1 star", exact: true })).toHaveAttribute("aria-checked", "true");
  await open.keyboard.press("Control+z");
  await listed(open);
  await expect(fargo.getByRole("radio", { name: "4 stars" })).toHaveAttribute("aria-checked", "true");
  expect(await titles(open)).toEqual(both);
});

test("starting over empties everything, and can be taken back", async ({ open }) => {
  const popular = await titles(open);
  await rate(open, 5);
  await open.getByRole("button", { name: "Start over" }).click();
  await listed(open);
  expect(await titles(open)).toEqual(popular);
  await expect(open.getByRole("button", { name: "Start over" })).toBeDisabled();
  await question(open).getByRole("button", { name: "Undo" }).click();
  await expect(open.locator("#rated li")).toHaveCount(1);
});

test("a scale with half stars has two steps in each star", async ({ watched: page }) => {
  await withModels(page, ({ models }) => {
    for (const model of models) model.scale = { min: 0.5, max: 5, step: 0.5 };
  });
  await page.goto("/");
  await listed(page);
  await expect(question(page).getByRole("radio")).toHaveCount(10);
  const request = page.waitForRequest((sent) => sent.url().endsWith("/v1/recommend") && sent.postDataJSON().ratings.length === 1);
  await question(page).getByRole("radio", { name: "3.5 stars" }).click();
  expect((await request).postDataJSON().ratings[0].value).toBe(3.5);
});

test("a scale of ten has numbers, a long one a slider, and one without degrees a single button", async ({ watched: page }) => {
  let scale;
  await withModels(page, ({ models }) => {
    for (const model of models) model.scale = scale;
  });
  await page.route("**/v1/recommend", async (route) => route.fulfill({ json: { model: "films", basis: "popular", picks: [] } }));
  await page.route("**/v1/questions", async (route) =>
    route.fulfill({ json: { model: "films", questions: [{ id: 50, title: "Star Wars (1977)", year: 1977, ratings: 583 }] } }),
  );
  const sent = async (act) => {
    const request = page.waitForRequest((each) => each.url().endsWith("/v1/recommend") && each.postDataJSON().ratings.length === 1);
    await act();
    return (await request).postDataJSON().ratings[0];
  };

  scale = { min: 1, max: 10, step: 1 };
  await page.goto("/");
  await listed(page);
  await question(page).getByRole("radio", { name: "1 of 10", exact: true }).focus();
  expect(await sent(() => page.keyboard.press("0"))).toEqual({ item: "50", value: 10 });

  scale = { min: -10, max: 10 };
  await page.goto("/?again");
  await listed(page);
  await question(page).getByRole("slider").fill("7.6");
  expect(await sent(() => question(page).getByRole("button", { name: "Rate" }).click())).toEqual({ item: "50", value: 7.6 });

  // A model that ranks may name none.
  scale = undefined;
  await page.goto("/?once-more");
  await listed(page);
  expect(await sent(() => question(page).getByRole("button", { name: "I like it" }).click())).toEqual({ item: "50", value: 1 });
});

test("a catalogue without titles and without films is spoken of by ids and items", async ({ watched: page }) => {
  await withModels(page, ({ models }) => {
    for (const model of models) model.data = "shop.csv";
  });
  const bare = (item) => ({ id: item.id, ratings: item.ratings });
  await page.route("**/v1/{recommend,questions}", async (route) => {
    const told = await (await route.fetch()).json();
    for (const list of ["picks", "questions"])
      if (told[list])
        told[list] = told[list].map((item) => ({ ...item, ...bare(item), title: undefined, year: undefined, categories: undefined }));
    await route.fulfill({ json: told });
  });
  await page.goto("/");
  await listed(page);
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Rate a few items. The list follows.");
  await expect(question(page).getByRole("button", { name: "Don’t know it" })).toBeVisible();
  expect(await asked(page).textContent()).toMatch(/^\d+$/);
  await rate(page, 5);
  await expect(picks(page)).toHaveCount(10);
  expect((await page.locator("body").innerText()).toLowerCase()).not.toContain("film ");
});
