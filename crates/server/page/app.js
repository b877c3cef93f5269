// The page of `cofactor serve`: wires what the person says (`state.js`) to what the server answers (`api.js`) and shows both.

import { ask, isAbort, Line } from "./api.js";
import { makeControls } from "./controls.js";
import { button, byId, during, el, say } from "./dom.js";
import { makeImport } from "./import.js";
import { CatalogueMap } from "./map.js";
import { looked } from "./match.js";
import { Notice } from "./notice.js";
import { Picks } from "./picks.js";
import { Question } from "./question.js";
import { Ratings } from "./ratings.js";
import { LIKES, rescaled } from "./scale.js";
import { makeSearch } from "./search.js";
import { makeShare, read, written } from "./share.js";
import { idOf, Store } from "./state.js";
import { count, counted, fixed, kindOfModel, modelName, nouns, RATING, titleOf, yearOf } from "./words.js";

const PICKS = 10;
const DEFAULT_SPREAD = 1;

const store = new Store();
/** The model in use and its words; set before anything is asked. */
const world = { models: [], model: undefined, words: undefined };
const notice = new Notice();
const question = new Question(store, world);
const ratings = new Ratings(store, world);
const map = new CatalogueMap({ store, world, choose: (item) => question.choose(item) });
const lists = new Line();
const controls = makeControls({ changed: (what) => refreshList(what) });

let first, beside;
let isFollowed = false;
let spread = DEFAULT_SPREAD;

const failed = (error, again = () => refresh()) => {
  if (!isAbort(error)) notice.show(error, again);
};
const newPicks = (model) => new Picks({ store, model, rate: (item) => question.choose(item), failed });

/** Asks for everything that depends on what the person said. */
async function refresh(what = "") {
  ratings.show();
  hiddenRemark();
  if (isFollowed) history.replaceState(null, "", address());
  try {
    const [list, next] = await Promise.all([listed(), question.refresh()]);
    notice.clear();
    announce(what, list, next);
  } catch (error) {
    failed(error, () => refresh(what));
  }
}

async function refreshList(what) {
  try {
    announce(what, await listed());
    notice.clear();
  } catch (error) {
    failed(error, () => refreshList(what));
  }
}

/** Fetches the list, and the one beside it, and shows them together. */
async function listed() {
  const begun = performance.now();
  const wishes = (model) => ({ n: PICKS, ...controls.wishes(model, spread) });
  const [answer, other] = await during(byId("lists"), lists.next(), (signal) =>
    Promise.all([first.fetch(wishes(first.model), signal), beside?.fetch(wishes(beside.model), signal)]),
  );
  const took = performance.now() - begun;
  const scores = answer.picks.map(({ score }) => score);
  if (scores.length > 1 && byId("popularity").value === "0") spread = Math.max(...scores) - Math.min(...scores) || DEFAULT_SPREAD;
  if (beside) beside.show(other, { places: ranksOf(answer) });
  const fresh = first.show(answer, beside);
  map.mark(first.places);
  remark(answer, other, took);
  peek(answer.picks[0]);
  return { picks: answer.picks, fresh };
}

const ranksOf = ({ picks }) => new Map(picks.map((pick, i) => [idOf(pick), i + 1]));

function announce(what, { picks, fresh }, next) {
  const list =
    picks.length === 0
      ? "The list is empty"
      : `First now: ${titleOf(picks[0])}. ${fresh === 0 ? "No pick is new" : fresh === 1 ? "1 pick is new" : `${fresh} picks are new`}`;
  say(
    [what, list, next && `Next question: ${titleOf(next)}`]
      .filter(Boolean)
      .map((text) => `${text}.`)
      .join(" "),
  );
}

