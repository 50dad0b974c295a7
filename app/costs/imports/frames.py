"""Chunks of CSV text and row groups of Parquet as frames: a row a line, every column as text, nulls as nulls."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import orjson
import polars as pl

from app.costs.conformance import shortened
from app.costs.files import UnreadableFileError, rows_of_text
from app.costs.imports.text_files import Chunk, CsvText
from app.records import RowIssue

LINE: Final = "\x00line"
"""The column with the number of the line (CSV) or of the row (Parquet); no column of a file has this name."""
_END: Final = "\x1e"
"""Put behind every line as a last field: a record in which it stands elsewhere has too few or too many columns."""
ROWS_AT_ONCE: Final = 32_768
"""Rows of Parquet in one frame."""


@dataclass(slots=True)
class RawFrame:
    """A part of a file: `frame` has `LINE` and the file's columns as text; `issues` are lines that are no rows."""

    frame: pl.DataFrame
    issues: list[RowIssue] = field(default_factory=list)
    rows: int = 0

    def __post_init__(self) -> None:
        self.rows = self.frame.height + len({issue.row_number for issue in self.issues})


def frame_of_chunk(file: CsvText, chunk: Chunk) -> RawFrame:
    """The rows of a chunk: by columns where it is well formed, row by row where it is not."""
    if chunk.balanced and b"\0" not in chunk.data and _is_utf8(chunk.data):
        try:
            return _by_columns(file, chunk)
        except pl.exceptions.PolarsError:
            pass  # what it cannot read is told line by line
    return _by_rows(file, chunk.data, chunk.first_line)


def _is_utf8(data: bytes) -> bool:
    if data.isascii():
        return True
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _by_columns(file: CsvText, chunk: Chunk) -> RawFrame:
    width = len(file.columns)
    names = [f"{place}" for place in range(width)]
    end = f"{file.delimiter}{_END}\n"
    frame = pl.read_csv(
        chunk.data.replace(b"\n", end.encode()),
        has_header=False,
        new_columns=[*names, _END],
        schema=dict.fromkeys([*names, _END], pl.String),
        separator=file.delimiter,
        truncate_ragged_lines=True,
    )
    if frame.height == chunk.lines:
        lines = pl.int_range(chunk.first_line, chunk.first_line + frame.height, dtype=pl.Int64, eager=True)
    else:
        frame, lines = _with_line_feeds(frame, names, end, chunk.first_line)
    frame = frame.insert_column(0, lines.alias(LINE))
    whole = (frame.get_column(_END) == _END).fill_null(value=False)
    sound = frame.filter(whole) if not whole.all() else frame
    empty = sound.select(pl.all_horizontal(pl.col(names).is_null())).to_series()
    if width > 1 and empty.any():
        sound = sound.filter(~empty)
    if not whole.all() and frame.height != chunk.lines:
        # What was cut off a record that is too long may have held line feeds: no line behind it is certain.
        return _by_rows(file, chunk.data, chunk.first_line)
    found = RawFrame(sound.drop(_END).rename(dict(zip(names, file.columns, strict=True))))
    return found if whole.all() else _with_broken(file, chunk, found, lines, whole)


def _with_broken(file: CsvText, chunk: Chunk, found: RawFrame, lines: pl.Series, whole: pl.Series) -> RawFrame:
    """The rows found so far, and what the reader of rows makes of the records that have not the header's columns."""
    texts = chunk.data.splitlines(keepends=True)
    ends = [*lines[1:], chunk.first_line + chunk.lines]
    read = [found]
    for place in (~whole).arg_true():
        first, end = lines[place] - chunk.first_line, ends[place] - chunk.first_line
        read.append(_by_rows(file, b"".join(texts[first:end]), lines[place]))
    frame = pl.concat([part.frame for part in read]).sort(LINE)
    return RawFrame(frame, [issue for part in read for issue in part.issues])


