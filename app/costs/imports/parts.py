"""The files of a delivery and the rows of a request, read once, part by part."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from enum import Enum, auto
from pathlib import Path
from typing import Final

import polars as pl

from app.costs.conformance import ConformanceNotes, Gap
from app.costs.files import Batch, RowFile, UnreadableFileError
from app.costs.focus import FocusColumn
from app.costs.foreign import why_no_charges
from app.costs.imports.date_orders import DATES, DAY_FIRST_READ, AmbiguousDatesError, DateOrders
from app.costs.imports.decimal_marks import MixedMarksError, check_marks, frame_of_texts, is_amount, proves_comma
from app.costs.imports.finding import PARQUET, find_files, reason_of, start_of
from app.costs.imports.frames import LINE, frame_of_chunk
from app.costs.imports.keys import GroupKeys
from app.costs.imports.parquet import ParquetRows
from app.costs.imports.reading import FrameReader, Normalised, frame_of_rows
from app.costs.imports.text_files import CsvText
from app.costs.normalise import NormalisedRow, normalise_row, target_of
from app.costs.values import UnusableValueError
from app.errors import BadUserInputError

_START: Final = 64


class _Form(Enum):
    """How a file holds its rows."""

    CSV = auto()
    JSON_LINES = auto()
    PARQUET = auto()


class Part:
    """One file of a delivery, read once: `frames()`; `bytes_read` of `bytes_total` says how far it is."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name: str | None = path.name
        self.columns: tuple[str, ...] = ()
        self.bytes_read = 0
        self.rows = 0
        """The largest number of a line or row so far."""
        try:
            self.bytes_total = path.stat().st_size
        except (OSError, ValueError) as error:
            raise UnreadableFileError(path, 0, reason_of(error)) from None

    def frames(
        self, notes: ConformanceNotes, billing_currency: str | None, keys: GroupKeys | None = None
    ) -> Iterator[Normalised]:
        """Its charges, part by part, with `keys` of the delivery. Raises UnreadableFileError."""
        form, checked = _form(self.path), False
        if form is _Form.PARQUET:
            parts = self._parquet(notes, billing_currency, keys)
        elif form is _Form.JSON_LINES:
            parts = self._json_lines(notes, billing_currency)
        else:
            parts = self._csv(notes, billing_currency, keys)
        for part in parts:
            if part.decimal_comma and not checked:
                self._check_marks(form)
                checked = True
            held = [part]
            del part  # a name for it would keep it while it is stored
            yield held.pop()
        self.bytes_read = self.bytes_total

    def _check_marks(self, form: _Form) -> None:
        """Read all amounts again, of this file alone: with one that proves a decimal comma, others may be wrong."""
        try:
            check_marks(_texts(self.path, form))
        except MixedMarksError as error:
            raise UnreadableFileError(self.path, error.line, str(error)) from None

    def _csv(
        self, notes: ConformanceNotes, billing_currency: str | None, keys: GroupKeys | None
    ) -> Iterator[Normalised]:
        with CsvText(self.path) as file:
            reader: FrameReader | None = None
            for chunk in file.chunks():
                if reader is None:
                    reader = FrameReader(self.path, file.columns, notes, billing_currency, keys)
                    self.columns = file.columns
                self.bytes_read, self.rows = file.bytes_read, file.line
                raw = frame_of_chunk(file, chunk)
                del chunk  # or it would be there while the next is read
                yield reader.read(raw)
                del raw
            self.columns = file.columns
            if reader is None:
                FrameReader(self.path, file.columns, notes, billing_currency, keys)

    def _parquet(
        self, notes: ConformanceNotes, billing_currency: str | None, keys: GroupKeys | None
    ) -> Iterator[Normalised]:
        file = ParquetRows(self.path)
        self.columns = file.columns
        reader = FrameReader(self.path, file.columns, notes, billing_currency, keys)
        for raw in file.frames():
            self.rows += raw.rows
            self.bytes_read = self.bytes_total * self.rows // max(1, file.rows)
            yield reader.read(raw)
            del raw

    def _json_lines(self, notes: ConformanceNotes, billing_currency: str | None) -> Iterator[Normalised]:
        seen: dict[str, None] = {}
        dates = DateOrders(self.path.name)
        with RowFile(self.path) as file:
            for batch in file.batches():
                first = not seen
                for _, row in batch.rows:
                    seen.update(dict.fromkeys(row))
                if first and seen:
                    self._check_columns(seen)
                self.columns, self.bytes_read = tuple(seen), file.bytes_read
                try:
                    found = _normalised(batch, notes, billing_currency, dates)
                except AmbiguousDatesError as error:
                    raise UnreadableFileError(self.path, 0, str(error)) from None
                self.rows = max((self.rows, *(number for number, _ in batch.rows)))
                yield found

    def _check_columns(self, names: Collection[str]) -> None:
        """Refuse a file whose rows have no columns of charges. Raises UnreadableFileError."""
        reason = why_no_charges(names, {column.column for column in _focus_columns(names).values()}, "file")
        if reason is not None:
            raise UnreadableFileError(self.path, 1, reason)


