"""Alternating least squares over all pairs: `implicit` and `irspack` against `cofactor train --model ials`, on the same ratings and settings.

    python implicit_als.py COFACTOR RATINGS [K] [EPOCHS]

RATINGS is a file of `user::item::…` lines, such as MovieLens 1M's ratings.dat; each line counts as taken. For each peer and solver: processor seconds of one thread, the
objective of its factors, computed here in float64 from equation (2) of Cofactor's page on `ials`, and how many of Cofactor's epochs and processor seconds lead as low.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[variable] = "1"

import implicit
import irspack
import numpy as np
import scipy.sparse as sp

UNOBSERVED, REG = 0.3, 0.007
CONFIDENCE, PLAIN_REG = 4.0, 10.0


def seconds(who: int) -> float:
    usage = resource.getrusage(who)
    return usage.ru_utime + usage.ru_stime


class Data:
    def __init__(self, path: Path) -> None:
        with path.open(encoding="latin-1") as lines:
            pairs = np.array([line.split("::")[:2] for line in lines], dtype=np.int64)
        self.users = np.unique(pairs[:, 0], return_inverse=True)[1]
        self.items = np.unique(pairs[:, 1], return_inverse=True)[1]
        self.matrix = sp.csr_matrix((np.ones(len(pairs), np.float32), (self.users, self.items)))

    def objective(self, p: np.ndarray, q: np.ndarray, unobserved: float, reg: float, power: float, all_pairs: bool) -> float:
        """(2) with constant confidence."""
        p, q = p.astype(np.float64), q.astype(np.float64)
        scores = np.einsum("ij,ij->i", p[self.users], q[self.items])
        total = ((1 - scores) ** 2).sum() + unobserved * np.sum((p.T @ p) * (q.T @ q))
        if not all_pairs:
            total -= unobserved * (scores**2).sum()
        m, n = self.matrix.shape
        by_user = (np.bincount(self.users) + unobserved * n) ** power
        by_item = (np.bincount(self.items) + unobserved * m) ** power
        return float(total + reg * ((by_user * (p**2).sum(1)).sum() + (by_item * (q**2).sum(1)).sum()))


def of_irspack(data: Data, k: int, epochs: int, solver: str) -> tuple[float, float]:
    start = seconds(resource.RUSAGE_SELF)
    model = irspack.IALSRecommender(
        data.matrix, n_components=k, alpha0=UNOBSERVED, reg=REG, nu=1.0, nu_star=None, loss_type="IALSPP",
        train_epochs=epochs, n_threads=1, random_seed=1, solver_type=solver, max_cg_steps=3,
    )  # fmt: skip
    model.learn()
    spent = seconds(resource.RUSAGE_SELF) - start
    return spent, data.objective(model.get_user_embedding(), model.get_item_embedding(), UNOBSERVED, REG, 1.0, True)


def of_implicit(data: Data, k: int, epochs: int, solver: str) -> tuple[float, float]:
    """Its confidence is 4 where something was taken and 1 elsewhere; Cofactor's are a quarter of that, and so is the objective."""
    start = seconds(resource.RUSAGE_SELF)
    model = implicit.als.AlternatingLeastSquares(
        factors=k, regularization=PLAIN_REG, alpha=CONFIDENCE, iterations=epochs, use_cg=solver == "CG", num_threads=1, random_state=1
    )
    model.fit(data.matrix, show_progress=False)
    spent = seconds(resource.RUSAGE_SELF) - start
    found = data.objective(model.user_factors, model.item_factors, 1 / CONFIDENCE, PLAIN_REG / CONFIDENCE, 0.0, False)
    return spent, found


def of_cofactor(command: str, ratings: Path, count: int, k: int, epochs: int, settings: dict[str, object]) -> tuple[float, list[float]]:
    """Processor seconds of an epoch, and the objective after each."""
    with tempfile.TemporaryDirectory() as folder:

        def run(epochs: int) -> tuple[float, list[float]]:
            pairs = {"factors": k, "epochs": epochs, **settings}
            sets = [word for name, value in pairs.items() for word in ("--set", f"{name}={value}")]
            start = seconds(resource.RUSAGE_CHILDREN)
            arguments = [command, "train", str(ratings), "--model", "ials", "--threads", "1", "--json", "-o", f"{folder}/m.cofactor", *sets]
            answer = subprocess.run(arguments, capture_output=True, text=True, check=True)
            spent = seconds(resource.RUSAGE_CHILDREN) - start
            return spent, [count * epoch["train_rmse"] ** 2 for epoch in json.loads(answer.stdout)["epochs"]]

        (first, _), (all_of_them, objectives) = run(1), run(epochs)
    return (all_of_them - first) / (epochs - 1), objectives


def main() -> None:
    command, ratings = sys.argv[1], Path(sys.argv[2])
    k = int(sys.argv[3]) if len(sys.argv) > 3 else 64
    epochs = int(sys.argv[4]) if len(sys.argv) > 4 else 15
    data = Data(ratings)
    rendle = {"unobserved": UNOBSERVED, "reg": REG, "reg_power": 1, "zeros": "all"}
    hu = {"unobserved": 1 / CONFIDENCE, "reg": PLAIN_REG / CONFIDENCE, "reg_power": 0, "zeros": "untaken"}
    for name, peer, settings in (("irspack", of_irspack, rendle), ("implicit", of_implicit, hu)):
        for solver in ("CG", "CHOLESKY"):
            spent, found = peer(data, k, epochs, solver)
            print(f"{name} {solver}: {epochs} epochs, {spent:.2f} s, objective {found:.1f}", flush=True)
            for own in ("cholesky", "cg", "blocks"):
                for momentum in ("false", "true"):
                    own_settings = {**settings, "solver": own, "momentum": momentum, "block": 64}
                    epoch, objectives = of_cofactor(command, ratings, data.matrix.nnz, k, epochs, own_settings)
                    reached = next((at + 1 for at, objective in enumerate(objectives) if objective <= found), None)
                    as_low = "not reached" if reached is None else f"as low after {reached}: {reached * epoch:.2f} s ({reached * epoch / spent:.2f} of it)"
                    last = objectives[-1]
                    print(f"  {own}, momentum={momentum}: {epoch:.3f} s an epoch, {as_low}; after {epochs}: {last:.1f} ({last / found - 1:+.1e})", flush=True)


if __name__ == "__main__":
    main()
