"""The lesson's loop as it is taught: one rating at a time, NumPy for the rows.

usage: lesson.py TRAIN TEST     records of user u32, item u32, value f32, little endian
Each line on standard input is a number of epochs to go on for; each answer is one line of JSON: their CPU and wall seconds
(the loop alone), and the mean squared error on TEST after them, not clipped.
"""

import json
import sys
import time

import numpy as np

FACTORS, RATE = 5, 0.001


def read(path):
    return np.fromfile(path, np.dtype([("user", "<u4"), ("item", "<u4"), ("value", "<f4")]))


def epoch(ratings, P, Q):
    for u, i, r in ratings:
        p, q = P[u].copy(), Q[i]
        e = r - p @ q
        P[u] += 2 * RATE * e * q
        Q[i] += 2 * RATE * e * p


def main():
    train, test = read(sys.argv[1]), read(sys.argv[2])
    users = 1 + max(train["user"].max(), test["user"].max())
    items = 1 + max(train["item"].max(), test["item"].max())
    generator = np.random.default_rng(1)
    level = np.sqrt(train["value"].mean() / FACTORS)
    P = level + 0.1 * generator.standard_normal((users, FACTORS))
    Q = level + 0.1 * generator.standard_normal((items, FACTORS))
    order = generator.permutation(len(train))
    ratings = [(int(u), int(i), float(r)) for u, i, r in train[order]]
    for line in sys.stdin:
        cpu, wall = time.process_time(), time.perf_counter()
        for _ in range(int(line)):
            epoch(ratings, P, Q)
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        errors = test["value"] - np.einsum("nk,nk->n", P[test["user"]], Q[test["item"]])
        print(json.dumps({"cpu": cpu, "wall": wall, "mse": float(np.mean(errors**2))}), flush=True)


main()
