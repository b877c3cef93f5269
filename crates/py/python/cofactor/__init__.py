"""Recommendations by matrix factorization: fit, measure, recommend and explain.

    import cofactor

    ratings = cofactor.load("ml-100k")
    train, test = ratings.split("user:0.2")
    model = cofactor.MF(factors=32).fit(train)
    print(model.evaluate(test))
    print(model.recommend(42, n=5))
    print(model.recommend_for({"Fargo (1996)": 5, "Star Wars (1977)": 4}))

The same engine, the same bits and the same model file as the command `cofactor` and the Rust library. `cofactor.models()` lists what can be
trained; each has a class of its own. Errors are in `cofactor.errors`.
"""

from . import _models, errors
from ._derive import Check, Derivation, derive
from ._experiments import compare, cross_validate, evaluate, ladder, ranking_metrics, tune
from ._model import REGISTRY as _registry
from ._model import Model, load_model
from ._models import *
from ._native import __version__
from ._ratings import Ratings, datasets, load
from ._results import (
    Compared,
    Comparison,
    Contribution,
    Estimate,
    Evaluation,
    Explanation,
    Factors,
    Fold,
    Ladder,
    Metrics,
    Neighbour,
    Neighbours,
    Pick,
    Prediction,
    Recommendation,
    Recommendations,
    Rung,
    Study,
    Trial,
)
from .errors import CofactorError

__all__ = [
    "Check",
    "CofactorError",
    "Compared",
    "Comparison",
    "Contribution",
    "Derivation",
    "Estimate",
    "Evaluation",
    "Explanation",
    "Factors",
    "Fold",
    "Ladder",
    "Metrics",
    "Model",
    "Neighbour",
    "Neighbours",
    "Pick",
    "Prediction",
    "Ratings",
    "Recommendation",
    "Recommendations",
    "Rung",
    "Study",
    "Trial",
    "__version__",
    "compare",
    "cross_validate",
    "datasets",
    "derive",
    "errors",
    "evaluate",
    "ladder",
    "load",
    "load_model",
    "models",
    "ranking_metrics",
    "tune",
]
__all__ += _models.__all__


def models() -> dict[str, str]:
    """What can be trained: each name with one line about it. `Model(name).documentation` tells the mathematics."""
    return {name: str(entry["title"]) for name, entry in _registry.items()}
