"""Files of charges: CSV as PostgreSQL writes it, the same under gzip, or Parquet made of it; memory stays bounded."""

from __future__ import annotations

import asyncio
import csv
import gzip
import io
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, BinaryIO, Final, Self, cast
from uuid import UUID

import polars as pl

from app.costs.exports.columns import ExportColumns, extra_columns
from app.database import Database
from app.errors import BadUserInputError
from app.records.cost_analysis import Condition, CostDimension, Grouping, MomentCondition, TextCondition
from app.records.cost_exports import CostExportFormat, CostExportOrder
from app.records.focus_rows import NumberForm, RowColumn, RowKind, RowSurvey
from app.repositories import focus_rows

BLOCK_BYTES: Final = 2**20
GZIP_LEVEL: Final = 4
ROW_GROUP_ROWS: Final = 50_000
"""Of Parquet: what a writer or reader has in memory at a time, about 50 MB of text."""
LONGEST_DECIMAL: Final = 38
Scratch = Callable[[], AbstractContextManager[tuple[int, Path]]]
"""An empty file that is gone at the end: its descriptor, which stays open, and its path."""


@dataclass(frozen=True)
class Written:
    """What a file has: rows, columns, and the names of columns with values that its release of FOCUS lacks."""

    rows: int
    columns: tuple[str, ...]
    omitted: tuple[str, ...]


async def write_file(
    database: Database, organization_id: UUID, order: CostExportOrder, path: Path, scratch: Scratch
) -> Written:
    """Write the charges of an order, of one state of the database, into an empty file.

    Raises BadUserInputError for more columns than a file can have.
    """
    columns = ExportColumns.of(order.focus_version)
    wanted = chosen(order)
    with ExitStack() as closing:
        parquet = order.format is CostExportFormat.PARQUET
        text = closing.enter_context(scratch())[1] if parquet else path
        async with database.read(organization_id, one_state=True) as session:
            await focus_rows.begin_long_read(session)
            survey = await focus_rows.survey(session, organization_id, wanted, columns.written, columns.lacking)
            written = (*columns.written, *extra_columns(_checked(survey.extra)))
            with FileBlocks(text, zipped=order.format is CostExportFormat.CSV_GZ) as blocks:
                if not parquet:
                    await blocks.add(_heading(written))
                await focus_rows.copy_rows(session, organization_id, wanted, written, blocks.add)
                await blocks.flush()
        if parquet:
            await asyncio.to_thread(text_to_parquet, text, path, written, survey)
    omitted = tuple(column.name for column in columns.lacking if column.column in survey.filled)
    return Written(survey.rows, tuple(column.name for column in written), omitted)


def chosen(order: CostExportOrder) -> tuple[Condition, ...]:
    """All that the charges of an order have to meet."""
    days = MomentCondition("charge_period_start", gte=_midnight(order.start), lt=_midnight(order.end))
    if order.dataset is None:
        return (*order.where, days)
    return (*order.where, days, TextCondition(Grouping(CostDimension.DATASET), in_=(order.dataset,)))


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _checked(extra: Sequence[str]) -> Sequence[str]:
    if len(extra) > focus_rows.MOST_EXTRA_COLUMNS:
        message = (
            f"The charges have more than {focus_rows.MOST_EXTRA_COLUMNS:,} columns that FOCUS does not know. "
            "Narrow the export by `where`, `dataset` or a shorter `period`."
        )
        raise BadUserInputError(message, path=("input", "where"))
    return extra


class FileBlocks:
    """A file that is written in blocks of 1 MiB, in another thread: neither the loop nor memory is held up."""

    def __init__(self, path: Path, *, zipped: bool) -> None:
        self._path, self._zipped = path, zipped
        self._waiting = bytearray()
        self._closing = ExitStack()

    def __enter__(self) -> Self:
        file: Any = self._closing.enter_context(self._path.open("wb"))
        if self._zipped:
            # Without a name and a time in it: the same rows are the same bytes.
            file = self._closing.enter_context(gzip.GzipFile("", "wb", GZIP_LEVEL, file, mtime=0))
        self._file = cast("BinaryIO", file)
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.close()

    async def add(self, data: bytes) -> None:
        """Append."""
        self._waiting += data
        if len(self._waiting) >= BLOCK_BYTES:
            await self.flush()

    async def flush(self) -> None:
        """Write what waits."""
        block, self._waiting = bytes(self._waiting), bytearray()
        await asyncio.to_thread(self._file.write, block)


def _heading(columns: Sequence[RowColumn]) -> bytes:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(column.name for column in columns)
    return line.getvalue().encode()


def text_to_parquet(text: Path, path: Path, columns: Sequence[RowColumn], survey: RowSurvey) -> None:
    """Make Parquet of CSV without a heading, stretch by stretch.

    Amounts are decimals with the scale that the data needs, or text where 38 digits do not do; times have microseconds
    in UTC; JSON stays text.
    """
    typed = [_typed(column, survey.numbers.get(column.column)) for column in columns]
    if survey.rows == 0:
        pl.DataFrame(schema=dict.fromkeys((column.name for column in columns), pl.String)).select(typed).write_parquet(
            path
        )
        return
    frame = pl.scan_csv(
        text,
        has_header=False,
        schema=dict.fromkeys((column.name for column in columns), pl.String),
        low_memory=True,
    )
    frame.with_columns(typed).sink_parquet(path, compression="zstd", row_group_size=ROW_GROUP_ROWS)


def _typed(column: RowColumn, form: NumberForm | None) -> pl.Expr:
    value = pl.col(column.name)
    if column.kind is RowKind.MOMENT:
        return value.str.to_datetime("%Y-%m-%dT%H:%M:%S%.fZ", time_unit="us", time_zone="UTC")
    if column.kind is RowKind.DECIMAL and form is not None and form.integers + form.scale <= LONGEST_DECIMAL:
        return value.cast(pl.Decimal(LONGEST_DECIMAL, form.scale))
    return value
