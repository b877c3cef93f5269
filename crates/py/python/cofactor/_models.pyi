# Written by stubs.py from the registry; a test compares them.
from typing import Literal

from ._model import Model

__all__ = [
    "Baseline",
    "KNN",
    "MF",
    "SlopeOne",
    "Svdpp",
    "Timesvdpp",
    "ALS",
    "NMF",
    "BFM",
    "Popular",
    "Itemknn",
    "EASE",
    "IALS",
    "BPR",
    "Logistic",
    "CCL",
    "Chebycf",
]

class Baseline(Model):
    def __init__(
        self,
        *,
        biases: bool | None = None,
        reg_user: float | None = None,
        reg_item: float | None = None,
        epochs: int | None = None,
        preset: Literal['mean'] | None = None,
        seed: int = 42,
        threads: int = 0,
    ) -> None: ...

class KNN(Model):
    def __init__(
        self,
        *,
        side: Literal['item', 'user'] | None = None,
        neighbours: int | None = None,
        shrinkage: float | None = None,
        min_support: int | None = None,
        keep: int | None = None,
        damping: float | None = None,
        exponent: int | None = None,
        reg_user: float | None = None,
        reg_item: float | None = None,
        preset: Literal['ml-100k', 'ml-1m', 'surprise'] | None = None,
        seed: int = 42,
        threads: int = 0,
    ) -> None: ...

class MF(Model):
    def __init__(
        self,
        *,
        biases: bool | None = None,
        link: Literal['identity', 'logistic'] | None = None,
        factors: int | None = None,
        schedule: Literal['decay', 'bold', 'adagrad'] | None = None,
        rate: float | None = None,
        bias_rate: float | None = None,
        decay: float | None = None,
        reg: float | None = None,
        bias_reg: float | None = None,
        reg_power: float | None = None,
        epochs: int | None = None,
        spread: float | None = None,
        preset: Literal['lesson', 'ml-100k', 'ml-1m', 'ml-10m'] | None = None,
        seed: int = 42,
        threads: int = 0,
    ) -> None: ...

class SlopeOne(Model):
    def __init__(
        self,
        *,
        keep: int | None = None,
        min_support: int | None = None,
        preset: None = None,
        seed: int = 42,
        threads: int = 0,
    ) -> None: ...

class Svdpp(Model):
    def __init__(
        self,
        *,
        user_set: float | None = None,
        item_set: float | None = None,
        factors: int | None = None,
        rate: float | None = None,
        bias_rate: float | None = None,
        decay: float | None = None,
        reg: float | None = None,
        bias_reg: float | None = None,
        set_reg: float | None = None,
        reg_power: float | None = None,
        epochs: int | None = None,
        spread: float | None = None,
        preset: Literal['ml-100k', 'ml-100k-sets', 'ml-1m', 'koren'] | None = None,
        seed: int = 42,
        threads: int = 0,
    ) -> None: ...

class Timesvdpp(Model):
    def __init__(
        self,
        *,
        user_set: float | None = None,
        item_set: float | None = None,
        factors: int | None = None,
        rate: float | None = None,
        bias_rate: float | None = None,
        decay: float | None = None,
        reg: float | None = None,
        bias_reg: float | None = None,
        set_reg: float | None = None,
        reg_power: float | None = None,
        power: float | None = None,
        user_drift_reg: float | None = None,
        bins: int | None = None,
        item_drift_reg: float | None = None,
        factor_drift: bool | None = None,
        factor_drift_reg: float | None = None,
        epochs: int | None = None,
        spread: float | None = None,
        preset: Literal['ml-100k', 'ml-100k-time', 'ml-1m'] | None = None,
        seed: int = 42,
        threads: int = 0,
    ) -> None: ...

class ALS(Model):
    def __init__(
        self,
        *,
        biases: bool | None = None,
        factors: int | None = None,
        reg: float | None = None,
        bias_reg: float | None = None,
        reg_power: float | None = None,
        solver: Literal['cholesky', 'cg'] | None = None,
        cg_steps: int | None = None,
        epochs: int | None = None,
        spread: float | None = None,
        preset: Literal['ml-100k', 'ml-1m', 'ml-10m'] | None = None,
        seed: int = 42,
        threads: int = 0,
    ) -> None: ...