/** One line under the heading: where the list comes from, and how long it took. */
function remark({ basis, picks }, other, took) {
  const { model } = first;
  const n = store.ratings.size;
  const ms = `${count(Math.max(1, Math.round(took)))} ms`;
  const parts = [];
  if (n > 0 && !model.folds_in) parts.push("This model cannot take in somebody new: its list is what is popular, without what you rated.");
  else if (basis === "popular")
    parts.push(
      n === 0 ? "Before your first rating: what many people like, chosen to be varied." : "What many people like, chosen to be varied.",
    );
  else parts.push(`From your ${counted(n, RATING)}, in ${ms}.`);
  if (basis !== "popular" && picks[0]?.interval)
    parts.push(`The bar shows where ${Math.round(10 * picks[0].interval.level)} of 10 ratings should fall.`);
  if (other) {
    const shared = other.picks.filter((pick) => first.places.has(idOf(pick))).length;
    parts.push(`${shared} of ${picks.length} picks stand in both lists.`);
  }
  byId("list-remark").textContent = parts.join(" ");
}

function peek(pick) {
  const { model } = first;
  byId("peek").replaceChildren(
    ...(pick
      ? [
          el("span", {}, "First now"),
          el("b", {}, titleOf(pick)),
          pick.stars !== undefined && model.task === "rating" ? el("span", {}, fixed(pick.stars, 1)) : "",
        ]
      : []),
  );
}

function hiddenRemark() {
  const n = store.hidden.size;
  byId("hidden-remark").hidden = n === 0;
  byId("hidden-remark").replaceChildren(
    `${counted(n, world.words)} hidden. `,
    button("link", "Show again", () => store.unhideAll("Shown again")),
  );
}

const address = () => written({ model: world.model.name, beside: beside?.model.name, ratings: store.asked });

function useModel(model) {
  world.model = model;
  world.words = nouns(model);
  const { many } = world.words;
  byId("headline").textContent = `Rate a few ${many}. The list follows.`;
  document.title = `Cofactor: rate a few ${many}`;
  byId("subject").textContent = [model.data, kindOfModel(model), model.factors && `${model.factors} factors`].filter(Boolean).join(" · ");
  byId("search").placeholder = `${count(model.items)} ${many}`;
  byId("colophon").textContent =
    `${modelName(model)} learned from ${counted(model.ratings, RATING)} of ${count(model.items)} ${many} by ${count(model.users)} people.`;
  byId("model").value = model.name;
  lists.next();
  first = newPicks(model);
  controls.offer(model.categories ?? []);
  offerBeside();
  useBeside(world.models.find(({ name }) => name === beside?.model.name && name !== model.name));
  map.load().catch((error) => {
    if (!isAbort(error)) byId("map").hidden = true;
  });
}

/** Two lists make sense where both models know the same items. */
function offerBeside() {
  const others = world.models.filter(({ name, data }) => name !== world.model.name && data === world.model.data);
  byId("compare-choice").hidden = others.length === 0;
  byId("compare").replaceChildren(
    el("option", { value: "" }, "no other model"),
    ...others.map((model) => el("option", { value: model.name }, modelName(model))),
  );
}

function useBeside(model) {
  beside = model && model.data === world.model.data ? newPicks(model) : undefined;
  byId("compare").value = beside?.model.name ?? "";
  document.body.classList.toggle("comparing", Boolean(beside));
  byId("lists").replaceChildren(first.root, ...(beside ? [beside.root] : []));
}

/** Another model. Where it learned from other data, the ratings that it knows come along, on its own scale. */
async function changeModel(name) {
  const before = world.model;
  useModel(world.models.find((model) => model.name === name));
  if (before.data !== world.model.data) {
    const brought = [...store.ratings.values()].map(({ item, value }) => ({
      item,
      value: rescaled(value, before.scale, world.model.scale),
    }));
    const kept = await known(
      brought
        .filter(({ value }) => value !== undefined)
        .map(({ item, value }) => (item.title ? { title: titleOf(item), year: yearOf(item), value } : { id: idOf(item), value })),
    );
    store.begin(kept, `Now by ${modelName(world.model)}, with ${kept.length} of ${counted(store.ratings.size, RATING)}`);
  } else refresh(`Now by ${modelName(world.model)}`);
}

