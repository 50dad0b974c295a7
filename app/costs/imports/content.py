"""Ids made of content, for each row of a frame."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import polars as pl

from app.costs.content import NULL, SEPARATOR, identity_of, written_id
from app.costs.focus import FOCUS_COLUMNS, Kind

NUMBERS: Final = frozenset(
    column.column for column in FOCUS_COLUMNS if column.kind in {Kind.DECIMAL, Kind.NON_NEGATIVE_DECIMAL}
)


def content_ids(frame: pl.DataFrame, columns: Sequence[str], salt: bytes = b"") -> pl.Series:
    """The `content_id` of each row of a frame, of its columns as text; with another salt (16 bytes) they are others."""
    return pl.Series("id", [written_id(key, salt) for key in _keys(frame, columns)], dtype=pl.Int64)


def row_identities(frame: pl.DataFrame, columns: Sequence[str], dataset: str) -> list[bytes]:
    """16 bytes for each row that stand for the dataset and the whole content of the row, in order.

    Numbers count as such: `1.50` is `1.5`.
    """
    prefix = dataset + SEPARATOR
    frame = frame.with_columns(shortest(column) for column in columns if column in NUMBERS)
    return [identity_of((prefix + key).encode()) for key in _keys(frame, columns)]


def shortest(column: str) -> pl.Expr:
    """A column of plain decimals without zeros at the ends of their fractions."""
    value = pl.col(column)
    fraction = value.str.strip_chars_end("0").str.strip_chars_end(".")
    return pl.when(value.str.contains(".", literal=True)).then(fraction).otherwise(value).alias(column)


def _keys(frame: pl.DataFrame, columns: Sequence[str]) -> Iterable[str]:
    texts = (pl.col(column).cast(pl.String).fill_null(NULL) for column in columns)
    return frame.select(pl.concat_str(list(texts), separator=SEPARATOR)).to_series()
