// Finding the titles of an export in the catalogue: by what is left of a title without articles, accents and signs, and by a year that may be one off.

import { ask } from "./api.js";
import { titleOf, yearOf } from "./words.js";

const CANDIDATES = 20;
const AT_ONCE = 4;
const YEARS_OFF = 1;

const ARTICLE = /^(the|a|an|le|la|les|l|un|une|il|lo|gli|der|die|das|el|los|las) /;

/** What two spellings of one title have in common. */
export function keyOf(title) {
  const plain = title
    .toLowerCase()
    .normalize("NFKD")
    .replace(/\p{M}/gu, "")
    .replace(/&/g, " and ")
    .replace(/['’`]/g, "")
    .replace(/[^\p{L}\p{N}]+/gu, " ")
    .trim();
  return plain.replace(ARTICLE, "");
}

/** The keys of a title: of the whole, without what stands in brackets, and of each bracket ("a.k.a." aside). */
export function keysOf(title) {
  const brackets = [...title.matchAll(/\(([^)]*)\)/g)].map(([, inner]) =>
    inner.replace(/^a\.?k\.?a\.? /i, "").replace(/^(.*), (the|a|an|le|la|les)$/i, "$2 $1"),
  );
  const bare = title
    .replace(/\([^)]*\)/g, " ")
    .trim()
    .replace(/^(.*), (the|a|an|le|la|les)$/i, "$2 $1");
  return new Set([title, bare, ...brackets].map(keyOf).filter(Boolean));
}

const isNear = (a, b) => !a || !b || Math.abs(a - b) <= YEARS_OFF;

/** Which of the items this row of an export means, or undefined. */
export function matching({ title, year }, items) {
  const wanted = keyOf(title);
  const same = items.filter((item) => isNear(year, yearOf(item)) && keysOf(titleOf(item)).has(wanted));
  return same.find((item) => yearOf(item) === year) ?? same[0];
}

/** What to search the catalogue for, the likelier first: an article may stand at the end there, and where signs differ, the longest word may still be the same. */
function searches(title) {
  const bare = title.replace(/^(the|a|an) /i, "");
  const [longest] = keyOf(title)
    .split(" ")
    .sort((a, b) => b.length - a.length);
  return [...new Set([bare, longest].filter(Boolean))];
}

const later = (seconds, signal) =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, seconds * 1000);
    signal?.addEventListener(
      "abort",
      () => {
        clearTimeout(timer);
        reject(signal.reason);
      },
      { once: true },
    );
  });

/** Asks, and waits as long as the server wishes where it has had enough. */
async function patiently(path, signal) {
  for (;;) {
    try {
      return await ask(path, { signal });
    } catch (error) {
      if (error.kind !== "too-many-requests") throw error;
      await later(error.wait, signal);
    }
  }
}

async function found(row, model, signal) {
  const of = `model=${encodeURIComponent(model.name)}`;
  if (row.id) {
    try {
      return await patiently(`v1/items/${encodeURIComponent(row.id)}?${of}`, signal);
    } catch (error) {
      if (error.kind === "unknown-item" || error.kind === "ambiguous-item") return undefined;
      throw error;
    }
  }
  for (const text of searches(row.title)) {
    const { items } = await patiently(`v1/items?search=${encodeURIComponent(text)}&n=${CANDIDATES}&${of}`, signal);
    const item = matching(row, items);
    if (item) return item;
  }
  return undefined;
}

/** The item of each row, in their order, undefined where there is none; a few are looked up at a time. */
export async function looked(rows, model, { signal, step } = {}) {
  const items = new Array(rows.length);
  let next = 0,
    done = 0;
  const work = async () => {
    while (next < rows.length) {
      const at = next++;
      items[at] = await found(rows[at], model, signal);
      step?.(++done);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return items;
}
