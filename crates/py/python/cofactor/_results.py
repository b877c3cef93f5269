"""What models and experiments answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import Any, Literal, NamedTuple, overload

import numpy as np
import numpy.typing as npt

from ._show import html_table, text_table

Id = int | str
Basis = Literal["model", "fold_in", "popular", "mean", "unknown"]


class Factors(NamedTuple):
    """A model as biases and one inner product: r̂_ui = μ + b_u + b_i + p_uᵀq_i. Rows follow `user_ids_` and `item_ids_`."""

    mean: float
    """μ, in units of the ratings."""
    p: npt.NDArray[np.float32]
    """P, m × k: the users' vectors."""
    q: npt.NDArray[np.float32]
    """Q, n × k: the items' vectors."""
    user_bias: npt.NDArray[np.float32]
    """b_u, m entries; zeros where the model has none."""
    item_bias: npt.NDArray[np.float32]
    """b_i, n entries."""


@dataclass(frozen=True)
class Prediction:
    """A predicted rating, and what it rests on."""

    user: Id
    item: Id
    value: float
    """As the model says it."""
    clipped: float
    """The nearest value on the scale of the ratings."""
    known_user: bool
    known_item: bool
    basis: Basis
    sd: float | None = None
    """How far the rating is expected to lie from the value, as a standard deviation; `None` for a model that does not know."""
    chances: Mapping[float, float] = field(default_factory=dict)
    """How probable each rating is, from a model for which ratings are steps; empty from any other."""
    _reach: Sequence[float] | None = field(default=None, repr=False, compare=False)

    def interval(self, share: float = 0.9) -> tuple[float, float] | None:
        """Where the rating lies with this probability, not clipped to the scale; `None` for a model that does not know how sure it is."""
        if self.sd is None:
            return None
        if self._reach is None:
            reach = NormalDist().inv_cdf((1 + share) / 2)
        else:
            reach = float(np.interp(share, np.linspace(0, 1, len(self._reach)), self._reach))
        return self.value - reach * self.sd, self.value + reach * self.sd


@dataclass(frozen=True)
class Contribution:
    """What one rating of somebody's history adds to a predicted rating."""

    id: Id
    rating: float
    share: float
    """All that it adds, in units of the ratings."""
    taste: float
    """The part that is owed to the item in question; the rest tells how generously the user rates."""
    title: str | None = None


@dataclass(frozen=True)
class Pick:
    """A recommended item."""

    id: Id
    score: float
    """What it was chosen by: the predicted rating, not clipped."""
    title: str | None = None
    reasons: tuple[Contribution, ...] = ()

    @property
    def name(self) -> str:
        """The title, or the id."""
        return self.title or str(self.id)


class Recommendation(Sequence[Pick]):
    """A list of picks, the best first."""

    def __init__(self, picks: Sequence[Pick], basis: Basis, user: Id | None = None) -> None:
        self.picks = list(picks)
        self.basis: Basis = basis
        """What the list rests on: the model, ratings brought along, what is popular, an average user, or nothing."""
        self.user = user
        """For whom; `None` for somebody new."""

    @property
    def ids(self) -> npt.NDArray[Any]:
        """The items' ids."""
        return np.asarray([pick.id for pick in self.picks])

    @property
    def scores(self) -> npt.NDArray[np.float32]:
        """The scores, falling."""
        return np.asarray([pick.score for pick in self.picks], dtype=np.float32)

    @property
    def titles(self) -> list[str | None]:
        """The items' titles."""
        return [pick.title for pick in self.picks]

    @overload
    def __getitem__(self, at: int) -> Pick: ...
    @overload
    def __getitem__(self, at: slice) -> list[Pick]: ...
    def __getitem__(self, at: int | slice) -> Pick | list[Pick]:
        return self.picks[at]

    def __len__(self) -> int:
        return len(self.picks)

    def _title(self) -> str:
        who = "somebody new" if self.user is None else f"user {self.user}"
        return f"For {who}, by {self.basis.replace('_', ' ')}"

    def _table(self) -> tuple[list[str], list[tuple[Any, ...]]]:
        head = ["rank", "score", "item", "title"]
        rows: list[tuple[Any, ...]] = [
            (rank, pick.score, str(pick.id), pick.title or "") for rank, pick in enumerate(self.picks, 1)
        ]
        if any(pick.reasons for pick in self.picks):
            head.append("because of")
            why = [", ".join(f"{r.title or r.id} ({r.taste:+.3f})" for r in pick.reasons) for pick in self.picks]
            rows = [(*row, reason) for row, reason in zip(rows, why)]
        return head, rows

    def __repr__(self) -> str:
        return f"{self._title()}\n{text_table(*self._table())}"

    def _repr_html_(self) -> str:
        return html_table(*self._table(), self._title())


