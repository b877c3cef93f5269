"""Split, fit and measure: one model, several, or many parameters of one."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from . import _native, _results
from ._model import Model, _rule
from ._ratings import as_ratings
from ._results import Compared, Comparison, Evaluation, Fold, Ladder, Metrics, Rung, Study, Trial
from ._show import Progress
from .errors import ParameterError


def evaluate(
    model: Model | str,
    ratings: Any,
    split: str = "user:0.2",
    *,
    seed: int = 42,
    clip: bool = True,
    early_stopping: bool | float = False,
    patience: int = 5,
    metrics: str | Sequence[str] = (),
    relevant_from: float | None = None,
    progress: bool | None = None,
) -> Evaluation:
    """Fits a copy of the model on the training part of each fold and measures it on the test part. The model itself learns nothing.

    split: `user:0.2`, `random:0.1`, `kfold:10`, `time:0.1`, `loo`, `strong:500`; for ml-100k also `official` (five folds) and `official:u1`,
        for ml-1m-ncf `ncf`, for gowalla `lightgcn`.
    seed: of the split; the fit has the model's own.
    clip: predictions to the scale of the ratings.
    early_stopping: find the number of epochs in each fold, on a share of its training part.
    metrics: of rankings too: `ndcg@10`, `recall@20`, `auc`, …, or `usual`. Ranked are all items that the user has not rated in training; equal scores
        count by the mean over their orders.
    relevant_from: the lowest rating that makes a test item relevant; without it, all are.
    """
    model = _model(model)
    with Progress(progress, model.name) as shown:
        answer = json.loads(
            _native.evaluate(
                model._wanted(), as_ratings(ratings)._native, split, seed, clip, _rule(early_stopping, patience),
                _names(metrics), relevant_from, shown.tell,
            )
        )
    found = answer["evaluation"]
    return Evaluation(
        model=repr(model) if model._fitted is None else repr(model.clone()),
        split=answer["split"],
        metrics=_all_metrics(found),
        folds=[_fold(fold) for fold in found["folds"]],
        config=answer["config"],
        leakage=tuple(answer["leakage"]),
    )


def cross_validate(
    model: Model | str,
    ratings: Any,
    cv: int | str = 5,
    *,
    measures: Sequence[str] = ("rmse", "mae"),
    verbose: bool = True,
    **options: Any,
) -> Evaluation:
    """`evaluate` over several folds, with a table of them printed.

    cv: a number of folds, or a split of several, such as `official`.
    measures: which metrics the table shows; those of rankings, such as `ndcg@10`, are measured for it.
    verbose: print it.
    """
    ranking = [name for name in measures if name.split("@")[0] in _RANKING]
    options.setdefault("metrics", ranking)
    evaluation = evaluate(model, ratings, f"kfold:{cv}" if isinstance(cv, int) else cv, **options)
    unknown = [name for name in measures if name not in evaluation.metrics]
    if unknown:
        raise ParameterError(f"measures = {unknown}: expected some of {', '.join(evaluation.metrics)}")
    if verbose:
        print(evaluation.table(measures))
    return evaluation


def compare(
    models: Sequence[Model | str] | Mapping[str, Model | str],
    ratings: Any,
    split: str = "user:0.2",
    *,
    seed: int = 42,
    clip: bool = True,
    early_stopping: bool | float = False,
    patience: int = 5,
    metrics: str | Sequence[str] = (),
    relevant_from: float | None = None,
    progress: bool | None = None,
) -> Comparison:
    """Fits several models on the same parts and tests their differences to the best, paired by user.

    models: models, or their names; as a mapping, under the labels that the table shows. All fits have the first model's seed and threads.
    A model whose fit fails is listed as failed. With `metrics`, the best is the best by the first of them. The other arguments are those of `evaluate`.
    """
    if isinstance(models, Mapping):
        wanted = [_model(model)._wanted(label) for label, model in models.items()]
    else:
        wanted = [_model(model)._wanted(model if isinstance(model, str) else repr(model.clone())) for model in models]
    if not wanted:
        raise ParameterError("models = []: expected at least one")
    with Progress(progress) as shown:
        answer = json.loads(
            _native.compare(
                wanted, as_ratings(ratings)._native, split, seed, clip, _rule(early_stopping, patience), _names(metrics), relevant_from,
                shown.tell,
            )
        )
    found = answer["comparison"]
    failed = {one["label"]: one["reason"] for one in found.get("failed", [])}
    compared = [_compared(one) for one in found["models"]]
    return Comparison(answer["split"], compared, failed, found["method"], tuple(answer["leakage"]))


def ladder(
    ratings: Any,
    split: str = "user:0.2",
    *,
    seed: int = 42,
    split_seed: int = 42,
    threads: int = 0,
    progress: bool | None = None,
) -> Ladder:
    """Climbs from the lesson's two vectors to the lowest error, one idea at a time, and measures what each is worth, as `cofactor ladder` does.

    Biases, what somebody rated, time, who rated an item, Bayes, what is known beside the ratings, how many ratings there are, ratings as steps. Ideas
    about times or attributes are left out where the data have none. The models have their presets for the data set, or their defaults.

    split: as for `evaluate`.
    seed: of the fits.
    threads: of the fits; 0 for all processors. They change the time, not the numbers.
    """
    with Progress(progress) as shown:
        answer = json.loads(_native.ladder(as_ratings(ratings)._native, split, (seed, split_seed, threads), shown.tell))
    found = answer["ladder"]
    failed = {one["label"]: one["reason"] for one in found.get("failed", [])}
    models = {one["label"]: one for one in found["models"]}
    rungs = [_rung(rung, models[rung["label"]]) for rung in found["rungs"]]
    return Ladder(answer["split"], rungs, failed, tuple(answer["leakage"]))


def tune(
    model: Model | str,
    ratings: Any,
    trials: int = 40,
    *,
    split: str = "none",
    search: Iterable[str] | Mapping[str, Any] = (),
    validation: float = 0.1,
    patience: int = 5,
    seed: int = 42,
    study: str | os.PathLike[str] | None = None,
    progress: bool | None = None,
) -> Study:
    """Searches for good parameters on ratings kept aside; `Model(study.model, **study.best_params)` is the winner.

    Searched is what the model declares worth searching, but for the parameters that it has been given. Early stopping finds the number of
    epochs. The result depends on the seed, not on the threads.

    trials: how many in all; eight at a time are proposed by the finished ones (TPE) and run side by side.
    split: search on the training part of this split alone, so that its test part stays unseen.
    search: parameters to search too, or over which values: `{"reg": (0.01, 0.1), "biases": [True, False]}`.
    validation: the share of each user's training ratings to measure on.
    study: a file that keeps the trials; the same call goes on with those that it holds. The command `cofactor` reads it too.
    """
    model = _model(model)
    wishes = [_wish(name, values) for name, values in search.items()] if isinstance(search, Mapping) else [
        (name, None) for name in search
    ]  # fmt: skip
    asked = {
        "trials": trials, "split": split, "seed": seed, "wishes": wishes, "validation": validation, "patience": patience,
        "fixed": [name for name, value in model._parameters.items() if value is not None],
        "study": None if study is None else os.fspath(study),
    }  # fmt: skip
    with Progress(progress, model.name) as shown:
        answer = json.loads(_native.tune(model._wanted(), as_ratings(ratings)._native, asked, shown.tell))
    tried = [_trial(trial) for trial in answer["trials"]]
    best = next(trial.rmse for trial in tried if trial.number == answer["best"])
    influences = {one["name"]: one["effect"] for one in answer["influences"]}
    return Study(model.name, tried, answer["winner"], best if best is not None else float("nan"), influences)


def ranking_metrics(relevant: Any, scores: Any, metrics: str | Sequence[str] = ("ndcg@10",)) -> dict[str, npt.NDArray[np.float64]]:
    """Metrics of given rankings: for scores of any origin, each metric by its name with an entry for each row.

    relevant: users × candidates, whether each candidate is relevant; or a single row.
    scores: of the same shape; equal ones count by the mean over their orders. They are taken as float32.
    metrics: such as `recall@20`; a row without anything relevant gives NaN.
    """
    judged = np.atleast_2d(np.asarray(relevant)).astype(bool)
    scored = np.atleast_2d(np.asarray(scores)).astype(np.float32)
    if judged.shape != scored.shape or judged.ndim != 2:
        raise ParameterError(f"relevant has the shape {judged.shape} and scores {scored.shape}: expected users × candidates of both")
    names = _names(metrics)
    found = _native.ranking_metrics(scored, judged, names)
    return {name: found[:, place] for place, name in enumerate(names)}


_RANKING = ("ndcg", "recall", "recall_capped", "precision", "map", "mrr", "hitrate", "auc", "epr", "coverage", "gini", "novelty", "diversity", "lift")


def _names(metrics: str | Sequence[str]) -> list[str]:
    named = metrics.split(",") if isinstance(metrics, str) else list(metrics)
    return [name.strip() for name in named]


def _all_metrics(found: dict[str, Any]) -> Metrics:
    """Those of rankings, as they were asked for, and those of ratings."""
    ranking = found.get("ranking")
    measured = {name: ranking["metrics"][name] for name in ranking["asked"]["measures"]} if ranking else {}
    return _results.metrics_of(measured | found["metrics"])


def _model(model: Model | str) -> Model:
    return Model(model) if isinstance(model, str) else model


def _wish(name: str, values: Any) -> tuple[str, str | None]:
    """As the library reads it: `lo..hi` for a pair, `a,b,c` for a list."""
    if values is None:
        return name, None
    if isinstance(values, tuple) and len(values) == 2:
        return name, f"{values[0]}..{values[1]}"
    return name, ",".join(str(value).lower() if isinstance(value, bool) else str(value) for value in values)


def _fold(fold: dict[str, Any]) -> Fold:
    seconds = fold["seconds"]
    metrics = _all_metrics(fold)
    return Fold(fold["name"], fold["train"], fold["test"], metrics, fold["epochs"], seconds["fit"], seconds["evaluate"])


def _compared(one: dict[str, Any]) -> Compared:
    difference = one.get("difference")
    return Compared(
        label=one["label"],
        model=one["model"],
        config=one["config"],
        metrics=_all_metrics(one),
        folds_won=one["folds_won"],
        difference=None if difference is None else _results.estimate_of("rmse", difference),
        p=None if difference is None else difference["p_holm"],
        ranking_differences=_results.metrics_of(one.get("ranking_differences", {})),
        ranking_p={name: found["p_holm"] for name, found in one.get("ranking_differences", {}).items()},
        fit_seconds=one["seconds"]["fit"],
        bytes=one["bytes"],
    )


def _rung(rung: dict[str, Any], model: dict[str, Any]) -> Rung:
    gain = rung.get("gain")
    return Rung(
        label=rung["label"],
        idea=rung["idea"],
        model=model["model"],
        config=model["config"],
        metrics=_all_metrics(model),
        gain=None if gain is None else _results.estimate_of("rmse", gain),
        p=None if gain is None else gain["p_holm"],
        fit_seconds=model["seconds"]["fit"],
    )


def _trial(trial: dict[str, Any]) -> Trial:
    status = trial["status"]
    # The RMSE of a trial that was given up is none of its end.
    rmse, epochs = (trial["rmse"], trial["epochs"]) if status == "done" else (None, None)
    return Trial(trial["number"], trial["parameters"], rmse, epochs, status, trial["seconds"])
