"""What goes wrong, by remedy. Every exception is a `CofactorError`, and also the built-in one that fits.

The message says what is wrong and where, and after it what to do: `hint` holds that second half alone.
"""

from __future__ import annotations

import re

__all__ = [
    "AmbiguousError",
    "CofactorError",
    "DivergedError",
    "FetchError",
    "FileError",
    "InputError",
    "InternalError",
    "MissingFileError",
    "ModelFileError",
    "NotFittedError",
    "ParameterError",
    "SplitError",
    "UnknownIdError",
    "UnknownNameError",
    "UnsupportedError",
]


class CofactorError(Exception):
    """Everything that cofactor refuses or fails to do."""

    problem: str
    """What is wrong, and where."""
    hint: str | None
    """What to do about it, where something can be done."""

    def __init__(self, problem: str = "", hint: str | None = None) -> None:
        super().__init__(problem)
        self.problem = problem
        self.hint = hint

    def __str__(self) -> str:
        return self.problem if self.hint is None else f"{self.problem}\n  help: {self.hint}"


class InputError(CofactorError, ValueError):
    """The data hold something that no model should be trained on. Names the line or the row."""


class ParameterError(CofactorError, ValueError):
    """A parameter has a value outside its range, or of another type."""


class UnknownNameError(CofactorError, KeyError):
    """No model, data set, preset, split or parameter has that name."""


class UnknownIdError(CofactorError, KeyError):
    """A user or an item that training has never seen."""


class AmbiguousError(CofactorError, ValueError):
    """A title that fits more than one item."""


class SplitError(CofactorError, ValueError):
    """A split that cannot be made of these data."""


class DivergedError(CofactorError, ArithmeticError):
    """Training left the finite numbers."""


class ModelFileError(CofactorError, ValueError):
    """A model file that is none, is damaged, or comes from a newer version."""


class FileError(CofactorError, OSError):
    """The operating system refused a file operation."""


class MissingFileError(FileError, FileNotFoundError):
    """The file is not there."""


class FetchError(CofactorError, OSError):
    """A data set that no source could give."""


class UnsupportedError(CofactorError, ValueError):
    """The request cannot be answered by this model or these data."""


class NotFittedError(CofactorError, ValueError, AttributeError):
    """A question to a model that has not learned yet."""


class InternalError(CofactorError, RuntimeError):
    """A defect of cofactor."""


_KINDS: dict[str, type[CofactorError]] = {
    "ambiguous": AmbiguousError,
    "diverged": DivergedError,
    "fetch": FetchError,
    "input": InputError,
    "internal": InternalError,
    "io": FileError,
    "missing": MissingFileError,
    "model_file": ModelFileError,
    "parameter": ParameterError,
    "split": SplitError,
    "unknown_id": UnknownIdError,
    "unknown_name": UnknownNameError,
    "unsupported": UnsupportedError,
}

# The library names the command's flags, which are spelled like the arguments here, but for these.
_ARGUMENTS = {"user-column": "user", "item-column": "item", "rating-column": "rating", "time-column": "time"}
_FLAG = re.compile(r"(?<![\w-])--([a-z][a-z-]*)(?: (-?[0-9.]+|last|mean|sum)(?![\w.]))?")


def make(kind: str, problem: str, hint: str | None) -> CofactorError:
    """The exception for an error of the library. For the native half."""
    return _KINDS.get(kind, CofactorError)(_as_arguments(problem), None if hint is None else _as_arguments(hint))


_RANGES = (
    "--search NAME=LOW..HIGH for a range, NAME=A,B,C for single values",
    "search={NAME: (LOW, HIGH)} for a range, {NAME: [A, B, C]} for single values",
)


def _as_arguments(text: str) -> str:
    text = text.replace(*_RANGES)

    def argument(match: re.Match[str]) -> str:
        flag, value = match.group(1), match.group(2)
        if flag == "no-times":
            return "ignore_times=True"
        name = _ARGUMENTS.get(flag, flag.replace("-", "_"))
        if value is None:
            return f"{name}="
        return f"{name}={value}" if value[0] in "-.0123456789" else f"{name}={value!r}"

    return _FLAG.sub(argument, text)
