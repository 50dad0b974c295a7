"""Files of rows: JSON Lines under gzip, or Parquet made of them; memory stays bounded by a page."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import orjson
import polars as pl
from polars.io.plugins import register_io_source

from app.costs.exports.writing import FileBlocks
from app.records.exports import ColumnKind, ExportColumn, ExportFormat

ROW_GROUP_ROWS: Final = 50_000
STRETCH_ROWS: Final = 10_000
Scratch = Callable[[], AbstractContextManager[tuple[int, Path]]]
"""An empty file that is gone at the end: its descriptor, which stays open, and its path."""

_TYPES: Final[Mapping[ColumnKind, Any]] = {
    ColumnKind.INTEGER: pl.Int64,
    ColumnKind.REAL: pl.Float64,
    ColumnKind.TRUTH: pl.Boolean,
}


class RowsFile:
    """A file that takes rows page by page; inside `async with`, and whole after `finish`."""

    def __init__(self, path: Path, form: ExportFormat, columns: Sequence[ExportColumn], scratch: Scratch) -> None:
        self._path, self._form, self._columns, self._scratch = path, form, columns, scratch
        self._closing = ExitStack()
        self._json = tuple(column.name for column in columns if column.kind is ColumnKind.JSON)

    async def __aenter__(self) -> Self:
        parquet = self._form is ExportFormat.PARQUET
        self._text = self._closing.enter_context(self._scratch())[1] if parquet else self._path
        self._writing = self._closing.enter_context(ExitStack())
        self._blocks = self._writing.enter_context(FileBlocks(self._text, zipped=not parquet))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self._closing.close)

    async def add(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Append the rows of a page."""
        await self._blocks.add(await asyncio.to_thread(self._lines, rows))

    @property
    def written(self) -> int:
        """Bytes that the rows took so far: of the file where it is JSON Lines, of the text it is made of else."""
        return self._text.stat().st_size

    async def finish(self) -> None:
        """Make the file whole."""
        await self._blocks.flush()
        await asyncio.to_thread(self._writing.close)
        if self._form is ExportFormat.PARQUET:
            await asyncio.to_thread(lines_to_parquet, self._text, self._path, self._columns)

    def _lines(self, rows: Sequence[Mapping[str, Any]]) -> bytes:
        if self._form is ExportFormat.JSONL:
            return b"".join(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in rows)
        return b"".join(orjson.dumps(self._flat(row), option=orjson.OPT_APPEND_NEWLINE) for row in rows)

    def _flat(self, row: Mapping[str, Any]) -> Mapping[str, Any]:
        """The row with its nested values as JSON text."""
        texts = {name: orjson.dumps(value).decode() for name in self._json if (value := row.get(name)) is not None}
        return {**row, **texts}


def lines_to_parquet(text: Path, path: Path, columns: Sequence[ExportColumn]) -> None:
    """Make Parquet of JSON Lines whose values are flat, stretch by stretch; moments are microseconds in UTC."""
    schema = {column.name: _TYPES.get(column.kind, pl.String) for column in columns}
    typed = [_typed(column) for column in columns]
    if text.stat().st_size == 0:
        pl.DataFrame(schema=schema).select(typed).write_parquet(path)
        return

    def stretches(*_: object) -> Iterator[pl.DataFrame]:
        # Not `scan_ndjson`, which maps the whole text into memory: 440 MB for a million rows.
        with text.open("rb") as file:
            while lines := list(islice(file, STRETCH_ROWS)):
                yield pl.read_ndjson(b"".join(lines), schema=schema).select(typed)

    written = pl.DataFrame(schema=schema).select(typed).schema
    frame = register_io_source(stretches, schema=written)
    frame.sink_parquet(path, compression="zstd", row_group_size=ROW_GROUP_ROWS)


def _typed(column: ExportColumn) -> pl.Expr:
    value = pl.col(column.name)
    if column.kind is ColumnKind.MOMENT:
        return value.str.to_datetime("%Y-%m-%dT%H:%M:%S%.fZ", time_unit="us", time_zone="UTC")
    return value.str.to_date("%Y-%m-%d") if column.kind is ColumnKind.DAY else value
