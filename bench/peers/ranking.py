"""Peers for models that rank, on one thread: implicit, irspack, and NumPy with the BLAS that it comes with.

usage: ranking.py TRAIN USERS ITEMS     records of user u32, item u32, value f32, little endian; each counts as taken
Each line on standard input is one line of JSON, {"task": NAME, …} with the arguments of the function of that name; each answer is one line of JSON. `factors` names a file that holds
P and then Q, rows of f32 one after the other: the fits write it, the lists read it. Times are CPU seconds.
"""

import json
import os
import resource
import sys
import time

import implicit
import irspack
import numpy as np
from scipy import linalg, sparse

RECORD = np.dtype([("user", "<u4"), ("item", "<u4"), ("value", "<f4")])
TRAIN = np.fromfile(sys.argv[1], RECORD)
SHAPE = (int(sys.argv[2]), int(sys.argv[3]))
TAKEN = sparse.csr_matrix((np.ones(len(TRAIN), np.float32), (TRAIN["user"].astype(int), TRAIN["item"].astype(int))), SHAPE)
BLOCK = 1024


def fit_irspack(k, epochs, solver, unobserved, reg, power, factors):
    start = time.process_time()
    model = irspack.IALSRecommender(
        TAKEN, n_components=k, alpha0=unobserved, reg=reg, nu=power, nu_star=None, loss_type="IALSPP", train_epochs=epochs,
        n_threads=1, random_seed=1, solver_type=solver, max_cg_steps=3,
    )  # fmt: skip
    model.learn()
    spent = time.process_time() - start
    keep(factors, model.get_user_embedding(), model.get_item_embedding())
    return {"cpu": spent}


def fit_implicit(k, epochs, solver, unobserved, reg, factors):
    """Its confidence is 1 where nothing was taken, so everything is 1/unobserved times as large as Cofactor's."""
    start = time.process_time()
    model = implicit.als.AlternatingLeastSquares(
        factors=k, regularization=reg / unobserved, alpha=1 / unobserved, iterations=epochs, use_cg=solver == "CG", num_threads=1, random_state=1
    )
    model.fit(TAKEN, show_progress=False)
    spent = time.process_time() - start
    keep(factors, model.user_factors, model.item_factors)
    return {"cpu": spent}


def keep(path, users, items):
    with open(path, "wb") as file:
        for rows in (users, items):
            np.ascontiguousarray(rows, np.float32).tofile(file)


def kept(path, k):
    rows = np.fromfile(path, np.float32).reshape(sum(SHAPE), k)
    return rows[: SHAPE[0]].copy(), rows[SHAPE[0] :].copy()


def lists_implicit(k, n, factors):
    model = implicit.als.AlternatingLeastSquares(factors=k, num_threads=1)
    model.user_factors, model.item_factors = kept(factors, k)
    everybody = np.arange(SHAPE[0])
    start = time.process_time()
    model.recommend(everybody, TAKEN, N=n, filter_already_liked_items=True)
    return {"cpu": time.process_time() - start}


def lists_numpy(k, n, factors):
    users, items = kept(factors, k)
    start = time.process_time()
    for first in range(0, SHAPE[0], BLOCK):
        scores = users[first : first + BLOCK] @ items.T
        seen = TAKEN[first : first + BLOCK]
        scores[np.repeat(np.arange(seen.shape[0]), np.diff(seen.indptr)), seen.indices] = -np.inf
        best = np.argpartition(scores, -n, axis=1)[:, -n:]
        order = np.argsort(-np.take_along_axis(scores, best, axis=1), axis=1)
        np.take_along_axis(best, order, axis=1)
    return {"cpu": time.process_time() - start}


def product(k, factors):
    """The scores alone, of a block of users after the other, into the same memory."""
    users, items = kept(factors, k)
    scores = np.empty((BLOCK, SHAPE[1]), np.float32)
    start = time.process_time()
    for first in range(0, SHAPE[0], BLOCK):
        block = users[first : first + BLOCK]
        np.matmul(block, items.T, out=scores[: len(block)])
    return {"cpu": time.process_time() - start}


def sgemm(size):
    """The rate of a large square product, floating-point operations a second."""
    a = np.random.default_rng(0).standard_normal((size, size), np.float32)
    out = np.empty_like(a)
    start = time.process_time()
    np.matmul(a, a, out=out)
    return {"rate": 2 * size**3 / (time.process_time() - start)}


def memory():
    return {"peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}


def invert(items, reg, lapack):
    """The inverse of the first items' Gram matrix: by Cholesky's factor in place, or as numpy.linalg.inv makes it."""
    some = TAKEN[:, :items]
    gram = (some.T @ some).toarray(order="F")
    gram[np.diag_indices(items)] += np.float32(reg)
    start = time.process_time()
    if lapack:
        factor, info = linalg.lapack.spotrf(gram, lower=1, overwrite_a=1)
        assert info == 0
        inverse, info = linalg.lapack.spotri(factor, lower=1, overwrite_c=1)
        assert info == 0
    else:
        inverse = np.linalg.inv(gram)
    spent = time.process_time() - start
    return {"cpu": spent, **memory(), "trace": float(np.trace(inverse, dtype=np.float64))}


TASKS = {task.__name__: task for task in (fit_irspack, fit_implicit, lists_implicit, lists_numpy, product, sgemm, memory, invert)}
# The bars that the peers draw while they run must not stand between the answers.
answers = os.fdopen(os.dup(1), "w")
os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
for line in sys.stdin:
    told = json.loads(line)
    print(json.dumps(TASKS[told.pop("task")](**told)), file=answers, flush=True)
