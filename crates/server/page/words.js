// The words of the page: what the items are called, what a rating is counted in, and how numbers look.

/** What the items of a model are called: films where the data are MovieLens', and else items. */
export const nouns = (model) => (model.data.startsWith("ml-") ? { one: "film", many: "films" } : { one: "item", many: "items" });

/** "1 film", "1,682 films". */
export const counted = (n, { one, many }) => `${whole.format(n)} ${n === 1 ? one : many}`;

export const RATING = { one: "rating", many: "ratings" };

const whole = new Intl.NumberFormat("en");
export const count = (n) => whole.format(n);

/** A number with so many places and a real minus sign. */
export const fixed = (x, places) => x.toFixed(places).replace("-", "−");

/** With how many places a part of this model's scores is told: scores of models that rank are small. */
export const placesOf = ({ task }) => (task === "rating" ? 2 : 3);

/** A part of a score: always with its sign. */
export const signed = (x, places) => {
  const rounded = Number(x.toFixed(places));
  return rounded > 0 ? `+${fixed(rounded, places)}` : fixed(rounded, places);
};

/** A model by its file's name, and its algorithm's where that is another. */
export const modelName = ({ name, algorithm }) => (name === algorithm ? name : `${name} · ${algorithm}`);

/** What an algorithm is, in the first words of its title. */
export const kindOfModel = ({ title }) => title.split(/[,:]/)[0].replace(/^./u, (first) => first.toUpperCase());

const YEAR = / \((1[89]\d\d|20\d\d)\)$/;

/** The year of an item: of its own, or at the end of its title. */
export const yearOf = ({ title, year }) => year ?? (Number(title?.match(YEAR)?.[1]) || undefined);

/** The title as one says it: "Matrix, The (1999)" is "The Matrix", and the year stands beside. */
export function titleOf(item) {
  if (!item.title) return String(item.id);
  const title = item.title.trim();
  return spoken(title.endsWith(`(${yearOf(item)})`) ? title.replace(YEAR, "") : title);
}

const ARTICLES = "The|A|An|Le|La|Les|L'|Un|Une|Il|Lo|Gli|Der|Die|Das|Den|Det|El|Los|Las";
const TRAILING = new RegExp(`^([^(]+), (${ARTICLES})(?= \\(|$)`);

function spoken(title) {
  return title.replace(TRAILING, (_, rest, article) => (article.endsWith("'") ? article + rest : `${article} ${rest}`));
}

/** What is known of an item beside its title, in one line. */
export function factsOf(item, { categories = 3, ratings = true } = {}) {
  const facts = [];
  const year = yearOf(item);
  if (year) facts.push(String(year));
  if (item.categories?.length) facts.push(item.categories.slice(0, categories).join(", "));
  if (ratings && item.ratings !== undefined) facts.push(counted(item.ratings, RATING));
  return facts.join(" · ");
}
