"""Measures the installed package: how long its import takes, how large its wheel is, and how fast it trains beside the command.

    python crates/py/measure.py --command target/release/cofactor --wheel target/python/wheels/*.whl ml-100k

Both train in turn on the same data with the same parameters; the best of several runs counts.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import cofactor

IMPORT = "import time; start = time.perf_counter(); import cofactor; print(time.perf_counter() - start)"
MODELS = {"mf": {}, "als": {"epochs": 5}, "svdpp": {"epochs": 5}, "knn": {}}


def main() -> None:
    """Prints the three figures."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("data", help="a data set's name")
    arguments.add_argument("--command", type=Path, required=True)
    arguments.add_argument("--wheel", type=Path, required=True)
    arguments.add_argument("--runs", type=int, default=5)
    given = arguments.parse_args()

    imports = [float(_output(sys.executable, "-c", IMPORT)) for _ in range(given.runs)]
    print(f"import   {min(imports):.3f} s")
    print(f"wheel    {given.wheel.stat().st_size / 1e6:.2f} MB")
    ratings = cofactor.load(given.data)
    for name, parameters in MODELS.items():
        ours, theirs = [], []
        for _ in range(given.runs):
            ours.append(cofactor.Model(name, **parameters).fit(ratings).seconds_)
            theirs.append(_by_command(given.command, given.data, name, parameters))
        print(f"{name:8} {min(ours):.4f} s here, {min(theirs):.4f} s by the command: {100 * min(theirs) / min(ours):.1f} % of its speed")


def _by_command(command: Path, data: str, name: str, parameters: dict[str, object]) -> float:
    settings = [word for knob, value in parameters.items() for word in ("--set", f"{knob}={value}")]
    with tempfile.TemporaryDirectory() as folder:
        report = _output(str(command), "train", data, "--model", name, *settings, "--json", "-o", f"{folder}/m.cofactor")
    return float(json.loads(report)["seconds"]["fit"])


def _output(*words: str) -> str:
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout


if __name__ == "__main__":
    main()
