"""Derivations: SymPy differentiates the same objectives, and the training takes the same steps."""

from __future__ import annotations

import re
from typing import Any

import pytest

import cofactor

sympy = pytest.importorskip("sympy")

VARIANTS: list[tuple[str, dict[str, Any]]] = [
    ("mf", {"preset": "lesson"}),
    ("mf", {}),
    ("mf", {"link": "logistic"}),
    ("svdpp", {}),
    ("svdpp", {"preset": "koren"}),
    ("als", {}),
    ("als", {"biases": False}),
    ("nmf", {}),
    ("baseline", {}),
    ("ials", {}),
    ("bpr", {}),
    ("bpr", {"sampling": "warp"}),
    ("logistic", {}),
    ("ccl", {}),
]


def is_zero(expression: Any) -> bool:
    return bool(sympy.simplify(sympy.expand(sympy.simplify(expression))) == 0)


@pytest.mark.parametrize(("model", "variant"), VARIANTS, ids=lambda value: str(value))
def test_sympy_derives_the_same(model: str, variant: dict[str, Any]) -> None:
    """The objective is written out for vectors of two. SymPy differentiates it by each number, and what it finds less what Cofactor found has to
    be zero as an expression. Of normal equations, left side less right side has to be the gradient but for a constant factor."""
    for objective in cofactor.derive(model, **variant).symbolic["objectives"]:
        scalar = objective["scalar"]
        texts = [scalar["objective"], *(g["gradient"] for g in scalar["gradients"])]
        texts += [side for equation in scalar["equations"] for side in (equation["left"], equation["right"])]
        words = {word for text in texts for word in re.findall(r"[A-Za-z]\w*", text)} - {"exp", "log", "Max", "Heaviside"}
        # Positive, so that powers of powers multiply out.
        names = {word: sympy.Symbol(word, positive=True) for word in words}
        whole = sympy.sympify(scalar["objective"], locals=names)
        slopes = {}
        for gradient in scalar["gradients"]:
            slope = slopes[gradient["by"]] = sympy.diff(whole, names[gradient["by"]])
            assert slope != 0, f"the objective does not hold {gradient['by']}"
            assert is_zero(slope - sympy.sympify(gradient["gradient"], locals=names)), gradient["by"]
        assert len(slopes) > 1
        for equation in scalar["equations"]:
            left, right = (sympy.sympify(equation[side], locals=names) for side in ("left", "right"))
            factor = sympy.simplify(slopes[equation["by"]] / (left - right))
            assert factor.is_number and factor != 0, (equation["by"], factor)


def test_the_training_steps_along_the_gradient() -> None:
    (check,) = cofactor.derive("mf", factors=8).check(points=7)
    assert check.passed and check.points == 7
    assert check.differences < 1e-6
    assert check.training is not None and check.training < 1e-4


def test_it_is_shown_as_text_and_typeset() -> None:
    derivation = cofactor.derive("mf", preset="lesson")
    assert "chain rule" in repr(derivation)
    assert "<math" in derivation._repr_html_()
    assert "\\partial" in derivation.latex


def test_what_has_no_derivation_is_refused_with_what_has() -> None:
    with pytest.raises(cofactor.errors.UnknownNameError, match="logistic"):
        cofactor.derive("alss")
    with pytest.raises(cofactor.errors.UnsupportedError, match="these have a derivation"):
        cofactor.derive("knn")
    with pytest.raises(cofactor.errors.ParameterError):
        cofactor.derive("mf", reg=-1.0)
