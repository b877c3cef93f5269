// The link that holds the ratings: `#model=films&rated=50:5,181:4.5`. Browsers do not send what follows the `#`.

import { byId, say } from "./dom.js";

/** The part of the address after `#`. Ids are escaped, so that they may hold any sign. */
export function written({ model, beside, ratings }) {
  const rated = ratings.map(({ item, value }) => `${encodeURIComponent(item)}:${value}`).join(",");
  const parts = [`model=${encodeURIComponent(model)}`];
  if (beside) parts.push(`beside=${encodeURIComponent(beside)}`);
  if (rated) parts.push(`rated=${rated}`);
  return `#${parts.join("&")}`;
}

/** Reads what `written` wrote; what cannot be read is left out. Undefined where the address holds no ratings. */
export function read(hash) {
  const parts = new Map(
    hash
      .slice(1)
      .split("&")
      .map((part) => [part.slice(0, part.indexOf("=")), part.slice(part.indexOf("=") + 1)]),
  );
  if (!parts.has("rated")) return undefined;
  const rated = parts
    .get("rated")
    .split(",")
    .map((pair) => {
      const [id, value] = pair.split(":");
      return { id: unescaped(id), value: Number(value) };
    });
  return {
    model: unescaped(parts.get("model")),
    beside: unescaped(parts.get("beside")),
    rated: rated.filter(({ id, value }) => id && Number.isFinite(value)),
  };
}

function unescaped(text) {
  if (text === undefined) return undefined;
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

/** The dialog with the link; `follow()` puts the ratings into the address and returns it. */
export function makeShare(follow) {
  const dialog = byId("share"),
    field = byId("link"),
    copy = byId("copy");
  byId("share-open").addEventListener("click", () => {
    field.value = follow();
    copy.textContent = "Copy";
    dialog.showModal();
    field.select();
  });
  // Over plain HTTP browsers give no clipboard: then the selected text is copied by hand.
  copy.hidden = !navigator.clipboard;
  copy.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(field.value);
      copy.textContent = "Copied";
      say("The link is copied");
    } catch {
      field.select();
      say("The browser does not let this page copy; the link is selected");
    }
  });
}
