"""Threads, Ctrl-C, progress, and errors that must not end the process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from typing import Any

import pytest

import cofactor
from cofactor import MF, Ratings

LARGE = "synth:users=6000,items=3000,ratings=1000000"

# Long single epochs at the size of MovieLens 1M, and a model that has no epochs.
SLOW = {
    "als": {"factors": 128, "epochs": 50},
    "bfm": {"factors": 32, "samples": 500},
    "svdpp": {"factors": 64, "epochs": 50},
    "timesvdpp": {"factors": 64, "epochs": 50},
    "mf": {"factors": 128, "epochs": 2000},
    "nmf": {"factors": 64, "epochs": 500},
    "knn": {"keep": 3000},
    "slope-one": {"keep": 3000},
}

SCRIPT = """
import json, os, signal, sys, threading, time
import cofactor

name, parameters, data = sys.argv[1], json.loads(sys.argv[2]), sys.argv[3]
ratings = cofactor.load(data)
if parameters.pop("timed", False):
    users, items, values, _ = ratings.to_arrays()
    ratings = cofactor.Ratings.from_df({"user": users, "item": items, "rating": values, "time": (users * 7 + items) % 1000 * 86400})
model = cofactor.Model(name, **parameters)
sent = []

def press():
    time.sleep(0.6)
    sent.append(time.perf_counter())
    os.kill(os.getpid(), signal.SIGINT)

threading.Thread(target=press, daemon=True).start()
try:
    model.fit(ratings)
except KeyboardInterrupt:
    late = time.perf_counter() - sent[0]
    assert not model.__sklearn_is_fitted__()
    small = cofactor.load("synth:users=50,items=40,ratings=800")
    cofactor.MF(factors=2, epochs=2).fit(small).recommend(1)
    print(late)
else:
    print("done", "before" if not sent else "after")
"""


def seconds_after_ctrl_c(name: str) -> float:
    parameters = SLOW[name] | ({"timed": True} if name == "timesvdpp" else {})
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, name, json.dumps(parameters), LARGE], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    answer = done.stdout.strip()
    if answer == "done before":
        pytest.skip(f"this machine fits {name} within 0.6 s")
    return float(answer)


@pytest.mark.parametrize("name", SLOW)
def test_ctrl_c_ends_a_fit_within_a_fifth_of_a_second(name: str) -> None:
    # Other work on the machine only ever adds to the time, so one of three tries has to make it.
    tries: list[float] = []
    while len(tries) < 3 and min(tries, default=1.0) >= 0.2:
        tries.append(seconds_after_ctrl_c(name))
    assert min(tries) < 0.2, tries


def test_an_interrupted_fit_keeps_what_was_learned_before(parts: tuple[Ratings, Ratings]) -> None:
    train, _ = parts
    model = MF(factors=4, epochs=3).fit(train)
    before = model.tensors_["user_factors"].tobytes()
    model.set_params(factors=64, epochs=100_000)
    threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        model.fit(train)
    assert model.tensors_["user_factors"].tobytes() == before


def test_other_threads_run_while_a_model_learns() -> None:
    ratings = cofactor.load("synth:users=2000,items=1000,ratings=200000")
    counted = 0
    learning = True

    def count() -> None:
        nonlocal counted
        while learning:
            counted += 1
            time.sleep(0.001)

    thread = threading.Thread(target=count)
    thread.start()
    start = time.perf_counter()
    MF(factors=64, epochs=40, threads=1).fit(ratings)
    seconds = time.perf_counter() - start
    learning = False
    thread.join()
    assert counted > 100 * seconds, f"{counted} turns in {seconds:.2f} s"


def test_models_learn_side_by_side(parts: tuple[Ratings, Ratings]) -> None:
    train, _ = parts
    alone = MF(factors=8, epochs=10).fit(train).tensors_["item_factors"].tobytes()
    models = [MF(factors=8, epochs=10) for _ in range(4)]
    threads = [threading.Thread(target=model.fit, args=(train,)) for model in models]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(model.tensors_["item_factors"].tobytes() == alone for model in models)


def test_progress_is_shown_where_asked_and_the_library_is_silent(
    ratings: Ratings, capfd: pytest.CaptureFixture[str]
) -> None:
    MF(factors=4, epochs=5).fit(ratings)
    assert capfd.readouterr() == ("", "")
    MF(factors=64, epochs=1500).fit(ratings, progress=True)
    out, err = capfd.readouterr()
    assert out == "" and "╌ mf: epoch 1/1500  RMSE " in err
    assert err.endswith("\r"), "the line is wiped at the end"


def test_progress_in_a_notebook(ratings: Ratings, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[Any] = []

    class ZMQInteractiveShell:
        pass

    class Handle:
        def update(self, what: Any) -> None:
            shown.append(what._repr_html_())

    class Display:
        @staticmethod
        def display(what: Any, display_id: bool) -> Handle:
            assert display_id
            shown.append(what._repr_html_())
            return Handle()

    class IPython:
        display = Display
        get_ipython = staticmethod(ZMQInteractiveShell)

    monkeypatch.setitem(sys.modules, "IPython", IPython)
    MF(factors=64, epochs=1500).fit(ratings)
    assert shown[0].startswith("<progress value=") and "epoch 1/1500" in shown[0] and shown[-1] == ""


def test_a_long_search_hears_of_ctrl_c(ratings: Ratings) -> None:
    threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
    start = time.perf_counter()
    with pytest.raises(KeyboardInterrupt):
        cofactor.tune("mf", ratings, 100_000)
    assert time.perf_counter() - start < 5
    threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        cofactor.compare([MF(factors=64, epochs=100_000), "baseline"], ratings)
