// What the person said: ratings, what they have not seen, what they do not want. It lives in memory, and every change can be taken back.

const copyOf = ({ ratings, skipped, hidden }) => ({ ratings: new Map(ratings), skipped: new Set(skipped), hidden: new Map(hidden) });

/** Ids are numbers or text, as in the data; here and in requests they are text. */
export const idOf = (item) => String(item.id);

export class Store extends EventTarget {
  #now = { ratings: new Map(), skipped: new Set(), hidden: new Map() };
  #past = [];

  /** By id: `{ item, value }`, the newest last. */
  get ratings() {
    return this.#now.ratings;
  }

  /** The ids of what was not seen. */
  get skipped() {
    return this.#now.skipped;
  }

  /** By id: the items that are not wanted in the list. */
  get hidden() {
    return this.#now.hidden;
  }

  /** All that is known of an item, where it is a rated one. */
  itemOf(item) {
    return this.ratings.get(idOf(item))?.item ?? item;
  }

  /** What `undo` would take back, in words, or undefined. */
  get last() {
    return this.#past.at(-1)?.what;
  }

  /** The ratings as the server wants them. */
  get asked() {
    return [...this.ratings].map(([item, { value }]) => ({ item, value }));
  }

  rate(item, value, what) {
    this.#change(what, ({ ratings, skipped }) => {
      ratings.set(idOf(item), { item, value });
      skipped.delete(idOf(item));
    });
  }

  /** Many at once, as one step to take back. */
  rateAll(rated, what) {
    this.#change(what, ({ ratings }) => {
      for (const { item, value } of rated) ratings.set(idOf(item), { item, value });
    });
  }

  /** These ratings and nothing else, with nothing to take back: what was said before may have been said of another catalogue. */
  begin(rated, what) {
    this.#now = { ratings: new Map(rated.map((one) => [idOf(one.item), one])), skipped: new Set(), hidden: new Map() };
    this.#past = [];
    this.dispatchEvent(new CustomEvent("change", { detail: what }));
  }

  unrate(item, what) {
    this.#change(what, ({ ratings }) => ratings.delete(idOf(item)));
  }

  skip(item, what) {
    this.#change(what, ({ skipped }) => skipped.add(idOf(item)));
  }

  hide(item, what) {
    this.#change(what, ({ hidden }) => hidden.set(idOf(item), item));
  }

  unhideAll(what) {
    this.#change(what, ({ hidden }) => hidden.clear());
  }

  clear(what) {
    this.#change(what, (next) => Object.assign(next, { ratings: new Map(), skipped: new Set(), hidden: new Map() }));
  }

  /** Takes the last change back and returns what it was. */
  undo() {
    const step = this.#past.pop();
    if (!step) return undefined;
    this.#now = step.before;
    this.dispatchEvent(new CustomEvent("change", { detail: `Taken back: ${step.what}` }));
    return step.what;
  }

  #change(what, edit) {
    const before = this.#now;
    this.#now = copyOf(before);
    edit(this.#now);
    this.#past.push({ before, what });
    this.dispatchEvent(new CustomEvent("change", { detail: what }));
  }
}
