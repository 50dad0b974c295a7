"""Numbers that stand for the rows of columns that many rows share: made once, for checking and for interning."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import polars as pl

from app.costs.focus import FOCUS_COLUMNS, Kind
from app.costs.imports.dimensions import COST, RESOURCE, SKU, SUMMARY

JSON: Final = frozenset(column.column for column in FOCUS_COLUMNS if column.kind in {Kind.JSON_OBJECT, Kind.KEY_VALUE})
"""Columns that always need a look, and have no part in the keys of a group."""
KEY: Final = "\x00key"


class RowKeys:
    """Keys of rows by what they hold in some columns: rows with equal content have equal keys.

    A key is polars' 64-bit hash of the columns that have not held one and the same value so far; of a file's shared
    columns that is half, and the rest need no hash. Keys mean something among those of one `age` only.
    """

    def __init__(self, name: str, columns: Sequence[str]) -> None:
        self.name = f"{KEY}_{name}"
        self.columns = tuple(columns)
        self.age = 0
        self._same: dict[str, str | None] | None = None

    def begin(self) -> None:
        """Forget what was the same: what follows has other columns."""
        self._same = None

    def of(self, frame: pl.DataFrame) -> pl.Series:
        """The key of each row of a frame of text, which may lack some of the columns."""
        there = frame.columns
        names = [name for name in self.columns if name in there]
        if frame.height:
            self._look(frame, names)
        varied = [name for name in names if name not in (self._same or {})]
        if not varied:
            return pl.repeat(0, frame.height, dtype=pl.UInt64, eager=True).alias(self.name)
        return frame.select(pl.struct(varied).hash(self.age).alias(self.name)).to_series()

    def _look(self, frame: pl.DataFrame, names: Sequence[str]) -> None:
        """Find out which columns still hold what they held before."""
        before = self._same
        same = {name: frame.item(0, name) for name in names} if before is None else before
        other = [pl.col(name).ne_missing(pl.lit(value, pl.String)).any() for name, value in same.items()]
        differ = frame.select(other).row(0) if other else ()
        left = {name: value for (name, value), differs in zip(same.items(), differ, strict=True) if not differs}
        if before is None or len(left) < len(before):
            self._same = left
            self.age += 1


class GroupKeys:
    """The keys of the groups of columns that repeat together, for one delivery; see `RowKeys`."""

    def __init__(self) -> None:
        self.cost = RowKeys("cost", (*SUMMARY, *COST))
        self.sku = RowKeys("sku", [name for name in SKU if name not in JSON])
        self.resource = RowKeys("resource", RESOURCE)
        self.groups = (self.cost, self.sku, self.resource)
        self.names = tuple(group.name for group in self.groups)
        self._present: frozenset[str] = frozenset()

    def begin(self, present: Iterable[str]) -> None:
        """Begin a file with these of FOCUS's columns: what is read from equal rows depends on them too."""
        names = frozenset(present)
        if names != self._present:
            self._present = names
            for group in self.groups:
                group.begin()

    def added_to(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The frame with the keys of its rows."""
        return frame.with_columns(group.of(frame) for group in self.groups)
