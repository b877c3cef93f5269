// The import: reads an export, looks its titles up, tells what was found, and rates on a press.

import { isAbort } from "./api.js";
import { ratingsOf } from "./csv.js";
import { button, byId, el } from "./dom.js";
import { looked } from "./match.js";
import { kindOf, rescaled, shown } from "./scale.js";
import { idOf } from "./state.js";
import { count, counted, RATING, titleOf, yearOf } from "./words.js";

const MOST_MIB = 20;

export function makeImport({ store, world }) {
  const dialog = byId("import"),
    file = byId("file"),
    drop = byId("drop"),
    report = byId("import-report"),
    progress = byId("import-progress");
  let controller;

  const stop = () => controller?.abort();
  byId("import-open").addEventListener("click", () => {
    reset();
    dialog.showModal();
  });
  dialog.addEventListener("close", stop);
  file.addEventListener("change", () => {
    if (file.files[0]) take(file.files[0]);
    file.value = "";
  });
  for (const kind of ["dragover", "dragleave", "drop"]) {
    drop.addEventListener(kind, (event) => {
      event.preventDefault();
      drop.classList.toggle("over", kind === "dragover");
      if (kind === "drop" && event.dataTransfer.files[0]) take(event.dataTransfer.files[0]);
    });
  }

  function reset() {
    stop();
    report.hidden = true;
    progress.hidden = true;
    drop.hidden = false;
  }

  const tell = (...children) => {
    progress.hidden = true;
    report.replaceChildren(...children);
    report.hidden = false;
    report.focus();
  };
  const refuse = (head, text) => {
    tell(el("h3", {}, head), el("p", {}, text));
    drop.hidden = false;
  };

  async function take(chosen) {
    reset();
    if (chosen.size > MOST_MIB * 2 ** 20) {
      refuse("This file is too large", `It is larger than ${MOST_MIB} MiB; an export of ratings is much smaller.`);
      return;
    }
    let read;
    try {
      read = ratingsOf(await chosen.text());
    } catch (error) {
      refuse("This file is no export of ratings that is known here", error.message);
      return;
    }
    if (read.rows.length === 0) {
      refuse("No row of this file has a rating", "Perhaps it is the list of what you watched; the ratings stand in a file of their own.");
      return;
    }
    drop.hidden = true;
    progress.hidden = false;
    controller = new AbortController();
    try {
      settle(read, await looked(read.rows, world.model, { signal: controller.signal, step: (done) => step(done, read.rows.length) }));
    } catch (error) {
      if (!isAbort(error)) refuse(error.title ?? "The import failed", `${error.message} Nothing has been rated.`);
    }
  }

  function step(done, all) {
    byId("import-bar").max = all;
    byId("import-bar").value = done;
    byId("import-step").textContent = `Looking up ${count(all)} titles`;
  }

  function settle({ name, scale, rows, empty, unread }, items) {
    const own = world.model.scale;
    const isOff = (value) => !scale && (value < own.min || value > own.max);
    const off = rows.filter((row, i) => items[i] && isOff(row.value));
    const known = new Map();
    let disliked = 0;
    for (const [i, { value: from }] of rows.entries()) {
      if (!items[i] || isOff(from)) continue;
      const value = scale ? rescaled(from, scale, own) : from;
      if (value === undefined) disliked += 1;
      else known.set(idOf(items[i]), { item: items[i], value, from });
    }
    const missing = rows.filter((_, i) => !items[i]);
    const taken = [...known.values()];
    const wrong = [...unread, ...off.map((row) => ({ ...row, given: row.value }))];
    tell(
      ...[
        el("h3", {}, `${count(taken.length)} of ${counted(rows.length + unread.length, RATING)} found in the catalogue`),
        el(
          "p",
          { class: "small" },
          [
            name === "CSV" ? "" : `An export of ${name}. `,
            brought(scale, own),
            disliked > 0 ? `Left out: ${counted(disliked, RATING)} below the middle. ` : "",
            empty > 0 ? `Left out: ${counted(empty, { one: "row", many: "rows" })} without a rating.` : "",
          ].join(""),
        ),
        taken.length > 0 &&
          button("pill strong", `Rate these ${counted(taken.length, world.words)}`, () => {
            store.rateAll(taken, `${counted(taken.length, RATING)} imported`);
            dialog.close();
          }),
        listed(
          "Not found",
          missing.map(({ title, id, year }) => (year ? `${title ?? id} (${year})` : (title ?? id))),
        ),
        listed(
          "Not read",
          wrong.map(({ line, title, id, given }) => `Line ${line}: ${title || id || "no title"}, rated “${given}”`),
        ),
        listed(
          "Found",
          taken.map(
            ({ item, value, from }) => `${titleOf(item)}${yearOf(item) ? ` (${yearOf(item)})` : ""}: ${from} → ${shown(value, own)}`,
          ),
        ),
      ].filter(Boolean),
    );
  }

  /** How ratings came over to the model's scale, in words. */
  function brought(scale, own) {
    if (!scale) return "";
    if (kindOf(own) === "like") return "This model knows what is liked and nothing else. ";
    return `Ratings from ${scale.min} to ${scale.max} were brought to the scale of the model, ${own.min} to ${own.max}. `;
  }

  const listed = (head, lines) =>
    lines.length > 0 &&
    el(
      "details",
      { open: head === "Not found" && lines.length <= 12 },
      el("summary", {}, `${head}: ${count(lines.length)}`),
      el(
        "ul",
        {},
        lines.map((line) => el("li", {}, line)),
      ),
    );
}
