"""The notebook: it runs from start to end, and it is committed as it ran."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

import cofactor

NOTEBOOK = Path(__file__).parents[3] / "notebooks" / "matrix_factorization_recommender.ipynb"
MOST_BYTES = 1_500_000


@pytest.fixture(scope="module")
def notebook() -> nbformat.NotebookNode:
    return nbformat.read(NOTEBOOK, as_version=4)


def code_of(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_it_is_committed_with_the_outputs_of_one_run(notebook: nbformat.NotebookNode) -> None:
    nbformat.validate(notebook)
    code = code_of(notebook)
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    outputs = [output for cell in code for output in cell.outputs]
    assert not [output for output in outputs if output.output_type == "error" or output.get("name") == "stderr"]
    for cell in code:
        draws, prints = "plt.show()" in cell.source, "print(" in cell.source
        pictures = [output for output in cell.outputs if "image/png" in output.get("data", {})]
        assert len(pictures) == draws, cell.source
        assert not prints or any(output.output_type == "stream" for output in cell.outputs), cell.source
    assert NOTEBOOK.stat().st_size < MOST_BYTES


def test_it_shows_no_ratings_of_single_users(notebook: nbformat.NotebookNode) -> None:
    """MovieLens' licence does not let them be passed on; a table of `Ratings` would show its first rows."""
    shown = [output.get("data", {}).get("text/html", "") for cell in code_of(notebook) for output in cell.outputs]
    assert not [page for page in shown if ">user</th>" in page]


def test_it_runs_from_start_to_end(notebook: nbformat.NotebookNode, ml100k: cofactor.Ratings) -> None:
    fresh = nbformat.from_dict(notebook)
    for cell in code_of(fresh):
        cell.outputs, cell.execution_count = [], None
    NotebookClient(fresh, timeout=600, kernel_name="python3").execute()
    code = code_of(fresh)
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
