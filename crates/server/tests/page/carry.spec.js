// Ratings that come from elsewhere and go elsewhere: import of exports, and links.
import { expect, FARGO, GRAIL, listed, rate, SE7EN, spoken, STAR_WARS, test, titles } from "./page.js";

const file = (name, text) => ({ name, mimeType: "text/csv", buffer: Buffer.from(text) });

const LETTERBOXD = `Date,Name,Year,Letterboxd URI,Rating
2024-01-01,Se7en,1995,https://boxd.it/a,4.5
2024-01-02,"Monty Python and the Holy Grail",1975,https://boxd.it/b,3
2024-01-03,Fargo,1996,https://boxd.it/c,0.5
2024-01-04,"A Film, That Is Not There",2019,https://boxd.it/d,5
2024-01-05,Star Wars,1977,https://boxd.it/e,
`;

const IMDB = `Const,Your Rating,Date Rated,Title,Original Title,URL,Title Type,IMDb Rating,Runtime (mins),Year\r
tt0076759,10,2020-01-01,Star Wars,Star Wars,https://x,Movie,8.6,121,1977\r
tt0116282,1,2020-01-02,Fargo,Fargo,https://x,Movie,8.1,98,1996\r
tt0000001,11,2020-01-02,Scream,Scream,https://x,Movie,8.1,98,1996\r
`;

async function imported(page, upload) {
  await page.getByRole("button", { name: "Import a CSV" }).click();
  await page.getByLabel("Choose a file, or drop it here").setInputFiles(upload);
  await expect(page.locator("#import-report")).toBeVisible();
  return page.getByRole("dialog", { name: "Import your ratings" });
}

const sentRatings = (page, n) =>
  page.waitForRequest((sent) => sent.url().endsWith("/v1/recommend") && sent.postDataJSON().ratings.length === n);

test("an export of Letterboxd: years one off, brackets, commas; rescaled, reported, one step to take back", async ({ open }) => {
  const dialog = await imported(open, file("ratings.csv", LETTERBOXD));
  await expect(dialog.getByRole("heading", { name: "3 of 4 ratings found in the catalogue" })).toBeVisible();
  await expect(dialog).toContainText("Left out: 1 row without a rating.");
  await expect(dialog.getByRole("listitem").filter({ hasText: "A Film, That Is Not There (2019)" })).toBeVisible();
  const request = sentRatings(open, 3);
  await dialog.getByRole("button", { name: "Rate these 3 films" }).click();
  // 0.5–5 on 1–5: 4.5 is 4.56 and so 5, 3 is 3.22 and so 3, 0.5 is 1.
  expect((await request).postDataJSON().ratings).toEqual([
    { item: SE7EN, value: 5 },
    { item: GRAIL, value: 3 },
    { item: FARGO, value: 1 },
  ]);
  await expect(dialog).toBeHidden();
  await listed(open);
  await open.keyboard.press("Control+z");
  await expect(open.locator("#rated li")).toHaveCount(0);
});

test("an export of IMDb, with what cannot be a rating named by its line", async ({ open }) => {
  const dialog = await imported(open, file("ratings.csv", IMDB));
  await expect(dialog.getByRole("heading", { name: "2 of 3 ratings found" })).toBeVisible();
  await dialog.getByText("Not read: 1").click();
  await expect(dialog.getByText("Line 4: Scream, rated “11”")).toBeVisible();
  const request = sentRatings(open, 2);
  await dialog.getByRole("button", { name: "Rate these 2 films" }).click();
  expect((await request).postDataJSON().ratings).toEqual([
    { item: STAR_WARS, value: 5 },
    { item: FARGO, value: 1 },
  ]);
});

test("any CSV with the columns item and rating, on the model's own scale", async ({ open }) => {
  const dialog = await imported(open, file("mine.csv", `item;rating\n${STAR_WARS};4\n${FARGO};7\nno-such-item;3\n`));
  await expect(dialog.getByRole("heading", { name: "1 of 3 ratings found" })).toBeVisible();
  await expect(dialog.getByText("Not found: 1")).toBeVisible();
  await expect(dialog.getByText("Not read: 1")).toBeVisible();
});