class Recommendations(Sequence[Recommendation]):
    """A list of picks for each of many users, in the order asked."""

    def __init__(self, lists: Sequence[Recommendation], n: int, texts: bool) -> None:
        self.lists = list(lists)
        self._n = min(n, max((len(picks) for picks in lists), default=0))
        self._texts = texts

    @property
    def users(self) -> list[Id | None]:
        """For whom."""
        return [picks.user for picks in self.lists]

    @property
    def ids(self) -> npt.NDArray[Any]:
        """The items' ids, users × n. Where a list is shorter than n there is -1 (or an empty text), and NaN in `scores`."""
        nothing: Id = "" if self._texts else -1
        padded = [[pick.id for pick in picks] + [nothing] * (self._n - len(picks)) for picks in self.lists]
        kind: Any = np.str_ if self._texts else np.int64
        return np.asarray(padded, dtype=kind).reshape(len(self.lists), self._n)

    @property
    def scores(self) -> npt.NDArray[np.float32]:
        """The scores, users × n, falling in each row; NaN where there is no pick."""
        padded = [[pick.score for pick in picks] + [np.nan] * (self._n - len(picks)) for picks in self.lists]
        return np.asarray(padded, dtype=np.float32).reshape(len(self.lists), self._n)

    def to_pandas(self) -> Any:
        """A pandas data frame with a row for each pick: user, item, score, rank (from 1), title."""
        import pandas

        rows = [
            (picks.user, pick.id, pick.score, rank, pick.title)
            for picks in self.lists
            for rank, pick in enumerate(picks, 1)
        ]
        return pandas.DataFrame(rows, columns=["user", "item", "score", "rank", "title"])

    @overload
    def __getitem__(self, at: int) -> Recommendation: ...
    @overload
    def __getitem__(self, at: slice) -> list[Recommendation]: ...
    def __getitem__(self, at: int | slice) -> Recommendation | list[Recommendation]:
        return self.lists[at]

    def __len__(self) -> int:
        return len(self.lists)

    def __repr__(self) -> str:
        return f"<Recommendations for {len(self):,} users, up to {self._n} items each>"

    def _repr_html_(self) -> str:
        rows = [(str(picks.user), ", ".join(pick.name for pick in picks)) for picks in self.lists[:5]]
        return html_table(["user", "items"], rows, repr(self)[1:-1])


@dataclass(frozen=True)
class Neighbour:
    """An item or a user near another one."""

    id: Id
    similarity: float
    """From -1 to 1: the cosine of the two vectors, or what a model without vectors holds for similarity."""
    ratings: int
    """How many training ratings there are."""
    title: str | None = None


class Neighbours(Sequence[Neighbour]):
    """The nearest first."""

    def __init__(self, found: Sequence[Neighbour], of: str) -> None:
        self.found = list(found)
        self.of = of

    @property
    def ids(self) -> npt.NDArray[Any]:
        """Their ids."""
        return np.asarray([neighbour.id for neighbour in self.found])

    @property
    def similarities(self) -> npt.NDArray[np.float32]:
        """Their similarities, falling."""
        return np.asarray([neighbour.similarity for neighbour in self.found], dtype=np.float32)

    @overload
    def __getitem__(self, at: int) -> Neighbour: ...
    @overload
    def __getitem__(self, at: slice) -> list[Neighbour]: ...
    def __getitem__(self, at: int | slice) -> Neighbour | list[Neighbour]:
        return self.found[at]

    def __len__(self) -> int:
        return len(self.found)

    def _table(self) -> tuple[list[str], list[tuple[Any, ...]]]:
        rows = [(n.similarity, n.ratings, str(n.id), n.title or "") for n in self.found]
        return ["similarity", "ratings", "id", "title"], rows

    def __repr__(self) -> str:
        return f"Near {self.of}\n{text_table(*self._table())}"

    def _repr_html_(self) -> str:
        return html_table(*self._table(), f"Near {self.of}")


