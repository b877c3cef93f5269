"""Ratings: who rated what, how, and when."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from . import _native, _show
from ._columns import Names, columns_of
from .errors import UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Iterator

Duplicates = Literal["error", "last", "mean", "sum"]


class Ratings:
    """A set of ratings, immutable: m users, n items, N ratings, at most one for each pair.

    Made by `load`, `Ratings.read` and `Ratings.from_df`. Ids are the caller's own, integers or texts; an id that prints the same is the same,
    so `"5"` finds `5`. Memory: 8 bytes a rating, 12 with times.
    """

    __slots__ = ("_about", "_native")

    def __init__(self, native: _native.Ratings) -> None:
        self._native = native
        self._about: dict[str, Any] = json.loads(native.about())

    @classmethod
    def from_df(
        cls,
        data: Any,
        *,
        user: str | None = None,
        item: str | None = None,
        rating: str | None = None,
        time: str | None = None,
        scale: tuple[float, float] | None = None,
        constant_rating: float | None = None,
        ignore_times: bool = False,
        duplicates: Duplicates = "error",
        titles: Mapping[Any, str] | None = None,
        name: str | None = None,
    ) -> Ratings:
        """Ratings from a table in memory; NumPy and Arrow columns are read where they lie.

        data: a pandas or polars data frame, anything with `__arrow_c_stream__`, a dict of columns, a structured array; a SciPy sparse matrix
            (users × items, every stored entry a rating); or rows of (user, item, rating[, time]) as an array or a list.
        user, item, rating, time: the columns' names; without them the usual ones are found (`user_id`, `movieId`, `rating`, `timestamp`, …).
            Times are seconds since 1970, dates, or datetimes.
        scale: the lowest and the highest rating there can be; one outside is refused. Otherwise the range seen.
        constant_rating: give each row this rating and read no rating column: for clicks, plays, purchases.
        duplicates: what to do with a pair that occurs more than once.
        titles: a name to show for items, by id.

        Raises `InputError`, before anything is trained, with the first row (counted from 0) that holds NaN, an infinity, a missing id or a
        repeated pair.
        """
        names = Names(user, item, rating, time, constant_rating is not None)
        columns = columns_of(data, names)
        name = name or columns.table.removeprefix("the ")
        options = _options(name=name, scale=scale, constant_rating=constant_rating, duplicates=duplicates)
        titled = None if titles is None else [(str(id), str(title)) for id, title in titles.items()]
        when = None if ignore_times else columns.time
        native = _native.ratings_from_columns(
            columns.table, columns.user, columns.item, columns.rating, when, titled, options
        )
        return cls(native)

    @classmethod
    def read(
        cls,
        path: str | os.PathLike[str],
        *,
        user: str | int | None = None,
        item: str | int | None = None,
        rating: str | int | None = None,
        time: str | int | None = None,
        format: Literal["text", "parquet"] | None = None,
        delimiter: str | None = None,
        header: bool | None = None,
        member: str | None = None,
        scale: tuple[float, float] | None = None,
        constant_rating: float | None = None,
        ignore_times: bool = False,
        duplicates: Duplicates = "error",
        name: str | None = None,
    ) -> Ratings:
        """Ratings from a file: CSV, TSV, `::`, plain, in gzip or zip, or Parquet. What is not said is found in the file.

        user, item, rating, time: a column's name, or its position counted from 1.
        member: which file of a zip archive to read.

        Raises `InputError` with file and line of the first row that no model should be trained on.
        """
        options = _options(
            user=user, item=item, rating=rating, time=time, format=format, delimiter=delimiter, header=header,
            member=member, scale=scale, constant_rating=constant_rating, ignore_times=ignore_times,
            duplicates=duplicates, name=name,
        )  # fmt: skip
        return cls(_native.read_file(os.fspath(path), options))

    @property
    def name(self) -> str:
        """The data set's name, or its file's."""
        return str(self._about["name"])

    @property
    def users(self) -> int:
        """m, how many users the catalogue has; in a part of a split some may have no rating."""
        return int(self._about["users"])

    @property
    def items(self) -> int:
        """n, how many items the catalogue has."""
        return int(self._about["items"])

    @property
    def scale(self) -> tuple[float, float]:
        """The lowest and the highest rating: declared, or seen in the whole data set."""
        low, high = self._about["scale"]
        return float(low), float(high)

    @property
    def mean(self) -> float:
        """The mean rating."""
        return float(self._about["mean"])

    @property
    def time_span(self) -> tuple[int, int] | None:
        """The first and the last time in seconds since 1970, if there are times."""
        span = self._about["time_span"]
        return None if span is None else (int(span[0]), int(span[1]))

    @property
    def user_ids(self) -> npt.NDArray[Any]:
        """The users' ids by index, m of them: integers or texts, sorted."""
        return np.asarray(self._native.ids(True))

    @property
    def item_ids(self) -> npt.NDArray[Any]:
        """The items' ids by index, n of them: integers or texts, sorted."""
        return np.asarray(self._native.ids(False))

    @property
    def titles(self) -> list[str | None]:
        """The items' titles by index; `None` where an item has none."""
        return self._native.titles()

    @property
    def fingerprint(self) -> str:
        """SHA-256 over all ratings: the same for the same ratings in any order and format."""
        return self._native.fingerprint()

    @property
    def user_counts(self) -> npt.NDArray[np.int64]:
        """How many ratings each user has; m entries."""
        return self._native.counts(True)

    @property
    def item_counts(self) -> npt.NDArray[np.int64]:
        """How many ratings each item has; n entries."""
        return self._native.counts(False)

    def __len__(self) -> int:
        """N, how many ratings there are."""
        return len(self._native)

    def to_arrays(
        self,
    ) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint32], npt.NDArray[np.float32], npt.NDArray[np.int64] | None]:
        """Indices of users and items, values and times (or `None`), N entries each, by user and then item.

        The indices are places in `user_ids` and `item_ids`.
        """
        return self._native.arrays()

    def to_csr(self) -> Any:
        """The ratings as a SciPy matrix, m × n."""
        from scipy.sparse import csr_matrix

        users, items, values, _ = self.to_arrays()
        return csr_matrix((values, (users, items)), shape=(self.users, self.items))

    def to_pandas(self) -> Any:
        """The ratings as a pandas data frame: user, item, rating, and time (in seconds since 1970) if there are times."""
        import pandas

        users, items, values, times = self.to_arrays()
        columns: dict[str, Any] = {"user": self.user_ids[users], "item": self.item_ids[items], "rating": values}
        if times is not None:
            columns["time"] = times
        return pandas.DataFrame(columns)

    def split(self, spec: str = "user:0.2", *, seed: int = 42) -> tuple[Ratings, Ratings]:
        """The training and the test part of a split of one fold.

        spec: `user:0.2` (that share of each user's ratings), `random:0.1`, `time:0.1` (the latest), `loo` (each user's latest), or for
            ml-100k `official:u1`. The parts share ids and scale with the whole; the same seed holds the same ratings out.
        """
        folds = list(self.folds(spec, seed=seed))
        if len(folds) != 1:
            raise UnsupportedError(f"split '{spec}' has {len(folds)} folds", "ask for them with `folds`")
        return folds[0]

    def folds(self, spec: str = "kfold:5", *, seed: int = 42) -> Iterator[tuple[Ratings, Ratings]]:
        """The training and the test part of each fold of a split: `kfold:5`, `official`, or one of those of `split`."""
        parts, _ = self._native.split(spec, seed)
        for _, train, test in parts:
            yield Ratings(train), Ratings(test)

    def __reduce__(self) -> tuple[Any, ...]:
        users, items, values, times = self.to_arrays()
        columns = (self.user_ids[users], self.item_ids[items], values, times)
        titles = {id: title for id, title in zip(self.item_ids.tolist(), self.titles) if title is not None}
        return _unpickled, (columns, self.scale, titles, self.name)

    def __copy__(self) -> Ratings:
        return self

    def __deepcopy__(self, _: Any) -> Ratings:
        return self

    def _in_words(self) -> str:
        low, high = self.scale
        density = 100 * len(self) / max(self.users * self.items, 1)
        times = "with times" if self.time_span is not None else "no times"
        return (
            f"{self.users:,} users, {self.items:,} items, {len(self):,} ratings "
            f"({density:.2f} % of all pairs), {low:g} to {high:g}, {times}"
        )

    def __repr__(self) -> str:
        return f"<Ratings {self.name!r}: {self._in_words()}>"

    def _repr_html_(self) -> str:
        users, items, values, _ = self.to_arrays()
        user_ids, item_ids, titles = self.user_ids, self.item_ids, self.titles
        rows = [
            (str(user_ids[users[at]]), titles[items[at]] or str(item_ids[items[at]]), f"{values[at]:g}")
            for at in range(min(5, len(self)))
        ]
        return _show.html_table(["user", "item", "rating"], rows, f"{self.name}: {self._in_words()}")