test("files that are no exports are refused with the reason", async ({ open }) => {
  const dialog = await imported(open, file("watched.csv", "Date,Name,Year,Letterboxd URI\n2024-01-01,Fargo,1996,x\n"));
  await expect(dialog.getByRole("heading", { name: "This file is no export of ratings" })).toBeVisible();
  await expect(dialog).toContainText("The first line has “Date”, “Name”, “Year”, “Letterboxd URI”.");
  await dialog.getByRole("button", { name: "Close the import" }).click();
  await imported(open, file("empty.csv", ""));
  await expect(dialog).toContainText("The file is empty.");
  await dialog.getByRole("button", { name: "Close the import" }).click();
  await imported(open, file("bare.csv", "Name,Year,Rating\nFargo,1996,\n"));
  await expect(dialog.getByRole("heading", { name: "No row of this file has a rating" })).toBeVisible();
});

test("ratings go over to other scales: the ends meet, likes are what lies in the upper half", async ({ open }) => {
  const values = await open.evaluate(async () => {
    const { LIKES, rescaled } = await import("/assets/scale.js");
    const [boxd, imdb, five, half] = [
      { min: 0.5, max: 5 },
      { min: 1, max: 10 },
      { min: 1, max: 5, step: 1 },
      { min: 0.5, max: 5, step: 0.5 },
    ];
    return [
      [0.5, 1, 2, 3.5, 5].map((value) => rescaled(value, boxd, five)),
      [0.5, 1, 2, 3.5, 5].map((value) => rescaled(value, boxd, half)),
      [1, 5, 6, 10].map((value) => rescaled(value, imdb, five)),
      [1, 5, 6, 10].map((value) => rescaled(value, imdb, LIKES) ?? "nothing"),
      [1].map((value) => rescaled(value, LIKES, five)),
      [1, 10].map((value) => rescaled(value, imdb, { min: -10, max: 10 })),
    ];
  });
  // 0.5–5 on 1–5 is 1 + 8/9 (x − 0.5): 1, 1.44, 2.33, 3.67, 5. 1–10 on 1–5 is 1 + 4/9 (x − 1): 1, 2.78, 3.22, 5.
  expect(values).toEqual([[1, 1, 2, 4, 5], [0.5, 1, 2, 3.5, 5], [1, 3, 3, 5], ["nothing", "nothing", 1, 1], [5], [-10, 10]]);
});

test("closing the import ends it", async ({ open }) => {
  await open.route("**/v1/items?search=*", async (route) => {
    await new Promise((done) => {
      setTimeout(done, 300);
    });
    await route.continue().catch(() => {});
  });
  let lookups = 0;
  open.on("request", (request) => {
    if (request.url().includes("/v1/items?")) lookups += 1;
  });
  await open.getByRole("button", { name: "Import a CSV" }).click();
  await open
    .getByLabel("Choose a file, or drop it here")
    .setInputFiles(file("long.csv", `Name,Year,Rating\n${"Fargo,1996,4\n".repeat(200)}`));
  await expect(open.getByText("Looking up 200 titles")).toBeVisible();
  await open.keyboard.press("Escape");
  await open.waitForTimeout(700);
  expect(lookups).toBeLessThan(20);
  await expect(open.locator("#rated li")).toHaveCount(0);
});

test("the CSV reader keeps quotes, line breaks within quotes, and the byte order mark apart", async ({ open }) => {
  const rows = await open.evaluate(async () => (await import("/assets/csv.js")).parsed('\uFEFFa,b\r\n"x ""y"", z","1\n2"\r\n\r\nlast,'));
  expect(rows).toEqual([
    ["a", "b"],
    ['x "y", z', "1\n2"],
    ["last", ""],
  ]);
});

