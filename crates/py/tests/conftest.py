"""Data that the tests share."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

import cofactor

SMALL = "synth:users=120,items=90,ratings=4000"


@pytest.fixture(scope="session")
def ratings() -> cofactor.Ratings:
    """Made on the spot: titles, integers as ids."""
    return cofactor.load(SMALL)


@pytest.fixture(scope="session")
def parts(ratings: cofactor.Ratings) -> tuple[cofactor.Ratings, cofactor.Ratings]:
    return ratings.split("user:0.2", seed=1)


@pytest.fixture(scope="session")
def model(parts: tuple[cofactor.Ratings, cofactor.Ratings]) -> cofactor.MF:
    return cofactor.MF(factors=8, epochs=15, threads=2).fit(parts[0])


@pytest.fixture(scope="session")
def ml100k() -> cofactor.Ratings:
    """MovieLens 100K, where it can be had without the network."""
    try:
        return cofactor.load("ml-100k", offline=True)
    except cofactor.errors.FetchError:
        pytest.skip("MovieLens 100K is neither in the cache nor at COFACTOR_MIRROR")


@pytest.fixture(scope="session")
def command() -> Callable[..., str]:
    """The command `cofactor`, which COFACTOR_BIN names; returns its standard output."""
    binary = os.environ.get("COFACTOR_BIN")
    if not binary or not Path(binary).exists():
        pytest.skip("COFACTOR_BIN does not name the command")

    def run(*arguments: str | Path) -> str:
        done = subprocess.run([binary, *map(str, arguments)], capture_output=True, text=True, check=True)
        return done.stdout

    return run
