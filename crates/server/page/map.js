// The map of the catalogue: what the same people like lies the same way from the centre. Picks are numbered, ratings filled; a dot that is pressed becomes the question.

import { ask, Line } from "./api.js";
import { byId, el, svg } from "./dom.js";
import { shown } from "./scale.js";
import { idOf } from "./state.js";
import { factsOf, titleOf } from "./words.js";

const MOST = 400;
const MARGIN = 26;
const REACH = { mouse: 14, touch: 28 };
const LABELS = 46;
const SIGN = 6.6;
const LINE = 15;

export class CatalogueMap {
  #plot = byId("plot");
  #remark = byId("map-remark");
  #tip = el("div", { class: "tip", hidden: true });
  #root = svg("svg", {
    tabindex: "0",
    role: "application",
    "aria-roledescription": "map",
    "aria-labelledby": "map-title",
    "aria-describedby": "map-caption",
  });
  #line = new Line();
  #store;
  #world;
  #choose;
  #points = [];
  #axes;
  #places = new Map();
  #at;

  constructor({ store, world, choose }) {
    this.#store = store;
    this.#world = world;
    this.#choose = choose;
    this.#plot.append(this.#root, this.#tip);
    new ResizeObserver(() => this.#draw()).observe(this.#plot);
    this.#root.addEventListener("pointermove", (event) => this.#go(this.#nearest(event)));
    this.#root.addEventListener("pointerleave", () => this.#go(undefined));
    this.#root.addEventListener("click", (event) => {
      const point = this.#nearest(event);
      if (point) this.#choose(point);
    });
    this.#root.addEventListener("focus", () => {
      if (!this.#at) this.#go(this.#points[0], true);
    });
    this.#root.addEventListener("blur", () => this.#go(undefined));
    this.#root.addEventListener("keydown", (event) => this.#press(event));
  }

  /** Asks for the points of this model; a model that has none has no map. */
  async load() {
    const signal = this.#line.next();
    const section = byId("map");
    const { model, words } = this.#world;
    try {
      ({ points: this.#points, axes: this.#axes } = await ask(`v1/map?n=${MOST}&model=${encodeURIComponent(model.name)}`, { signal }));
    } catch (error) {
      if (error.kind !== "unsupported" && error.kind !== "not-found") throw error;
      this.#points = [];
    }
    section.hidden = this.#points.length === 0;
    byId("map-title").textContent = `The ${this.#points.length} best-known ${words.many}, on a map`;
    byId("map-caption").textContent = [
      "What the same people like lies the same way from the centre. Numbered: your list. In bold: what you rated.",
      between(this.#axes),
      "Press a dot to rate it; with the keyboard, the arrows go from dot to dot and Enter takes one.",
    ]
      .filter(Boolean)
      .join(" ");
    this.#draw();
  }

  /** Marks the list's picks by their places. */
  mark(places) {
    this.#places = places;
    this.#draw();
  }

  #draw() {
    const { width, height } = this.#plot.getBoundingClientRect();
    if (this.#points.length === 0 || width === 0) return;
    const across = fitted(
        this.#points.map(({ x }) => x),
        width,
      ),
      down = fitted(
        this.#points.map(({ y }) => -y),
        height,
      );
    for (const point of this.#points) {
      point.px = across(point.x);
      point.py = down(-point.y);
    }
    const rated = (point) => this.#store.ratings.has(idOf(point)),
      picked = (point) => this.#places.has(idOf(point));
    const most = Math.max(...this.#points.map(({ ratings }) => ratings));
    for (const point of this.#points) point.r = picked(point) ? 10 : rated(point) ? 6 : 2 + 3.5 * Math.sqrt(point.ratings / most);
    const ordered = [...this.#points].sort((a, b) => picked(a) - picked(b) || rated(a) - rated(b));
    this.#root.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.#root.replaceChildren(
      ...ordered.map((point) => this.#dot(point, rated(point), picked(point))),
      ...labelled(
        [...this.#points].sort((a, b) => picked(b) - picked(a) || rated(b) - rated(a) || b.ratings - a.ratings),
        width,
        height,
      ).map(({ point, x, y, end }) =>
        svg(
          "text",
          { class: `label${picked(point) || rated(point) ? " strong" : ""}`, x, y, "text-anchor": end ? "end" : "start" },
          short(titleOf(point)),
        ),
      ),
    );
    this.#go(this.#at);
  }

  #dot(point, isRated, isPicked) {
    const circle = svg("circle", {
      cx: point.px,
      cy: point.py,
      r: point.r,
      class: `point${isRated ? " rated" : ""}${isPicked ? " picked" : ""}`,
    });
    if (!isPicked) return circle;
    return svg(
      "g",
      {},
      circle,
      svg("text", { class: "number", x: point.px, y: point.py + 4, "text-anchor": "middle" }, String(this.#places.get(idOf(point)))),
    );
  }

  #nearest({ clientX, clientY, pointerType }) {
    const box = this.#plot.getBoundingClientRect();
    const x = clientX - box.left,
      y = clientY - box.top;
    let best,
      least = REACH[pointerType] ?? REACH.mouse;
    for (const point of this.#points) {
      const distance = Math.hypot(point.px - x, point.py - y) - point.r;
      if (distance < least) {
        least = distance;
        best = point;
      }
    }
    return best;
  }

  /** Puts the tip beside a dot, or away; `aloud` says what it holds. */
  #go(point, aloud = false) {
    this.#at = point;
    this.#root.querySelector(".at")?.remove();
    this.#tip.hidden = !point;
    this.#plot.classList.toggle("near", Boolean(point));
    if (!point) return;
    const text = this.#told(point);
    this.#tip.replaceChildren(el("b", {}, titleOf(point)), text);
    this.#root.append(svg("circle", { class: "at", cx: point.px, cy: point.py, r: point.r + 3 }));
    const { width } = this.#plot.getBoundingClientRect();
    const tip = this.#tip.getBoundingClientRect();
    const left = Math.min(Math.max(4, point.px - tip.width / 2), width - tip.width - 4);
    const top = point.py - point.r - tip.height - 8;
    this.#tip.style.transform = `translate(${left}px, ${top > 4 ? top : point.py + point.r + 10}px)`;
    if (aloud) this.#remark.textContent = `${titleOf(point)}. ${text}`;
  }

  #told(point) {
    const rated = this.#store.ratings.get(idOf(point)),
      place = this.#places.get(idOf(point));
    return [factsOf(point), rated && `yours: ${shown(rated.value, this.#world.model.scale)}`, place && `no. ${place} of your list`]
      .filter(Boolean)
      .join(" · ");
  }

  #press(event) {
    const toward = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (toward) {
      const next = this.#beyond(this.#at ?? this.#points[0], toward);
      if (next) this.#go(next, true);
    } else if (event.key === "Enter" && this.#at) this.#choose(this.#at);
    else if (event.key === "Escape") this.#go(undefined);
    else return;
    event.preventDefault();
  }

  /** The nearest dot on that side: what lies aside counts double. */
  #beyond(from, [right, down]) {
    let best,
      least = Infinity;
    for (const point of this.#points) {
      const dx = point.px - from.px,
        dy = point.py - from.py;
      const along = dx * right + dy * down,
        aside = Math.abs(dx * down) + Math.abs(dy * right);
      if (point !== from && along > 0 && aside <= along && along + 2 * aside < least) {
        least = along + 2 * aside;
        best = point;
      }
    }
    return best;
  }
}

/** What lies at the ends of the axes, where the server names it. */
function between(axes) {
  if (!axes) return "";
  const [across, up] = axes.map(({ low, high }) => `${titleOf({ title: low })} to ${titleOf({ title: high })}`);
  return `From left to right: ${across}; from bottom to top: ${up}.`;
}

/** The straight line that brings these coordinates into so many pixels. */
function fitted(values, pixels) {
  const low = Math.min(...values),
    high = Math.max(...values);
  return (value) => MARGIN + ((value - low) / (high - low || 1)) * (pixels - 2 * MARGIN);
}

const MOST_SIGNS = 28;
const short = (title) => (title.length > MOST_SIGNS ? `${title.slice(0, MOST_SIGNS - 1).trimEnd()}…` : title);

/** Which dots bear their titles, and where: the first come first, and none lies on another or over a numbered dot. */
function labelled(points, width, height) {
  const boxes = points.filter(({ r }) => r >= 6).map(({ px, py, r }) => ({ left: px - r, right: px + r, top: py - r, bottom: py + r }));
  const labels = [];
  for (const point of points) {
    if (labels.length >= LABELS) break;
    const long = short(titleOf(point)).length * SIGN;
    for (const end of point.px > width / 2 ? [true, false] : [false, true]) {
      const x = end ? point.px - point.r - 4 : point.px + point.r + 4;
      const box = { left: end ? x - long : x, right: end ? x : x + long, top: point.py - LINE / 2, bottom: point.py + LINE / 2 };
      const isFree =
        box.left > 2 &&
        box.right < width - 2 &&
        box.top > 2 &&
        box.bottom < height - 2 &&
        boxes.every((other) => other.right < box.left || other.left > box.right || other.bottom < box.top || other.top > box.bottom);
      if (!isFree) continue;
      boxes.push(box);
      labels.push({ point, x, y: point.py + 4, end });
      break;
    }
  }
  return labels;
}
