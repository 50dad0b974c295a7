"""Chunks of CSV text as frames: a row a line, every column as text, nulls as nulls."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import polars as pl

from app.costs.files import row_of_row, rows_of_text
from app.costs.imports.text_files import Chunk, CsvText
from app.records import RowIssue

LINE: Final = "\x00line"
"""The column with the number of the line (CSV) or of the row (Parquet); no column of a file has this name."""
_END: Final = "\x1e"
"""Put behind every line as a last field: a record in which it stands elsewhere has too few or too many columns."""
_MANY: Final = 500
"""Broken records of a chunk that are read one by one; of more it is quicker to read the whole chunk by rows."""


@dataclass(slots=True)
class RawFrame:
    """A part of a file: `frame` has `LINE` and the file's columns as text; `issues` are lines that are no rows.

    `not_numbers` has, by column of the file, the lines whose NaN or infinity is null in the frame; `plain` are columns
    of the file with nothing but numbers in their one spelling.
    """

    frame: pl.DataFrame
    issues: list[RowIssue] = field(default_factory=list)
    not_numbers: dict[str, pl.Series] = field(default_factory=dict)
    rows: int = 0
    plain: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        self.rows = self.frame.height + len({issue.row_number for issue in self.issues})


def frame_of_chunk(file: CsvText, chunk: Chunk) -> RawFrame:
    """The rows of a chunk: by columns where it is well formed, row by row where it is not."""
    if chunk.balanced and b"\0" not in chunk.data and _is_utf8(chunk.data):
        try:
            return _of_plain(file, chunk) or _by_columns(file, chunk)
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


def _of_plain(file: CsvText, chunk: Chunk) -> RawFrame | None:
    """The rows of a chunk in which each line is a record of the header's columns; None where that is not certain.

    It is where there are as many records as lines, none is too long, and the last column has no null: a record that is
    too short would have one. Otherwise each line needs an end mark, which costs half as much again.
    """
    if file.ends_in_nulls:
        return None
    try:
        frame = pl.read_csv(
            chunk.data,
            has_header=False,
            schema=dict.fromkeys(file.columns, pl.String),
            separator=file.delimiter,
        )
    except pl.exceptions.PolarsError:
        return None
    if frame.get_columns()[-1].null_count():
        file.ends_in_nulls = True
        return None
    if frame.height != chunk.lines:
        return None
    lines = pl.int_range(chunk.first_line, chunk.first_line + frame.height, dtype=pl.Int64, eager=True).alias(LINE)
    return RawFrame(frame.insert_column(0, lines))


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
    if frame.height != chunk.lines:
        if not whole.all():
            # What was cut off a record that is too long may have held line feeds: no line behind it is certain.
            return _by_rows(file, chunk.data, chunk.first_line)
        whole = ~_swallowing(frame, names, file.delimiter)
    sound = frame.filter(whole) if not whole.all() else frame
    empty = sound.select(pl.all_horizontal(pl.col(names).is_null())).to_series()
    if width > 1 and empty.any():
        sound = sound.filter(~empty)
    found = RawFrame(sound.drop(_END).rename(dict(zip(names, file.columns, strict=True))))
    return found if whole.all() else _with_broken(file, chunk, found, lines, whole)


def _swallowing(frame: pl.DataFrame, names: list[str], delimiter: str) -> pl.Series:
    """Which records have a field in which, behind a quote left open, whole rows may stand: see `row_of_row`."""
    feeds = pl.any_horizontal(pl.col(names).str.contains("\n", literal=True).fill_null(value=False))
    several = frame.with_row_index("\x00place").filter(feeds)
    field = pl.col(names)
    rows = field.str.contains("\n", literal=True) & (
        field.str.count_matches(delimiter, literal=True) >= row_of_row(len(names))
    )
    found = several.filter(pl.any_horizontal(rows.fill_null(value=False))).get_column("\x00place")
    return pl.int_range(frame.height, dtype=pl.UInt32, eager=True).is_in(found.cast(pl.UInt32).implode())


def _with_broken(file: CsvText, chunk: Chunk, found: RawFrame, lines: pl.Series, whole: pl.Series) -> RawFrame:
    """The rows found so far, and what the reader of rows makes of the records that have not the header's columns."""
    if (~whole).sum() > _MANY:
        return _by_rows(file, chunk.data, chunk.first_line)
    texts = chunk.data.split(b"\n")
    ends = [*lines[1:], chunk.first_line + chunk.lines]
    read = [found]
    for place in (~whole).arg_true():
        first, end = lines[place] - chunk.first_line, ends[place] - chunk.first_line
        read.append(_by_rows(file, b"\n".join([*texts[first:end], b""]), lines[place]))
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
