"""The pages of the documentation: the Python that they show is run, and what they say it prints is what it prints.

A page is one program. Its `python` blocks run one after the other, in a folder that holds the files of docs/data and those that the page shows (a language and a
file's name behind the fence); an `output` block is what the block above it prints. `ml-100k` behind the fence leaves a block out where that data set is not at hand;
elsewhere its name stands for data of the same shape. With COFACTOR_UPDATE=pages in the environment, what differs is written into the pages. The command's tests
look after everything else on them, and test_guides.py after the page of other packages.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shutil
from pathlib import Path

import pytest

import cofactor

ROOT = Path(__file__).parents[3]
FENCED = re.compile(r"^```(\w+)(.*)\n((?:.*\n)*?)```$", re.MULTILINE)
PROGRAM = re.compile(r"^```python( ml-100k)?$", re.MULTILINE)


def programs() -> list[Path]:
    every = [ROOT / "README.md", ROOT / "crates/py/README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    guide = ROOT / "docs/coming-from.md"
    return [page for page in every if page != guide and PROGRAM.search(page.read_text(encoding="utf-8"))]


def is_at_hand() -> bool:
    try:
        cofactor.load("ml-100k", offline=True)
    except cofactor.errors.FetchError:
        return False
    return True


def run(page: str) -> str:
    """Runs a page in the current folder, and returns it as it should be."""
    names: dict[str, object] = {"__name__": "page"}
    printed: str | None = None
    above = 0
    renewed, copied = "", 0
    for block in FENCED.finditer(page):
        language, word, content = block[1], block[2].strip(), block[3]
        if "." in word:
            Path(word).write_text(content, encoding="utf-8")
        elif language == "output":
            assert page[above : block.start()].strip() == "", "an output stands below what prints it"
            if printed is not None:
                renewed += page[copied : block.start(3)] + printed
                copied = block.end(3)
        printed = None
        if language == "python" and "." not in word and (word != "ml-100k" or is_at_hand()):
            code = content if word == "ml-100k" else content.replace('"ml-100k"', '"synth"')
            line = page[: block.start(3)].count("\n")
            with contextlib.redirect_stdout(io.StringIO()) as out:
                exec(compile("\n" * line + code, "the page", "exec"), names)
            printed = "".join(line.rstrip() + "\n" for line in out.getvalue().splitlines())
        above = block.end()
    return renewed + page[copied:]


@pytest.mark.parametrize("page", programs(), ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_shows_what_its_code_prints(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for file in (ROOT / "docs/data").iterdir():
        shutil.copy(file, tmp_path)
    monkeypatch.chdir(tmp_path)
    text = page.read_text(encoding="utf-8")
    renewed = run(text)
    if os.environ.get("COFACTOR_UPDATE") == "pages":
        page.write_text(renewed, encoding="utf-8")
    else:
        assert text == renewed


def test_an_output_that_differs_is_written_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    page = '```csv a.csv\n1,2\n```\n\n```python\nfrom pathlib import Path\nx = Path("a.csv").read_text()\nprint(x)\n```\n\n```output\nold\n```\n\n```python\nx += 1\n```\n'
    with pytest.raises(TypeError):
        run(page)
    page = page.replace("x += 1", "print(2)")
    assert run(page) == page.replace("old", "1,2\n")
    with pytest.raises(AssertionError, match="below what prints it"):
        run(page.replace("```\n\n```output", "```\nWords.\n\n```output"))