@dataclass(frozen=True, repr=False)
class Explanation:
    """A predicted rating in its parts: `explained_score` = `mean` + `item_bias` + `prior` + the shares of `contributions`."""

    id: Id
    score: float
    """What the model predicts."""
    explained_score: float
    """The prediction for somebody who is folded in with the same ratings; of a trained user it may differ from `score`."""
    mean: float
    item_bias: float
    prior: float
    """What is added for a user who has rated nothing."""
    contributions: tuple[Contribution, ...]
    """What each rating adds, the largest taste first."""
    title: str | None = None

    def _table(self) -> tuple[list[str], list[tuple[Any, ...]]]:
        rows: list[tuple[Any, ...]] = [
            (self.mean, None, "the mean of all ratings"),
            (self.item_bias, None, "what the item adds for everybody"),
            (self.prior, None, "an average user"),
        ]
        shown = self.contributions[:10]
        rows += [(c.share, c.taste, f"{c.title or c.id}, rated {c.rating:g}") for c in shown]
        rest = self.contributions[10:]
        if rest:
            rows.append((sum(c.share for c in rest), sum(c.taste for c in rest), f"{len(rest)} more ratings"))
        return ["adds", "taste", "by"], [*rows, (self.explained_score, None, "together")]

    def _title(self) -> str:
        return f"{self.title or self.id}: {self.score:.2f} predicted, {self.explained_score:.2f} explained"

    def __repr__(self) -> str:
        return f"{self._title()}\n{text_table(*self._table())}"

    def _repr_html_(self) -> str:
        return html_table(*self._table(), self._title())


@dataclass(frozen=True)
class Estimate:
    """A metric with its uncertainty. The interval takes the user as the unit that is drawn."""

    name: str
    mean: float
    stderr: float | None
    low: float | None
    """The lower end of the 95 % interval."""
    high: float | None
    """The upper end."""
    n: int
    """How many ratings were predicted."""
    users: int

    def __float__(self) -> float:
        return self.mean


class Metrics(dict[str, Estimate]):
    """Metrics by name: `rmse`, `mse`, `mae`, and each as the mean over users (`rmse_by_user`, …)."""

    def _table(self) -> tuple[list[str], list[tuple[Any, ...]]]:
        rows = [(name, e.mean, e.stderr, e.low, e.high) for name, e in self.items()]
        return ["metric", "value", "std. error", "from", "to (95 %)"], rows

    def __repr__(self) -> str:
        return text_table(*self._table())

    def _repr_html_(self) -> str:
        return html_table(*self._table())


@dataclass(frozen=True)
class Fold:
    """The figures of one fold."""

    name: str
    train: int
    """How many ratings the model learned from."""
    test: int
    """How many ratings it was asked about."""
    metrics: Metrics
    epochs: list[dict[str, Any]]
    fit_seconds: float
    test_seconds: float


