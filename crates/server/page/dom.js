// Elements from code. Text enters by `textContent` alone, so what stands in the data is never read as markup.

const SVG = "http://www.w3.org/2000/svg";

/** The element with that id. */
export const byId = (id) => document.getElementById(id);

function filled(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child !== undefined && child !== null && child !== false));
  return node;
}

/** An HTML element: `on…` attributes are listeners, false and absent ones are left out. */
export const el = (tag, attributes = {}, ...children) => filled(document.createElement(tag), attributes, children);

/** The same for SVG. */
export const svg = (tag, attributes = {}, ...children) => filled(document.createElementNS(SVG, tag), attributes, children);

/** A button that is no submit button. */
export const button = (look, text, onclick, attributes = {}) => el("button", { type: "button", class: look, onclick, ...attributes }, text);

/** Marks an element busy while `work` is under way, until it ends or fails; a newer piece of work, which aborts this one, takes the mark over. */
export async function during(node, signal, work) {
  node.setAttribute("aria-busy", "true");
  try {
    return await work(signal);
  } finally {
    if (!signal.aborted) node.setAttribute("aria-busy", "false");
  }
}

let saying;
/** Tells a screen reader, after a moment in which a newer sentence may take the place of this one. */
export function say(text) {
  clearTimeout(saying);
  saying = setTimeout(() => {
    byId("live").textContent = text;
  }, 120);
}
