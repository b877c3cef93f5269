"""The guides for those who come from other packages: every line of both sides is run."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest

import cofactor

PAGE = Path(__file__).parents[3] / "docs" / "coming-from.md"


def sections() -> dict[str, list[str]]:
    """The blocks of code under each heading."""
    parts = re.split(r"^## (.+)$", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    blocks = [re.findall(r"```python\n(.*?)```", part, re.DOTALL) for part in parts]
    return {"": blocks[0]} | {parts[at]: blocks[at + 1] for at in range(1, len(parts), 2)}


def start() -> dict[str, object]:
    names: dict[str, object] = {}
    # Without MovieLens: data of the same shape.
    exec(sections()[""][0].replace('"ml-100k"', '"synth:users=300,items=200,ratings=12000"'), names)
    return names


@pytest.mark.parametrize("package", ["Surprise", "implicit", "LensKit"])
def test_our_side_runs_alone(package: str) -> None:
    names = start()
    ours = sections()[package][-1]
    if "matrix" in ours:
        frame = names["frame"]
        assert isinstance(frame, pd.DataFrame)
        names["matrix"] = cofactor.Ratings.from_df(frame).to_csr()
    exec(ours, names)


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("package", ["Surprise", "implicit", "LensKit"])
def test_both_sides_run(package: str) -> None:
    names = start()
    theirs, ours = sections()[package]
    exec(theirs, names)
    exec(ours, names)
    if package == "Surprise":
        # Two random fifths of the same ratings, and nearly the same algorithm.
        assert names["ours"] == pytest.approx(names["theirs"], rel=0.03)