def _with_line_feeds(
    frame: pl.DataFrame, names: list[str], end: str, first_line: int
) -> tuple[pl.DataFrame, pl.Series]:
    """Quoted fields with line feeds as they were, and the line at which each record begins."""
    feeds = frame.select(pl.sum_horizontal(pl.col(names).str.count_matches("\n", literal=True).fill_null(0)))
    before = feeds.to_series().cum_sum().shift(1, fill_value=0).cast(pl.Int64)
    lines = before + pl.int_range(first_line, first_line + frame.height, dtype=pl.Int64, eager=True)
    return frame.with_columns(pl.col(names).str.replace_all(end, "\n", literal=True)), lines


def _by_rows(file: CsvText, data: bytes, first_line: int) -> RawFrame:
    issues: list[RowIssue] = []
    numbers: list[int] = []
    values: dict[str, list[str | None]] = {column: [] for column in file.columns}
    for row in rows_of_text(file.path, data, first_line, file.columns, file.delimiter):
        if isinstance(row, RowIssue):
            issues.append(row)
            continue
        numbers.append(row[0])
        for column, value in row[1].items():
            values[column].append(str(value) or None)
    frame = pl.DataFrame({LINE: numbers, **values}, schema={LINE: pl.Int64, **dict.fromkeys(values, pl.String)})
    return RawFrame(frame, issues)


class ParquetRows:
    """An open Parquet file: `columns`, `rows` and its frames, `ROWS_AT_ONCE` rows each. Raises UnreadableFileError."""

    def __init__(self, path: Path, *, rows_at_once: int = ROWS_AT_ONCE) -> None:
        self.path = path
        self._rows_at_once = rows_at_once
        self._scan = pl.scan_parquet(path)
        try:
            self._schema = self._scan.collect_schema()
            self.rows = int(self._scan.select(pl.len()).collect().item())
        except (pl.exceptions.PolarsError, OSError) as error:
            raise UnreadableFileError(path, 0, f"the file is no whole Parquet file: {shortened(str(error))}") from None
        self.columns = tuple(self._schema.names())

    def frames(self) -> Iterator[RawFrame]:
        """The rows of the file, in order, numbered from 1."""
        for start in range(0, self.rows, self._rows_at_once):
            try:
                frame = self._scan.slice(start, self._rows_at_once).collect()
            except (pl.exceptions.PolarsError, OSError) as error:
                raise UnreadableFileError(self.path, start + 1, f"the rows cannot be read: {error}") from None
            lines = pl.int_range(start + 1, start + 1 + frame.height, dtype=pl.Int64, eager=True).alias(LINE)
            yield RawFrame(frame.with_columns(_as_text(frame)).insert_column(0, lines))


def _as_text(frame: pl.DataFrame) -> list[pl.Expr | pl.Series]:
    return [_text_of(frame.get_column(name)) for name in frame.columns]


def _text_of(series: pl.Series) -> pl.Series:
    """A column as the text that a CSV of it would hold."""
    dtype = series.dtype
    if dtype == pl.String:
        return series
    if dtype.is_temporal():
        zoned = series.dt.convert_time_zone("UTC") if getattr(dtype, "time_zone", None) else series
        return zoned.dt.to_string("%Y-%m-%dT%H:%M:%S%.fZ") if dtype != pl.Date else series.cast(pl.String)
    if dtype.is_nested():
        texts = [None if value is None else orjson.dumps(_plain(value), default=str).decode() for value in series]
        return pl.Series(series.name, texts, dtype=pl.String)
    if dtype.is_numeric() or dtype.is_decimal() or dtype in {pl.Categorical, pl.Enum, pl.Boolean}:
        # Of a float the shortest text that reads back as the same number: what the file says, no more.
        return series.cast(pl.String)
    return pl.Series(series.name, [None if value is None else str(value) for value in series], dtype=pl.String)


def _plain(value: object) -> object:
    """A map, which Parquet keeps as a list of keys and values, as an object; all else as it is."""
    if isinstance(value, pl.Series):
        value = value.to_list()
    if isinstance(value, list) and value and all(_is_entry(entry) for entry in value):
        return {str(entry.get("key", entry.get("Key"))): entry.get("value", entry.get("Value")) for entry in value}
    return value


def _is_entry(entry: object) -> bool:
    return isinstance(entry, dict) and {name.lower() for name in entry} >= {"key", "value"}
