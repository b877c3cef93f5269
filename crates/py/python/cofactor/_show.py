"""What people see: tables as text and as HTML, and progress in a terminal and in a notebook."""

from __future__ import annotations

import html
import json
import sys
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any

Cell = Any


def text_table(head: Sequence[str], rows: Sequence[Sequence[Cell]]) -> str:
    """Columns of numbers to the right, of words to the left."""
    cells = [[_written(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(head, *cells)]
    right = [all(not isinstance(row[at], str) for row in rows) for at in range(len(head))]

    def line(row: Sequence[str]) -> str:
        aligned = (f"{cell:>{w}}" if r else f"{cell:<{w}}" for cell, w, r in zip(row, widths, right))
        return "  ".join(aligned).rstrip()

    return "\n".join([line(head), "─" * (sum(widths) + 2 * (len(widths) - 1)), *map(line, cells)])


def html_table(head: Sequence[str], rows: Sequence[Sequence[Cell]], caption: str = "") -> str:
    """A table for a notebook."""
    title = f"<caption style='caption-side:top;text-align:left'>{html.escape(caption)}</caption>" if caption else ""
    names = "".join(f"<th style='text-align:left'>{html.escape(name)}</th>" for name in head)

    def cell(value: Cell) -> str:
        align = "left" if isinstance(value, str) else "right"
        return f"<td style='text-align:{align}'>{html.escape(_written(value))}</td>"

    body = "".join(f"<tr>{''.join(map(cell, row))}</tr>" for row in rows)
    return f"<table>{title}<thead><tr>{names}</tr></thead><tbody>{body}</tbody></table>"


def _written(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, float):
        return f"{cell:.4f}"
    return f"{cell:,}" if isinstance(cell, int) else str(cell)


def _in_notebook() -> bool:
    shell = sys.modules.get("IPython")
    current = shell.get_ipython() if shell is not None else None
    return type(current).__name__ == "ZMQInteractiveShell"


class Progress:
    """A line on standard error that is written over, or a display of a notebook that is updated.

    `shown`: `None` shows it where somebody is looking, in a terminal or a notebook.
    """

    def __init__(self, shown: bool | None, label: str = "Fit") -> None:
        self._label = label
        self._notebook = _in_notebook()
        self._shown = (self._notebook or sys.stderr.isatty()) if shown is None else shown
        self._width = 0
        self._display: Any = None

    @property
    def tell(self) -> Callable[[str], None] | None:
        """What the native half calls now and then, with an event as JSON."""
        return self._tell if self._shown else None

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._display is not None:
            self._display.update(_Html(""))
        elif self._width:
            print("\r" + " " * self._width + "\r", end="", file=sys.stderr, flush=True)

    def _tell(self, event: str) -> None:
        line, share = _in_words(self._label, json.loads(event))
        if self._notebook:
            self._update(line, share)
            return
        bar = "" if share is None else "━" * round(24 * share) + "╌" * (24 - round(24 * share)) + " "
        text = f"  {bar}{line}"
        print("\r" + text.ljust(self._width), end="", file=sys.stderr, flush=True)
        self._width = max(self._width, len(text))

    def _update(self, line: str, share: float | None) -> None:
        bar = "" if share is None else f"<progress value='{share:.4f}' max='1'></progress> "
        shown = _Html(f"{bar}<code>{html.escape(line)}</code>")
        if self._display is None:
            display = sys.modules["IPython"].display.display
            self._display = display(shown, display_id=True)
        else:
            self._display.update(shown)


class _Html:
    def __init__(self, text: str) -> None:
        self._text = text

    def _repr_html_(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return ""


def _in_words(label: str, event: dict[str, Any]) -> tuple[str, float | None]:
    if event["stage"] == "tune":
        best = "" if event["best"] is None else f"  best RMSE {event['best']:.4f}"
        return f"trial {event['trial']}/{event['trials']}{best}", event["trial"] / max(event["trials"], 1)
    where = [label if event.get("model") is None else event["model"]]
    if "fold" in event:
        where.append("fold {}/{}".format(*event["fold"]))
    if event["stage"] == "search":
        where.append("how many epochs")
    most = event["epochs"]
    counted = f"epoch {event['epoch']}" + ("" if most is None else f"/{most}")
    held_out = "" if event["valid_rmse"] is None else f"  held out {event['valid_rmse']:.4f}"
    line = f"{', '.join(where)}: {counted}  RMSE {event['train_rmse']:.4f}{held_out}"
    return line, None if most is None else event["epoch"] / most


def remark(text: str) -> None:
    """A remark on standard error."""
    print(f"note: {text}", file=sys.stderr)
