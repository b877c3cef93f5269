"""Parameters, fitting, what has been learned, and keeping it."""

from __future__ import annotations

import copy
import inspect
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cofactor
from cofactor import MF, Model, Ratings
from cofactor.errors import (
    DivergedError,
    ModelFileError,
    NotFittedError,
    ParameterError,
    UnknownIdError,
    UnknownNameError,
    UnsupportedError,
)

Parts = tuple[Ratings, Ratings]


def same(a: Model, b: Model) -> bool:
    """Whether two models have learned the same bits."""
    left, right = a.tensors_, b.tensors_
    return left.keys() == right.keys() and all(left[name].tobytes() == right[name].tobytes() for name in left)


@pytest.mark.parametrize("name", cofactor.models())
def test_every_model_of_the_registry_has_a_class_and_learns(name: str, ratings: Ratings, parts: Parts) -> None:
    train, test = parts
    by_name = Model(name, threads=1)
    by_class = getattr(cofactor, cofactor._model.class_name(name))
    signature = inspect.signature(by_class)
    assert set(signature.parameters) == set(by_name.config) | {"preset", "seed", "threads"}
    assert all(knob in by_class.__doc__ for knob in by_name.config)
    one, two = by_name.fit(train), by_class(threads=2).fit(train)
    assert same(one, two), "neither the class nor the threads change a bit"
    if "implicit_from" in one.config:
        ranked = cofactor.evaluate(Model(name, threads=1), train, "user:0.2", seed=3, metrics=["auc"])
        assert ranked.metrics["auc"].mean > 0.5, "better than chance"
    else:
        assert one.evaluate(test)["rmse"].mean < 1.5
    assert one.documentation.startswith("# ")
    assert one.predict(test).shape == (len(test),)


def test_parameters_are_checked_when_they_are_given() -> None:
    with pytest.raises(ParameterError, match=r"factors = -1: expected a whole number from"):
        MF(factors=-1)
    with pytest.raises(UnknownNameError, match=r"no parameter is called 'factor'\n  help: did you mean 'factors'"):
        Model("mf", factor=3)
    with pytest.raises(UnknownNameError, match=r"no model is called 'mff'\n  help: did you mean 'mf'"):
        Model("mff")
    with pytest.raises(UnknownNameError, match="no preset is called 'x'"):
        Model("mf", preset="x")
    for wrong in (float("nan"), [1], object()):
        with pytest.raises(ParameterError, match="rate = "):
            Model("mf", rate=wrong)
    for seed in (-1, 1.5, "x", 2**64):
        with pytest.raises(ParameterError, match="seed = "):
            Model("mf", seed=seed)
    assert Model("mf", factors=np.int64(8), rate=np.float32(0.5)).config["factors"] == 8


def test_parameters_come_back_and_are_cloned() -> None:
    model = MF(factors=12, preset="lesson", seed=7)
    assert model.get_params()["factors"] == 12 and model.get_params()["rate"] is None
    assert model.config["factors"] == 12 and model.config["epochs"] == 100
    copied = model.clone()
    assert copied is not model and copied.get_params() == model.get_params() and copied.config == model.config
    assert repr(model) == "MF(factors=12, preset='lesson', seed=7)"
    assert model.set_params(factors=5, preset=None) is model and model.config["biases"] is True
    with pytest.raises(ParameterError):
        model.set_params(factors=0.5)
    assert model.config["factors"] == 5, "a refused value changes nothing"
    plain = Model("mf", factors=3)
    assert repr(plain) == "Model('mf', factors=3)" and plain.clone().config == plain.config


def test_the_learning_curve_and_the_callback(parts: Parts) -> None:
    train, valid = parts
    heard: list[dict[str, Any]] = []
    model = MF(factors=4, epochs=6).fit(train, valid=valid, callback=heard.append)
    assert heard == model.epochs_ and [epoch["epoch"] for epoch in heard] == [1, 2, 3, 4, 5, 6]
    last = model.epochs_[-1]["valid_rmse"]
    assert last == pytest.approx(model.evaluate(valid, clip=False)["rmse"].mean, abs=1e-6)
    stopped = MF(factors=4, epochs=6).fit(train, callback=lambda epoch: epoch["epoch"] == 2)
    assert len(stopped.epochs_) == 2
    assert same(stopped, MF(factors=4, epochs=6).fit(train, callback=lambda epoch: epoch["epoch"] == 2))


