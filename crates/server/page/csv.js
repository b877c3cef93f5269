// Exports of ratings: a CSV reader (RFC 4180, with any of three delimiters) and what the columns of the well-known exports mean.

/** The rows of a text, each a list of fields. */
export function parsed(text) {
  const body = text.replace(/^\uFEFF/, "");
  const delimiter = delimiterOf(body.slice(0, body.search(/[\r\n]|$/)));
  const rows = [];
  let row = [],
    field = "",
    isQuoted = false,
    at = 0;
  const endField = () => {
    row.push(field);
    field = "";
  };
  const endRow = () => {
    endField();
    if (row.length > 1 || row[0] !== "") rows.push(row);
    row = [];
  };
  while (at < body.length) {
    const sign = body[at];
    if (isQuoted) {
      if (sign !== '"') field += sign;
      else if (body[at + 1] === '"') {
        field += '"';
        at += 1;
      } else isQuoted = false;
    } else if (sign === '"' && field === "") isQuoted = true;
    else if (sign === delimiter) endField();
    else if (sign === "\n") endRow();
    else if (sign !== "\r") field += sign;
    at += 1;
  }
  endRow();
  return rows;
}

const delimiterOf = (head) => [",", ";", "\t"].map((sign) => [head.split(sign).length, sign]).sort(([a], [b]) => b - a)[0][1];

const FORMATS = [
  { name: "IMDb", title: "title", rating: "your rating", scale: { min: 1, max: 10 } },
  { name: "Letterboxd", title: "name", rating: "rating", scale: { min: 0.5, max: 5 } },
  { name: "CSV", title: "title", rating: "rating" },
  { name: "CSV", id: "item", rating: "rating" },
];

/**
 * The ratings of an export: `{ name, scale, rows: [{ line, title?, id?, year?, value }], empty, unread }`. Rows without a rating are counted in
 * `empty`; `unread` lists those whose rating is no number or off the export's scale. `scale` is absent where ratings are in the model's own.
 * Throws an Error that says which columns are missing.
 */
export function ratingsOf(text) {
  const [head = [], ...rows] = parsed(text);
  const columns = head.map((name) => name.trim().toLowerCase());
  const place = (name) => columns.indexOf(name);
  const format = FORMATS.find(({ title, id, rating }) => place(title ?? id) >= 0 && place(rating) >= 0);
  if (!format) throw new Error(missing(head));
  const found = { name: format.name, scale: format.scale, rows: [], empty: 0, unread: [] };
  for (const [i, row] of rows.entries()) {
    const cell = (name) => row[place(name)]?.trim() ?? "";
    const given = cell(format.rating);
    const value = Number(given);
    const one = {
      line: i + 2,
      title: format.title && cell(format.title),
      id: format.id && cell(format.id),
      year: Number(cell("year")) || undefined,
      value,
    };
    if (given === "") found.empty += 1;
    else if (!Number.isFinite(value) || (format.scale && (value < format.scale.min || value > format.scale.max)) || !(one.title || one.id))
      found.unread.push({ ...one, given });
    else found.rows.push(one);
  }
  return found;
}

function missing(head) {
  const seen =
    head.length > 0 && head.join("")
      ? `The first line has ${head
          .slice(0, 8)
          .map((name) => `“${name.trim().slice(0, 40)}”`)
          .join(", ")}.`
      : "The file is empty.";
  return `${seen} It needs the columns Name and Rating (Letterboxd), Title and Your Rating (IMDb), or item and rating.`;
}