/** Those ratings whose item the model knows: by its title and year, or by its id. */
async function known(rated) {
  const items = await looked(rated, world.model);
  return rated.flatMap(({ value }, i) => (items[i] ? [{ item: items[i], value }] : []));
}

/** Takes up the ratings in the address, if it holds any. */
async function readAddress() {
  const told = read(location.hash);
  if (!told) return false;
  const named = (name) => world.models.find((model) => model.name === name);
  if (named(told.model) && named(told.model) !== world.model) useModel(named(told.model));
  useBeside(named(told.beside) === world.model ? undefined : named(told.beside));
  const { min, max } = world.model.scale;
  const fitting = told.rated.filter(({ value }) => value >= min && value <= max);
  const rated = await known(fitting);
  isFollowed = true;
  const lost = told.rated.length - rated.length;
  store.begin(
    rated,
    lost === 0
      ? `${counted(rated.length, RATING)} from the link`
      : `${rated.length} of ${counted(told.rated.length, RATING)} from the link: this model does not know the rest`,
  );
  if (lost > 0)
    byId("search-remark").textContent =
      `${counted(lost, RATING)} of the link ${lost === 1 ? "was" : "were"} left out: this model does not know ${lost === 1 ? "it" : "them"}.`;
  byId("search-remark").hidden = lost === 0;
  return true;
}

function wire() {
  store.addEventListener("change", ({ detail }) => refresh(detail));
  addEventListener("keydown", (event) => {
    const isUndo = (event.ctrlKey || event.metaKey) && !event.shiftKey && event.key.toLowerCase() === "z";
    if (!isUndo || event.target.matches("input:not([type=range], [type=checkbox])")) return;
    event.preventDefault();
    store.undo();
  });
  byId("clear").addEventListener("click", () => {
    store.clear("All ratings removed");
    byId("rated-title").focus({ preventScroll: true });
  });
  byId("model").addEventListener("change", ({ target }) => changeModel(target.value).catch(failed));
  byId("compare").addEventListener("change", ({ target }) => {
    useBeside(world.models.find(({ name }) => name === target.value));
    refresh(beside ? `Beside it: ${modelName(beside.model)}` : "One list");
  });
  addEventListener("hashchange", () => readAddress().catch(failed));
  makeSearch({ store, world, choose: (item) => question.choose(item), failed });
  makeImport({ store, world });
  makeShare(() => {
    isFollowed = true;
    history.replaceState(null, "", address());
    return location.href;
  });
  new IntersectionObserver(
    ([{ isIntersecting }]) => {
      byId("peek").hidden = isIntersecting;
    },
    { rootMargin: "0px 0px -30% 0px" },
  ).observe(byId("lists"));
}

function wireTheme() {
  const theme = byId("theme");
  const isDark = () =>
    document.documentElement.dataset.theme
      ? document.documentElement.dataset.theme === "dark"
      : matchMedia("(prefers-color-scheme: dark)").matches;
  const show = () => {
    theme.textContent = isDark() ? "Light" : "Dark";
  };
  theme.addEventListener("click", () => {
    document.documentElement.dataset.theme = isDark() ? "light" : "dark";
    show();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);
  show();
}

/** A model that names no scale has that of the same data, or likes alone; it explains what it takes in, unless it says otherwise. */
function completed(model, models) {
  const scale = model.scale ?? models.find((other) => other.scale && other.data === model.data)?.scale ?? LIKES;
  return { ...model, scale, explains: model.explains ?? model.folds_in };
}

async function start() {
  try {
    const told = await ask("v1/models");
    notice.clear();
    world.models = told.models.map((model) => completed(model, told.models));
    byId("model").replaceChildren(...told.models.map((model) => el("option", { value: model.name }, modelName(model))));
    byId("model-choice").hidden = told.models.length < 2;
    useModel(world.models.find(({ name }) => name === told.default));
    byId("columns").inert = false;
    if (!(await readAddress())) await refresh();
  } catch (error) {
    failed(error, start);
  }
}

wireTheme();
wire();
start();
