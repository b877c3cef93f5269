// Search, theme and copying. Without this script the pages have none of the three, and all the rest.
"use strict";

const root = document.currentScript.dataset.root;

/* Theme: the system's, until the reader chooses. */
const theme = document.querySelector(".theme");
const dark = () => {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
};
const name = () => { theme.textContent = dark() ? "Light" : "Dark"; };
theme.hidden = false;
name();
theme.addEventListener("click", () => {
  const next = dark() ? "light" : "dark";
  document.documentElement.dataset.theme = next;
  localStorage.setItem("theme", next);
  name();
});

/* Copying: of a session, the commands alone. */
for (const block of document.querySelectorAll(".code:not(.output)")) {
  if (!navigator.clipboard) break;
  const button = document.createElement("button");
  button.className = "copy";
  button.type = "button";
  button.textContent = "Copy";
  button.addEventListener("click", async () => {
    const commands = [...block.querySelectorAll("kbd")].map((line) => line.textContent);
    await navigator.clipboard.writeText(commands.length ? commands.join("\n") : block.querySelector("pre").textContent);
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 1200);
  });
  block.append(button);
}

/* Search: sections that hold all the words; their heading counts more than the text and the page's title, a whole word more than a part of one. */
const search = document.querySelector(".search");
const [field, hits] = search.children;
search.hidden = false;

const folded = (text) => text.toLowerCase().normalize("NFKD").replace(/\p{M}/gu, "");
const sections = INDEX.map(([link, page, heading, text]) => ({
  link, page, heading, text, title: folded(heading || page), body: folded(text), around: folded(page),
}));

function weight({ title, body, around }, words) {
  let sum = 0;
  for (const word of words) {
    const whole = new RegExp("(^|[^\\p{L}\\p{N}])" + word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&") + "($|[^\\p{L}\\p{N}])", "u");
    if (title.includes(word)) sum += whole.test(title) ? 12 : 6;
    else if (body.includes(word)) sum += whole.test(body) ? 2 : 1;
    else if (around.includes(word)) sum += 1;
    else return 0;
  }
  return sum;
}

function excerpt({ text, body }, words) {
  const at = Math.max(0, ...words.map((word) => body.indexOf(word)));
  const start = at < 40 ? 0 : text.indexOf(" ", at - 40) + 1;
  return (start ? "… " : "") + text.slice(start, start + 120).replace(/\s+/g, " ");
}

function show() {
  const words = folded(field.value).split(/\s+/).filter(Boolean);
  const found = words.length === 0 ? [] : sections
    .map((section) => [weight(section, words), section])
    .filter(([sum]) => sum > 0)
    .sort(([a], [b]) => b - a)
    .slice(0, 12);
  hits.replaceChildren(...found.map(([, section]) => {
    const link = document.createElement("a");
    link.href = root + section.link;
    link.textContent = section.heading && section.heading !== section.page ? section.page + " › " + section.heading : section.page;
    const line = document.createElement("small");
    line.textContent = excerpt(section, words);
    link.append(line);
    const item = document.createElement("li");
    item.append(link);
    return item;
  }));
  if (words.length > 0 && found.length === 0) {
    const nothing = document.createElement("p");
    nothing.textContent = "Nothing has these words.";
    hits.append(nothing);
  }
  hits.hidden = words.length === 0;
}

field.addEventListener("input", show);
field.addEventListener("focus", show);
addEventListener("click", (event) => { if (!search.contains(event.target)) hits.hidden = true; });
search.addEventListener("keydown", (event) => {
  const links = [...hits.querySelectorAll("a")];
  const at = links.indexOf(document.activeElement);
  if (event.key === "Escape") { hits.hidden = true; field.blur(); }
  else if (event.key === "ArrowDown") { links[at + 1]?.focus(); event.preventDefault(); }
  else if (event.key === "ArrowUp") { (links[at - 1] ?? field).focus(); event.preventDefault(); }
  else if (event.key === "Enter" && at < 0) links[0]?.click();
});
addEventListener("keydown", (event) => {
  if (event.key === "/" && !event.target.matches("input, textarea")) { field.focus(); event.preventDefault(); }
});
