// The page can be read without this: it adds the choice of light or dark, quick tips, and the search on the map.
(() => {
  "use strict";
  const root = document.documentElement;
  const svgName = "http://www.w3.org/2000/svg";

  // Light or dark: the system's choice until the reader makes another; "#dark" in the address makes it too.
  const button = document.getElementById("theme");
  const isDark = () => getComputedStyle(root).colorScheme === "dark" ||
    (!root.dataset.theme && matchMedia("(prefers-color-scheme: dark)").matches);
  const show = () => { button.textContent = isDark() ? "Light" : "Dark"; };
  if (location.hash === "#dark" || location.hash === "#light") root.dataset.theme = location.hash.slice(1);
  button.hidden = false;
  button.addEventListener("click", () => { root.dataset.theme = isDark() ? "light" : "dark"; show(); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);
  show();

  // Tips: the text of a mark's title, at once instead of after the browser's pause, and on touch.
  const tip = document.createElement("div");
  tip.id = "tip";
  tip.hidden = true;
  document.body.append(tip);
  const textOf = (mark) => {
    const title = mark.querySelector("title");
    if (title) { mark.dataset.tip = title.textContent; title.remove(); }
    return mark.dataset.tip;
  };
  const place = (text, x, y) => {
    tip.textContent = text;
    tip.hidden = false;
    const box = tip.getBoundingClientRect();
    const left = Math.min(Math.max(8, x - box.width / 2), innerWidth - box.width - 8);
    const top = y - box.height - 14 > 4 ? y - box.height - 14 : y + 20;
    tip.style.transform = `translate(${left}px, ${top}px)`;
  };
  const hide = () => { tip.hidden = true; };
  for (const plot of document.querySelectorAll("figure:not(.map) .plot")) {
    const over = (event) => {
      const mark = event.target.closest("rect.bar, rect.target, circle");
      if (mark && textOf(mark)) place(textOf(mark), event.clientX, event.clientY); else hide();
    };
    plot.addEventListener("pointermove", over);
    plot.addEventListener("pointerdown", over);
    plot.addEventListener("pointerleave", hide);
  }
  addEventListener("scroll", hide, { passive: true });

  const figure = document.querySelector("figure.map");
  if (!figure) return;
  const svg = figure.querySelector(".plot > svg");
  const items = [...svg.querySelectorAll(".item")].map((mark) => ({
    mark, text: textOf(mark), x: parseFloat(mark.getAttribute("cx")), y: parseFloat(mark.getAttribute("cy")),
    radius: parseFloat(mark.getAttribute("r")),
  }));
  const status = figure.querySelector(".found");
  let current = null;
  const at = (item) => {
    if (current) current.mark.classList.remove("at");
    current = item;
    if (!item) { hide(); return; }
    item.mark.classList.add("at");
    const box = svg.getBoundingClientRect();
    place(item.text, box.left + item.x / 100 * box.width, box.top + item.y / 100 * box.height);
  };

  // Pointer and finger: the nearest dot within reach, for the small ones are hard to hit.
  const point = (event) => {
    const box = svg.getBoundingClientRect();
    const x = event.clientX - box.left, y = event.clientY - box.top;
    let best = null, distance = event.pointerType === "touch" ? 28 : 12;
    for (const item of items) {
      const d = Math.hypot(item.x / 100 * box.width - x, item.y / 100 * box.height - y) - item.radius;
      if (d < distance) { distance = d; best = item; }
    }
    at(best);
  };
  svg.addEventListener("pointermove", point);
  svg.addEventListener("pointerdown", point);
  svg.addEventListener("pointerleave", () => at(null));

  // Keyboard: the arrows go to the nearest dot on that side.
  svg.setAttribute("tabindex", "0");
  svg.setAttribute("aria-description", "The arrow keys go from item to item.");
  const toward = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  svg.addEventListener("focus", () => { if (!current) { at(items[0]); status.textContent = items[0].text; } });
  svg.addEventListener("blur", () => at(null));
  svg.addEventListener("keydown", (event) => {
    const way = toward[event.key];
    if (event.key === "Escape") at(null);
    if (!way) return;
    event.preventDefault();
    const from = current || items[0];
    let best = null, least = Infinity;
    for (const item of items) {
      const dx = item.x - from.x, dy = item.y - from.y;
      const along = dx * way[0] + dy * way[1], aside = Math.abs(dx * way[1]) + Math.abs(dy * way[0]);
      const cost = along + 2 * aside;
      if (item !== from && along > 0 && aside <= along && cost < least) { least = cost; best = item; }
    }
    if (best) { at(best); status.textContent = best.text; }
  });

  // Search: the matching titles stand out, the first ones by name.
  const label = figure.querySelector(".search");
  const input = label.querySelector("input");
  label.hidden = false;
  input.addEventListener("input", () => {
    const wanted = input.value.trim().toLowerCase();
    for (const old of svg.querySelectorAll(".found-title")) old.remove();
    const hits = wanted ? items.filter((item) => item.text.split("\u2002")[0].toLowerCase().includes(wanted)) : [];
    const found = new Set(hits);
    for (const item of items) item.mark.classList.toggle("hit", found.has(item));
    figure.classList.toggle("searching", hits.length > 0);
    status.textContent = !wanted ? "" : hits.length === 1 ? hits[0].text : `${hits.length} titles`;
    for (const item of hits.slice(0, 12)) {
      const text = document.createElementNS(svgName, "text");
      const left = item.x > 50;
      text.setAttribute("class", "label found-title");
      text.setAttribute("x", item.x + "%");
      text.setAttribute("y", item.y + "%");
      text.setAttribute("dx", left ? -item.radius - 4 : item.radius + 4);
      text.setAttribute("dy", 4);
      text.setAttribute("text-anchor", left ? "end" : "start");
      text.textContent = item.text.split("\u2002")[0];
      svg.append(text);
    }
  });
})();
