"""The package itself: its size, its import, its stubs, its examples."""

from __future__ import annotations

import doctest
import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import cofactor

HERE = Path(__file__).parent


def module(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def test_the_tests_run_the_installed_wheel() -> None:
    assert "site-packages" in cofactor.__file__


def test_the_wheel_is_small() -> None:
    wheel = os.environ.get("COFACTOR_WHEEL")
    if not wheel:
        pytest.skip("COFACTOR_WHEEL does not name the wheel")
    assert Path(wheel).stat().st_size <= 10_000_000


def test_the_import_is_fast_and_brings_nothing_but_numpy() -> None:
    code = (
        "import sys, time; start = time.process_time(); import cofactor; seconds = time.process_time() - start\n"
        "heavy = {'pandas', 'polars', 'pyarrow', 'scipy', 'sklearn', 'IPython'} & set(sys.modules)\n"
        "print(seconds, *heavy)"
    )
    runs = [subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split() for _ in range(5)]
    assert all(len(run) == 1 for run in runs), runs
    # Processor time, most of it NumPy's, so that a busy machine does not fail; `measure.py` measures by the wall.
    assert min(float(run[0]) for run in runs) <= 0.3


def test_the_stub_of_the_models_is_the_registry() -> None:
    stubs = module(HERE.parent / "stubs.py")
    committed = stubs.STUB.read_text(encoding="utf-8")
    assert committed == stubs.stub(), "run `python crates/py/stubs.py` with the new wheel installed"


def test_every_name_is_there_and_documented() -> None:
    for name in cofactor.__all__:
        thing = getattr(cofactor, name)
        assert name.startswith("__") or thing.__doc__, name


def test_a_panic_is_an_exception() -> None:
    made = cofactor.errors.make("internal", "an invariant does not hold: x", "report it")
    assert isinstance(made, RuntimeError) and isinstance(made, cofactor.CofactorError)


def test_messages_speak_python() -> None:
    made = cofactor.errors.make("input", "p", "give --user-column, --no-times or --constant-rating 1, with --duplicates last, mean or sum")
    assert made.hint == "give user=, ignore_times=True or constant_rating=1, with duplicates='last', mean or sum"
    assert doctest.testmod(cofactor.errors).failed == 0
