"""Predictions, recommendations, neighbours and reasons, against the factors and against each other."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import cofactor
from cofactor import BFM, MF, Ratings
from cofactor.errors import AmbiguousError, ParameterError, UnknownIdError, UnsupportedError

Parts = tuple[Ratings, Ratings]


@pytest.fixture(scope="module")
def texts() -> MF:
    """Texts as ids."""
    rows = [(f"u{u}", f"i{i}", 1.0 + (u * i) % 5) for u in range(30) for i in range(20) if (u + 2 * i) % 3]
    return MF(factors=4, epochs=10).fit(rows)


def test_predictions_have_the_shape_of_what_is_asked(model: MF) -> None:
    user, items = 5, model.item_ids_[:4]
    single = model.predict(user, items[0])
    assert isinstance(single, float)
    row = model.predict(user, items)
    assert row.shape == (4,) and row.dtype == np.float32 and row[0] == np.float32(single)
    grid = model.predict(np.array([[5], [6]]), items)
    assert grid.shape == (2, 4) and np.array_equal(grid[0], row)
    assert model.predict([5, 6], [1, 2]).tolist() == [model.predict(5, 1), model.predict(6, 2)]
    assert model.predict(np.int32(5), "1") == model.predict("5", 1) == model.predict(5.0, 1)
    assert model.predict([], []).shape == (0,)
    with pytest.raises(ValueError, match="shape mismatch"):
        model.predict([1, 2], [1, 2, 3])


def test_predictions_are_clipped_unless_asked_otherwise(model: MF) -> None:
    low, high = model.train_.scale
    users = np.repeat(model.user_ids_, 20)
    items = np.tile(model.item_ids_[:20], len(model.user_ids_))
    plain = model.predict(users, items, clip=False, unknown="mean")
    clipped = model.predict(users, items, unknown="mean")
    assert np.array_equal(clipped, np.clip(plain, low, high)) and not np.array_equal(clipped, plain)


def test_what_is_unknown_is_treated_as_asked(model: MF) -> None:
    with pytest.raises(UnknownIdError, match="user '99999' is unknown") as refused:
        model.predict(99999, 1)
    assert isinstance(refused.value, KeyError) and "were trained on" in str(refused.value)
    with pytest.raises(UnknownIdError, match="item 'x' is unknown"):
        model.predict(5, "x")
    values = model.predict([5, 99999, 5], [1, 1, 99999], unknown="nan")
    assert np.isnan(values).tolist() == [False, True, True]
    mean, popular = (model.predict(99999, 1, unknown=policy) for policy in ("mean", "popular"))
    assert np.isfinite([mean, popular]).all() and mean != popular
    one = model.predict_one(99999, 1, unknown="mean")
    assert (one.known_user, one.known_item, one.basis, one.user) == (False, True, "mean", 99999)
    with pytest.raises(ParameterError, match="unknown = zero: expected 'error'"):
        model.predict(1, 1, unknown="zero")  # type: ignore[arg-type]
    for nobody in (None, np.nan):
        with pytest.raises(ParameterError, match="users = "):
            model.predict([nobody], [1])


def test_a_list_is_exactly_the_best_by_the_factors(model: MF, parts: Parts) -> None:
    train, _ = parts
    mean, p, q, user_bias, item_bias = model.factors_
    users, items, _, _ = train.to_arrays()
    for user in (0, 7, 50):
        scores = mean + user_bias[user] + item_bias + q @ p[user]
        scores[train.item_counts == 0] = -np.inf
        seen = scores.copy()
        scores[items[users == user]] = -np.inf
        picks = model.recommend(train.user_ids[user], 8)
        assert picks.ids.tolist() == model.item_ids_[np.argsort(-scores, kind="stable")[:8]].tolist()
        assert np.allclose(picks.scores, np.sort(scores)[::-1][:8], atol=1e-5)
        everything = model.recommend(train.user_ids[user], 8, exclude_seen=False)
        assert everything.ids.tolist() == model.item_ids_[np.argsort(-seen, kind="stable")[:8]].tolist()
        assert [pick.title for pick in picks] == [model.titles_[model.item_ids_.tolist().index(i)] for i in picks.ids]


def test_many_users_at_once_are_each_alone(model: MF) -> None:
    users = model.user_ids_[:20]
    many = model.recommend(users, 5)
    assert many.ids.shape == many.scores.shape == (20, 5) and many.users == users.tolist()
    for row, user in enumerate(users):
        alone = model.recommend(user, 5)
        assert alone.ids.tolist() == many.ids[row].tolist() and np.array_equal(alone.scores, many.scores[row])
    everybody = model.recommend(n=5)
    assert everybody.users == model.user_ids_[model.train_.user_counts > 0].tolist()
    frame = many.to_pandas()
    assert list(frame.columns) == ["user", "item", "score", "rank", "title"] and len(frame) == 100
    assert frame["rank"].tolist()[:6] == [1, 2, 3, 4, 5, 1]


def test_filters_and_gaps(model: MF, texts: MF) -> None:
    allowed = model.item_ids_[:30].tolist()
    picks = model.recommend(5, 10, items=allowed, exclude=allowed[:5])
    assert set(picks.ids.tolist()) <= set(allowed[5:])
    few = model.recommend([5, 99999], 3, items=allowed[:2], exclude_seen=False, unknown="nan")
    assert few.ids.shape == (2, 2) and few.ids[1].tolist() == [-1, -1] and np.isnan(few.scores[1]).all()
    assert few[1].basis == "unknown" and len(few[1]) == 0
    assert texts.recommend(["u1", "nobody"], 2, unknown="nan").ids[1].tolist() == ["", ""]
    with pytest.raises(UnknownIdError, match="user '99999' is unknown"):
        model.recommend([5, 99999])
    assert model.recommend(99999, 3, unknown="popular").basis == "popular"
    with pytest.raises(UnknownIdError, match="item 'nothing' is unknown"):
        model.recommend(5, items=["nothing"])
    with pytest.raises(ParameterError, match="n = -1"):
        model.recommend(5, -1)
    assert len(model.recommend(5, 0)) == 0
    assert model.recommend([], 3).ids.shape == (0, 0)


def test_somebody_new_is_folded_in(model: MF) -> None:
    title = next(title for title in model.titles_ if title)
    item, _ = model.find_item(title)
    other = int(model.item_ids_[-1])
    picks = model.recommend_for({title: 5, other: 1}, 5, reasons=2)
    assert picks.basis == "fold_in" and not {item, other} & set(picks.ids.tolist())
    assert picks.ids.tolist() == model.recommend_for({item: 5, other: 1}, 5).ids.tolist()
    assert {reason.id for pick in picks for reason in pick.reasons} <= {item, other}
    why = model.explain({title: 5, other: 1}, int(picks.ids[0]))
    assert why.score == pytest.approx(float(picks.scores[0]), abs=1e-5)
    parts = why.mean + why.item_bias + why.prior + sum(c.share for c in why.contributions)
    assert parts == pytest.approx(why.explained_score, abs=1e-5)
    with pytest.raises(ParameterError, match=r"ratings, entry 1 = .*: expected a rating from"):
        model.recommend_for({title: 50})
    with pytest.raises(ParameterError, match="at least one rating"):
        model.recommend_for({})
    with pytest.raises(ParameterError, match="an item of the model, but item 'zzzz' is unknown"):
        model.recommend_for({"zzzz": 5})
    with pytest.raises(AmbiguousError, match="fits .* items"):
        model.find_item("the")


def test_neighbours_are_the_nearest_by_cosine(model: MF) -> None:
    q = model.factors_.q.astype(np.float64)
    counts = model.train_.item_counts
    at = int(np.argmax(counts))
    cosines = q @ q[at] / np.linalg.norm(q, axis=1) / np.linalg.norm(q[at])
    cosines[(counts < 5) | (np.arange(len(q)) == at)] = -np.inf
    near = model.similar_items(int(model.item_ids_[at]), 6)
    assert near.ids.tolist() == model.item_ids_[np.argsort(-cosines)[:6]].tolist()
    assert np.allclose(near.similarities, np.sort(cosines)[::-1][:6], atol=1e-5)
    assert len(model.similar_users(5, 3)) == 3
    with pytest.raises(UnsupportedError, match="has no vectors to compare"):
        cofactor.Baseline().fit(model.train_).similar_items(1)


def test_history_and_reasons(model: MF, parts: Parts) -> None:
    rated = model.history(5)
    assert [value for _, _, value in rated] == sorted((value for _, _, value in rated), reverse=True)
    picks = model.recommend(5, 3, reasons=2)
    assert all(reason.id in {item for item, _, _ in rated} for pick in picks for reason in pick.reasons)
    why = model.explain(5, int(picks.ids[0]))
    assert why.score == pytest.approx(float(picks.scores[0]), abs=1e-5)
    assert len(why.contributions) == len(rated)


def test_time_is_part_of_the_question_where_the_model_has_it() -> None:
    rows = [(u, i, 1.0 + (u + i) % 5, 10_000_000 * ((u * i) % 7)) for u in range(30) for i in range(20) if (u + i) % 3]
    model = cofactor.Timesvdpp(factors=4, epochs=5).fit(rows)
    early, late = model.predict(1, 3, [0, 60_000_000])
    assert early != late
    assert np.array_equal(model.predict(1, 3, np.array(["1970-01-01"], dtype="datetime64[D]")), [early])


def test_what_people_see(model: MF) -> None:
    picks = model.recommend(5, 3, reasons=1)
    shown: list[Any] = [picks, model.recommend([5, 6], 3), model.similar_items(1), model.explain(5, 1)]
    for answer in shown:
        assert "<table>" in answer._repr_html_() and len(repr(answer)) > 20
    assert repr(picks).splitlines()[0] == "For user 5, by model"
    assert "because of" in repr(picks) and picks[0].name in repr(picks)


def test_a_model_of_steps_says_how_probable_each_rating_is(parts: Parts) -> None:
    numbers, steps = (
        BFM(target=target, factors=2, chains=8, burn_in=4, samples=4).fit(parts[0]) for target in ("gaussian", "probit")
    )
    for model in (numbers, steps):
        one = model.predict_one(5, 1)
        half, most = one.interval(0.5), one.interval(0.9)
        assert one.sd is not None and one.sd > 0 and half is not None and most is not None
        assert most[0] <= half[0] <= one.value <= half[1] <= most[1] and most != half
    assert numbers.predict_one(5, 1).chances == {}
    one = steps.predict_one(5, 1)
    assert sum(one.chances.values()) == pytest.approx(1, abs=1e-6)
    assert sum(rating * chance for rating, chance in one.chances.items()) == pytest.approx(one.value, abs=1e-4)


def test_a_model_without_a_spread_gives_no_interval(model: MF) -> None:
    one = model.predict_one(5, 1)
    assert (one.sd, one.interval(0.9), one.chances) == (None, None, {})
