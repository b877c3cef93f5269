"""What type checkers must accept, as people write it. Checked by mypy and pyright; never run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

import cofactor
from cofactor import MF, Evaluation, Model, Ratings
from cofactor.errors import CofactorError

if TYPE_CHECKING:
    ratings: Ratings = cofactor.load("ml-100k")
    train, test = ratings.split("user:0.2", seed=1)
    model: MF = MF(factors=32, rate=0.01, biases=True, preset="ml-100k").fit(train, valid=test)
    general: Model = Model("mf", factors=3)
    p: npt.NDArray[np.float32] = model.factors_.p
    evaluation: Evaluation = cofactor.cross_validate(model, ratings, 5)
    rmse: float = evaluation.rmse
    title: str | None = model.recommend_for({"Fargo": 5, 50: 4})[0].title
    best: dict[str, object] = cofactor.tune(model, ratings, 8).best_params
    loaded: Model = cofactor.load_model("model.cofactor")
    try:
        model.predict_one(1, 2)
    except (CofactorError, KeyError) as error:
        print(error)