@dataclass(frozen=True, repr=False)
class Evaluation:
    """How good a model is on the test parts of a split."""

    model: str
    split: str
    metrics: Metrics
    """Over the test ratings of all folds."""
    folds: list[Fold]
    config: dict[str, Any]
    """All parameters; of several folds, in the last one."""
    leakage: tuple[str, ...]
    """What the split lets the model know too early, in sentences."""

    @property
    def rmse(self) -> float:
        """The root mean squared error, in units of the ratings."""
        return self.metrics["rmse"].mean

    @property
    def mae(self) -> float:
        """The mean absolute error, in units of the ratings."""
        return self.metrics["mae"].mean

    def table(self, measures: Sequence[str] = ("rmse", "mae")) -> str:
        """Each fold, then their mean and standard deviation."""
        return text_table(*self._folds(measures))

    def _folds(self, measures: Sequence[str]) -> tuple[list[str], list[tuple[Any, ...]]]:
        columns = [[fold.metrics[name].mean for fold in self.folds] for name in measures]
        columns += [[fold.fit_seconds for fold in self.folds], [fold.test_seconds for fold in self.folds]]
        rows: list[tuple[Any, ...]] = [(fold.name, *values) for fold, *values in zip(self.folds, *columns)]
        if len(self.folds) > 1:
            rows.append(("mean", *(float(np.mean(column)) for column in columns)))
            rows.append(("std", *(float(np.std(column, ddof=1)) for column in columns)))
        return ["fold", *measures, "fit s", "test s"], rows

    def __repr__(self) -> str:
        head = f"{self.model} on {self.split}"
        notes = "".join(f"\nnote: {sentence}" for sentence in self.leakage)
        folds = f"\n{self.table()}\n" if len(self.folds) > 1 else ""
        return f"{head}{folds}\n{self.metrics!r}{notes}"

    def _repr_html_(self) -> str:
        folds = html_table(*self._folds(("rmse", "mae"))) if len(self.folds) > 1 else ""
        notes = "".join(f"<p><small>{sentence}</small></p>" for sentence in self.leakage)
        return f"<b>{self.model} on {self.split}</b>{folds}{self.metrics._repr_html_()}{notes}"


@dataclass(frozen=True)
class Compared:
    """One model's figures."""

    label: str
    model: str
    config: dict[str, Any]
    metrics: Metrics
    folds_won: int
    difference: Estimate | None
    """Its RMSE less that of the best, over the same ratings; `None` for the best."""
    p: float | None
    """The p-value of no difference, adjusted for the number of models by Holm's method."""
    ranking_differences: Metrics
    """Its metrics of rankings less those of the best, paired by user; empty for the best and where none were measured."""
    ranking_p: dict[str, float | None]
    """Their p-values, adjusted alike."""
    fit_seconds: float
    bytes: int
    """The size of what it has learned."""


@dataclass(frozen=True, repr=False)
class Comparison(Sequence[Compared]):
    """Models over the same parts, the lowest RMSE first; where rankings were measured, the best by the first of their metrics."""

    split: str
    models: list[Compared]
    failed: dict[str, str]
    """Why, for each model that could not be fitted."""
    method: str
    leakage: tuple[str, ...] = field(default=())

    @overload
    def __getitem__(self, at: int) -> Compared: ...
    @overload
    def __getitem__(self, at: slice) -> list[Compared]: ...
    def __getitem__(self, at: int | slice) -> Compared | list[Compared]:
        return self.models[at]

    def __iter__(self) -> Iterator[Compared]:
        return iter(self.models)

    def __len__(self) -> int:
        return len(self.models)

    def _table(self) -> tuple[list[str], list[tuple[Any, ...]]]:
        rating = ("rmse", "mse", "mae")
        ranking = [name for name in (self.models[0].metrics if self.models else ()) if name.removesuffix("_by_user") not in rating]
        head = ["model", *ranking, "rmse", "mae", "to the best", "from", "to (95 %)", "p adjusted", "fit s"]
        rows: list[tuple[Any, ...]] = []
        for model in self.models:
            difference = model.difference
            apart = (None,) * 3 if difference is None else (difference.mean, difference.low, difference.high)
            figures = [model.metrics[name].mean for name in (*ranking, "rmse", "mae")]
            rows.append((model.label, *figures, *apart, model.p, model.fit_seconds))
        return head, rows

    def __repr__(self) -> str:
        failed = "".join(f"\nfailed: {label}: {reason}" for label, reason in self.failed.items())
        notes = "".join(f"\nnote: {sentence}" for sentence in self.leakage)
        return f"On {self.split}\n{text_table(*self._table())}{failed}{notes}"

    def _repr_html_(self) -> str:
        return html_table(*self._table(), f"On {self.split}")


@dataclass(frozen=True)
class Rung:
    """A model of the ladder: one idea more than the rung below."""

    label: str
    idea: str
    """The idea in a sentence."""
    model: str
    config: dict[str, Any]
    metrics: Metrics
    gain: Estimate | None
    """The RMSE of the rung below less its own, over the same ratings; `None` for the lowest."""
    p: float | None
    """The p-value of no gain, adjusted for the number of rungs by Holm's method."""
    fit_seconds: float