class NMF(Model):
    def __init__(
        self,
        *,
        factors: int | None = None,
        reg: float | None = None,
        reg_power: float | None = None,
        rounds: int | None = None,
        epochs: int | None = None,
        spread: float | None = None,
        preset: Literal['ml-100k', 'ml-1m'] | None = None,
        seed: int = 42,
        threads: int = 0,
    ) -> None: ...

class BFM(Model):
    def __init__(
        self,
        *,
        features: Literal['mf', 'svdpp', 'timesvd', 'timesvdpp', 'flipped'] | None = None,
        target: Literal['gaussian', 'probit'] | None = None,
        attributes: bool | None = None,
        counts: bool | None = None,
        factors: int | None = None,
        spread: float | None = None,
        chains: int | None = None,
        burn_in: int | None = None,
        samples: int | None = None,
        keep: int | None = None,
        preset: Literal['ml-100k', 'ml-1m'] | None = None,
        seed: int = 42,
        threads: int = 0,
    ) -> None: ...

class Popular(Model):
    def __init__(
        self,
        *,
        implicit_from: float | None = None,
        preset: None = None,
        seed: int = 42,
        threads: int = 0,
    ) -> None: ...

class Itemknn(Model):
    def __init__(
        self,
        *,
        implicit_from: float | None = None,
        weighting: Literal['cosine', 'tfidf', 'bm25'] | None = None,
        neighbours: int | None = None,
        saturation: float | None = None,
        length: float | None = None,
        preset: None = None,
        seed: int = 42,
        threads: int = 0,
    ) -> None: ...

class EASE(Model):
    def __init__(
        self,
        *,
        implicit_from: float | None = None,
        reg: float | None = None,
        preset: None = None,
        seed: int = 42,
        threads: int = 0,
    ) -> None: ...

class IALS(Model):
    def __init__(
        self,
        *,
        implicit_from: float | None = None,
        dislike: float | None = None,
        factors: int | None = None,
        reg: float | None = None,
        reg_power: float | None = None,
        unobserved: float | None = None,
        zeros: Literal['all', 'untaken'] | None = None,
        weighting: Literal['constant', 'linear', 'log'] | None = None,
        alpha: float | None = None,
        solver: Literal['cholesky', 'cg', 'blocks'] | None = None,
        cg_steps: int | None = None,
        block: int | None = None,
        momentum: bool | None = None,
        balance: bool | None = None,
        epochs: int | None = None,
        smooth: int | None = None,
        spread: float | None = None,
        preset: Literal['ml-1m-ncf', 'hu'] | None = None,
        seed: int = 42,
        threads: int = 0,
    ) -> None: ...

class BPR(Model):
    def __init__(
        self,
        *,
        implicit_from: float | None = None,
        sampling: Literal['uniform', 'warp'] | None = None,
        draws: int | None = None,
        factors: int | None = None,
        rate: float | None = None,
        decay: float | None = None,
        reg: float | None = None,
        epochs: int | None = None,
        spread: float | None = None,
        preset: None = None,
        seed: int = 42,
        threads: int = 0,
    ) -> None: ...

class Logistic(Model):
    def __init__(
        self,
        *,
        implicit_from: float | None = None,
        factors: int | None = None,
        alpha: float | None = None,
        rate: float | None = None,
        reg: float | None = None,
        epochs: int | None = None,
        spread: float | None = None,
        preset: None = None,
        seed: int = 42,
        threads: int = 0,
    ) -> None: ...

class CCL(Model):
    def __init__(
        self,
        *,
        implicit_from: float | None = None,
        factors: int | None = None,
        margin: float | None = None,
        weight: float | None = None,
        rate: float | None = None,
        group: int | None = None,
        epochs: int | None = None,
        preset: Literal['gowalla'] | None = None,
        seed: int = 42,
        threads: int = 0,
    ) -> None: ...

class Chebycf(Model):
    def __init__(
        self,
        *,
        implicit_from: float | None = None,
        degree: int | None = None,
        flatness: float | None = None,
        rank: int | None = None,
        ideal: float | None = None,
        popularity: float | None = None,
        preset: Literal['gowalla'] | None = None,
        seed: int = 42,
        threads: int = 0,
    ) -> None: ...
