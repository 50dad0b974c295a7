"""The files of a delivery and the rows of a request, read once, part by part."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from app.costs.conformance import ConformanceNotes
from app.costs.files import Batch, RowFile, UnreadableFileError
from app.costs.imports.finding import PARQUET, find_files, reason_of, start_of
from app.costs.imports.frames import frame_of_chunk
from app.costs.imports.parquet import ParquetRows
from app.costs.imports.reading import FrameReader, Normalised, frame_of_rows
from app.costs.imports.text_files import CsvText
from app.costs.normalise import NormalisedRow, normalise_row

_START: Final = 64


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

    def frames(self, notes: ConformanceNotes, billing_currency: str | None) -> Iterator[Normalised]:
        """Its charges, part by part. Raises UnreadableFileError."""
        start = start_of(self.path, _START)
        if start.startswith(PARQUET):
            yield from self._parquet(notes, billing_currency)
        elif start.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
            yield from self._json_lines(notes, billing_currency)
        else:
            yield from self._csv(notes, billing_currency)
        self.bytes_read = self.bytes_total

    def _csv(self, notes: ConformanceNotes, billing_currency: str | None) -> Iterator[Normalised]:
        with CsvText(self.path) as file:
            reader: FrameReader | None = None
            for chunk in file.chunks():
                if reader is None:
                    reader = FrameReader(self.path, file.columns, notes, billing_currency)
                    self.columns = file.columns
                self.bytes_read, self.rows = file.bytes_read, file.line
                yield reader.read(frame_of_chunk(file, chunk))
            self.columns = file.columns
            if reader is None:
                FrameReader(self.path, file.columns, notes, billing_currency)

    def _parquet(self, notes: ConformanceNotes, billing_currency: str | None) -> Iterator[Normalised]:
        file = ParquetRows(self.path)
        self.columns = file.columns
        reader = FrameReader(self.path, file.columns, notes, billing_currency)
        for raw in file.frames():
            self.rows += raw.rows
            self.bytes_read = self.bytes_total * self.rows // max(1, file.rows)
            yield reader.read(raw)

    def _json_lines(self, notes: ConformanceNotes, billing_currency: str | None) -> Iterator[Normalised]:
        seen: dict[str, None] = {}
        with RowFile(self.path) as file:
            for batch in file.batches():
                for _, row in batch.rows:
                    seen.update(dict.fromkeys(row))
                self.columns, self.bytes_read = tuple(seen), file.bytes_read
                found = _normalised(batch, notes, billing_currency)
                self.rows = max((self.rows, *(number for number, _ in batch.rows)))
                yield found


class InlineRows:
    """Rows that came with a request, read like the rows of a file; `found` is what became of them."""

    name: None = None
    bytes_read = bytes_total = 0

    def __init__(self, rows: Sequence[tuple[int, Mapping[str, object]]]) -> None:
        self.batch = Batch(list(rows))
        self.columns = tuple(dict.fromkeys(name for _, row in rows for name in row))
        self.rows = max((number for number, _ in rows), default=0)
        self.found = Normalised(frame_of_rows([]))

    def frames(self, notes: ConformanceNotes, billing_currency: str | None) -> Iterator[Normalised]:
        """Its charges."""
        self.found = _normalised(self.batch, notes, billing_currency)
        yield self.found


def _normalised(batch: Batch, notes: ConformanceNotes, billing_currency: str | None) -> Normalised:
    """Rows that came one by one, as a frame."""
    kept: list[NormalisedRow] = []
    found = Normalised(frame_of_rows([]), list(batch.issues), len({issue.row_number for issue in batch.issues}))
    for number, row in batch.rows:
        one = normalise_row(row, row_number=number, notes=notes, billing_currency=billing_currency)
        if isinstance(one, NormalisedRow):
            kept.append(one)
        else:
            found.rejected += 1
            found.issues += one
    found.frame = frame_of_rows(kept)
    return found


def find_parts(paths: Sequence[Path]) -> list[Part]:
    """The files that paths stand for, as `find_files` finds them. Raises BadUserInputError and UnreadableFileError."""
    return [Part(file) for file in find_files(paths)]