@dataclass(frozen=True, repr=False)
class Ladder(Sequence[Rung]):
    """Models from the lesson's two vectors to the lowest error, one idea at a time."""

    split: str
    rungs: list[Rung]
    failed: dict[str, str]
    """Why, for each model that could not be fitted."""
    leakage: tuple[str, ...] = field(default=())

    @overload
    def __getitem__(self, at: int) -> Rung: ...
    @overload
    def __getitem__(self, at: slice) -> list[Rung]: ...
    def __getitem__(self, at: int | slice) -> Rung | list[Rung]:
        return self.rungs[at]

    def __iter__(self) -> Iterator[Rung]:
        return iter(self.rungs)

    def __len__(self) -> int:
        return len(self.rungs)

    def _table(self) -> tuple[list[str], list[tuple[Any, ...]]]:
        head = ["rung", "model", "rmse", "gain", "from", "to (95 %)", "p adjusted", "fit s"]
        rows: list[tuple[Any, ...]] = []
        for rung in self.rungs:
            gain = (None,) * 3 if rung.gain is None else (rung.gain.mean, rung.gain.low, rung.gain.high)
            rows.append((rung.label, rung.model, rung.metrics["rmse"].mean, *gain, rung.p, rung.fit_seconds))
        return head, rows

    def __repr__(self) -> str:
        failed = "".join(f"\nfailed: {label}: {reason}" for label, reason in self.failed.items())
        notes = "".join(f"\nnote: {sentence}" for sentence in self.leakage)
        return f"On {self.split}\n{text_table(*self._table())}{failed}{notes}"

    def _repr_html_(self) -> str:
        return html_table(*self._table(), f"On {self.split}")


@dataclass(frozen=True)
class Trial:
    """One trial of a study."""

    number: int
    parameters: dict[str, Any]
    rmse: float | None
    """Its validation RMSE; `None` where it was given up early or failed."""
    epochs: int | None
    outcome: str
    """`done`, `pruned` or `failed`."""
    seconds: float


@dataclass(frozen=True, repr=False)
class Study:
    """A search for parameters on ratings kept aside from the training part."""

    model: str
    trials: list[Trial]
    best_params: dict[str, Any]
    """All parameters of the best trial, `epochs` as it found them."""
    best_rmse: float
    """Its RMSE on the validation part, which flatters it: the test part says how good it is."""
    influences: dict[str, float]
    """How differently the best quarter of the trials chose each parameter than the others, from 0 to 1."""

    def _table(self) -> tuple[list[str], list[tuple[Any, ...]]]:
        done = sorted((trial for trial in self.trials if trial.rmse is not None), key=lambda t: t.rmse or 0.0)
        rows = [
            (t.number, t.rmse, t.epochs, " ".join(f"{name}={_short(value)}" for name, value in t.parameters.items()))
            for t in done[:5]
        ]
        return ["trial", "validation rmse", "epochs", "parameters"], rows

    def _title(self) -> str:
        return f"{self.model}: {len(self.trials)} trials, the best"

    def __repr__(self) -> str:
        return f"{self._title()}\n{text_table(*self._table())}"

    def _repr_html_(self) -> str:
        return html_table(*self._table(), self._title())


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def metrics_of(estimates: dict[str, dict[str, Any]]) -> Metrics:
    """From the library's JSON."""
    return Metrics((name, estimate_of(name, estimate)) for name, estimate in estimates.items())


def estimate_of(name: str, json: dict[str, Any]) -> Estimate:
    """From the library's JSON."""
    n, users = json.get("n", 0), json.get("users", 0)
    return Estimate(name, json["mean"], json.get("stderr"), json.get("low"), json.get("high"), n, users)


def contributions_of(json: list[dict[str, Any]]) -> tuple[Contribution, ...]:
    """From the library's JSON."""
    return tuple(Contribution(**contribution) for contribution in json)


def recommendation_of(json: dict[str, Any] | None, user: Id | None) -> Recommendation:
    """From the library's JSON; null is a list for somebody unknown."""
    if json is None:
        return Recommendation([], "unknown", user)
    picks = [
        Pick(pick["id"], pick["score"], pick.get("title"), contributions_of(pick.get("reasons", [])))
        for pick in json["picks"]
    ]
    return Recommendation(picks, json["basis"], user)
