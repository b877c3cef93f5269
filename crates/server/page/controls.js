// What steers the list: the two sliders and the categories.

import { byId, el } from "./dom.js";

const POPULARITY_STEP = 0.02;
const SETTLE_MS = 60;

/**
 * Wires the controls; `changed(what)` is called when one moves. `wishes(model, spread)` gives what they ask of a request: `popularity` is what a factor e
 * of popularity adds to a score, so its step is a fiftieth of the scale, or of the `spread` of a list's scores where a model has no scale.
 */
export function makeControls({ changed }) {
  const popularity = byId("popularity"),
    diversity = byId("diversity"),
    fieldset = byId("categories");
  let settling;
  const soon = (what) => {
    clearTimeout(settling);
    settling = setTimeout(() => changed(what), SETTLE_MS);
  };

  const show = () => {
    const by = Number(popularity.value),
      varied = Number(diversity.value);
    const text = by === 0 ? "as it comes" : by > 0 ? `+${by}` : `−${-by}`;
    byId("popularity-value").textContent = text;
    popularity.setAttribute("aria-valuetext", by === 0 ? text : `${Math.abs(by)} of 5 toward the ${by > 0 ? "well" : "little"} known`);
    byId("diversity-value").textContent = varied === 0 ? "" : `${10 * varied} %`;
    diversity.setAttribute("aria-valuetext", `${10 * varied} per cent`);
    const set = chosen().length + (varied > 0 ? 1 : 0);
    byId("filter-count").textContent = set > 0 ? ` · ${set} set` : "";
  };
  const chosen = () => [...fieldset.querySelectorAll("input:checked")].map(({ value }) => value);

  popularity.addEventListener("input", () => {
    show();
    soon(`Popularity ${byId("popularity-value").textContent}`);
  });
  diversity.addEventListener("input", () => {
    show();
    soon(`Variety ${10 * Number(diversity.value)} per cent`);
  });
  fieldset.addEventListener("change", () => {
    show();
    soon(chosen().length > 0 ? `Only ${chosen().join(", ")}` : "All categories");
  });

  return {
    /** Puts the model's categories on offer. */
    offer(categories) {
      fieldset.hidden = categories.length === 0;
      fieldset.replaceChildren(
        fieldset.firstElementChild,
        ...categories.map((name) => el("label", {}, el("input", { type: "checkbox", value: name }), el("span", {}, name))),
      );
      show();
    },
    wishes(model, spread) {
      const unit = model.task === "rating" ? model.scale.max - model.scale.min : spread;
      return {
        popularity: Number(popularity.value) * POPULARITY_STEP * unit,
        diversity: Number(diversity.value) / 10,
        categories: chosen(),
      };
    },
  };
}
