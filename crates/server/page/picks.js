// One model's list: it moves when it changes, says why each pick is there, and opens a pick to its arithmetic.

import { ask, isAbort, Line } from "./api.js";
import { button, el } from "./dom.js";
import { explanation } from "./explain.js";
import { moving } from "./motion.js";
import { ratingText } from "./rating.js";
import { idOf } from "./state.js";
import { factsOf, fixed, modelName, placesOf, signed, titleOf } from "./words.js";

const REASONS = 3;
const LEVEL = 0.8;

export class Picks {
  #list = el("ol", { class: "picks" });
  #name = el("p", { class: "name", hidden: true });
  #rows = new Map();
  #places = new Map();
  #store;
  #failed;
  #rate;
  #opened;

  /** `rate(item)` puts an item to the person, `failed(error)` shows what went wrong. */
  constructor({ store, model, rate, failed }) {
    this.#store = store;
    this.#rate = rate;
    this.#failed = failed;
    this.model = model;
    this.root = el("article", { "aria-label": modelName(model) }, this.#name, this.#list);
  }

  /** The places of the last answer by id, counted from 1. */
  get places() {
    return this.#places;
  }

  /** Asks for the list. Nothing is shown yet, so that two lists can be shown together. */
  async fetch(wishes, signal) {
    const { model } = this;
    const known = model.folds_in ? this.#store.asked : [];
    const body = {
      model: model.name,
      ratings: known,
      reasons: model.explains ? REASONS : 0,
      deny: [...this.#store.hidden.keys()],
      ...wishes,
    };
    if (model.intervals && known.length > 0) body.interval = LEVEL;
    // A model that cannot take anybody in shows what is popular, but never what the person has rated.
    if (!model.folds_in) body.deny.push(...this.#store.ratings.keys());
    return ask("v1/recommend", { body, signal });
  }

  /** Shows an answer; `other` is the list beside this one. Returns how many picks were not there before. */
  show({ picks, basis }, other) {
    const before = this.#places;
    this.#places = new Map(picks.map((pick, i) => [idOf(pick), i + 1]));
    this.#name.hidden = !other;
    this.#name.textContent = modelName(this.model);
    const rows = picks.map((pick) => {
      const row = this.#rows.get(idOf(pick)) ?? this.#newRow(pick);
      this.#fill(row, pick, before, basis, other);
      return row;
    });
    this.#rows = new Map(picks.map((pick, i) => [idOf(pick), rows[i]]));
    if (!this.#rows.has(this.#opened)) this.#opened = undefined;
    const focused = document.activeElement;
    moving(this.#list, () => this.#list.replaceChildren(...rows));
    if (this.#list.contains(focused)) focused.focus({ preventScroll: true });
    if (picks.length === 0)
      this.#list.append(el("li", { class: "empty" }, "Nothing is left: all that the filter lets through is rated or hidden."));
    if (this.#opened) this.#explain(this.#rows.get(this.#opened));
    return picks.filter((pick) => !before.has(idOf(pick))).length;
  }

  #newRow(pick) {
    const id = `pick-${this.model.name}-${idOf(pick)}`;
    const row = el(
      "li",
      { class: "pick", "data-key": idOf(pick) },
      el("span", { class: "place" }),
      el("div", { class: "what" }),
      el("div", { class: "score" }),
      el("div", { class: "drawer", id, hidden: true }),
    );
    const title = button("title", titleOf(pick), () => this.#toggle(row), { "aria-expanded": "false", "aria-controls": id });
    row.querySelector(".what").append(el("h3", {}, title), el("p", { class: "small" }), el("p", { class: "because" }));
    row.pick = pick;
    return row;
  }

  #fill(row, pick, before, basis, other) {
    row.pick = pick;
    const place = this.#places.get(idOf(pick));
    row.querySelector(".place").replaceChildren(el("b", {}, String(place)), moved(place, before.get(idOf(pick)), before.size > 0));
    row.querySelector(".what .small").textContent = factsOf(pick, { ratings: !other });
    row.querySelector(".because").replaceChildren(...this.#because(pick, basis, other));
    row.querySelector(".score").replaceChildren(...this.#score(pick));
  }

  #because({ reasons = [], ...pick }, basis, other) {
    const beside =
      other &&
      (other.places.has(idOf(pick))
        ? el("span", { class: "beside" }, `Also no. ${other.places.get(idOf(pick))} there`)
        : el("span", { class: "beside only" }, "Only here"));
    if (!this.model.explains || basis === "popular" || this.#store.ratings.size === 0) return beside ? [beside] : [];
    const places = placesOf(this.model);
    const telling = reasons.filter(({ taste }) => Number(taste.toFixed(places)) !== 0).slice(0, other ? 1 : REASONS);
    const named = ({ taste, rating, ...item }) => [
      el("em", {}, titleOf(this.#store.itemOf(item))),
      " ",
      ratingText(rating, this.model.scale),
      " ",
      el("span", { class: "share" }, signed(taste, places)),
    ];
    const listed = (some) =>
      some
        .sort((a, b) => Math.abs(b.taste) - Math.abs(a.taste))
        .flatMap((reason, i) => [i === 0 ? "" : i === some.length - 1 ? " and " : ", ", ...named(reason)]);
    const speaking = telling.filter(({ taste }) => taste > 0),
      against = telling.filter(({ taste }) => taste < 0);
    const parts = [];
    if (speaking.length > 0) parts.push("Because you gave ", ...listed(speaking));
    if (against.length > 0) parts.push(speaking.length > 0 ? ", in spite of " : "In spite of ", ...listed(against));
    if (parts.length === 0) parts.push("Most people like it; your ratings hardly bear on it yet");
    return [...(beside ? [beside] : []), ...parts, "."];
  }

  #score({ stars, score, interval }) {
    const { scale, task } = this.model;
    if (stars === undefined || task !== "rating") return [el("b", {}, fixed(score, placesOf(this.model)))];
    const at = (x) => `${(100 * (x - scale.min)) / (scale.max - scale.min)}%`;
    const track = el(
      "span",
      { class: "track", "aria-hidden": "true" },
      interval && el("span", { class: "band" }),
      el("span", { class: "dot" }),
    );
    track.style.setProperty("--at", at(stars));
    if (interval) {
      track.style.setProperty("--low", at(interval.low));
      track.style.setProperty("--high", at(interval.high));
    }
    const word = scale.max === 5 && scale.min >= 0 ? " stars" : ` of ${scale.max}`;
    return [
      el("b", {}, fixed(stars, 1), el("span", { class: "unseen" }, word)),
      track,
      interval && el("small", {}, el("span", { class: "unseen" }, "probably "), `${fixed(interval.low, 1)} to ${fixed(interval.high, 1)}`),
    ].filter(Boolean);
  }

  #toggle(row) {
    const isOpen = row.querySelector(".drawer").hidden;
    for (const each of this.#rows.values()) this.#setOpen(each, each === row && isOpen);
    this.#opened = isOpen ? row.dataset.key : undefined;
    if (isOpen) this.#explain(row);
  }

  #setOpen(row, isOpen) {
    row.classList.toggle("open", isOpen);
    row.querySelector(".drawer").hidden = !isOpen;
    row.querySelector(".title").setAttribute("aria-expanded", String(isOpen));
  }

  async #explain(row) {
    const drawer = row.querySelector(".drawer");
    try {
      drawer.replaceChildren(
        ...(await explanation({ store: this.#store, model: this.model, pick: row.pick, rate: this.#rate, line: this.#explaining })),
      );
    } catch (error) {
      if (!isAbort(error)) this.#failed(error);
    }
  }

  #explaining = new Line();
}

/** How a pick's place changed. */
function moved(place, before, isLater) {
  if (!isLater || place === before) return "";
  if (before === undefined) return el("span", { class: "moved new" }, "new");
  const by = before - place;
  return el(
    "span",
    { class: `moved ${by > 0 ? "up" : "down"}` },
    el("span", { "aria-hidden": "true" }, `${by > 0 ? "↑" : "↓"}${Math.abs(by)}`),
    el("span", { class: "unseen" }, `${by > 0 ? "up" : "down"} ${Math.abs(by)}`),
  );
}
