"""From a model's objective to its gradient, rule by rule."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from . import _native
from ._model import plain_json

__all__ = ["Check", "Derivation", "derive"]


@dataclass(frozen=True)
class Check:
    """One objective's symbolic gradient compared with two other ways to the same numbers, at random points."""

    title: str
    """Of the objective; SVD++ has one for each kind of pass."""
    points: int
    """How many random points were visited."""
    differences: float
    """The largest difference from central finite differences of the objective, in parts of 1 + |gradient|."""
    training: float | None
    """The largest difference from a step of the training itself; `None` for an objective without a training."""
    passed: bool
    """Whether both are no more than rounding explains."""


class Derivation:
    """A model's objective, its gradient by each vector and bias, and what training makes of it.

    A notebook shows it typeset; `text` and `latex` are for elsewhere.
    """

    def __init__(self, name: str, preset: str | None, parameters: str) -> None:
        self._asked = (name, preset, parameters)
        written: dict[str, Any] = json.loads(_native.derive(*self._asked))
        self.title: str = written["title"]
        """One line about the model."""
        self.text: str = written["text"]
        """The derivation as Unicode text."""
        self.latex: str = written["latex"]
        """The derivation as LaTeX."""
        self.html: str = written["html"]
        """The derivation with its formulas as MathML."""
        self.symbolic: dict[str, Any] = written["symbolic"]
        """For programs: objectives, steps and gradients, also written out for vectors of two numbers as SymPy reads them."""

    def check(self, *, seed: int = 42, points: int = 21) -> list[Check]:
        """Compares each objective's gradient with finite differences and with a step of the training."""
        return [
            Check(
                each["title"],
                each["found"]["points"],
                each["found"]["differences"]["largest"],
                (each["found"]["training"] or {}).get("largest"),
                each["passed"],
            )
            for each in json.loads(_native.check_derivation(*self._asked, (seed, points)))
        ]

    def __repr__(self) -> str:
        return f"{self.title}\n\n{self.text}"

    def _repr_html_(self) -> str:
        return self.html


def derive(model: str, *, preset: str | None = None, **parameters: object) -> Derivation:
    """The derivation of a model's gradient from its objective, each rule applied step by step and named.

    `model` is a name of `cofactor.models()` that learns by a gradient or by normal equations; preset and parameters choose the variant, such as `link="logistic"`.

        print(cofactor.derive("mf", preset="lesson").text)

    Raises `UnknownNameError` for a name that has no derivation, and `ParameterError` for a parameter out of range.
    """
    return Derivation(model, preset, plain_json(parameters))
