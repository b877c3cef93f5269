"""Evaluating, comparing, searching: here, in scikit-learn and in Optuna."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import optuna
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score

import cofactor
from cofactor import MF, Baseline, Model, Ratings
from cofactor.errors import ParameterError, UnsupportedError


def test_evaluate_is_fit_and_evaluate(ratings: Ratings) -> None:
    evaluation = cofactor.evaluate(MF(factors=4, epochs=5), ratings, "user:0.2", seed=3)
    train, test = ratings.split("user:0.2", seed=3)
    metrics = MF(factors=4, epochs=5).fit(train).evaluate(test)
    assert evaluation.metrics == metrics and evaluation.rmse == metrics["rmse"].mean
    rmse = metrics["rmse"]
    assert rmse.low is not None and rmse.high is not None and rmse.low < rmse.mean < rmse.high
    values = test.to_arrays()[2]
    predicted = MF(factors=4, epochs=5).fit(train).predict(test)
    assert rmse.mean == pytest.approx(np.sqrt(np.mean((values - predicted) ** 2)), abs=1e-5)
    assert evaluation.folds[0].test == len(test) and evaluation.config["factors"] == 4
    with pytest.raises(UnsupportedError, match="nothing is held out"):
        cofactor.evaluate("mf", ratings, "none")


def test_cross_validation_prints_each_fold_and_their_mean(ratings: Ratings, capsys: pytest.CaptureFixture[str]) -> None:
    model = MF(factors=4, epochs=5)
    evaluation = cofactor.cross_validate(model, ratings, 3)
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].split() == ["fold", "rmse", "mae", "fit", "s", "test", "s"]
    assert [line.split()[0] for line in printed[2:]] == ["1/3", "2/3", "3/3", "mean", "std"]
    rmse = [fold.metrics["rmse"].mean for fold in evaluation.folds]
    assert printed[5].split()[1] == f"{np.mean(rmse):.4f}" and printed[6].split()[1] == f"{np.std(rmse, ddof=1):.4f}"
    assert not model.__sklearn_is_fitted__()
    cofactor.cross_validate(model, ratings, 2, verbose=False)
    assert capsys.readouterr().out == ""
    with pytest.raises(ParameterError, match="rsme.*expected some of mae, "):
        cofactor.cross_validate(model, ratings, 2, measures=["rsme"])


def test_the_command_comes_to_the_same_figures(
    command: Callable[..., str], ratings: Ratings, tmp_path: Path
) -> None:
    table = tmp_path / "r.csv"
    ratings.to_pandas().to_csv(table, index=False)
    report = json.loads(
        command("evaluate", table, "--model", "mf", "--set", "factors=4", "--set", "epochs=5", "--split", "kfold:3", "--json")
    )
    ours = cofactor.evaluate(MF(factors=4, epochs=5), Ratings.read(table), "kfold:3")
    assert {name: estimate["mean"] for name, estimate in report["metrics"].items()} == {
        name: estimate.mean for name, estimate in ours.metrics.items()
    }


def test_models_are_compared_on_the_same_parts(ratings: Ratings) -> None:
    comparison = cofactor.compare({"flat": Baseline(), "mf": MF(factors=4, epochs=10), "other": "slope-one"}, ratings)
    assert {model.label for model in comparison} == {"flat", "mf", "other"}
    rmse = [model.metrics["rmse"].mean for model in comparison]
    assert rmse == sorted(rmse) and comparison[0].difference is None
    for model in comparison[1:]:
        assert model.difference is not None and model.p is not None
        assert model.difference.mean == pytest.approx(model.metrics["rmse"].mean - rmse[0])
    assert "to the best" in repr(comparison) and comparison[0].label in comparison._repr_html_()
    failing = cofactor.compare(["baseline", MF(rate=1.0, biases=False, factors=64, epochs=30)], ratings)
    assert len(failing) == 1 and "diverged" in next(iter(failing.failed.values()))


def test_the_ladder_tells_what_each_idea_gains(ratings: Ratings) -> None:
    ladder = cofactor.ladder(ratings, "user:0.2", progress=False)
    assert not ladder.failed and ladder[0].label == "PQ" and ladder[0].gain is None and ladder[-1].model == "bfm"
    for below, rung in zip(ladder, ladder[1:]):
        assert rung.gain is not None and rung.p is not None and rung.idea
        assert rung.gain.mean == pytest.approx(below.metrics["rmse"].mean - rung.metrics["rmse"].mean)
    assert "gain" in repr(ladder) and "Bayes" in ladder._repr_html_()


def test_tuning_depends_on_the_seed_alone_and_goes_on_from_its_file(ratings: Ratings, tmp_path: Path) -> None:
    path = tmp_path / "study.jsonl"
    whole = cofactor.tune(MF(factors=4, threads=1), ratings, 10, split="user:0.2", search={"reg": (0.01, 0.2)})
    first = cofactor.tune(MF(factors=4, threads=2), ratings, 4, split="user:0.2", search={"reg": (0.01, 0.2)}, study=path)
    rest = cofactor.tune(MF(factors=4), ratings, 10, split="user:0.2", search={"reg": (0.01, 0.2)}, study=path)
    assert len(first.trials) == 4 and [t.parameters for t in rest.trials] == [t.parameters for t in whole.trials]
    assert rest.best_params == whole.best_params and whole.best_params["factors"] == 4
    assert all(0.01 <= trial.parameters["reg"] <= 0.2 for trial in whole.trials[1:])
    assert whole.best_rmse == min(trial.rmse for trial in whole.trials if trial.rmse is not None)
    winner = Model(whole.model, **whole.best_params)
    assert winner.fit(ratings).config_["epochs"] == whole.best_params["epochs"]
    assert "validation rmse" in repr(whole)


def test_scikit_learn_clones_searches_and_cross_validates(ratings: Ratings) -> None:
    users, items, y, _ = ratings.to_arrays()
    X = np.column_stack([ratings.user_ids[users], ratings.item_ids[items]])
    estimator = MF(factors=4, epochs=3, threads=1)
    assert clone(estimator).get_params() == estimator.get_params()
    search = GridSearchCV(estimator, {"factors": [2, 6], "reg": [0.02, 0.1]}, cv=3, scoring="neg_root_mean_squared_error")
    search.fit(X, y)
    assert search.best_params_["factors"] in (2, 6) and -1.5 < search.best_score_ < -0.3
    assert search.best_estimator_.config_["reg"] == search.best_params_["reg"]
    scores = cross_val_score(estimator, X, y, cv=3, n_jobs=2)
    assert scores.shape == (3,) and np.all(scores > 0)


def test_optuna_searches(ratings: Ratings) -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)

    def objective(trial: optuna.Trial) -> float:
        model = MF(
            factors=trial.suggest_int("factors", 2, 8),
            reg=trial.suggest_float("reg", 0.01, 0.3, log=True),
            epochs=5,
        )
        return cofactor.evaluate(model, ratings).rmse

    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=1))
    study.optimize(objective, n_trials=5)
    assert MF(**study.best_params).config["factors"] == study.best_params["factors"]
    assert study.best_value == cofactor.evaluate(MF(epochs=5, **study.best_params), ratings).rmse
