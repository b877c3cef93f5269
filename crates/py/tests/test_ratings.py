"""Tables of every kind are the same ratings, and what no model should be trained on is refused with its row."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse as sp

import cofactor
from cofactor import Ratings
from cofactor.errors import InputError, SplitError, UnknownNameError, UnsupportedError

ROWS = [("ann", 3, 4.0), ("bob", 3, 2.5), ("ann", 1, 5.0), ("cat", 2, 1.0)]
FRAME = pd.DataFrame(ROWS, columns=["user_id", "item_id", "rating"])
EXPECTED = Ratings.from_df(ROWS).fingerprint


def chunked() -> pa.Table:
    half = pa.Table.from_pandas(FRAME.iloc[:2], preserve_index=False)
    rest = pa.Table.from_pandas(FRAME.iloc[2:], preserve_index=False)
    return pa.concat_tables([half, rest])


class Capsule:
    """A table that has nothing but the Arrow capsule."""

    def __init__(self, table: pa.Table) -> None:
        self._table = table

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        return self._table.__arrow_c_stream__(requested_schema)


TABLES: dict[str, Any] = {
    "pandas": FRAME,
    "pandas, other names and order": FRAME.rename(columns={"user_id": "customer", "item_id": "sku"})[["rating", "sku", "customer"]],
    "pandas, categories": FRAME.astype({"user_id": "category", "item_id": "category"}),
    "pandas, nullable": FRAME.convert_dtypes(),
    "pandas, float ids": FRAME.astype({"item_id": "float64"}),
    "pandas, text ratings": FRAME.astype({"rating": "str"}),
    "pandas, small types": FRAME.astype({"item_id": "int8", "rating": "float32"}),
    "polars": pl.from_pandas(FRAME),
    "polars, categories": pl.from_pandas(FRAME).with_columns(pl.col("user_id").cast(pl.Categorical)),
    "arrow": pa.Table.from_pandas(FRAME),
    "arrow, chunked": chunked(),
    "arrow, other types": pa.Table.from_pandas(FRAME).cast(
        pa.schema([("user_id", pa.large_string()), ("item_id", pa.uint16()), ("rating", pa.decimal128(5, 2))])
    ),
    "capsule alone": Capsule(chunked()),
    "dict of lists": {"user": FRAME["user_id"].tolist(), "item": [3, 3, 1, 2], "rating": [4.0, 2.5, 5, 1]},
    "dict of arrays": {"user": FRAME["user_id"].to_numpy(), "item": np.array([3, 3, 1, 2], np.int32), "rating": FRAME["rating"]},
    "object array": FRAME.to_numpy(dtype=object),
    "lists": [list(row) for row in ROWS],
    "a generator": (row for row in ROWS),
    "structured": np.array(ROWS, dtype=[("user", "U3"), ("item", "i8"), ("rating", "f4")]),
}


@pytest.mark.parametrize("name", TABLES)
def test_every_table_is_the_same_ratings(name: str) -> None:
    ratings = Ratings.from_df(TABLES[name])
    assert ratings.fingerprint == EXPECTED
    assert ratings.user_ids.tolist() == ["ann", "bob", "cat"]
    assert ratings.item_ids.tolist() == [1, 2, 3]
    users, items, values, times = ratings.to_arrays()
    assert (users.tolist(), items.tolist(), values.tolist()) == ([0, 0, 1, 2], [0, 2, 2, 1], [5.0, 4.0, 2.5, 1.0])
    assert times is None


@pytest.mark.parametrize("kind", [np.int32, np.int64])
@pytest.mark.parametrize("form", [sp.csr_matrix, sp.coo_matrix, sp.csc_matrix, sp.csr_array, sp.coo_array])
def test_sparse_matrices_with_either_type_of_index(kind: Any, form: Any) -> None:
    dense = np.array([[5, 0, 3], [0, 1, 0]], dtype=np.float32)
    matrix = form(dense)
    for name in ("indices", "indptr", "row", "col"):
        if hasattr(matrix, name):
            try:
                setattr(matrix, name, getattr(matrix, name).astype(kind))
            except AttributeError:
                matrix.coords = tuple(index.astype(kind) for index in matrix.coords)
    ratings = Ratings.from_df(matrix)
    assert (ratings.users, ratings.items, len(ratings)) == (2, 3, 3)
    assert np.array_equal(ratings.to_csr().toarray(), dense)


def test_a_column_that_lies_at_a_stride_and_one_backwards() -> None:
    table = np.arange(12, dtype=np.float64).reshape(4, 3)
    ratings = Ratings.from_df(table)
    assert ratings.item_ids.tolist() == [1, 4, 7, 10]
    backwards = Ratings.from_df(table[::-1])
    assert backwards.fingerprint == ratings.fingerprint


@pytest.mark.parametrize("bad, name", [(np.nan, "NaN"), (np.inf, "inf"), (-np.inf, "-inf")])
@pytest.mark.parametrize("form", ["pandas", "polars", "arrow", "numpy", "tuples"])
def test_a_rating_that_is_not_finite_is_refused_with_its_row(bad: float, name: str, form: str) -> None:
    values = [4.0, 3.0, bad, 1.0]
    users = [1, 2, 3, 4]
    frame = pd.DataFrame({"user": users, "item": users, "rating": values})
    table: Any = {
        "pandas": frame,
        "polars": pl.DataFrame({"user": users, "item": users, "rating": values}),
        "arrow": pa.table({"user": users, "item": users, "rating": values}),
        "numpy": frame.to_numpy(),
        "tuples": list(zip(users, users, values)),
    }[form]
    with pytest.raises(InputError, match=rf"row 2 \(counted from 0\): the rating is not a finite number: '{name}'") as refused:
        Ratings.from_df(table)
    assert isinstance(refused.value, ValueError)
    # The same for whoever passes the table to a fit: nothing is trained.
    model = cofactor.MF()
    with pytest.raises(InputError, match="row 2"):
        model.fit(table)
    assert not model.__sklearn_is_fitted__()


def test_repeated_pairs_and_missing_ids_are_refused_with_their_rows() -> None:
    with pytest.raises(InputError) as refused:
        Ratings.from_df([(1, 1, 4), (2, 1, 3), (1, 1, 2)])
    assert str(refused.value) == (
        "the list, row 2 (counted from 0): user '1' rates item '1' twice: 4 in row 0, and 2 in row 2\n"
        "  help: keep one rating of each pair with duplicates='last', mean or sum"
    )
    assert Ratings.from_df([(1, 1, 4), (1, 1, 2)], duplicates="mean").to_arrays()[2].tolist() == [3]
    for missing in (None, np.nan, pd.NA, pd.NaT):
        with pytest.raises(InputError, match=r"row 1 \(counted from 0\): the user id is"):
            Ratings.from_df([(1, 1, 4), (missing, 1, 3)])
    with pytest.raises(InputError, match=r"row 1 .*the item id is null"):
        Ratings.from_df(pd.DataFrame({"user": [1, 2], "item": pd.array([1, None], dtype="Int64"), "rating": [1, 2]}))
    with pytest.raises(InputError, match=r"row 1 .*outside the declared scale 1 to 5"):
        Ratings.from_df([(1, 1, 4), (2, 1, 30)], scale=(1, 5))


def test_what_is_no_table_is_refused_in_words() -> None:
    with pytest.raises(UnsupportedError, match="int is no table of ratings"):
        Ratings.from_df(5)
    with pytest.raises(InputError, match="no column of the header has a usual name for the user ids"):
        Ratings.from_df(pd.DataFrame({"a": [1], "item": [1], "rating": [1]}))
    with pytest.raises(InputError, match="user='a'|with user= "):
        Ratings.from_df(pd.DataFrame({"a": [1], "item": [1], "rating": [1]}))
    with pytest.raises(InputError, match=r"row 1 \(counted from 0\): not a row of 3 values: \(1, 2\)"):
        Ratings.from_df([(1, 2, 3), (1, 2)])
    with pytest.raises(InputError, match=r"has 2 columns[^\n]*\n  help: .*constant_rating=1"):
        Ratings.from_df([(1, 2), (1, 3)])
    with pytest.raises(InputError, match="there are no rows"):
        Ratings.from_df([])
    with pytest.raises(UnsupportedError, match="column 'rating'"):
        Ratings.from_df(pa.table({"user": [1], "item": [1], "rating": [[1.0]]}))


@pytest.mark.parametrize(
    "times",
    [
        pd.to_datetime(["1970-01-01 00:00:05", "2001-09-09 01:46:40"]),
        pd.to_datetime(["1970-01-01 01:00:05", "2001-09-09 02:46:40"]).tz_localize("Etc/GMT-1"),
        ["1970-01-01T00:00:05", "2001-09-09T01:46:40Z"],
        np.array(["1970-01-01T00:00:05", "2001-09-09T01:46:40"], dtype="datetime64[ms]"),
        [5, 1_000_000_000],
        [5.0, 1_000_000_000.0],
    ],
)
def test_times_in_any_form(times: Any) -> None:
    frame = pd.DataFrame({"user": [1, 2], "item": [1, 1], "rating": [3.0, 4.0], "timestamp": times})
    for table in (frame, pl.from_pandas(frame), pa.Table.from_pandas(frame)):
        assert Ratings.from_df(table).time_span == (5, 1_000_000_000)
    assert Ratings.from_df(frame, ignore_times=True).time_span is None


def test_a_missing_time_is_refused() -> None:
    frame = pd.DataFrame({"user": [1, 2], "item": [1, 1], "rating": [3.0, 4.0], "time": [pd.Timestamp(5), pd.NaT]})
    for table in (frame, pa.Table.from_pandas(frame)):
        with pytest.raises(InputError, match=r"row 1 \(counted from 0\): the time"):
            Ratings.from_df(table)


def test_clicks_without_ratings() -> None:
    ratings = Ratings.from_df([(1, 2), (1, 3)], constant_rating=1)
    assert ratings.to_arrays()[2].tolist() == [1, 1]
    timed = Ratings.from_df([(1, 2, 50), (1, 3, 60)], constant_rating=1)
    assert timed.time_span == (50, 60)


def test_titles_and_names() -> None:
    ratings = Ratings.from_df(ROWS, titles={1: "Alien", 3: "Heat"}, name="films")
    assert (ratings.name, ratings.titles) == ("films", ["Alien", None, "Heat"])
    assert "films" in repr(ratings) and "3 users, 3 items, 4 ratings" in repr(ratings)
    assert "Heat" in ratings._repr_html_()


def test_files(tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    FRAME.to_csv(path, index=False)
    assert Ratings.read(path).fingerprint == EXPECTED
    FRAME.to_parquet(tmp_path / "r.parquet")
    assert Ratings.read(tmp_path / "r.parquet").fingerprint == EXPECTED
    path.write_text("user,item,rating\na,b,3\nb,b,nan\n")
    with pytest.raises(InputError, match=r"r\.csv:3: the rating is not a finite number: 'nan'"):
        Ratings.read(path)
    with pytest.raises(InputError, match=r"nothing\.csv: there is no such file"):
        Ratings.read(tmp_path / "nothing.csv")
    path.write_text("1;2;3;4;5\n1;2;3;4;5\n")
    with pytest.raises(InputError, match="user="):
        Ratings.read(path)
    assert len(Ratings.read(path, user=1, item=2, rating=5, duplicates="last")) == 1


def test_splits_are_disjoint_repeatable_and_share_the_catalogue(ratings: Ratings) -> None:
    train, test = ratings.split("user:0.2", seed=3)
    assert len(train) + len(test) == len(ratings)
    assert (train.users, test.items) == (ratings.users, ratings.items)
    again = ratings.split("user:0.2", seed=3)[1]
    assert again.fingerprint == test.fingerprint != ratings.split("user:0.2", seed=4)[1].fingerprint

    def pairs(part: Ratings) -> set[tuple[int, int]]:
        users, items, _, _ = part.to_arrays()
        return set(zip(users.tolist(), items.tolist()))

    assert not pairs(train) & pairs(test)
    folds = list(ratings.folds("kfold:4"))
    assert sum(len(test) for _, test in folds) == len(ratings)
    with pytest.raises(UnsupportedError, match="has 4 folds"):
        ratings.split("kfold:4")
    with pytest.raises(UnknownNameError, match="no split is called 'usr'"):
        ratings.split("usr:0.2")
    with pytest.raises(SplitError, match="these data come without published test files"):
        Ratings.from_df(ROWS).split("official:u1")


def test_ratings_are_pickled_and_never_copied(ratings: Ratings) -> None:
    back = pickle.loads(pickle.dumps(ratings))
    assert (back.fingerprint, back.scale, back.titles, back.name) == (
        ratings.fingerprint, ratings.scale, ratings.titles, ratings.name,
    )  # fmt: skip
    assert copy.deepcopy(ratings) is ratings
    assert Ratings.from_df(ratings.to_pandas()).fingerprint == ratings.fingerprint


def test_data_sets_by_name(ml100k: Ratings) -> None:
    assert (ml100k.users, ml100k.items, len(ml100k)) == (943, 1682, 100_000)
    train, test = ml100k.split("official:u1")
    assert (len(train), len(test)) == (80_000, 20_000)
    assert {"ml-100k", "ml-1m"} <= {known["name"] for known in cofactor.datasets()}
    with pytest.raises(UnknownNameError, match="did you mean 'ml-100k'"):
        cofactor.load("ml-100")
