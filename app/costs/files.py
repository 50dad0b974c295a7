"""Rows of a CSV or JSON Lines file, gzip or plain, streamed in batches in bounded memory with their line numbers."""

from __future__ import annotations

import codecs
import contextlib
import csv
import gzip
import io
import json
import zlib
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, Self, cast

from app.costs.conformance import shortened
from app.costs.encodings import why_not_utf8
from app.costs.foreign import foreign_format
from app.errors import BadUserInputError
from app.records import RowIssue

BATCH_ROWS: Final = 5_000
BATCH_BYTES: Final = 16 * 2**20
"""A batch ends at this much text although it has fewer rows, so that long rows do not grow memory."""
LINE_BYTES: Final = 2**20
RECORD_BYTES: Final = 2**20
"""Longest CSV record, quoted line breaks included; a quote that is never closed is found here at the latest."""
COLUMNS: Final = 1_000
BLANK_BYTES: Final = 2**20
"""Most blank lines before the first that is not: a small gzip file can hold gigabytes of them."""
SHORT_LINES: Final = 2**17
"""Most lines that are blank or too short to be rows, where they stand together: each takes as long as a row, and a
small gzip file can hold a thousand million."""
REPEATED_BYTES: Final = 32 * 2**20
"""How much may be read again behind open quotes before the file is given up; one costs 128 KiB, csv's longest field."""

_GZIP: Final = b"\x1f\x8b"
_DELIMITERS: Final = (",", ";", "\t", "|")

UNPACKED_BYTES: Final = 2**30
UNPACKED_RATIO: Final = 200
"""Exports unpack to 10 to 40 times their length, one row again and again to 300 to 1,000 times."""

UNFOLDED_ROWS: Final = 2**20
UNFOLDED_RATIO: Final = 10
"""Exports have 5 to 50 bytes for each row, one row again and again 400 rows for each byte."""


class UnreadableFileError(BadUserInputError):
    """The file as a whole, or its rest from `line` on (0: before the first), cannot be read."""

    def __init__(self, path: Path, line: int, reason: str) -> None:
        super().__init__(f"{path.name}, line {line}: {reason}" if line else f"{path.name}: {reason}")
        self.line = line


@dataclass(slots=True)
class Batch:
    """Up to 5,000 rows, each with the line it begins at, and the issues of lines that are no rows."""

    rows: list[tuple[int, Mapping[str, object]]] = field(default_factory=list)
    issues: list[RowIssue] = field(default_factory=list)


class RowFile:
    """An open file of rows: `with RowFile(path) as file: for batch in file.batches(): …`.

    CSV is UTF-8 with or without a byte order mark, a header line, commas or semicolons, RFC 4180 quoting, any line
    ends. JSON Lines has one object a line; its decimals stay exact. A gzip file is known by its content. Raises
    UnreadableFileError when the file as a whole is at fault; a line that is at fault becomes an issue of its batch.
    """

    def __init__(self, path: Path, *, batch_rows: int = BATCH_ROWS) -> None:
        self.path = path
        self.columns: tuple[str, ...] = ()
        self.total_bytes = 0
        self._batch_rows = batch_rows
        self._closing = contextlib.ExitStack()

    def __enter__(self) -> Self:
        try:
            self._raw = self._closing.enter_context(self.path.open("rb"))
            self.total_bytes = self.path.stat().st_size
        except OSError as error:
            raise UnreadableFileError(self.path, 0, (error.strerror or str(error)).lower()) from None
        start = self._raw.peek(len(_GZIP))[: len(_GZIP)]
        source = cast("BinaryIO", gzip.GzipFile(fileobj=self._raw) if start == _GZIP else self._raw)
        self._lines = _Lines(self.path, self._closing.enter_context(source))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._closing.close()

    @property
    def bytes_read(self) -> int:
        """How far the file on disk has been read, at most `total_bytes`: for a progress bar."""
        return self._raw.tell()

    def batches(self) -> Iterator[Batch]:
        """The rows of the file, once, in order."""
        first = self._first_line()
        yield from self._grouped(self._json_rows() if first.startswith(b"{") else self._csv_rows())

    def _first_line(self) -> bytes:
        first = self._lines.peek()
        foreign = foreign_format(first, only_text=True)
        if foreign is not None:
            raise UnreadableFileError(self.path, 1, foreign)
        if not first:
            raise UnreadableFileError(self.path, 1, "the file is empty")
        if first.strip() == b"{":
            reason = "the file is one JSON document over many lines: write each row on a line of its own (JSON Lines)"
            raise UnreadableFileError(self.path, 1, reason)
        return first

    def _grouped(self, rows: Iterator[tuple[int, Mapping[str, object]] | RowIssue]) -> Iterator[Batch]:
        batch, begun = Batch(), self._lines.bytes
        for row in rows:
            if isinstance(row, RowIssue):
                batch.issues.append(row)
            else:
                batch.rows.append(row)
            full = len(batch.rows) + len(batch.issues) >= self._batch_rows
            if full or self._lines.bytes - begun >= BATCH_BYTES:
                check_unpacked(self.path, self._lines.number, self._lines.bytes, self.bytes_read)
                yield batch
                batch, begun = Batch(), self._lines.bytes
        if batch.rows or batch.issues:
            yield batch

    def _csv_rows(self) -> Iterator[tuple[int, Mapping[str, object]] | RowIssue]:
        line = next(self._lines)
        if self._lines.broken:
            raise UnreadableFileError(self.path, self._lines.number, why_not_utf8("header", self._lines.broken_text))
        self.columns, delimiter = read_header(self.path, self._lines.number, line.encode())
        return _csv_rows(self._lines, self.columns, delimiter)

    def _json_rows(self) -> Iterator[tuple[int, Mapping[str, object]] | RowIssue]:
        blank = 0
        for line in self._lines:
            number, broken = self._lines.number, self._lines.broken
            self._lines.begin_record()
            if broken:
                yield RowIssue(number, None, None, why_not_utf8("line", self._lines.broken_text))
            elif not line.isspace():
                blank = 0
                yield _json_row(number, line)
            else:
                blank += 1
                check_short(self.path, number, blank)


