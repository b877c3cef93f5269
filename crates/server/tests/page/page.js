// What the tests share: the page opened and watched, and the server asked directly, past the page.
import { test as base, expect } from "@playwright/test";

/** Known facts of MovieLens 100K: ids of well-known titles. */
export const STAR_WARS = "50",
  FARGO = "100",
  SE7EN = "11",
  GRAIL = "168",
  EMPIRE = "172";

/** A test whose page is open at `/` with its first list, and fails on whatever the browser complains of, on foreign requests and on anything that is stored. */
export const test = base.extend({
  watched: async ({ page, baseURL }, use) => {
    const complaints = [];
    page.on("pageerror", (error) => complaints.push(error.message));
    page.on("console", (message) => {
      if (["error", "warning"].includes(message.type()) && !message.text().startsWith("Failed to load resource"))
        complaints.push(message.text());
    });
    page.on("request", (request) => {
      const { origin, protocol } = new URL(request.url());
      if (origin !== new URL(baseURL).origin && protocol !== "data:") complaints.push(`a request to ${request.url()}`);
    });
    await use(page);
    const stored = await page.evaluate(async () => ({
      local: localStorage.length,
      session: sessionStorage.length,
      cookies: document.cookie,
      databases: (await indexedDB.databases()).length,
    }));
    expect(stored).toEqual({ local: 0, session: 0, cookies: "", databases: 0 });
    expect(complaints).toEqual([]);
  },
  open: async ({ watched }, use) => {
    await watched.goto("/");
    await listed(watched);
    await use(watched);
  },
});

export { expect };

export const question = (page) => page.getByRole("region", { name: "Question" });
export const asked = (page) => page.locator("#asked");
export const picks = (page) => page.locator("#lists article:first-child .pick");
export const titles = (page) => page.locator("#lists article:first-child .pick h3 button").allTextContents();

/** Waits until no list and no question is on its way. */
export async function listed(page) {
  await expect(page.locator("#lists")).toHaveAttribute("aria-busy", "false");
  await expect(page.locator("#question")).toHaveAttribute("aria-busy", "false");
}

/** Rates what is asked by a click. */
export async function rate(page, stars) {
  await question(page)
    .getByRole("radio", { name: stars === 1 ? "1 star" : `${stars} stars`, exact: true })
    .click();
  await listed(page);
}

/** Rates the item with that id, found by a search for `text`. */
export async function rateById(page, id, text, stars) {
  const answer = await page.request.get(`/v1/items/${id}`);
  const { title } = await answer.json();
  await page.getByRole("combobox", { name: /title/ }).fill(text);
  await page
    .getByRole("option")
    .filter({ hasText: spoken(title) })
    .first()
    .click();
  await expect(asked(page)).toHaveText(spoken(title));
  await rate(page, stars);
}

/** A MovieLens title as the page writes it. */
export const spoken = (title) => title.replace(/ \(\d{4}\)$/, "").replace(/^(.*), (The|A|An)$/, "$2 $1");

/** The server's own answer, past the page. */
export async function post(page, path, data) {
  const answer = await page.request.post(path, { data });
  expect(answer.status()).toBe(200);
  return answer.json();
}

export const problem = (status, type, more = {}, headers = {}) => ({
  status,
  headers,
  contentType: "application/problem+json",
  body: JSON.stringify({ type: `/problems/${type}`, title: type, status, detail: `detail of ${type}`, request_id: "r-1", ...more }),
});

/** Serves the models' descriptions with some of their fields changed. */
export async function withModels(page, change) {
  await page.route("**/v1/models", async (route) => {
    const told = await (await route.fetch()).json();
    change(told);
    await route.fulfill({ json: told });
  });
}