def test_a_callback_that_raises_ends_the_fit_and_keeps_what_was(parts: Parts) -> None:
    train, _ = parts
    model = MF(factors=4, epochs=4).fit(train)
    before = model.tensors_

    def fail(_: dict[str, Any]) -> None:
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        model.fit(train, callback=fail)
    assert all(before[name].tobytes() == array.tobytes() for name, array in model.tensors_.items())
    with pytest.raises(RuntimeError, match="enough"):
        MF().fit(train, callback=fail)


def test_early_stopping_finds_the_epochs(parts: Parts) -> None:
    model = MF(factors=4, rate=0.02).fit(parts[0], early_stopping=True, patience=2)
    found = model.early_stopping_
    assert found is not None and len(model.epochs_) == found["epochs"] == model.config_["epochs"]
    with pytest.raises(UnsupportedError, match="does not learn in epochs"):
        cofactor.KNN().fit(parts[0], early_stopping=True)
    with pytest.raises(ParameterError, match="early.stopping = 1.5"):
        MF().fit(parts[0], early_stopping=1.5)


def test_the_factors_predict_what_the_model_predicts(model: MF, parts: Parts) -> None:
    mean, p, q, user_bias, item_bias = model.factors_
    train, test = parts
    assert p.shape == (train.users, 8) and q.shape == (train.items, 8) and p.dtype == np.float32
    users, items, _, _ = test.to_arrays()
    by_hand = mean + user_bias[users] + item_bias[items] + np.einsum("nk,nk->n", p[users], q[items])
    known = (train.user_counts[users] > 0) & (train.item_counts[items] > 0)
    assert np.allclose(model.predict(test, clip=False)[known], by_hand[known], atol=1e-5)
    with pytest.raises(UnsupportedError, match="has no factors"):
        _ = cofactor.KNN().fit(train).factors_


def test_rows_with_ratings_are_fitted_as_scikit_learn_passes_them(parts: Parts) -> None:
    train, test = parts
    users, items, values, _ = train.to_arrays()
    X = np.column_stack([train.user_ids[users], train.item_ids[items]])
    by_rows = MF(factors=4, epochs=5).fit(X, values)
    by_ratings = MF(factors=4, epochs=5).fit(Ratings.from_df(np.column_stack([X, values])))
    assert same(by_rows, by_ratings)
    tested, asked, told, _ = test.to_arrays()
    rows = np.column_stack([test.user_ids[tested], test.item_ids[asked]])
    assert np.array_equal(by_rows.predict(rows), by_rows.predict(test))
    expected = 1 - np.sum((told - by_rows.predict(rows, clip=False)) ** 2) / np.sum((told - told.mean()) ** 2)
    assert by_rows.score(rows, told) == pytest.approx(expected, abs=1e-5)


def test_parts_that_were_not_split_from_one_whole(parts: Parts) -> None:
    train, test = parts
    alone_train, alone_test = (Ratings.from_df(part.to_pandas()) for part in (train, test))
    together = MF(factors=4, epochs=5).fit(train)
    alone = MF(factors=4, epochs=5).fit(alone_train)
    assert alone.evaluate(alone_test)["rmse"].mean == pytest.approx(together.evaluate(test)["rmse"].mean, abs=0.02)
    stranger = Ratings.from_df([("nobody", "nothing", 3.0), ("nobody", "else", 4.0)])
    assert alone.evaluate(stranger)["rmse"].n == 2
    with pytest.raises(UnknownIdError, match="item|user"):
        MF().fit(alone_train, valid=stranger)


def test_a_question_before_the_fit() -> None:
    with pytest.raises(NotFittedError, match="this MF has learned nothing yet"):
        MF().predict(1, 2)
    assert not hasattr(MF(), "epochs_")


