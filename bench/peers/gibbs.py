"""The Gibbs sampler of myFM on one thread: timeSVD++ flipped with relation blocks, as its notebooks build it.

usage: gibbs.py TRAIN         records of user u32, item u32, day u32, value f32, little endian; indices without gaps
Each line on standard input is one line of JSON: {"rank": K, "sweeps": N, "probit": BOOL}; each answer is one line of JSON: CPU and wall seconds of the fit.
Tables and blocks are made before and not counted.
"""

import json
import sys
import time

import myfm
import numpy as np
from scipy import sparse

RECORD = np.dtype([("user", "<u4"), ("item", "<u4"), ("day", "<u4"), ("value", "<f4")])
TRAIN = np.fromfile(sys.argv[1], RECORD)


def one_hot(column):
    rows = len(column)
    return sparse.csr_matrix((np.ones(rows), (np.arange(rows), column.astype(int))))


def sets(of, members, shape):
    """A row for each of one side: who or what it meets, each weighing one over the root of their number."""
    met = sparse.csr_matrix((np.ones(len(of)), (of.astype(int), members.astype(int))), shape=shape)
    counts = np.maximum(np.asarray(met.sum(axis=1)).ravel(), 1)
    return sparse.diags(counts**-0.5) @ met


users, items, days = (1 + int(TRAIN[name].max()) for name in ("user", "item", "day"))
USER_BLOCK = sparse.hstack([sparse.eye(users), sets(TRAIN["user"], TRAIN["item"], (users, items))]).tocsr()
ITEM_BLOCK = sparse.hstack([sparse.eye(items), sets(TRAIN["item"], TRAIN["user"], (items, users))]).tocsr()
DAYS = one_hot(TRAIN["day"])
GROUPS = [days, users, items, items, users]


def fit(rank, sweeps, probit):
    blocks = [
        myfm.RelationBlock(TRAIN["user"].astype(int), USER_BLOCK),
        myfm.RelationBlock(TRAIN["item"].astype(int), ITEM_BLOCK),
    ]
    model = (myfm.MyFMOrderedProbit if probit else myfm.MyFMRegressor)(rank=rank)
    values = TRAIN["value"].astype(int) - 1 if probit else TRAIN["value"].astype(float)
    model.fit(DAYS, values, X_rel=blocks, group_shapes=GROUPS, n_iter=sweeps, n_kept_samples=1)


for line in sys.stdin:
    cpu, wall = time.process_time(), time.perf_counter()
    fit(**json.loads(line))
    print(json.dumps({"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}), flush=True)
