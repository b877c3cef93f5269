// The search by title: a combobox whose choice becomes the question.

import { ask, isAbort, Line } from "./api.js";
import { byId, el } from "./dom.js";
import { shown } from "./scale.js";
import { idOf } from "./state.js";
import { factsOf, titleOf } from "./words.js";

const MOST = 8;
const PAUSE_MS = 90;

export function makeSearch({ store, world, choose, failed }) {
  const field = byId("search"),
    list = byId("found"),
    remark = byId("search-remark");
  const line = new Line();
  let items = [],
    at = -1,
    pause;

  const mark = (next) => {
    at = next;
    for (const [i, option] of [...list.children].entries()) option.setAttribute("aria-selected", String(i === at));
    const option = list.children[at];
    if (option) {
      field.setAttribute("aria-activedescendant", option.id);
      option.scrollIntoView({ block: "nearest" });
    } else field.removeAttribute("aria-activedescendant");
  };
  const open = (isOpen) => {
    list.hidden = !isOpen;
    field.setAttribute("aria-expanded", String(isOpen));
    if (!isOpen) mark(-1);
  };
  const take = (item) => {
    clearTimeout(pause);
    line.next();
    field.value = "";
    remark.hidden = true;
    open(false);
    choose(item);
  };
  const option = (item, i) => {
    const rated = store.ratings.get(idOf(item));
    return el(
      "li",
      { role: "option", id: `found-${i}`, "aria-selected": "false", onclick: () => take(item) },
      titleOf(item),
      " ",
      el("small", {}, factsOf(item, { categories: 2, ratings: false }), rated && ` · yours: ${shown(rated.value, world.model.scale)}`),
    );
  };

  async function look() {
    const text = field.value.trim();
    const signal = line.next();
    if (!text) {
      remark.hidden = true;
      open(false);
      return;
    }
    try {
      ({ items } = await ask(`v1/items?search=${encodeURIComponent(text)}&n=${MOST}&model=${encodeURIComponent(world.model.name)}`, {
        signal,
      }));
    } catch (error) {
      if (!isAbort(error)) failed(error);
      return;
    }
    list.replaceChildren(...items.map(option));
    remark.hidden = items.length > 0;
    remark.textContent = `Nothing in the catalogue has “${text}” in its title.`;
    open(items.length > 0);
    if (items.length > 0) mark(0);
  }

  field.addEventListener("input", () => {
    clearTimeout(pause);
    pause = setTimeout(look, PAUSE_MS);
  });
  field.addEventListener("focus", () => {
    if (field.value.trim()) look();
  });
  field.addEventListener("blur", () => open(false));
  // Pressing an option must not take the focus away before the click arrives.
  list.addEventListener("pointerdown", (event) => event.preventDefault());
  field.addEventListener("keydown", (event) => {
    const n = list.hidden ? 0 : items.length;
    if (event.key === "ArrowDown" && n) mark((at + 1) % n);
    else if (event.key === "ArrowUp" && n) mark((at - 1 + n) % n);
    else if (event.key === "Enter" && n && at >= 0) take(items[at]);
    else if (event.key === "Escape" && n) open(false);
    else return;
    event.preventDefault();
  });
}
