// "Your ratings": the newest first, each to be changed or removed.

import { button, byId, el } from "./dom.js";
import { ratingInput } from "./rating.js";
import { spoken } from "./scale.js";
import { idOf } from "./state.js";
import { counted, RATING, titleOf } from "./words.js";
import { moving } from "./motion.js";

const FEW = 6;

export class Ratings {
  #rows = byId("rated");
  #more = byId("rated-more");
  #store;
  #world;
  #isOpen = false;

  constructor(store, world) {
    this.#store = store;
    this.#world = world;
    this.#more.addEventListener("click", () => {
      this.#isOpen = !this.#isOpen;
      this.show();
    });
  }

  show() {
    const rated = [...this.#store.ratings.values()].reverse();
    const shown = this.#isOpen ? rated : rated.slice(0, FEW);
    byId("rated-title").textContent = rated.length === 0 ? "Your ratings" : `Your ${counted(rated.length, RATING)}`;
    byId("rated-remark").hidden = rated.length > 0;
    byId("share-open").disabled = rated.length === 0;
    byId("clear").disabled = rated.length === 0 && this.#store.skipped.size === 0 && this.#store.hidden.size === 0;
    moving(this.#rows, () => this.#rows.replaceChildren(...shown.map((one) => this.#row(one))));
    this.#more.hidden = rated.length <= FEW;
    this.#more.textContent = this.#isOpen ? "Show the newest alone" : `Show all ${counted(rated.length, RATING)}`;
  }

  #row({ item, value }) {
    const { scale } = this.#world.model;
    const title = titleOf(item);
    return el(
      "li",
      { "data-key": idOf(item) },
      el("span", { class: "title" }, title),
      ratingInput({ scale, label: `Your rating of ${title}`, value, look: "compact", give: (next) => this.#rerate(item, value, next) }),
      button("remove", "×", () => this.#remove(item), { "aria-label": `Remove ${title}` }),
    );
  }

  /** The row is made anew; the keyboard stays on it. */
  #rerate(item, before, value) {
    if (value === before) return;
    this.#store.rate(item, value, `${titleOf(item)} rated ${spoken(value, this.#world.model.scale)}`);
    this.#rows.querySelector(`[data-key="${CSS.escape(idOf(item))}"] [tabindex="0"]`)?.focus({ preventScroll: true });
  }

  #remove(item) {
    const at = [...this.#rows.children].findIndex((row) => row.dataset.key === idOf(item));
    this.#store.unrate(item, `The rating of ${titleOf(item)} removed`);
    (this.#rows.children[Math.min(at, this.#rows.children.length - 1)]?.querySelector(".remove") ?? byId("rated-title")).focus({
      preventScroll: true,
    });
  }
}
