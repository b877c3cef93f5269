// Moving rows: where each stood before and stands now is one transform that runs out (first, last, invert, play).

const QUICK_MS = 420;
const EASE = "cubic-bezier(.2, .8, .2, 1)";
const still = matchMedia("(prefers-reduced-motion: reduce)");

const keyed = (list) => new Map([...list.children].filter((row) => row.dataset.key).map((row) => [row.dataset.key, row]));

/** Runs `change` on a list whose rows carry `data-key`, and lets each row travel from its old place to its new one. */
export function moving(list, change) {
  if (still.matches) {
    change();
    return;
  }
  const before = new Map([...keyed(list)].map(([key, row]) => [key, row.getBoundingClientRect().top]));
  const top = list.getBoundingClientRect().top;
  change();
  const shift = list.getBoundingClientRect().top - top;
  for (const [key, row] of keyed(list)) {
    const from = before.get(key);
    const by = from === undefined ? 0 : from + shift - row.getBoundingClientRect().top;
    if (from === undefined && before.size > 0)
      row.animate(
        [
          { opacity: 0, transform: "translateX(-.75rem)" },
          { opacity: 1, transform: "none" },
        ],
        { duration: QUICK_MS, easing: EASE },
      );
    else if (by !== 0) row.animate([{ transform: `translateY(${by}px)` }, { transform: "none" }], { duration: QUICK_MS, easing: EASE });
  }
}