def check_unpacked(path: Path, line: int, unpacked: int, packed: int) -> None:
    """Give a file up that fills the store from next to nothing. Raises UnreadableFileError.

    So many bytes are always allowed, more only up to a multiple of what was read of the file on disk.
    """
    if unpacked > max(UNPACKED_BYTES, UNPACKED_RATIO * packed):
        reason = (
            f"the file unpacks to more than {UNPACKED_RATIO} times its length, which no export of costs does: give it "
            "unpacked, or in parts of less than 1 GiB"
        )
        raise UnreadableFileError(path, line, reason)


def check_unfolded(path: Path, rows: int) -> None:
    """The same for Parquet, which holds one row again and again in next to no bytes. Raises UnreadableFileError."""
    if rows > max(UNFOLDED_ROWS, UNFOLDED_RATIO * path.stat().st_size):
        reason = (
            f"the file has {rows:,} rows, more than {UNFOLDED_RATIO} for each of its bytes, which no export of costs "
            f"has: give it in parts of less than {UNFOLDED_ROWS:,} rows"
        )
        raise UnreadableFileError(path, 0, reason)


def check_short(path: Path, line: int, short: int) -> None:
    """The same for so many blank lines, and lines too short to be rows, around this one. Raises UnreadableFileError."""
    if short > SHORT_LINES:
        reason = (
            f"more than {SHORT_LINES:,} lines around this one are blank or too short to be rows, which no export of "
            "costs has: take them out"
        )
        raise UnreadableFileError(path, line, reason)


def read_header(path: Path, number: int, line: bytes) -> tuple[tuple[str, ...], str]:
    """The columns that the header line of a file names, and the delimiter that makes most of them."""
    try:
        text = line.decode()
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise UnreadableFileError(path, number, why_not_utf8("header", line))
    headers = {mark: _fields(text, mark) for mark in _DELIMITERS}
    delimiter = max(_DELIMITERS, key=lambda mark: len(headers[mark]))
    if not headers[delimiter]:
        raise UnreadableFileError(path, number, "the header has a quote that is not closed")
    return checked_columns(path, number, [name.strip() for name in headers[delimiter]]), delimiter


def checked_columns(path: Path, number: int, names: list[str]) -> tuple[str, ...]:
    """The names of a file's columns: at most `COLUMNS`, each its own. Raises UnreadableFileError."""
    if len(names) > COLUMNS:
        reason = f"the header has {len(names)} columns; at most {COLUMNS} are read"
    elif "" in names:
        reason = f"column {names.index('') + 1} of the header has no name"
    elif len(set(names)) < len(names):
        doubled = next(name for place, name in enumerate(names) if name in names[:place])
        reason = f"the header names the column {shortened(doubled)} twice"
    else:
        return tuple(names)
    raise UnreadableFileError(path, number, reason)


def rows_of_text(
    path: Path, data: bytes, first_line: int, columns: tuple[str, ...], delimiter: str
) -> Iterator[tuple[int, Mapping[str, object]] | RowIssue]:
    """The rows of a part of a CSV file behind its header, whose first line has the number `first_line`."""
    return _csv_rows(_Lines(path, io.BytesIO(data), first_line - 1), columns, delimiter)


def row_of_row(width: int) -> int:
    """How many delimiters a field with line feeds has if it holds what is left of a row and a part of the next."""
    return max(1, width - 1)


def _csv_rows(
    lines: _Lines, columns: tuple[str, ...], delimiter: str
) -> Iterator[tuple[int, Mapping[str, object]] | RowIssue]:
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    blank = 0
    while True:
        lines.begin_record()
        first = lines.number + 1
        try:
            fields = next(reader, None)
        except (csv.Error, _RecordTooLongError) as error:
            yield _bad_record(lines, first, None, f"the record cannot be read: {error}")
            continue
        if fields is None:
            return
        if lines.broken:
            yield RowIssue(lines.broken, None, None, why_not_utf8("line", lines.broken_text))
        elif len(fields) != len(columns) and any(fields):
            reason = f"the row has {len(fields)} columns, the header has {len(columns)}"
            yield _bad_record(lines, first, fields[0], reason)
        elif lines.number > first and _swallows(fields, delimiter):
            yield _bad_record(lines, first, fields[0], "a field holds the delimiters of a whole row")
        elif any(fields):
            yield first, dict(zip(columns, fields, strict=True))
        blank = 0 if fields else blank + 1
        check_short(lines.path, first, blank)


