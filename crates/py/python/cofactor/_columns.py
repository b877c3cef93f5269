"""From a table of any kind to the columns that the native half reads. Nothing is imported that the caller has not imported."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from . import _native
from .errors import InputError, UnsupportedError

Column = Any
"""A one-dimensional array, a list, or a native Arrow column."""


class Names(NamedTuple):
    """What the caller calls the columns."""

    user: str | None = None
    item: str | None = None
    rating: str | None = None
    time: str | None = None
    constant: bool = False


class Columns(NamedTuple):
    """The columns of a table, and what messages call it."""

    table: str
    user: Column
    item: Column
    rating: Column | None = None
    time: Column | None = None


def columns_of(data: Any, names: Names) -> Columns:
    """The columns of whatever holds ratings."""
    if hasattr(data, "tocoo") and hasattr(data, "nnz"):
        return _of_sparse(data, names)
    if hasattr(data, "iloc") and hasattr(data, "columns"):
        labels = [str(label) for label in data.columns]
        return _by_name("the data frame", labels, names, lambda at: _of_pandas(data.iloc[:, at]))
    if hasattr(data, "__arrow_c_stream__"):
        return _of_arrow(data, names)
    if isinstance(data, Mapping):
        labels = [str(label) for label in data]
        columns = list(data.values())
        return _by_name("the table", labels, names, lambda at: as_column(columns[at]))
    if isinstance(data, np.ndarray):
        if data.dtype.names is not None:
            fields = list(data.dtype.names)
            return _by_name("the array", fields, names, lambda at: as_column(data[fields[at]]))
        return _of_matrix(data, names)
    if isinstance(data, Iterable) and not isinstance(data, (str, bytes)):
        return _of_rows(list(data), names)
    raise UnsupportedError(
        f"{type(data).__name__} is no table of ratings",
        "give a data frame (pandas, polars, Arrow), a sparse matrix, a dict of columns, or rows of user, item and rating",
    )


def _by_name(table: str, labels: list[str], names: Names, column: Any) -> Columns:
    found = _native.find_columns(table, labels, names.user, names.item, names.rating, names.time, names.constant)
    return Columns(table, *(None if at is None else column(at) for at in found))


def _of_arrow(data: Any, names: Names) -> Columns:
    table = "the data frame"

    def find(labels: list[str]) -> tuple[int | None, ...]:
        return _native.find_columns(table, labels, names.user, names.item, names.rating, names.time, names.constant)

    user, item, rating, time = _native.arrow_columns(data, find)
    return Columns(table, user, item, rating, time)


def _of_sparse(data: Any, names: Names) -> Columns:
    """Rows are users, columns are items, and every stored entry is a rating, a stored zero too."""
    entries = data.tocoo(copy=False)
    row, column = (entries.row, entries.col) if hasattr(entries, "row") else entries.coords
    rating = None if names.constant else as_column(entries.data)
    return Columns("the matrix's entries", as_column(row), as_column(column), rating)


def _of_matrix(data: npt.NDArray[Any], names: Names) -> Columns:
    if data.ndim != 2:
        raise UnsupportedError(f"an array of {data.ndim} dimensions is no table", "give one row for each rating")
    return _by_position("the array", [as_column(data[:, at]) for at in range(data.shape[1])], names)


def _of_rows(rows: Sequence[Any], names: Names) -> Columns:
    if not rows:
        raise InputError("there are no rows", "give one row for each rating: user, item, rating and, if known, time")
    width = len(rows[0]) if isinstance(rows[0], Sequence | np.ndarray) and not isinstance(rows[0], str) else 0
    for number, row in enumerate(rows):
        if isinstance(row, str) or not isinstance(row, Sequence | np.ndarray) or len(row) != width:
            problem = f"the list, row {number} (counted from 0): not a row of {width or 'three or four'} values: {row!r}"
            raise InputError(problem, "give one row for each rating: user, item, rating and, if known, time")
    return _by_position("the list", [as_column([row[at] for row in rows]) for at in range(width)], names)


def _by_position(table: str, columns: list[Column], names: Names) -> Columns:
    rest = columns[2:]
    rating = None if names.constant or not rest else rest.pop(0)
    if len(columns) < 2 or (rating is None and not names.constant) or len(rest) > 1:
        wanted = "two or three (user, item, time)" if names.constant else "three or four (user, item, rating, time)"
        raise InputError(
            f"{table} has {len(columns)} columns, and {wanted} were expected",
            "for clicks or purchases, which have no rating, give each row the same with constant_rating=1",
        )
    return Columns(table, columns[0], columns[1], rating, rest[0] if rest else None)


def _of_pandas(series: Any) -> Column:
    kind: Any = series.dtype
    if hasattr(kind, "categories"):
        return _of_pandas(series.astype(kind.categories.dtype))
    if getattr(kind, "tz", None) is not None:
        return as_column(series.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy())
    if isinstance(kind, np.dtype):
        return as_column(series.to_numpy())
    plain = getattr(kind, "numpy_dtype", None)
    if isinstance(plain, np.dtype) and plain.kind in "iufb" and not bool(series.isna().any()):
        return as_column(series.to_numpy(dtype=plain))
    return as_column(series.to_numpy(dtype=object, na_value=None))


def as_column(values: Any) -> Column:
    """One column: an array of a type that is read where it lies, or else a list of numbers, texts and `None`."""
    if not isinstance(values, np.ndarray):
        if hasattr(values, "__array__") and not hasattr(values, "dtype"):
            values = np.asarray(values)
        elif hasattr(values, "to_numpy"):
            values = values.to_numpy()
        else:
            return [_plain(value) for value in values]
    dtype: np.dtype[Any] = values.dtype
    kind = dtype.kind
    if kind == "M":
        seconds = values.astype("datetime64[s]")
        missing = np.isnat(seconds)
        whole = seconds.astype(np.int64)
        return np.where(missing, np.nan, whole.astype(np.float64)) if missing.any() else whole
    if kind in "iub":
        kept = dtype.isnative and dtype.str[1:] in ("i4", "i8", "u8")
        return values if kept else values.astype(np.int64)
    if kind == "f":
        kept = dtype.isnative and dtype.str[1:] in ("f4", "f8")
        return values if kept else values.astype(np.float64)
    return [_plain(value) for value in values.tolist()]


def _plain(value: Any) -> Any:
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return None
    if isinstance(value, bytes):
        return value.decode()
    if hasattr(value, "isoformat"):
        return value.isoformat()
    return value
