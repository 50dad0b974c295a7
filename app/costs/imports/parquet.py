"""Parquet files as frames: a row a row, every column as the text that a CSV file of it would hold, but for times."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Final

import orjson
import polars as pl

from app.costs.conformance import shortened
from app.costs.files import UnreadableFileError, check_unfolded, checked_columns
from app.costs.focus import FocusColumn, Kind
from app.costs.imports.frames import LINE, RawFrame
from app.costs.normalise import columns_by_table_name, target_of
from app.costs.values import FRACTION_DIGITS, INTEGER_DIGITS, JSON_BYTES, UnusableValueError

ROWS_AT_ONCE: Final = 32_768
"""Most rows in one frame."""
_FIRST_ROWS: Final = 512
_GROWTH: Final = 8
FRAME_BYTES: Final = 64 * 2**20
"""A frame with more in memory is given in halves, and the next have fewer rows: small files can unfold to gigabytes."""
# A panic of polars is no Exception; it comes of bytes that polars did not check.
_BROKEN: Final = (
    pl.exceptions.PolarsError,
    pl.exceptions.PanicException,
    OSError,
    TypeError,
    ValueError,
    RecursionError,
)
_ENTRY: Final = frozenset({"key", "value"})


class ParquetRows:
    """An open Parquet file: `columns`, `rows` and its frames of at most `rows_at_once` rows and about `FRAME_BYTES`.

    `texts` are those of its columns that hold text. Raises UnreadableFileError.
    """

    def __init__(self, path: Path, *, rows_at_once: int = ROWS_AT_ONCE) -> None:
        self.path = path
        self._rows_at_once = rows_at_once
        try:
            # A name with brackets or stars is one file, and folders named month=10 are no columns.
            self._scan = pl.scan_parquet(path, glob=False, hive_partitioning=False)
            schema = self._scan.collect_schema()
            self.rows = int(self._scan.select(pl.len()).collect().item())
        except _BROKEN as error:
            raise UnreadableFileError(path, 0, f"the file is no whole Parquet file: {shortened(str(error))}") from None
        check_unfolded(path, self.rows)
        self.columns = checked_columns(path, 0, schema.names())
        self.texts = tuple(name for name, dtype in schema.items() if dtype == pl.String)

    def frames(self) -> Iterator[RawFrame]:
        """The rows of the file, in order, numbered from 1."""
        start, wanted = 0, min(_FIRST_ROWS, self._rows_at_once)
        while start < self.rows:
            try:
                frame = self._scan.slice(start, wanted).collect()
            except _BROKEN as error:
                reason = f"the rows cannot be read: {shortened(str(error))}"
                raise UnreadableFileError(self.path, start + 1, reason) from None
            if not frame.height:
                raise UnreadableFileError(self.path, start + 1, f"the file ends here; it says it has {self.rows} rows")
            size = max(1, int(frame.estimated_size()))
            fitting = max(1, FRAME_BYTES * frame.height // size)
            for part in frame.iter_slices(min(fitting, frame.height)):
                yield self._as_text(part, start)
                start += part.height
                del part
            del frame  # before the next is read
            wanted = min(self._rows_at_once, fitting, _GROWTH * wanted)

    def _as_text(self, frame: pl.DataFrame, start: int) -> RawFrame:
        lines = pl.int_range(start + 1, start + 1 + frame.height, dtype=pl.Int64, eager=True).alias(LINE)
        texts, not_numbers, plain = [lines], {}, []
        for series in frame.get_columns():
            target = _target(series.name)
            try:
                if series.dtype.is_float() and _is_optional_number(target):
                    finite = series.is_finite().fill_null(value=True)
                    if not finite.all():
                        not_numbers[series.name] = lines.filter(~finite)
                        series = series.set(~finite, None)  # noqa: PLW2901  (the same column)
                if _is_number(target) and _is_plain(series):
                    plain.append(series.name)
                texts.append(
                    series if _is_moment(series, target) else _text_of(series, is_focus=isinstance(target, FocusColumn))
                )
            except _BROKEN as error:
                reason = f"the column {shortened(series.name)} cannot be read as text: {shortened(str(error))}"
                raise UnreadableFileError(self.path, start + 1, reason) from None
        return RawFrame(pl.DataFrame(texts), not_numbers=not_numbers, plain=frozenset(plain))


def _target(name: str) -> FocusColumn | str | None:
    try:
        return target_of(name)
    except UnusableValueError:
        return None


def _is_moment(series: pl.Series, target: FocusColumn | str | None) -> bool:
    """Whether a column holds whole seconds of time for a column of times, so that it need not be text in between."""
    if not isinstance(target, FocusColumn) or target.kind is not Kind.TIMESTAMP:
        return False
    if series.dtype not in {pl.Datetime("us"), pl.Datetime("ms")} and series.dtype != pl.Datetime("us", "UTC"):
        return False
    return bool((series.dt.microsecond() == 0).all())


def _is_plain(series: pl.Series) -> bool:
    """Whether all of a column are decimals of so many digits as are read, and none is below zero."""
    dtype = series.dtype
    if not isinstance(dtype, pl.Decimal) or not 0 < dtype.scale <= FRACTION_DIGITS:
        return False
    least, most = series.min(), series.max()
    return isinstance(least, Decimal) and isinstance(most, Decimal) and least >= 0 and most < 10**INTEGER_DIGITS


def _is_number(target: FocusColumn | str | None) -> bool:
    """Whether a column is to hold numbers: in others, such as a currency or tags, plain decimals are no values."""
    return isinstance(target, FocusColumn) and target.kind in {Kind.DECIMAL, Kind.NON_NEGATIVE_DECIMAL}


def _is_optional_number(target: FocusColumn | str | None) -> bool:
    """Whether NaN, which some writers put where nothing is known, may be read as null: a charge has its cost."""
    return _is_number(target) and target != columns_by_table_name()["billed_cost"]


def _text_of(series: pl.Series, *, is_focus: bool) -> pl.Series:
    """A column as text. Raises an error of polars where it cannot be: bytes that are no UTF-8, for example."""
    dtype = series.dtype
    if dtype == pl.String:
        return series
    if dtype == pl.Datetime:
        zoned = series.dt.convert_time_zone("UTC") if getattr(dtype, "time_zone", None) else series
        return zoned.dt.to_string("%Y-%m-%dT%H:%M:%S%.fZ")
    if dtype == pl.Duration:
        return series.dt.to_string("iso")
    if isinstance(dtype, pl.Decimal) and dtype.scale:
        # The scale is that of the whole column: zeros at the end are no digits that somebody billed.
        return series.cast(pl.String).str.strip_chars_end("0").str.strip_chars_end(".")
    if dtype.is_nested():
        make_object = _is_map(dtype, is_focus=is_focus)
        texts = [None if value is None else _json(value, make_object=make_object) for value in series]
        return pl.Series(series.name, texts, dtype=pl.String)
    # Of a float the shortest text that reads back as the same number: what the file says, no more.
    return series.cast(pl.String)


def _is_map(dtype: pl.DataType, *, is_focus: bool) -> bool:
    """Whether a column holds maps, which Parquet keeps as lists of `key` and `value`; an empty one is `{}`.

    In FOCUS's own columns entries may have more, as Google's have; elsewhere such a list is kept as it is.
    """
    entry = dtype.inner if isinstance(dtype, pl.List) else None
    if not isinstance(entry, pl.Struct):
        return False
    names = {field.name for field in entry.fields}
    return {name.lower() for name in names} >= _ENTRY if is_focus else names == _ENTRY


def _json(value: object, *, make_object: bool) -> str:
    """The value as JSON; of one that is longer than any that is kept, enough to be refused for its length."""
    if isinstance(value, pl.Series):
        if len(value) > JSON_BYTES:
            return "[" * (JSON_BYTES + 1)
        value = value.to_list()
    if make_object and isinstance(value, list):
        value = dict(_entry(entry) for entry in value if isinstance(entry, Mapping))
    return orjson.dumps(value, default=str).decode()[: JSON_BYTES + 1]


def _entry(entry: Mapping[str, object]) -> tuple[str, object]:
    named = {name.lower(): value for name, value in entry.items()}
    return str(named["key"]), named["value"]