def _swallows(fields: list[str], delimiter: str) -> bool:
    """Whether rows may stand in a field, from a quote that was left open to the next one."""
    least = row_of_row(len(fields))
    return any(field.count(delimiter) >= least and ("\n" in field or "\r" in field) for field in fields)


def _bad_record(lines: _Lines, first: int, value: str | None, reason: str) -> RowIssue:
    """The issue of a record; if it spans lines, only the first is lost: the next record begins behind it."""
    last = lines.number
    if last > first:
        reason = f"{reason} (read from line {first} to {last}: is a quote left open?)"
        lines.begin_again_after_first()
    return RowIssue(first, None, shortened(value), reason)


def _fields(line: str, delimiter: str) -> list[str]:
    """The fields of one line, or none if its quotes make no sense with this delimiter."""
    try:
        return next(csv.reader([line], delimiter=delimiter, strict=True))
    except csv.Error:
        return []


def _json_row(number: int, line: str) -> tuple[int, Mapping[str, object]] | RowIssue:
    try:
        row = json.loads(line, parse_float=Decimal, parse_constant=_refuse_constant)
    except (ValueError, ArithmeticError) as error:
        return RowIssue(number, None, shortened(line.strip()), f"the line is not JSON: {error}")
    except RecursionError:
        return RowIssue(number, None, shortened(line.strip()), "the line is nested too deeply")
    if not isinstance(row, dict):
        return RowIssue(number, None, shortened(line.strip()), "the line is not a JSON object")
    return number, row


def _refuse_constant(constant: str) -> None:
    message = f"{constant} is not a JSON number"
    raise ValueError(message)


class _RecordTooLongError(Exception):
    """A CSV record goes on for too long; the reader can go on with the next line."""


class _Lines:
    """Decoded lines of a binary file, as an iterator that survives the errors it raises.

    `number` is the last line given, `bytes` all that was read, `broken` the first line of the record that is not
    UTF-8 (0: none) and `broken_text` its bytes; such a line is given with replacement characters.
    """

    def __init__(self, path: Path, source: BinaryIO, number: int = 0) -> None:
        self.number = number
        self.bytes = 0
        self.broken = 0
        self.broken_text = b""
        self.path = path
        self._source = source
        self._record: list[bytes] = []
        self._record_bytes = 0
        self._repeated_bytes = 0
        self._ahead: deque[bytes] = deque()

    def begin_record(self) -> None:
        """Forget about the record so far."""
        self.broken = 0
        self._record.clear()
        self._record_bytes = 0

    def begin_again_after_first(self) -> None:
        """Give the lines of the record once more, but for its first."""
        self._repeated_bytes += self._record_bytes
        if self._repeated_bytes > REPEATED_BYTES:
            raise UnreadableFileError(self.path, self.number, "too many records are broken: the file is no CSV")
        self.number -= len(self._record) - 1
        self._ahead.extendleft(reversed(self._record[1:]))

    def peek(self) -> bytes:
        """The first line that is not blank, without byte order mark and blanks before it; it is read again."""
        line = self._read()
        if line.startswith(codecs.BOM_UTF8):
            line = line.removeprefix(codecs.BOM_UTF8)
        while line and not line.strip():
            self.number += 1
            if self.bytes > BLANK_BYTES:
                raise UnreadableFileError(self.path, self.number, f"it begins with {BLANK_BYTES} bytes of blanks")
            line = self._read()
        self._ahead.append(line.lstrip())
        return self._ahead[0]

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> str:
        if self._record_bytes > RECORD_BYTES:
            message = f"it is longer than {RECORD_BYTES} bytes"
            raise _RecordTooLongError(message)
        line = self._ahead.popleft() if self._ahead else self._read()
        if not line:
            raise StopIteration
        self.number += 1
        self._record.append(line)
        self._record_bytes += len(line)
        try:
            return line.decode()
        except UnicodeDecodeError:
            if not self.broken:
                self.broken, self.broken_text = self.number, line
            return line.decode(errors="replace")

    def _read(self) -> bytes:
        try:
            line = self._source.readline(LINE_BYTES + 1)
        except (EOFError, OSError, zlib.error) as error:
            reason = f"the file is damaged or cut off: {error}"
            raise UnreadableFileError(self.path, self.number + 1, reason) from None
        if len(line) > LINE_BYTES:
            reason = f"the line is longer than {LINE_BYTES} bytes"
            raise UnreadableFileError(self.path, self.number + 1, reason)
        self.bytes += len(line)
        return line