test("titles match whatever their articles, accents and brackets", async ({ open }) => {
  const matches = await open.evaluate(async () => {
    const { matching } = await import("/assets/match.js");
    const items = [
      { id: 1, title: "Matrix, The (1999)", year: 1999 },
      { id: 2, title: "Seven (a.k.a. Se7en) (1995)", year: 1995 },
      { id: 3, title: "Misérables, Les (1995)", year: 1995 },
      { id: 4, title: "Shanghai Triad (Yao a yao yao dao waipo qiao) (1995)", year: 1995 },
      { id: 5, title: "Sabrina (1954)", year: 1954 },
      { id: 6, title: "Sabrina (1995)", year: 1995 },
      { id: 7, title: "Wallace & Gromit (1996)", year: 1996 },
    ];
    const of = (title, year) => matching({ title, year }, items)?.id;
    return [
      of("The Matrix", 1999),
      of("Se7en", 1995),
      of("Les Miserables", 1995),
      of("Yao a yao yao dao waipo qiao", 1995),
      of("Sabrina", 1995),
      of("Sabrina", 1955),
      of("Sabrina", 1970),
      of("Wallace and Gromit", 1996),
      of("Matrix", undefined),
    ];
  });
  expect(matches).toEqual([1, 2, 3, 4, 6, 5, undefined, 7, 1]);
});

test("a link holds the ratings and the models; the address follows from then on", async ({ open, context, baseURL }) => {
  await rate(open, 5);
  await rate(open, 1);
  expect(new URL(open.url()).hash).toBe("");
  await open.getByRole("combobox", { name: "Compare with" }).selectOption("als");
  await listed(open);
  await context.grantPermissions(["clipboard-read", "clipboard-write"], { origin: new URL(baseURL).origin });
  await open.getByRole("button", { name: "Share a link" }).click();
  await open.getByRole("button", { name: "Copy" }).click();
  await expect(open.getByRole("button", { name: "Copied" })).toBeVisible();
  const link = await open.evaluate(() => navigator.clipboard.readText());
  expect(await open.getByLabel("Link", { exact: true }).inputValue()).toBe(link);
  await open.keyboard.press("Escape");

  const other = await context.newPage();
  await other.goto(link);
  await listed(other);
  expect(await titles(other)).toEqual(await titles(open));
  expect(await other.locator("#rated .title").allTextContents()).toEqual(await open.locator("#rated .title").allTextContents());
  await expect(other.locator("#lists article")).toHaveCount(2);

  await rate(open, 3);
  expect(open.url()).not.toBe(link);
  await open.reload();
  await listed(open);
  await expect(open.locator("#rated li")).toHaveCount(3);
});

test("a link with unknown items, values off the scale and nonsense gives what is left, and says so", async ({ watched: page }) => {
  await page.goto(`/#model=films&rated=${STAR_WARS}:5,nowhere%2C%20x:4,${FARGO}:99,:3,%E0%A4%A:2,7`);
  await listed(page);
  await expect(page.locator("#rated .title")).toHaveText(["Star Wars"]);
  await expect(page.getByText("2 ratings of the link were left out")).toBeVisible();
});

test("ids with any signs survive the link", async ({ open }) => {
  const back = await open.evaluate(async () => {
    const { read, written } = await import("/assets/share.js");
    return read(
      written({
        model: "a b&c",
        beside: "x=y",
        ratings: [
          { item: "1,2:3&#%", value: 4.5 },
          { item: "ü/é", value: -1 },
        ],
      }),
    );
  });
  expect(back).toEqual({
    model: "a b&c",
    beside: "x=y",
    rated: [
      { id: "1,2:3&#%", value: 4.5 },
      { id: "ü/é", value: -1 },
    ],
  });
});

test("another link in the same window takes the place of the ratings", async ({ open }) => {
  await rate(open, 2);
  await open.evaluate((id) => {
    location.hash = `#rated=${id}:4`;
  }, FARGO);
  await expect(open.locator("#rated .title")).toHaveText([spoken("Fargo (1996)")]);
});
