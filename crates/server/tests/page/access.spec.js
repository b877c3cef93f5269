// For everybody: axe's rules in every state, light and dark, phone and desk; the keyboard; a narrow screen.
import AxeBuilder from "@axe-core/playwright";
import { expect, listed, picks, rate, test } from "./page.js";

const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
const settled = (page) => page.evaluate(() => Promise.all(document.getAnimations().map(({ finished }) => finished.catch(() => {}))));

/** All rules, or the one that colours can break. */
async function checked(page, onlyColours = false) {
  await settled(page);
  const axe = new AxeBuilder({ page });
  const { violations } = await (onlyColours ? axe.withRules(["color-contrast"]) : axe.withTags(RULES)).analyze();
  expect(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target).join(" ")}`)).toEqual([]);
}

const STATES = {
  "first visit": async () => {},
  "a few ratings, a pick opened, the filter open": async (page) => {
    for (const stars of [5, 4, 1]) await rate(page, stars);
    await page.locator("#filter summary").click();
    await picks(page).first().locator("h3 button").click();
    await expect(page.locator(".drawer .sum")).toBeVisible();
  },
  "two models": async (page) => {
    await rate(page, 5);
    await page.getByRole("combobox", { name: "Compare with" }).selectOption("als");
    await listed(page);
  },
  "the search open": async (page) => {
    await page.getByRole("combobox", { name: /title/ }).fill("star");
    await expect(page.getByRole("listbox")).toBeVisible();
  },
  "an import's report": async (page) => {
    await page.getByRole("button", { name: "Import a CSV" }).click();
    await page
      .getByLabel("Choose a file, or drop it here")
      .setInputFiles({ name: "r.csv", mimeType: "text/csv", buffer: Buffer.from("Name,Year,Rating\nFargo,1996,4\nNowhere,2001,3\n") });
    await expect(page.getByRole("heading", { name: "1 of 2 ratings found" })).toBeVisible();
  },
  "an error": async (page) => {
    await page.route("**/{v1,health}/**", (route) => route.abort());
    await page.getByRole("slider", { name: "Popularity" }).fill("3");
    await expect(page.getByRole("alert")).toBeVisible();
  },
};

for (const colorScheme of ["light", "dark"]) {
  for (const [name, reach] of Object.entries(STATES)) {
    test(`axe finds nothing: ${name}, ${colorScheme}`, async ({ watched: page }) => {
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      await page.goto("/");
      await listed(page);
      await reach(page);
      await checked(page, colorScheme === "dark");
    });
  }
}

test("a narrow screen: nothing is wider than it, the first pick is in sight, and axe finds nothing", async ({ watched: page }) => {
  await page.setViewportSize({ width: 390, height: 844 });
  await page.goto("/");
  await listed(page);
  await rate(page, 5);
  const width = () => page.evaluate(() => document.documentElement.scrollWidth);
  expect(await width()).toBe(390);
  const peek = page.locator("#peek");
  await expect(peek).toBeInViewport();
  await expect(peek).toContainText(await picks(page).first().locator("h3").textContent());
  await checked(page);
  await page.getByRole("combobox", { name: "Compare with" }).selectOption("als");
  await listed(page);
  expect(await width()).toBe(390);
  await page.locator("#lists").scrollIntoViewIfNeeded();
  await expect(peek).toBeHidden();
  await page.setViewportSize({ width: 320, height: 640 });
  expect(await width()).toBe(320);
  for (const button of await page.locator("#question [role=radio]").all()) {
    const box = await button.boundingBox();
    expect(Math.min(box.width, box.height)).toBeGreaterThanOrEqual(24);
  }
});

test("the keyboard reaches everything in the order of the page, from a link that skips to the list", async ({ open }) => {
  await open.keyboard.press("Tab");
  await expect(open.getByRole("link", { name: "Skip to the list" })).toBeFocused();
  await open.keyboard.press("Enter");
  await open.keyboard.press("Tab");
  await expect(open.getByRole("combobox", { name: "Compare with" })).toBeFocused();
  for (const expected of ["popularity", "filter"]) {
    await open.keyboard.press("Tab");
    expect(await open.evaluate(() => document.activeElement.closest("[id]").id)).toBe(expected);
  }
  await open.keyboard.press("Tab");
  const first = picks(open).first().locator("h3 button");
  await expect(first).toBeFocused();
  expect(await first.evaluate((node) => getComputedStyle(node).outlineStyle)).toBe("solid");
  await open.keyboard.press("Enter");
  await expect(first).toHaveAttribute("aria-expanded", "true");
});

test("light and dark follow the system until the button chooses", async ({ open }) => {
  const paper = () => open.evaluate(() => getComputedStyle(document.body).backgroundColor);
  await open.emulateMedia({ colorScheme: "light" });
  const light = await paper();
  await open.emulateMedia({ colorScheme: "dark" });
  const dark = await paper();
  expect(dark).not.toBe(light);
  await open.getByRole("button", { name: "Light" }).click();
  expect(await paper()).toBe(light);
});

test("the page obeys a policy that lets nothing in but its own files", async ({ page }) => {
  const answer = await page.goto("/");
  const policy = answer.headers()["content-security-policy"];
  expect(policy).toContain("default-src 'none'");
  expect(policy).toContain("script-src 'self'");
  expect(policy).not.toContain("unsafe");
});