def test_a_model_comes_back_from_its_file(model: MF, parts: Parts, tmp_path: Path) -> None:
    path = tmp_path / "m.cofactor"
    model.save(path)
    back = cofactor.load_model(path)
    assert type(back) is MF and same(model, back) and back.config_ == model.config_
    assert back.recommend(1).ids.tolist() == model.recommend(1).ids.tolist()
    for other in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        assert same(model, other) and other.get_params() == model.get_params()
    assert pickle.loads(pickle.dumps(MF(factors=3))).config["factors"] == 3
    damaged = bytearray(path.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    path.write_bytes(damaged)
    with pytest.raises(ModelFileError):
        cofactor.load_model(path)
    with pytest.raises(FileNotFoundError):
        cofactor.load_model(tmp_path / "nothing.cofactor")
    with pytest.raises(OSError, match="cannot"):
        model.save(tmp_path / "no" / "folder" / "m.cofactor")


def test_the_command_writes_and_reads_the_same_file(
    command: Callable[..., str], ratings: Ratings, tmp_path: Path
) -> None:
    table = tmp_path / "r.csv"
    ratings.to_pandas().to_csv(table, index=False)
    theirs = tmp_path / "theirs.cofactor"
    command("train", table, "--model", "mf", "--set", "factors=6", "--set", "epochs=8", "-o", theirs, "--quiet")
    ours = MF(factors=6, epochs=8).fit(Ratings.read(table))
    assert same(ours, cofactor.load_model(theirs))
    mine = tmp_path / "mine.cofactor"
    ours.save(mine)
    assert mine.read_bytes() == theirs.read_bytes()
    user = int(ratings.user_ids[3])
    listed = json.loads(command("recommend", mine, "--user", str(user), "-n", "5", "--json"))
    assert [pick["id"] for pick in listed["picks"]] == ours.recommend(user, 5).ids.tolist()


def test_divergence_is_an_error_that_says_what_to_do(parts: Parts) -> None:
    with pytest.raises(DivergedError, match=r"diverged in epoch \d+.*\n  help: ") as diverged:
        MF(rate=1.0, biases=False, factors=64, epochs=30).fit(parts[0])
    assert isinstance(diverged.value, ArithmeticError) and diverged.value.hint
    with pytest.raises(UnsupportedError, match="timesvdpp learns from the time"):
        cofactor.Timesvdpp().fit([(1, 1, 3), (1, 2, 4), (2, 1, 5)])


def test_what_people_see(model: MF) -> None:
    assert repr(MF()) == "MF()"
    assert "15 epochs, training RMSE" in repr(model)
    page = model._repr_html_()
    assert "factors" in page and "<table>" in page and "15 epochs" in page
    assert "not fitted" in MF()._repr_html_()


def test_a_loop_by_hand_with_the_same_start_and_order_gives_the_same_factors(parts: Parts) -> None:
    train, _ = parts
    users, items, values, _ = train.to_arrays()
    model = MF(biases=False, factors=4, decay=1.0, reg=0.05, reg_power=0.0, rate=0.01, epochs=3)
    start = model.clone().set_params(rate=1e-8, epochs=1).fit(train).factors_
    p, q = start.p.astype(np.float64), start.q.astype(np.float64)
    for epoch in (1, 2, 3):
        order = model.order_of_epoch(train, epoch)
        assert np.array_equal(np.sort(order), np.arange(len(train)))
        for at in order:
            old_p, old_q = p[users[at]].copy(), q[items[at]].copy()
            error = values[at] - old_p @ old_q
            p[users[at]] += 0.02 * (error * old_q - 0.05 * old_p)
            q[items[at]] += 0.02 * (error * old_p - 0.05 * old_q)
    learned = model.fit(train).factors_
    known = train.item_counts > 0
    assert np.abs(learned.p - start.p).max() > 0.01
    assert max(np.abs(learned.p - p).max(), np.abs(learned.q - q)[known].max()) < 1e-5


def test_only_models_that_visit_ratings_one_by_one_tell_their_order(parts: Parts) -> None:
    with pytest.raises(UnsupportedError, match="'als' model does not visit"):
        Model("als").order_of_epoch(parts[0])
    with pytest.raises(ParameterError, match="epoch = 0"):
        MF().order_of_epoch(parts[0], 0)
