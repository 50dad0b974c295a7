"""Columns of a frame read value by value: plain ones all at once, odd ones once for each distinct value."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Final

import orjson
import polars as pl

from app.costs.conformance import ConformanceNotes, Gap, shortened
from app.costs.focus import FocusColumn, Kind
from app.costs.imports.decimal_marks import proves_comma
from app.costs.imports.frames import LINE
from app.costs.imports.keys import GroupKeys
from app.costs.normalise import typed_value
from app.costs.values import (
    DESCRIPTION_BYTES,
    JSON_BYTES,
    TEXT_BYTES,
    ColumnValue,
    UnusableValueError,
    decimal_text,
    is_null,
    read_json_object,
)
from app.records import RowIssue

MOMENT: Final = pl.Datetime("us", "UTC")
_NUMBERS: Final = (Kind.DECIMAL, Kind.NON_NEGATIVE_DECIMAL)
_JSON_KINDS: Final = frozenset({Kind.JSON_OBJECT, Kind.KEY_VALUE})
_SEEN: Final = 200_000
"""Rows of a group of columns that are remembered: 1.6 MB."""
_SEEN_TEXTS: Final = 10_000
"""JSON texts that are remembered, of some 100 bytes as a rule."""
# What needs no second look. Blanks around, the word NULL, control characters, exponents, signs before a price, … do.
_ODD_TEXT: Final = r"^\s|\s$|^$|^(?i:null)$|[\x00\x1e\x1f]"
# Without negative zeros, which are read as zero.
_PLAIN_NUMBER: Final = r"^(?:-?[1-9][0-9]{0,19}(?:\.[0-9]{1,20})?|0(?:\.[0-9]{1,20})?|-0\.[0-9]{0,19}[1-9])$"
_PLAIN_PRICE: Final = r"^[0-9]{1,20}(?:\.[0-9]{1,20})?$"
_PLAIN_MOMENT: Final = "%Y-%m-%dT%H:%M:%SZ"
REPORTED: Final = 10_000
"""Issues told of one part of a file; what is wrong beyond that is counted only."""


@dataclass(slots=True)
class OddValue:
    """What became of one distinct value that needed a look: its typed value, what was changed, or why it cannot be."""

    raw: str
    value: ColumnValue = None
    changed: str | None = None
    gap: Gap = Gap.NORMALISED_VALUE
    more: tuple[Gap, str] | None = None
    error: str | None = None


@dataclass(slots=True)
class ReadColumns:
    """The frame with typed columns, and the odd values by column: what is noted of the rows that are kept."""

    frame: pl.DataFrame
    odd: dict[str, list[OddValue]] = field(default_factory=dict)


class Seen:
    """What the columns of one file held so far: rows of plain values, and JSON that was looked at. Bounded."""

    def __init__(self) -> None:
        self._plain: dict[tuple[str, int], pl.Series] = {}
        self._json: dict[str, OddValue] = {}

    def unseen(self, keys: pl.Series, age: int) -> pl.Series:
        """The first places of keys whose rows are not known to be plain."""
        plain = self._plain.get((keys.name, age))
        if plain is None:
            return keys.arg_unique()
        places = (~keys.is_in(plain.implode())).arg_true()
        return places.gather(keys.gather(places).arg_unique())

    def add_plain(self, keys: pl.Series, age: int) -> None:
        """Note the keys of rows that `unseen` gave as plain."""
        before = self._plain.pop((keys.name, age), None)
        known = keys if before is None else pl.concat([before, keys], rechunk=True)
        for other in [other for other in self._plain if other[0] == keys.name]:
            del self._plain[other]
        self._plain[keys.name, age] = known if known.len() <= _SEEN else keys

    def look(self, column: FocusColumn, raw: str) -> OddValue:
        """`_look`, once for each JSON text: tags are the same in every part of a file."""
        if column.kind not in _JSON_KINDS:
            return _look(column, raw)
        key = f"{column.column}\x1f{raw}"
        found = self._json.get(key)
        if found is None:
            if len(self._json) >= _SEEN_TEXTS:
                self._json.clear()
            found = self._json[key] = _look(column, raw)
        return found


def read_columns(
    frame: pl.DataFrame,
    columns: Sequence[FocusColumn],
    seen: Seen,
    keys: GroupKeys,
    plain: Collection[str] = (),
) -> ReadColumns:
    """Type the columns of a frame, which have their table names and hold text; times may be such already.

    It gets the `keys` of its rows besides. Text, decimals and JSON stay text, in their one spelling; timestamps become
    moments in UTC. Values that cannot be read are left null: `refused` tells of them. The raw text is kept beside an
    odd column under `raw_name`. `plain` are columns that need no look.
    """
    read = ReadColumns(keys.added_to(frame))
    looked_at = [column for column in columns if column.column not in plain]
    suspicious = _suspicious(read.frame, looked_at, seen, keys)
    changes: list[pl.Expr | pl.Series] = []
    for column in columns:
        if column.kind is Kind.TIMESTAMP:
            changes.append(_moments(read, column))
        elif column.column in suspicious:
            changes.append(_looked_at(read, column, seen))
    read.frame = read.frame.with_columns(
        pl.col(name).alias(raw_name(name)) for name, odd in read.odd.items() if odd
    ).with_columns(changes)
    return read


def raw_name(column: str) -> str:
    """The name under which a frame keeps what was sent in a column."""
    return f"\x00raw_{column}"


def _suspicious(frame: pl.DataFrame, columns: Sequence[FocusColumn], seen: Seen, keys: GroupKeys) -> set[str]:
    """The columns that have any value that is not plain.

    Of columns that repeat together only distinct rows are looked at, once in a file: it takes a third of the time.
    """
    texts = {column.column: column for column in columns if column.kind is not Kind.TIMESTAMP}
    odd: set[str] = set()
    for group in keys.groups:
        names = [name for name in group.columns if name in texts]
        if not names:
            continue
        of_rows = frame.get_column(group.name)
        places = seen.unseen(of_rows, group.age)
        rows = frame.select(pl.col(names).gather(places))
        found = _odd_columns(rows, [texts.pop(name) for name in names])
        if not found:
            seen.add_plain(of_rows.gather(places), group.age)
        odd |= found
    return odd | _odd_columns(frame, list(texts.values()))


def _odd_columns(frame: pl.DataFrame, columns: Sequence[FocusColumn]) -> set[str]:
    if not columns or not frame.height:
        return set()
    odd = frame.select(_is_odd(column, pl.col(column.column)).any().alias(column.column) for column in columns)
    return {name for name, found in odd.row(0, named=True).items() if found}


def _is_odd(column: FocusColumn, value: pl.Expr) -> pl.Expr:
    if column.kind is Kind.STRING:
        limit = DESCRIPTION_BYTES if column.column == "charge_description" else TEXT_BYTES
        return value.str.contains(_ODD_TEXT) | (value.str.len_bytes() > limit)
    if column.kind in _NUMBERS:
        pattern = _PLAIN_PRICE if column.kind is Kind.NON_NEGATIVE_DECIMAL else _PLAIN_NUMBER
        return ~value.str.contains(pattern)
    if column.kind is Kind.ENUM:
        return ~value.is_in(column.allowed)
    return value.is_not_null()


def _looked_at(read: ReadColumns, column: FocusColumn, seen: Seen) -> pl.Expr:
    name = column.column
    distinct = (
        read.frame.lazy().filter(_is_odd(column, pl.col(name))).select(pl.col(name).unique()).collect().to_series()
    )
    values = [seen.look(column, raw) for raw in distinct]
    found = [value for value in values if value.changed or value.error or value.more or _text(value) != value.raw]
    if not found:
        return pl.col(name)
    read.odd[name] = found
    return pl.col(name).replace_strict(
        [value.raw for value in found],
        [_text(value) for value in found],
        default=pl.col(name),
        return_dtype=pl.String,
    )


def _moments(read: ReadColumns, column: FocusColumn) -> pl.Series:
    name = column.column
    texts = read.frame.get_column(name)
    if texts.dtype != pl.String:
        typed = _typed_moments(texts)
        if typed is not None:
            return typed
        texts = texts.dt.to_string(_PLAIN_MOMENT)
        read.frame = read.frame.with_columns(texts)
    plain = texts.str.strptime(pl.Datetime("us"), _PLAIN_MOMENT, strict=False).dt.replace_time_zone("UTC")
    odd = texts.filter(plain.is_null() & texts.is_not_null()).unique()
    early = plain.dt.year().is_between(1990, 2199) | plain.is_null()
    if not early.all():
        odd = pl.concat([odd, texts.filter(~early.fill_null(value=True)).unique()])
    if not odd.len():
        return plain
    found = [_look(column, raw) for raw in odd]
    read.odd[name] = found
    moments = [value.value if isinstance(value.value, datetime) else None for value in found]
    replaced = texts.replace_strict(
        [value.raw for value in found], pl.Series(moments, dtype=MOMENT), default=None, return_dtype=MOMENT
    )
    return pl.select(pl.when(texts.is_in(odd.implode())).then(replaced).otherwise(plain).alias(name)).to_series()


def _typed_moments(series: pl.Series) -> pl.Series | None:
    """Times that came as such, in UTC; None where one is in a year that needs a look."""
    zoned = series.dtype == MOMENT
    moments = series if zoned else series.dt.cast_time_unit("us").dt.replace_time_zone("UTC")
    return moments if moments.dt.year().is_between(1990, 2199).all() else None


def _look(column: FocusColumn, raw: str) -> OddValue:
    """One value through the same reader as the rows that are sent inline."""
    if is_null(raw):
        return OddValue(raw, changed="NULL or blanks read as null" if raw else None)
    try:
        value, changed = _json_text(raw) if column.kind in _JSON_KINDS else typed_value(column, raw)
    except UnusableValueError as error:
        return OddValue(raw, error=f"{column.name} {error}")
    more = None
    if column.allowed and value not in column.allowed:
        more = (Gap.DISALLOWED_VALUE, f"{shortened(value)!r} is not in the list")
    elif column.kind is Kind.NON_NEGATIVE_DECIMAL and isinstance(value, Decimal) and value < 0:
        more = (Gap.DISALLOWED_VALUE, "negative unit price")
    return OddValue(raw, value, changed, more=more)


def _json_text(raw: str) -> tuple[str, None]:
    """A JSON object in one spelling; what is small and flat needs no walk through it."""
    if len(raw) < JSON_BYTES // 4 and "\\u0000" not in raw:
        try:
            found = orjson.loads(raw)
        except orjson.JSONDecodeError:
            found = None
        if isinstance(found, dict) and all(isinstance(value, str) for value in found.values()):
            return orjson.dumps(found, option=orjson.OPT_SORT_KEYS).decode(), None
    return orjson.dumps(read_json_object(raw), option=orjson.OPT_SORT_KEYS).decode(), None


def _text(value: OddValue) -> str | None:
    typed = value.value
    if isinstance(typed, Decimal):
        return decimal_text(typed)
    return typed if isinstance(typed, str) else None


def refused(read: ReadColumns, columns: Sequence[FocusColumn]) -> tuple[dict[str, pl.Series], list[RowIssue]]:
    """By column, which rows have a value that cannot be read; and the first of those values with their lines."""
    masks: dict[str, pl.Series] = {}
    issues: list[RowIssue] = []
    for column in columns:
        errors = {value.raw: value.error for value in read.odd.get(column.column, ()) if value.error}
        if not errors:
            continue
        wrong = read.frame.get_column(raw_name(column.column)).is_in(list(errors)).fill_null(value=False)
        masks[column.column] = wrong
        told = read.frame.filter(wrong).head(REPORTED).select(LINE, raw_name(column.column))
        issues += [RowIssue(line, column.name, shortened(raw), errors[raw]) for line, raw in told.iter_rows()]
    return masks, issues


def has_comma(read: ReadColumns, columns: Sequence[FocusColumn]) -> bool:
    """Whether an amount that cannot be read proves a decimal comma."""
    amounts = (column for column in columns if column.kind in _NUMBERS)
    return any(
        value.error and proves_comma(value.raw) for column in amounts for value in read.odd.get(column.column, ())
    )


def note_odd_values(
    kept: pl.DataFrame, read: ReadColumns, columns: Sequence[FocusColumn], notes: ConformanceNotes
) -> None:
    """Count in `notes` what was changed in the rows that are kept, and their values outside FOCUS's lists."""
    for column in columns:
        told = {value.raw: value for value in read.odd.get(column.column, ()) if value.changed or value.more}
        if not told:
            continue
        raw = raw_name(column.column)
        counts = kept.lazy().filter(pl.col(raw).is_in(list(told))).group_by(raw).agg(pl.len(), pl.col(LINE).min())
        for text, rows, first in counts.collect().iter_rows():
            value = told[text]
            if value.changed:
                notes.record(Gap.NORMALISED_VALUE, column.name, value.changed, first, rows)
            if value.more:
                notes.record(value.more[0], column.name, value.more[1], first, rows)
