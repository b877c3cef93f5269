"""Metrics of rankings, held against other implementations and against averages over the orders of equal scores."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pytest
from scipy.stats import rankdata
from sklearn.metrics import average_precision_score, ndcg_score, roc_auc_score

import cofactor
from cofactor import MF, Baseline, Ratings, ranking_metrics
from cofactor.errors import CofactorError, ParameterError

pytrec_eval = pytest.importorskip("pytrec_eval")

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float32]

# trec_eval's metrics that take a cutoff, and ours.
TREC_AT = {"ndcg_cut": "ndcg", "recall": "recall", "P": "precision", "success": "hitrate", "map_cut": "map"}


def drawn(seed: int, users: int, candidates: int, levels: int | None) -> tuple[Bools, Floats]:
    """Relevance and scores; with few levels there are many ties. Each row has a relevant candidate and another one."""
    draw = np.random.default_rng(seed)
    relevant = draw.random((users, candidates)) < 0.15
    relevant[:, 0], relevant[:, 1] = True, False
    # Without levels, a permutation: no two scores of a row are equal.
    scores = draw.permuted(np.tile(np.arange(candidates), (users, 1)), axis=1) if levels is None else draw.integers(0, levels, relevant.shape)
    return relevant, scores.astype(np.float32)


@pytest.mark.parametrize("levels", [None, 2, 5, 40])
def test_scikit_learn_agrees_also_on_ties(levels: int | None) -> None:
    relevant, scores = drawn(1, 60, 80, levels)
    found = ranking_metrics(relevant, scores, ["ndcg", "ndcg@10", "auc"])
    for user in range(60):
        judged, scored = relevant[user : user + 1], scores[user : user + 1]
        # Both average over the orders of ties.
        assert found["ndcg"][user] == pytest.approx(ndcg_score(judged, scored), abs=1e-6)
        assert found["ndcg@10"][user] == pytest.approx(ndcg_score(judged, scored, k=10), abs=1e-6)
        assert found["auc"][user] == pytest.approx(roc_auc_score(judged[0], scored[0]), abs=1e-6)


def test_scikit_learn_agrees_on_average_precision_without_ties() -> None:
    relevant, scores = drawn(2, 60, 80, None)
    found = ranking_metrics(relevant, scores, "map")["map"]
    expected = [average_precision_score(judged, scored) for judged, scored in zip(relevant, scores)]
    assert found == pytest.approx(expected, abs=1e-6)


def test_trec_eval_agrees_without_ties() -> None:
    relevant, scores = drawn(3, 40, 60, None)
    names = {"ndcg_cut_10": "ndcg@10", "recall_10": "recall@10", "P_10": "precision@10", "recip_rank": "mrr", "success_10": "hitrate@10", "map": "map"}
    truth = {str(u): {str(i): int(is_) for i, is_ in enumerate(row)} for u, row in enumerate(relevant)}
    run = {str(u): {str(i): float(score) for i, score in enumerate(row)} for u, row in enumerate(scores)}
    wanted = {"ndcg_cut.10", "recall.10", "P.10", "recip_rank", "success.10", "map", "map_cut.10"}
    measured = pytrec_eval.RelevanceEvaluator(truth, wanted).evaluate(run)
    found = ranking_metrics(relevant, scores, [*names.values(), "map@10"])
    for user in range(40):
        for theirs, ours in names.items():
            assert found[ours][user] == pytest.approx(measured[str(user)][theirs], abs=1e-6), ours
        # trec_eval divides by R where ours divides by min(N, R).
        count = int(relevant[user].sum())
        assert found["map@10"][user] * min(10, count) / count == pytest.approx(measured[str(user)]["map_cut_10"], abs=1e-6)


def orders_of(scores: Floats) -> Iterator[list[int]]:
    """All orders of the candidates in which no score rises."""
    groups = [np.flatnonzero(scores == level).tolist() for level in np.unique(scores)[::-1]]
    for shuffled in itertools.product(*(itertools.permutations(group) for group in groups)):
        yield [item for group in shuffled for item in group]


@pytest.mark.parametrize("seed", range(12))
def test_ties_are_the_mean_of_trec_eval_over_their_orders(seed: int) -> None:
    relevant, scores = (rows[0] for rows in drawn(seed, 1, 8, 3))
    count = int(relevant.sum())
    truth = {"u": {str(item): int(is_) for item, is_ in enumerate(relevant)}}
    names = {"recip_rank": "mrr", "map": "map", "ndcg": "ndcg"}
    names |= {f"{theirs}_{n}": f"{ours}@{n}" for n in (1, 3, 5) for theirs, ours in TREC_AT.items()}
    evaluator = pytrec_eval.RelevanceEvaluator(truth, {"recip_rank", "map", "ndcg"} | {f"{name}.1,3,5" for name in TREC_AT})
    orders = list(orders_of(scores))
    measured = [evaluator.evaluate({"u": {str(item): float(-rank) for rank, item in enumerate(order)}})["u"] for order in orders]
    found = ranking_metrics(relevant, scores, [*names.values(), "recall_capped@3", "epr"])
    for theirs, ours in names.items():
        # trec_eval divides average precision by R where ours divides by min(N, R).
        scale = count / min(int(ours[-1]), count) if ours.startswith("map@") else 1.0
        expected = scale * np.mean([values[theirs] for values in measured])
        assert found[ours][0] == pytest.approx(expected, abs=1e-6), ours
    capped = np.mean([values["recall_3"] for values in measured]) * count / min(3, count)
    assert found["recall_capped@3"][0] == pytest.approx(capped, abs=1e-6)
    ranks = rankdata(-scores)[relevant]
    assert found["epr"][0] == pytest.approx(np.mean((ranks - 1) / (len(scores) - 1)), abs=1e-6)


def test_a_row_without_anything_relevant_is_a_gap_and_mistakes_are_told() -> None:
    assert np.isnan(ranking_metrics([False, False], [1.0, 2.0], "ndcg@2")["ndcg@2"][0])
    with pytest.raises(CofactorError, match="did you mean 'ndcg'"):
        ranking_metrics([True], [1.0], "ndgc@10")
    with pytest.raises(CofactorError, match="expected a metric of how well"):
        ranking_metrics([True], [1.0], "coverage@10")
    with pytest.raises(ParameterError, match="expected users"):
        ranking_metrics([True, False], [1.0])


def test_models_are_ranked_by_hand_the_same(ratings: Ratings) -> None:
    evaluation = cofactor.evaluate("baseline", ratings, "user:0.2", seed=3, metrics=["ndcg@10", "recall@10", "auc"])
    train, test = ratings.split("user:0.2", seed=3)
    model = Baseline().fit(train)
    items = model.item_ids_
    users, chosen, _, _ = test.to_arrays()
    known, seen, _, _ = train.to_arrays()
    values = []
    for user in np.unique(users):
        others = np.setdiff1d(np.arange(len(items)), seen[known == user])
        scores = model.predict(np.full(len(others), model.user_ids_[user]), items[others], clip=False)
        relevant = np.isin(others, chosen[users == user])
        values.append(ranking_metrics(relevant, scores, ["ndcg@10", "recall@10", "auc"]))
    for name in ("ndcg@10", "recall@10", "auc"):
        # The scores of one user and of many are summed in different orders.
        assert evaluation.metrics[name].mean == pytest.approx(np.mean([value[name] for value in values]), abs=1e-3)
    assert evaluation.metrics["ndcg@10"].users == len(values)


def test_rankings_in_cross_validation_and_comparison(ratings: Ratings, capsys: pytest.CaptureFixture[str]) -> None:
    cofactor.cross_validate(MF(factors=4, epochs=5), ratings, 2, measures=["ndcg@10", "rmse"])
    assert capsys.readouterr().out.splitlines()[0].split()[:3] == ["fold", "ndcg@10", "rmse"]
    compared = cofactor.compare(["baseline", MF(factors=4, epochs=5)], ratings, metrics="ndcg@10,auc", relevant_from=4)
    best, other = compared
    assert best.metrics["ndcg@10"].mean >= other.metrics["ndcg@10"].mean
    assert other.ranking_differences["auc"].mean == pytest.approx(other.metrics["auc"].mean - best.metrics["auc"].mean)
    assert set(other.ranking_p) == {"ndcg@10", "auc"} and "ndcg@10" in repr(compared)


def test_popularity_turns_a_list(model: MF, parts: tuple[Ratings, Ratings]) -> None:
    train = parts[0]
    counts = dict(zip(train.item_ids.tolist(), np.bincount(train.to_arrays()[1], minlength=len(train.item_ids)).tolist()))
    lists = [model.recommend(popularity=weight) for weight in (-5.0, 0.0, 5.0)]
    rare, usual, popular = (np.mean([counts[pick.id] for picks in found for pick in picks]) for found in lists)
    assert rare < usual < popular
    with pytest.raises(CofactorError, match="expected a finite number"):
        model.recommend(popularity=float("nan"))