class InlineRows:
    """Rows that came with a request, read like the rows of a file; `found` is what became of them."""

    name: None = None
    bytes_read = bytes_total = 0

    def __init__(self, rows: Sequence[tuple[int, Mapping[str, object]]]) -> None:
        self.batch = Batch(list(rows))
        self.columns = tuple(dict.fromkeys(name for _, row in rows for name in row))
        self.rows = max((number for number, _ in rows), default=0)
        self.found = Normalised(frame_of_rows([]))

    def frames(
        self, notes: ConformanceNotes, billing_currency: str | None, keys: GroupKeys | None = None
    ) -> Iterator[Normalised]:
        """Its charges, which get their keys where they are interned. Raises BadUserInputError."""
        del keys
        try:
            self.found = _normalised(self.batch, notes, billing_currency, DateOrders())
            if self.found.decimal_comma:
                check_marks([frame_of_texts(self.batch.rows)], "row")
        except (AmbiguousDatesError, MixedMarksError) as error:
            message = f"The {error}."
            raise BadUserInputError(message, path=("input", "rows")) from None
        yield self.found


def _normalised(batch: Batch, notes: ConformanceNotes, billing_currency: str | None, dates: DateOrders) -> Normalised:
    """Rows that came one by one, as a frame. Raises AmbiguousDatesError."""
    kept: list[NormalisedRow] = []
    found = Normalised(frame_of_rows([]), list(batch.issues), len({issue.row_number for issue in batch.issues}))
    focus = _focus_columns(dict.fromkeys(name for _, row in batch.rows for name in row))
    columns = {name: column for name, column in focus.items() if column.column in DATES}
    amounts = [name for name, column in focus.items() if is_amount(column)]
    rows = dates.read_rows([row for _, row in batch.rows], {name: column.column for name, column in columns.items()})
    for (number, sent), row in zip(batch.rows, rows, strict=True):
        one = normalise_row(row, row_number=number, notes=notes, billing_currency=billing_currency)
        if isinstance(one, NormalisedRow):
            kept.append(one)
            for name in columns if row is not sent else ():
                if row.get(name) != sent.get(name):
                    notes.record(Gap.NORMALISED_VALUE, columns[name].name, DAY_FIRST_READ, number)
        else:
            found.rejected += 1
            found.issues += one
            found.decimal_comma |= any(proves_comma(row[name]) for name in amounts if name in row)
    found.frame = frame_of_rows(kept)
    return found


def _focus_columns(names: Iterable[str]) -> dict[str, FocusColumn]:
    """Which of these names are columns of FOCUS, and of which."""
    found: dict[str, FocusColumn] = {}
    for name in names:
        with suppress(UnusableValueError):
            target = target_of(name)
            if isinstance(target, FocusColumn):
                found[name] = target
    return found


def _form(path: Path) -> _Form:
    start = start_of(path, _START)
    if start.startswith(PARQUET):
        return _Form.PARQUET
    return _Form.JSON_LINES if start.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{") else _Form.CSV


def _texts(path: Path, form: _Form) -> Iterator[pl.DataFrame]:
    """The file's rows as text, frame by frame. Raises UnreadableFileError."""
    if form is _Form.PARQUET:
        rows = ParquetRows(path)
        yield from (raw.frame.select(LINE, *rows.texts) for raw in rows.frames())
    elif form is _Form.JSON_LINES:
        with RowFile(path) as file:
            yield from (frame_of_texts(batch.rows) for batch in file.batches())
    else:
        with CsvText(path) as text:
            yield from (frame_of_chunk(text, chunk).frame for chunk in text.chunks())


def find_parts(paths: Sequence[Path], *, manifests: bool = True) -> list[Part]:
    """The files that paths stand for, as `find_files` finds them; without `manifests` the paths are the files.

    Raises BadUserInputError and UnreadableFileError.
    """
    return [Part(file) for file in (find_files(paths) if manifests else paths)]
