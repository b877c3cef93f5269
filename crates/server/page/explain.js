// A pick, opened: the sum that makes its score, what is near it, and what the person can say to it.

import { ask } from "./api.js";
import { button, el } from "./dom.js";
import { ratingInput, ratingText } from "./rating.js";
import { spoken } from "./scale.js";
import { idOf } from "./state.js";
import { fixed, nouns, placesOf, signed, titleOf } from "./words.js";

const MOST = 5;
const NEAR = 5;

/** The parts of the drawer. */
export async function explanation({ store, model, pick, rate, line }) {
  const signal = line.next();
  const body = { model: model.name, item: idOf(pick) };
  const explains = model.explains && model.folds_in && store.ratings.size > 0;
  const [sum, near] = await Promise.all([
    explains ? ask("v1/explain", { body: { ...body, ratings: store.asked }, signal }) : undefined,
    ask("v1/similar", { body: { ...body, n: NEAR }, signal }).catch((error) => {
      if (error.kind === "unsupported") return { neighbours: [] };
      throw error;
    }),
  ]);
  return [
    said(store, model, pick),
    sum && arithmetic(sum, store, model),
    near.neighbours.length > 0 &&
      el(
        "div",
        { class: "near" },
        el("h4", {}, "Near it"),
        el(
          "ul",
          {},
          near.neighbours.map((item) =>
            el(
              "li",
              {},
              button("link", titleOf(item), () => rate(item), { "aria-label": `Rate ${titleOf(item)}` }),
            ),
          ),
        ),
      ),
  ].filter(Boolean);
}

/** Rating a pick that one knows, or sending it away. */
function said(store, model, pick) {
  const title = titleOf(pick);
  const words = nouns(model);
  const give = (value) => store.rate(pick, value, `${title} rated ${spoken(value, model.scale)}`);
  return el(
    "div",
    { class: "said" },
    el("h4", {}, words.one === "film" ? "Seen it?" : "Know it?"),
    ratingInput({
      scale: model.scale,
      label: `Your rating of ${title}`,
      value: store.ratings.get(idOf(pick))?.value,
      give,
      look: "compact",
    }),
    button("link", "Don’t show it", () => store.hide(pick, `${title} hidden`)),
  );
}

/** The terms of the sum: they add up to the score, each with its own bar where the sum stood before and after it. */
function arithmetic({ mean, item_bias, prior, explained_score, contributions }, store, model) {
  const { scale } = model;
  const words = nouns(model);
  const places = placesOf(model);
  const ordered = [...contributions].sort((a, b) => Math.abs(b.taste) - Math.abs(a.taste));
  const rest = ordered.slice(MOST);
  const total = (terms, of) => terms.reduce((sum, term) => sum + of(term), 0);
  const terms = [
    { label: "All ratings, on average", by: mean },
    { label: `This ${words.one}, to everybody`, by: item_bias },
    prior !== 0 && { label: "Where somebody new begins", by: prior },
    { label: "How you rate in general", by: total(contributions, ({ share, taste }) => share - taste) },
    ...ordered.slice(0, MOST).map(({ rating, taste, ...item }) => ({
      label: [el("em", {}, titleOf(store.itemOf(item))), " ", ratingText(rating, scale)],
      by: taste,
    })),
    rest.length > 0 && {
      label: rest.length === 1 ? "One more rating" : `${rest.length} more ratings`,
      by: total(rest, ({ taste }) => taste),
    },
  ].filter(Boolean);
  let sum = 0;
  const steps = terms.map((term) => ({ ...term, from: sum, to: (sum += term.by) }));
  // The first bar is long and the rest are short: the axis begins where the sum is never below.
  const low = Math.min(...steps.map(({ to }) => to)),
    high = Math.max(...steps.map(({ to }) => to));
  const start = low - 0.25 * (high - low || 1);
  const at = (x) => `${(100 * (Math.max(x, start) - start)) / (high - start || 1)}%`;
  return el(
    "div",
    { class: "sum" },
    el("h4", {}, "The sum"),
    el(
      "table",
      {},
      el("caption", { class: "unseen" }, "What adds up to the score"),
      el(
        "tbody",
        {},
        steps.map(({ label, from, to, by }, i) =>
          el(
            "tr",
            {},
            el("th", { scope: "row" }, label),
            el("td", { "aria-hidden": "true" }, bar(at, from, to, by, i)),
            el("td", {}, i === 0 ? fixed(by, places) : signed(by, places)),
          ),
        ),
      ),
      el(
        "tfoot",
        {},
        el(
          "tr",
          {},
          el("th", { scope: "row" }, "Together"),
          el("td", { "aria-hidden": "true" }),
          el("td", {}, fixed(explained_score, places)),
        ),
      ),
    ),
    explained_score > scale.max &&
      model.task === "rating" &&
      el("p", { class: "small" }, `More than ${scale.max} is shown as ${scale.max}.`),
  );
}

function bar(at, from, to, by, i) {
  const node = el("span", { class: `bar ${i === 0 ? "first" : by < 0 ? "fall" : "rise"}` });
  node.style.setProperty("--low", at(Math.min(from, to)));
  node.style.setProperty("--high", at(Math.max(from, to)));
  return el("span", { class: "bars" }, node);
}
