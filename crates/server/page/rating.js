// Giving a rating: stars, numbers, a slider or one press, by what the scale is. The first two are radio groups: the arrows choose, Enter or
// Space gives, a digit does both. Choosing with the arrows gives nothing yet, or the first press would be a rating.

import { button, el, svg } from "./dom.js";
import { kindOf, shown, spoken, valuesOf } from "./scale.js";

const STAR = "M12 2.2l2.95 6.35 6.95.85-5.13 4.76 1.34 6.87L12 17.65l-6.11 3.38 1.34-6.87L2.1 9.4l6.95-.85z";
const FORWARD = ["ArrowRight", "ArrowUp"];
const BACK = ["ArrowLeft", "ArrowDown"];

/** A control that calls `give(value)`. `label` says what is rated, `value` is what it was given before. */
export function ratingInput({ scale, label, value, give, look = "" }) {
  const kind = kindOf(scale);
  if (kind === "like")
    return button(`pill strong ${look}`, value === undefined ? "I like it" : "Liked", () => give(scale.max), {
      "aria-pressed": String(value !== undefined),
    });
  if (kind === "slider") return slider({ scale, label, value, give, look });
  return radios({ kind, scale, label, value, give, look });
}

function slider({ scale, label, value, give, look }) {
  const middle = (scale.min + scale.max) / 2;
  const output = el("output", {}, String(value ?? middle));
  const input = el("input", {
    type: "range",
    min: scale.min,
    max: scale.max,
    step: scale.step ?? (scale.max - scale.min) / 100,
    value: value ?? middle,
    "aria-label": label,
    oninput: () => {
      output.textContent = input.value;
    },
  });
  return el(
    "div",
    { class: `slide ${look}` },
    input,
    output,
    button("pill strong", "Rate", () => give(Number(input.value))),
  );
}

function radios({ kind, scale, label, value, give, look }) {
  const values = valuesOf(scale);
  const options = values.map((each) =>
    el("span", { role: "radio", "aria-label": spoken(each, scale) }, kind === "numbers" ? String(each) : ""),
  );
  const group = el(
    "div",
    { role: "radiogroup", class: `${kind} ${look}`, "aria-label": label },
    kind === "stars" ? starsAround(options, values) : options,
  );

  let given = values.indexOf(value);
  const show = (at) => {
    for (const [i, option] of options.entries()) option.classList.toggle("full", i <= at);
  };
  const choose = (at) => {
    for (const [i, option] of options.entries()) {
      option.setAttribute("aria-checked", String(i === at));
      option.tabIndex = i === Math.max(at, 0) ? 0 : -1;
    }
    show(at);
  };
  const commit = (at) => {
    given = at;
    choose(at);
    give(values[at]);
  };

  group.addEventListener("click", ({ target }) => {
    const at = options.indexOf(target.closest("[role=radio]"));
    if (at >= 0) commit(at);
  });
  group.addEventListener("pointerover", ({ target }) => {
    const at = options.indexOf(target.closest("[role=radio]"));
    if (at >= 0) show(at);
  });
  group.addEventListener("pointerleave", () => choose(given));
  group.addEventListener("focusout", ({ relatedTarget }) => {
    if (!group.contains(relatedTarget)) choose(given);
  });
  group.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const at = options.indexOf(event.target);
    const chosen = event.target.getAttribute("aria-checked") === "true";
    let next = -1;
    if (FORWARD.includes(event.key)) next = chosen ? Math.min(at + 1, options.length - 1) : at;
    else if (BACK.includes(event.key)) next = Math.max(at - 1, 0);
    else if (event.key === "Home") next = 0;
    else if (event.key === "End") next = options.length - 1;
    if (next >= 0) {
      choose(next);
      options[next].focus();
    } else if (event.key === "Enter" || event.key === " ") commit(at);
    else if (digit(event.key, values) >= 0) commit(digit(event.key, values));
    else return;
    event.preventDefault();
  });
  choose(given);
  return group;
}

/** The place of the value that a digit stands for; 0 stands for ten where there is no nought. */
export function digit(key, values) {
  if (!/^\d$/.test(key)) return -1;
  const at = values.indexOf(Number(key));
  return at < 0 && key === "0" ? values.indexOf(10) : at;
}

/** Stars drawn under their options: one option a star, or two where the scale has halves. */
function starsAround(options, values) {
  const stars = new Map();
  for (const [i, option] of options.entries()) {
    const star = Math.ceil(values[i]);
    option.className = values[i] === star ? (stars.has(star) ? "right" : "whole") : "left";
    stars.set(star, [...(stars.get(star) ?? []), option]);
  }
  return [...stars].map(([, parts]) => el("span", { class: "star" }, parts, drawn()));
}

function drawn() {
  return svg(
    "svg",
    { viewBox: "0 0 24 24", "aria-hidden": "true" },
    svg("path", { class: "all", d: STAR }),
    svg("path", { class: "half", d: STAR }),
    svg("path", { class: "edge", d: STAR }),
  );
}

/** A rating as a short text for the eye and a full one for the ear. */
export const ratingText = (value, scale) =>
  el(
    "span",
    { class: "given" },
    el("span", { "aria-hidden": "true" }, shown(value, scale)),
    el("span", { class: "unseen" }, spoken(value, scale)),
  );
