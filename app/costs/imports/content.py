"""Ids made of content: equal content has one id in every process, so dimensions need no look-up first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import Final

import polars as pl

from app.costs.focus import FOCUS_COLUMNS, Kind

# Part of every hash: another way of writing the content would need another name, for ids in the store must stay valid.
_PERSON: Final = b"skyledger-dim"
_ROW_PERSON: Final = b"skyledger-charge"
SEPARATOR: Final = "\x1f"
NULL: Final = "\x1e"
"""Stand between values and for nulls; normalised text holds neither, so no two contents are written alike."""
IDENTITY_BYTES: Final = 16
NUMBERS: Final = frozenset(
    column.column for column in FOCUS_COLUMNS if column.kind in {Kind.DECIMAL, Kind.NON_NEGATIVE_DECIMAL}
)


def content_id(values: Sequence[str | None]) -> int:
    """The id of a dimension's row: a signed 64-bit hash of its values in order, never 0.

    Two of ten million contents share an id with a probability of 3 in a million; then one is shown for the other, and
    no amount changes.
    """
    return _id(SEPARATOR.join(NULL if value is None else value for value in values))


def content_ids(frame: pl.DataFrame, columns: Sequence[str], salt: bytes = b"") -> pl.Series:
    """The same for each row of a frame, of its columns as text; with another salt (16 bytes) they are others."""
    return pl.Series("id", [_id(key, salt) for key in _keys(frame, columns)], dtype=pl.Int64)


def row_identities(frame: pl.DataFrame, columns: Sequence[str], dataset: str) -> list[bytes]:
    """16 bytes for each row that stand for the dataset and the whole content of the row, in order.

    Numbers count as such: `1.50` is `1.5`.
    """
    prefix = dataset + SEPARATOR
    frame = frame.with_columns(shortest(column) for column in columns if column in NUMBERS)
    return [_identity((prefix + key).encode()) for key in _keys(frame, columns)]


def shortest(column: str) -> pl.Expr:
    """A column of plain decimals without zeros at the ends of their fractions."""
    value = pl.col(column)
    fraction = value.str.strip_chars_end("0").str.strip_chars_end(".")
    return pl.when(value.str.contains(".", literal=True)).then(fraction).otherwise(value).alias(column)


def repeated_identity(identity: bytes, occurrence: int) -> bytes:
    """The identity of the n-th equal row of a delivery, n from 2 on: it is another charge than the first."""
    return _identity(identity + occurrence.to_bytes(8))


def _keys(frame: pl.DataFrame, columns: Sequence[str]) -> Iterable[str]:
    texts = (pl.col(column).cast(pl.String).fill_null(NULL) for column in columns)
    return frame.select(pl.concat_str(list(texts), separator=SEPARATOR)).to_series()


def _id(key: str, salt: bytes = b"") -> int:
    digest = blake2b(key.encode(), digest_size=8, person=_PERSON, salt=salt).digest()
    return int.from_bytes(digest, signed=True) or 1


def _identity(content: bytes) -> bytes:
    return blake2b(content, digest_size=IDENTITY_BYTES, person=_ROW_PERSON).digest()
