"""Rating prediction with Surprise, cmfrec and LensKit, one thread each.

usage: explicit.py TRAIN TEST     records of user u32, item u32, value f32, little endian
Each line on standard input is one line of JSON: {"peer": NAME, ...parameters}; each answer is one line of JSON: CPU and wall seconds of the fit,
and, unless "predicting" is false, CPU seconds of predicting TEST and the RMSE on TEST, clipped to the scale of TRAIN. What a peer must do before it can fit (its own tables of
ids and ratings) is done once and not counted.
"""

import json
import sys
import time
from functools import cache

import numpy as np

RECORD = np.dtype([("user", "<u4"), ("item", "<u4"), ("value", "<f4")])
TRAIN, TEST = (np.fromfile(path, RECORD) for path in sys.argv[1:3])


@cache
def surprise_trainset():
    import pandas as pd
    from surprise import Dataset, Reader

    scale = (float(TRAIN["value"].min()), float(TRAIN["value"].max()))
    frame = pd.DataFrame({name: TRAIN[name] for name in ("user", "item", "value")})
    return Dataset.load_from_df(frame, Reader(rating_scale=scale)).build_full_trainset()


def surprise(algorithm):
    def fit():
        algorithm.fit(surprise_trainset())

    def predict():
        return [algorithm.predict(int(user), int(item)).est for user, item, _ in TEST]

    surprise_trainset()
    return fit, predict


def surprise_svd(**parameters):
    from surprise import SVD

    return surprise(SVD(random_state=0, **parameters))


def surprise_svdpp(**parameters):
    from surprise import SVDpp

    return surprise(SVDpp(random_state=0, cache_ratings=True, **parameters))


def surprise_knn(user_based=False, **parameters):
    from surprise import KNNBaseline

    options = {"name": "pearson_baseline", "user_based": user_based}
    return surprise(KNNBaseline(sim_options=options, verbose=False, **parameters))


def surprise_slope_one():
    from surprise import SlopeOne

    return surprise(SlopeOne())


def cmfrec(**parameters):
    from cmfrec import CMF
    from scipy.sparse import coo_matrix

    shape = [1 + int(max(TRAIN[side].max(), TEST[side].max())) for side in ("user", "item")]
    table = coo_matrix((TRAIN["value"], (TRAIN["user"].astype(int), TRAIN["item"].astype(int))), shape=shape)
    model = CMF(
        method="als", use_float=True, nthreads=1, random_state=1, verbose=False, precompute_for_predictions=False, **parameters
    )
    return lambda: model.fit(table), lambda: model.predict(TEST["user"].astype(int), TEST["item"].astype(int))


@cache
def lenskit_dataset():
    import pandas as pd
    from lenskit.data import from_interactions_df

    names = {"user_id": "user", "item_id": "item", "rating": "value"}
    return from_interactions_df(pd.DataFrame({theirs: TRAIN[ours] for theirs, ours in names.items()}))


def lenskit(k, epochs, regularization=0.1):
    from lenskit.als import BiasedMFScorer
    from lenskit.training import TrainingOptions

    data = lenskit_dataset()
    model = BiasedMFScorer(embedding_size=k, epochs=epochs, regularization=regularization)

    def predict():
        users = model.users.numbers(TEST["user"], missing="negative")
        items = model.items.numbers(TEST["item"], missing="negative")
        known_user, known_item = users >= 0, items >= 0
        P, Q = np.asarray(model.user_embeddings), np.asarray(model.item_embeddings)
        score = np.full(len(TEST), model.bias.global_bias)
        score += np.where(known_user, model.bias.user_biases[users], 0)
        score += np.where(known_item, model.bias.item_biases[items], 0)
        return score + np.where(known_user & known_item, np.einsum("nk,nk->n", P[users], Q[items]), 0)

    return lambda: model.train(data, TrainingOptions(rng=1)), predict


PEERS = {
    "surprise-svd": surprise_svd,
    "surprise-svdpp": surprise_svdpp,
    "surprise-knn": surprise_knn,
    "surprise-slope-one": surprise_slope_one,
    "cmfrec": cmfrec,
    "lenskit": lenskit,
}


def timed(work):
    cpu, wall = time.process_time(), time.perf_counter()
    result = work()
    return result, time.process_time() - cpu, time.perf_counter() - wall


def main():
    for line in sys.stdin:
        parameters = json.loads(line)
        predicting = parameters.pop("predicting", True)
        fit, predict = PEERS[parameters.pop("peer")](**parameters)
        _, cpu, wall = timed(fit)
        answer = {"cpu": cpu, "wall": wall}
        if predicting:
            predicted, predict_cpu, _ = timed(predict)
            answer |= {"predict_cpu": predict_cpu, "rmse": rmse(np.asarray(predicted, dtype=float))}
        print(json.dumps(answer), flush=True)


def rmse(predicted):
    # cmfrec says NaN for users and items without ratings.
    predicted = np.where(np.isfinite(predicted), predicted, TRAIN["value"].mean())
    predicted = np.clip(predicted, TRAIN["value"].min(), TRAIN["value"].max())
    return float(np.sqrt(np.mean((predicted - TEST["value"]) ** 2)))


main()
