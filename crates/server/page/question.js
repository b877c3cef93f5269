// The question: one item to rate, the most informative first, a few others to choose instead, and "haven't seen it".

import { ask, Line } from "./api.js";
import { button, byId, during, el } from "./dom.js";
import { digit, ratingInput } from "./rating.js";
import { spoken, valuesOf } from "./scale.js";
import { idOf } from "./state.js";
import { factsOf, titleOf } from "./words.js";

const OTHERS = 4;

export class Question {
  #root = byId("question");
  #line = new Line();
  #store;
  #world;
  #item;
  #others = [];
  #chosen = false;

  /** `world` knows the model and its words. */
  constructor(store, world) {
    this.#store = store;
    this.#world = world;
    this.#root.addEventListener("keydown", (event) => this.#press(event));
  }

  /** Asks the server what to ask. A question that the person chose stays until it is answered. */
  async refresh() {
    const items = await during(this.#root, this.#line.next(), (signal) => this.#informative(signal));
    if (this.#chosen) {
      this.#others = items.filter((item) => idOf(item) !== idOf(this.#item)).slice(0, OTHERS);
    } else {
      [this.#item, ...this.#others] = items;
    }
    this.#show();
    return this.#item;
  }

  /** Puts this item to the person, and the keyboard with it. */
  choose(item) {
    this.#item = item;
    this.#others = this.#others.filter((other) => idOf(other) !== idOf(item));
    this.#chosen = true;
    this.#show();
    this.#focus();
    const box = this.#root.getBoundingClientRect();
    if (box.top < 0 || box.bottom > innerHeight) this.#root.scrollIntoView({ block: "start" });
  }

  async #informative(signal) {
    const { model } = this.#world;
    const body = { model: model.name, ratings: this.#store.asked, skip: [...this.#store.skipped], n: OTHERS + 1 };
    try {
      return (await ask("v1/questions", { body, signal })).questions;
    } catch (error) {
      if (error.kind !== "unsupported") throw error;
      return this.#mostRated(signal);
    }
  }

  /** What a model that cannot tell what would be informative asks: what most people could answer. */
  async #mostRated(signal) {
    const { ratings, skipped } = this.#store;
    const n = OTHERS + 1;
    const { items } = await ask(`v1/items?model=${encodeURIComponent(this.#world.model.name)}&n=${n + ratings.size + skipped.size}`, {
      signal,
    });
    return items.filter((item) => !ratings.has(idOf(item)) && !skipped.has(idOf(item))).slice(0, n);
  }

  #show() {
    const held = this.#root.contains(document.activeElement);
    const { words } = this.#world;
    if (!this.#item) {
      this.#root.replaceChildren(
        el("p", { class: "ask" }, "Nothing is left to ask"),
        el("p", { class: "small" }, `You have rated or skipped every one of the ${words.many}.`),
        this.#undo(),
      );
      return;
    }
    const { scale } = this.#world.model;
    const rated = this.#store.ratings.get(idOf(this.#item));
    const title = titleOf(this.#item);
    this.#root.replaceChildren(
      el("p", { class: "ask" }, this.#store.ratings.size === 0 ? "To begin with: how do you like" : "How do you like"),
      el("h2", { id: "asked" }, title),
      el("p", { class: "small" }, factsOf(this.#item)),
      ratingInput({ scale, label: `Your rating of ${title}`, value: rated?.value, give: (value) => this.#give(value), look: "large" }),
      el(
        "div",
        { class: "line" },
        button("pill", words.one === "film" ? "Haven’t seen it" : "Don’t know it", () => this.#skip(), { "aria-keyshortcuts": "N" }),
        this.#undo(),
      ),
      this.#others.length > 0 &&
        el(
          "div",
          { class: "others" },
          el("span", { class: "small", id: "others-label" }, "Or rather"),
          el(
            "ul",
            { "aria-labelledby": "others-label" },
            this.#others.map((item) =>
              el(
                "li",
                {},
                button("link", titleOf(item), () => this.choose(item)),
              ),
            ),
          ),
        ),
    );
    if (held) this.#focus();
  }

  #undo() {
    const { last } = this.#store;
    return button("link undo", "Undo", () => this.#store.undo(), {
      disabled: !last,
      title: last && `Take back: ${last}`,
      "aria-keyshortcuts": "Control+Z",
    });
  }

  #focus() {
    this.#root.querySelector("[role=radio][tabindex='0'], input, button")?.focus({ preventScroll: true });
  }

  #give(value) {
    this.#chosen = false;
    this.#store.rate(this.#item, value, `${titleOf(this.#item)} rated ${spoken(value, this.#world.model.scale)}`);
  }

  #skip() {
    this.#chosen = false;
    this.#store.skip(this.#item, `${titleOf(this.#item)} skipped`);
  }

  /** A digit anywhere in the question rates, N skips. */
  #press(event) {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || !this.#item || event.target.matches("input")) return;
    const values = valuesOf(this.#world.model.scale);
    const at = digit(event.key, values);
    if (at >= 0) this.#give(values[at]);
    else if (event.key === "n" || event.key === "N") this.#skip();
    else return;
    event.preventDefault();
  }
}
