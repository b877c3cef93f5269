// The scale of the ratings: its values, what one is called, and how a rating comes over from another scale.

const MOST_VALUES = 11;

/** What a rating is where a model names no scale: one likes it, and that is all. */
export const LIKES = { min: 1, max: 1 };

/** Every value of a scale with few of them, in order; none of a scale that is better slid than pressed. */
export function valuesOf({ min, max, step = 1 }) {
  const n = Math.round((max - min) / step) + 1;
  if (n > MOST_VALUES) return [];
  return Array.from({ length: n }, (_, i) => Number((min + i * step).toFixed(6)));
}

/** How a rating is given: by `stars` on a scale that ends at five, `numbers`, one press of `like`, or `slider`. */
export function kindOf(scale) {
  if (scale.max <= scale.min) return "like";
  const values = valuesOf(scale);
  if (values.length === 0) return "slider";
  return scale.max === 5 && scale.min > 0 ? "stars" : "numbers";
}

/** "★ 4.5" where the scale has stars, a heart where there is nothing to say but yes, and else the number. */
export function shown(value, scale) {
  const kind = kindOf(scale);
  if (kind === "like") return "liked";
  return kind === "stars" ? `★${value}` : String(value);
}

/** The same to be read aloud: "4.5 stars". */
export function spoken(value, scale) {
  const kind = kindOf(scale);
  if (kind === "like") return "liked";
  if (kind === "stars") return value === 1 ? "1 star" : `${value} stars`;
  return `${value} of ${scale.max}`;
}

/**
 * A rating of one scale on another: the ends meet, what is between stays in proportion, and lands on a value. Where one can but like, what is below
 * the middle is nothing, undefined; and what was but liked is the most that there is.
 */
export function rescaled(value, from, to) {
  const part = from.max <= from.min ? 1 : (value - from.min) / (from.max - from.min);
  if (to.max <= to.min) return part >= 0.5 ? to.min : undefined;
  const step = to.step ?? (valuesOf(to).length ? 1 : 0);
  const exact = to.min + Math.min(1, Math.max(0, part)) * (to.max - to.min);
  return step ? Number((to.min + Math.round((exact - to.min) / step) * step).toFixed(6)) : Number(exact.toFixed(2));
}
