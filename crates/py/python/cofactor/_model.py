"""A model: its parameters, what it has learned, and its answers."""

from __future__ import annotations

import inspect
import json
import os
from collections.abc import Callable, Iterable, Mapping
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from . import _native, _results
from ._columns import Names, as_column, columns_of
from ._ratings import Ratings, as_ratings
from ._results import Explanation, Factors, Id, Metrics, Neighbour, Neighbours, Prediction, Recommendation
from ._show import Progress, html_table
from .errors import NotFittedError, ParameterError, UnsupportedError

if TYPE_CHECKING:
    from typing_extensions import Self

Unknown = Literal["error", "popular", "mean", "nan"]
Epoch = dict[str, Any]

REGISTRY: dict[str, dict[str, Any]] = {entry["name"]: entry for entry in json.loads(_native.models())}
"""What can be trained, as the library describes it."""

_CIRCUMSTANCES = {"preset": None, "seed": 42, "threads": 0}


class Model:
    """A model by its name in the registry: `Model("mf", factors=32)` is `MF(factors=32)`.

    name: one of `cofactor.models()`.
    preset: a named set of parameters; the parameters given go on top of it.
    seed: what every random draw comes from. Same data, parameters and seed give the same bits.
    threads: how many; 0 for as many as the machine has cores. They never change a result.
    parameters: those of the model; left out or `None`, they are the preset's or the default.

    `get_params`, `set_params`, `fit`, `predict` and `score` are scikit-learn's, so its searches work, and `clone` too.
    """

    name: str
    preset: str | None
    seed: int
    threads: int
    _fitted: _native.Fitted | None

    def __init__(
        self, name: str, *, preset: str | None = None, seed: int = 42, threads: int = 0, **parameters: Any
    ) -> None:
        self._fitted = None
        self._set({"name": name, "preset": preset, "seed": seed, "threads": threads}, parameters)

    def _set(self, circumstances: dict[str, Any], parameters: dict[str, Any]) -> None:
        """Takes parameters over once the library has accepted them."""
        name, preset = circumstances["name"], circumstances["preset"]
        config: dict[str, Any] = json.loads(_native.configure(name, preset, plain_json(parameters)))
        for which, most in (("seed", 2**64 - 1), ("threads", 2**16 - 1)):
            value = circumstances[which]
            if not isinstance(value, Integral) or not 0 <= int(value) <= most:
                raise ParameterError(f"{which} = {value!r}: expected a whole number from 0 to {most}")
        self._config = config
        self._parameters = {knob: parameters.get(knob) for knob in config}
        for which, value in circumstances.items():
            setattr(self, which, value)

    # What scikit-learn expects.

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The arguments of the constructor with their values; `None` where the preset or the default decides."""
        named = {} if type(self) is not Model else {"name": self.name}
        return named | self._parameters | {which: getattr(self, which) for which in _CIRCUMSTANCES}

    def set_params(self, **params: Any) -> Self:
        """Changes arguments of the constructor. What has been learned stays until the next fit."""
        changed = {"name": self.name} | {which: getattr(self, which) for which in _CIRCUMSTANCES} | self._parameters
        changed |= params
        circumstances = {which: changed.pop(which) for which in ("name", *_CIRCUMSTANCES)}
        if circumstances["name"] != self.name:
            raise ParameterError("the name of a model cannot be changed", "make another model")
        self._set(circumstances, changed)
        return self

    def clone(self) -> Self:
        """The same parameters, nothing learned."""
        return type(self)(**self.get_params())

    def __sklearn_is_fitted__(self) -> bool:
        return self._fitted is not None

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import InputTags, RegressorTags, Tags, TargetTags

        return Tags(
            estimator_type="regressor",
            target_tags=TargetTags(required=True),
            regressor_tags=RegressorTags(),
            input_tags=InputTags(string=True),
        )

    @property
    def _estimator_type(self) -> str:
        return "regressor"

    def score(self, X: Any, y: Any = None) -> float:
        """R² on ratings, or on rows of user and item with their ratings y: 1 - Σ(r - r̂)² / Σ(r - r̄)². Unknowns are asked of an average user."""
        test = as_ratings(X, y)
        values = test.to_arrays()[2].astype(np.float64)
        squares = float(np.sum((values - self.predict(test, unknown="mean", clip=False)) ** 2))
        around = float(np.sum((values - values.mean()) ** 2))
        return 1.0 - squares / around if around > 0 else float("nan")

    # Learning.

    def fit(
        self,
        ratings: Any,
        y: Any = None,
        *,
        valid: Any = None,
        callback: Callable[[Epoch], object] | None = None,
        early_stopping: bool | float = False,
        patience: int = 5,
        progress: bool | None = None,
    ) -> Self:
        """Learns from ratings; returns itself.

        ratings: `Ratings`, or whatever `Ratings.from_df` takes; or rows of user and item (and time), with their ratings y.
        valid: ratings to measure each epoch on; nothing is chosen by them. Their users and items must occur in the catalogue of `ratings`.
        callback: called after each epoch with a dict of `epoch` (from 1), `train_rmse`, `valid_rmse` and `seconds`. If it returns true,
            the fit ends there and keeps what it has learned. What it raises ends the fit too, and nothing is kept.
        early_stopping: find the number of epochs first, on this share of each user's ratings (`True`: a tenth), then learn from all of
            them; `epochs`, if it is given, is the most. patience: after how many epochs without a better one the search stops.
        progress: show it, or not; `None` shows it in a terminal or a notebook.

        Runs on threads of its own without the interpreter's lock. Ctrl-C ends it within a fifth of a second: the model is then as it
        was before. Raises `InputError` for ratings that are not finite, before anything is trained, and `DivergedError`.
        """
        train = as_ratings(ratings, y)
        held_out = None if valid is None else as_ratings(*valid) if isinstance(valid, tuple) else as_ratings(valid)
        each = None if callback is None else lambda event: callback(_epoch(json.loads(event)))
        with Progress(progress, self.name) as shown:
            self._fitted = _native.fit(
                self._wanted(), train._native, None if held_out is None else held_out._native,
                _rule(early_stopping, patience), each, shown.tell,
            )  # fmt: skip
        return self

    def order_of_epoch(self, ratings: Any, epoch: int = 1) -> npt.NDArray[np.int64]:
        """In which order a fit on these ratings visits them in an epoch, counted from 1: N places in the arrays of `ratings.to_arrays()`.

        For somebody who follows stochastic gradient descent by hand; the order depends on the ratings, the seed and the number of factors. Raises
        `UnsupportedError` for a model that does not visit ratings one by one.
        """
        if not isinstance(epoch, Integral) or epoch < 1:
            raise ParameterError(f"epoch = {epoch!r}: expected a whole number from 1")
        order = _native.visits(self._wanted(), as_ratings(ratings)._native, int(epoch))
        if order is None:
            raise UnsupportedError(f"a '{self.name}' model does not visit ratings one by one", "'mf' does")
        return order.astype(np.int64)

    def _wanted(self, label: str | None = None) -> dict[str, Any]:
        given = plain_json(self._parameters)
        return {
            "label": label or self.name, "name": self.name, "preset": self.preset, "parameters": given,
            "seed": int(self.seed), "threads": int(self.threads),
        }  # fmt: skip

    # What has been learned.

    @property
    def config(self) -> dict[str, Any]:
        """All parameters with the values that the next fit will use."""
        return dict(self._config)

    @property
    def task(self) -> Literal["rating", "ranking"]:
        """What it is for: to predict ratings, or to rank what somebody may take."""
        task: Literal["rating", "ranking"] = REGISTRY[self.name]["task"]
        return task

    @property
    def documentation(self) -> str:
        """What the model says of itself, as Markdown: objective, update, cost, references."""
        return str(REGISTRY[self.name]["documentation"])

    @property
    def _core(self) -> _native.Fitted:
        if self._fitted is None:
            raise NotFittedError(f"this {type(self).__name__} has learned nothing yet", "call fit(ratings) first")
        return self._fitted

    def _about(self) -> dict[str, Any]:
        about: dict[str, Any] = json.loads(self._core.about())
        return about

    @property
    def config_(self) -> dict[str, Any]:
        """All parameters that it was fitted with."""
        return dict(self._about()["config"])

    @property
    def epochs_(self) -> list[Epoch]:
        """The learning curve: `epoch` (from 1), `train_rmse`, `valid_rmse` and `seconds` of each epoch. Empty for a model from a file."""
        return [_epoch(epoch) for epoch in self._about()["epochs"]]

    @property
    def early_stopping_(self) -> dict[str, Any] | None:
        """How the number of epochs was found, if it was: `epochs`, `valid_rmse`, `curve`, …"""
        found: dict[str, Any] | None = self._about()["early_stopping"]
        return found

    @property
    def seconds_(self) -> float:
        """How long the fit took, by the wall."""
        return float(self._about()["seconds"])

    @property
    def data_(self) -> dict[str, Any]:
        """What it was trained on: name, fingerprint, sizes, scale, time span."""
        return dict(self._about()["data"])

    @property
    def train_(self) -> Ratings:
        """The ratings that it was trained on."""
        return Ratings(self._core.train())

    @property
    def user_ids_(self) -> npt.NDArray[Any]:
        """The users' ids, m of them, in the order of the rows of P."""
        return np.asarray(self._core.ids(True))

    @property
    def item_ids_(self) -> npt.NDArray[Any]:
        """The items' ids, n of them, in the order of the rows of Q."""
        return np.asarray(self._core.ids(False))

    @property
    def titles_(self) -> list[str | None]:
        """The items' titles, n of them; `None` where an item has none."""
        return self._core.titles()

    @property
    def tensors_(self) -> dict[str, npt.NDArray[Any]]:
        """All that has been learned, as arrays by the names that they have in the model file."""
        return self._core.tensors()

    @property
    def factors_(self) -> Factors:
        """μ, P, Q, b_u and b_i. Raises `UnsupportedError` for a model that has no vectors."""
        arrays = self.tensors_
        if "user_factors" not in arrays:
            raise UnsupportedError(f"a '{self.name}' model has no factors", "`tensors_` holds all that it has learned")
        biases = arrays["user_bias"], arrays["item_bias"]
        return Factors(float(arrays["mean"][0]), arrays["user_factors"], arrays["item_factors"], *biases)

    # Answers.

    def predict(
        self, users: Any, items: Any = None, times: Any = None, *, unknown: Unknown | None = None, clip: bool = True
    ) -> Any:
        """Predicted ratings: a float for one pair, an array (float32) of the arguments' common shape otherwise.

        users, items: ids, single or arrays, which are broadcast. Or `users` alone: `Ratings`, or rows of user and item (and time), as
            scikit-learn passes them.
        times: seconds since 1970, for models with time; without them they answer for the end of the training span.
        unknown: what to do about a user or an item without a training rating: refuse (`error`), answer the item's damped mean
            (`popular`), ask about an average one (`mean`), or leave NaN (`nan`). By default `error`, and `mean` for rows.
        clip: to the scale of the ratings.
        """
        if items is None:
            return self._predict_rows(users, unknown or "mean", clip)
        single = np.ndim(users) == 0 and np.ndim(items) == 0 and np.ndim(times) == 0
        shape = np.broadcast_shapes(*(np.shape(part) for part in (users, items, times) if part is not None))
        who, what = (_flat(part, shape) for part in (users, items))
        when = None if times is None else _seconds(_flat(times, shape))
        values = self._core.predict(who, what, when, unknown or "error", clip)
        return float(values[0]) if single else values.reshape(shape)

    def _predict_rows(self, rows: Any, unknown: Unknown, clip: bool) -> npt.NDArray[np.float32]:
        if isinstance(rows, Ratings):
            users, items, _, times = rows.to_arrays()
            who, what = rows.user_ids[users], rows.item_ids[items]
        else:
            pairs = columns_of(rows, Names(constant=True))
            who, what, times = pairs.user, pairs.item, pairs.time
        when = None if times is None else _seconds(times)
        return self._core.predict(as_column(who), as_column(what), when, unknown, clip)

    def predict_one(self, user: Id, item: Id, time: int | None = None, *, unknown: Unknown = "error") -> Prediction:
        """One predicted rating, with what it rests on."""
        answer = json.loads(self._core.predict_one([user], [item], time, unknown))
        chances = {chance["value"]: chance["probability"] for chance in answer.pop("chances", ())}
        return Prediction(user, item, **answer, chances=chances, _reach=self._core.reach())

    def recommend(
        self,
        users: Any = None,
        n: int = 10,
        *,
        exclude_seen: bool = True,
        items: Iterable[Id] | None = None,
        exclude: Iterable[Id] = (),
        unknown: Unknown = "error",
        reasons: int = 0,
        popularity: float = 0.0,
        categories: Iterable[str] = (),
        diversity: float = 0.0,
    ) -> Any:
        """The n best items for a user (a `Recommendation`), or for each of many (`Recommendations`); without users, for all.

        exclude_seen: leave out what the user has rated in the training part.
        items: only these, by id or title. exclude: none of these.
        unknown: what to do about a user without a training rating: refuse, or list what is popular, or what an average user would like,
            or nothing (`nan`: an empty list, and NaN in `scores`).
        reasons: with each pick, at most so many of the user's ratings that spoke for it the most.
        popularity: what a score gains for each factor e of popularity: above 0 for popular items, below 0 for rare ones.
        categories: only items of at least one of these categories (genres).
        diversity: from 0 to 1, how much an item loses by being like one above it.

        Without diversity exactly the first n by score; equal scores go by id. Cost: O(nk) a user for n items and k factors.
        """
        asked = _asked(n, exclude_seen, items, exclude, unknown, reasons, popularity, categories, diversity)
        if users is None:
            answers = json.loads(self._core.recommend_all(asked, int(self.threads)))
            lists = [_results.recommendation_of(answer, answer["user"]) for answer in answers]
            return _results.Recommendations(lists, n, self._has_text_ids())
        single = np.ndim(users) == 0
        column = as_column(np.asarray([users] if single else users))
        names: list[Id] = column if isinstance(column, list) else column.tolist()
        answers = json.loads(self._core.recommend(column, asked, int(self.threads)))
        lists = [_results.recommendation_of(answer, user) for answer, user in zip(answers, names)]
        return lists[0] if single else _results.Recommendations(lists, n, self._has_text_ids())

    def recommend_for(
        self,
        ratings: Mapping[Id, float],
        n: int = 10,
        *,
        exclude_seen: bool = True,
        items: Iterable[Id] | None = None,
        exclude: Iterable[Id] = (),
        reasons: int = 0,
        popularity: float = 0.0,
        categories: Iterable[str] = (),
        diversity: float = 0.0,
    ) -> Recommendation:
        """The n best items for somebody new, who brings ratings of items by id or title: `{"Fargo": 5, 50: 4}`. Nothing of it is kept.

        A part of a title is enough where it fits only one item. They are folded in by ridge regression on the items' vectors, which are
        fixed. Raises `UnsupportedError` for a model that takes nobody in.
        """
        asked = _asked(n, exclude_seen, items, exclude, "error", reasons, popularity, categories, diversity)
        return _results.recommendation_of(json.loads(self._core.recommend_for(_history(ratings), asked)), None)

    def similar_items(self, item: Id, n: int = 10) -> Neighbours:
        """The n items most similar to one, by id or title, among those with at least five training ratings."""
        found = json.loads(self._core.similar_items(str(item), n))
        return Neighbours([Neighbour(**neighbour) for neighbour in found], str(self.find_item(item)[1] or item))

    def similar_users(self, user: Id, n: int = 10) -> Neighbours:
        """The n users most similar to one, among those with at least five training ratings."""
        found = json.loads(self._core.similar_users(str(user), n))
        return Neighbours([Neighbour(**neighbour) for neighbour in found], f"user {user}")

    def explain(self, user: Id | Mapping[Id, float], item: Id) -> Explanation:
        """Why an item (by id or title) is predicted as it is, for a user or for somebody new with their ratings: what each rating adds."""
        new = isinstance(user, Mapping)
        who, brought = (None, _history(user)) if isinstance(user, Mapping) else (str(user), None)
        parts = json.loads(self._core.explain(who, brought if new else None, str(item)))
        return Explanation(**parts | {"contributions": _results.contributions_of(parts["contributions"])})

    def history(self, user: Id) -> list[tuple[Id, str | None, float]]:
        """What a user has rated in the training part, the highest rating first: id, title, rating."""
        rated = json.loads(self._core.history(str(user)))
        return [(item["id"], item.get("title"), float(value)) for item, value in rated]

    def find_item(self, text: Id) -> tuple[Id, str | None]:
        """The item that a text means, as id and title: by id, whole title, or a part of the title that fits only one."""
        found = json.loads(self._core.find_item(str(text)))
        return found["id"], found.get("title")

    def evaluate(self, test: Any, y: Any = None, *, clip: bool = True) -> Metrics:
        """The metrics over a test part, with standard errors and 95 % intervals. Unknown users and items are answered as average ones."""
        ratings = as_ratings(test, y)
        return _results.metrics_of(json.loads(self._core.evaluate(ratings._native, clip, int(self.threads))))

    # Keeping.

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the model file, the same that the command `cofactor` writes and reads. An older file stays until the new one is whole."""
        self._core.save(os.fspath(path))

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        if self._fitted is not None:
            with _scratch() as folder:
                file = os.path.join(folder, "model.cofactor")
                self._fitted.save(file)
                with open(file, "rb") as written:
                    state["_fitted"] = written.read()
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if state["_fitted"] is not None:
            with _scratch() as folder:
                file = os.path.join(folder, "model.cofactor")
                with open(file, "wb") as written:
                    written.write(state["_fitted"])
                self._fitted = _native.load_model(file)

    # What people see.

    def _has_text_ids(self) -> bool:
        return self.item_ids_.dtype.kind != "i"

    def __repr__(self) -> str:
        named = [repr(self.name)] if type(self) is Model else []
        changed = {which: getattr(self, which) for which, usual in _CIRCUMSTANCES.items() if getattr(self, which) != usual}
        given = {knob: value for knob, value in self._parameters.items() if value is not None} | changed
        call = f"{type(self).__name__}({', '.join([*named, *(f'{name}={value!r}' for name, value in given.items())])})"
        return call if self._fitted is None else f"<{call}, {self._learned()}>"

    def _learned(self) -> str:
        about = self._about()
        data, epochs = about["data"], about["epochs"]
        text = f"fitted on {data['name']}: {data['users']:,} users, {data['items']:,} items, {data['ratings']:,} ratings"
        return text + (f"; {len(epochs)} epochs, training RMSE {epochs[-1]['train_rmse']:.4f}" if epochs else "")

    def _repr_html_(self) -> str:
        title = f"{type(self).__name__}: {REGISTRY[self.name]['title']}"
        state = "not fitted" if self._fitted is None else self._learned()
        knobs = {knob["name"]: knob for knob in REGISTRY[self.name]["parameters"]}
        config = self.config if self._fitted is None else self.config_
        rows = [(name, _results._short(value), knobs[name]["purpose"]) for name, value in config.items() if name in knobs]
        return html_table(["parameter", "value", "what it is for"], rows, f"{title}; {state}")


def _scratch() -> Any:
    # Imported when it is needed: most programs pickle no model.
    from tempfile import TemporaryDirectory

    return TemporaryDirectory()


def load_model(path: str | os.PathLike[str]) -> Model:
    """A model from its file, whoever wrote it. Every byte is checked before any is used, and loading runs no code of the file."""
    fitted = _native.load_model(os.fspath(path))
    about = json.loads(fitted.about())
    model: Model = model_class(about["model"])(seed=about["seed"], **about["config"])
    model._fitted = fitted
    return model


_classes: dict[str, type[Model]] = {}


def model_class(name: str) -> Any:
    """The class of a model of the registry, made when it is first asked for."""
    if name not in _classes:
        _classes[name] = _made(REGISTRY[name])
    return _classes[name]


def class_name(name: str) -> str:
    """`mf` → `MF`, `slope-one` → `SlopeOne`: names of at most four letters are abbreviations."""
    return name.upper() if len(name) <= 4 else "".join(part.capitalize() for part in name.split("-"))


def _made(entry: dict[str, Any]) -> type[Model]:
    name = entry["name"]

    def __init__(self: Model, **arguments: Any) -> None:
        Model.__init__(self, name, **arguments)

    keyword = inspect.Parameter.KEYWORD_ONLY
    knobs = [inspect.Parameter(knob["name"], keyword, default=None) for knob in entry["parameters"]]
    rest = [inspect.Parameter(which, keyword, default=usual) for which, usual in _CIRCUMSTANCES.items()]
    itself = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    __init__.__signature__ = inspect.Signature([itself, *knobs, *rest])  # type: ignore[attr-defined]
    body = {"__init__": __init__, "__doc__": _documented(entry), "__module__": "cofactor"}
    return type(class_name(name), (Model,), body)


def _documented(entry: dict[str, Any]) -> str:
    lines = [f"{entry['title']}.", ""]
    for knob in entry["parameters"]:
        lines.append(f"{knob['name']}: {knob['purpose']}; {knob['expected']}, by default {_as_python(knob['default'])}.")
    lines.append("preset: a named set of parameters, on top of which come those given.")
    lines += [f"    {preset['name']!r}: {preset['source']}." for preset in entry["presets"]]
    lines += ["seed: what every random draw comes from.", "threads: how many; 0 for as many as there are cores."]
    return "\n".join([*lines, "", "`documentation` tells the mathematics; `Model` the rest."])


def _as_python(value: Any) -> str:
    return repr(value)


def plain_json(parameters: Mapping[str, Any]) -> str:
    """Parameters as the native half takes them; `None` stands for the default."""
    return json.dumps({name: _plain(name, value) for name, value in parameters.items() if value is not None})


def _plain(name: str, value: Any) -> Any:
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        number = float(value)
        if not np.isfinite(number):
            raise ParameterError(f"{name} = {value}: expected a finite number")
        return number
    if isinstance(value, str):
        return str(value)
    raise ParameterError(f"{name} = {value!r}: expected a number, a text, True or False")


def _rule(early_stopping: bool | float, patience: int) -> tuple[float, int] | None:
    if early_stopping is False:
        return None
    if patience < 1:
        raise ParameterError(f"patience = {patience}: expected a whole number from 1")
    return (0.1 if early_stopping is True else float(early_stopping)), patience


def _epoch(event: dict[str, Any]) -> Epoch:
    return {key: event.get(key) for key in ("epoch", "train_rmse", "valid_rmse", "seconds")}


def _flat(part: Any, shape: tuple[int, ...]) -> Any:
    array = np.asarray(part)
    # Among integers one text makes texts of all, which are the same ids; `datetime64` and the like are seconds afterwards.
    return as_column(np.broadcast_to(array, shape).ravel())


def _seconds(times: Any) -> npt.NDArray[np.int64]:
    try:
        return np.asarray(times).astype(np.int64)
    except (TypeError, ValueError) as error:
        raise ParameterError(f"times: {error}", "give seconds since 1970, or datetime64") from None


def _history(ratings: Mapping[Id, float]) -> list[tuple[str, float]]:
    return [(str(item), float(value)) for item, value in ratings.items()]


def _asked(
    n: int,
    exclude_seen: bool,
    items: Iterable[Id] | None,
    exclude: Iterable[Id],
    unknown: Unknown,
    reasons: int,
    popularity: float,
    categories: Iterable[str],
    diversity: float,
) -> dict[str, Any]:
    if n < 0 or reasons < 0:
        raise ParameterError(f"n = {n}, reasons = {reasons}: expected whole numbers from 0")
    offered = None if items is None else [str(item) for item in items]
    return {
        "n": n, "exclude_seen": exclude_seen, "items": offered, "exclude": [str(item) for item in exclude],
        "unknown": unknown, "reasons": reasons, "popularity": float(popularity),
        "categories": [str(category) for category in categories], "diversity": float(diversity),
    }  # fmt: skip