def _unpickled(columns: Any, scale: tuple[float, float], titles: dict[Any, str], name: str) -> Ratings:
    user, item, rating, time = columns
    table = {"user": user, "item": item, "rating": rating}
    if time is not None:
        table["time"] = time
    # A scale of one value, which no caller may declare, is seen in the ratings again.
    declared = scale if scale[0] < scale[1] else None
    return Ratings.from_df(table, scale=declared, titles=titles, name=name)


def _options(**given: Any) -> dict[str, Any]:
    options: dict[str, Any] = dict.fromkeys(
        ("name", "format", "member", "delimiter", "header", "user", "item", "rating", "time", "constant_rating", "scale")
    )
    options |= {"ignore_times": False, "duplicates": "error"}
    return options | given


def load(
    name: str,
    *,
    mirror: str | None = None,
    cache: str | os.PathLike[str] | None = None,
    offline: bool = False,
) -> Ratings:
    """A data set by name, such as `ml-100k`; fetched once, verified, and kept in a cache. `synth` is made on the spot.

    mirror: a folder or an address that holds the archives; otherwise what the environment variable COFACTOR_MIRROR says.
    cache: the folder that keeps them; otherwise COFACTOR_CACHE, or the system's cache folder.
    offline: use the cache and the mirror alone.

    The licence is shown when the data are fetched. `cofactor.datasets()` lists the names.
    """
    mirror = mirror or os.environ.get("COFACTOR_MIRROR") or None
    folder = cache or os.environ.get("COFACTOR_CACHE") or None
    return Ratings(_native.load(name, mirror, None if folder is None else os.fspath(folder), offline, _show.remark))


def datasets() -> list[dict[str, str]]:
    """The data sets that `load` knows: name, title and licence of each."""
    known: list[dict[str, str]] = json.loads(_native.datasets())
    return known


def as_ratings(data: Any, y: Any = None) -> Ratings:
    """Ratings as they are, or from rows of user and item (and time) with their ratings y, as scikit-learn passes them."""
    if isinstance(data, Ratings):
        return data
    if y is None:
        return Ratings.from_df(data)
    pairs = columns_of(data, Names(constant=True))
    return Ratings.from_df(
        {"user": pairs.user, "item": pairs.item, "rating": y} | ({} if pairs.time is None else {"time": pairs.time})
    )
