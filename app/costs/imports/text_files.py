"""A CSV file of any size as chunks of whole records: clean UTF-8, one kind of line end, with their line numbers."""

from __future__ import annotations

import codecs
import contextlib
import gzip
import io
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from app.costs.files import (
    BLANK_BYTES,
    LINE_BYTES,
    SHORT_LINES,
    UnreadableFileError,
    check_short,
    check_unpacked,
    read_header,
)

CHUNK_BYTES: Final = 16 * 2**20
"""About 18,000 rows of 57 columns. Of 32 MB parsing takes a third longer, for malloc maps such pieces anew each time;
of 8 MB all takes a sixth longer, for what each part costs; of 20 MB a whole import takes 100 MB more memory."""
LARGEST_CHUNK: Final = 4 * CHUNK_BYTES
GZIP: Final = b"\x1f\x8b"
_BLOCK: Final = 2**22
_STRIDE: Final = 2**18
_WIDE: Final = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
_QUOTE: Final = b'"'
_TRIES: Final = 20


@dataclass(frozen=True, slots=True)
class Chunk:
    """Whole lines, each ended by one line feed; `first_line` is the file's number of the first.

    `balanced` says that no quote is left open at its end.
    """

    data: bytes
    first_line: int
    lines: int
    balanced: bool


class CsvText:
    """An open CSV file: `with CsvText(path) as file: for chunk in file.chunks(): …`.

    Reads UTF-8 and UTF-16 with or without byte order mark (the latter needs one), gzip or plain; the delimiter is a
    comma, semicolon, tab or pipe, whichever makes more columns of the header. `columns` and `delimiter` are known after
    the first chunk. `ends_in_nulls` is a note of its reader's: the last column has nulls. Raises UnreadableFileError.
    """

    def __init__(self, path: Path, *, chunk_bytes: int = CHUNK_BYTES) -> None:
        self.path = path
        self.columns: tuple[str, ...] = ()
        self.delimiter = ","
        self.total_bytes = 0
        self.line = 0
        self.ends_in_nulls = False
        self._unpacked = 0
        self._short = 0
        self._chunk_bytes = chunk_bytes
        self._closing = contextlib.ExitStack()

    def __enter__(self) -> Self:
        try:
            self._raw = _Counted(self._closing.enter_context(self.path.open("rb")))
            self.total_bytes = self.path.stat().st_size
            buffered = io.BufferedReader(self._raw, _BLOCK)
            start = buffered.peek(2)[:2]
        except OSError as error:
            raise UnreadableFileError(self.path, 0, (error.strerror or str(error)).lower()) from None
        self._source = gzip.GzipFile(fileobj=buffered) if start == GZIP else buffered
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._closing.close()

    @property
    def bytes_read(self) -> int:
        """How far the file on disk has been read, at most `total_bytes`."""
        return self._raw.count

    def chunks(self) -> Iterator[Chunk]:
        """The records of the file behind its header, once, in order."""
        blocks = self._clean()
        pieces, size = [self._take_header(blocks)], 0
        wanted = self._chunk_bytes
        for block in blocks:
            pieces.append(block)
            size += len(block)
            if size < wanted:
                continue
            if whole := _up_to_last_line_feed(pieces):
                rest = block[block.rfind(b"\n") + 1 :]
                pieces, size, wanted = [rest], len(rest), self._chunk_bytes
                made, whole, block = [self._chunk(whole, balanced=True)], b"", b""  # noqa: PLW2901  (let go of it)
                yield made.pop()  # a name for it would keep it until the next is there
                continue
            text = b"".join(pieces)
            end, balanced = _end_of_records(text)
            if end == 0 and len(text) < LARGEST_CHUNK:
                wanted += self._chunk_bytes  # one record that fills the chunk: perhaps its end comes next
                continue
            end = end or text.rfind(b"\n") + 1 or len(text)
            yield self._chunk(text[:end], balanced=balanced)
            pieces, size, wanted = [text[end:]], len(text) - end, self._chunk_bytes
        rest = b"".join(pieces)
        if rest.strip():
            data = rest if rest.endswith(b"\n") else rest + b"\n"
            yield self._chunk(data, balanced=_count(data, _QUOTE) % 2 == 0)

    def _chunk(self, data: bytes, *, balanced: bool) -> Chunk:
        chunk = Chunk(data, self.line + 1, _count(data, b"\n"), balanced)
        if short := _short_lines(chunk, len(self.columns)):
            self._short += short
            if self._short > SHORT_LINES:
                before = _first_short(data, self.delimiter.encode(), len(self.columns))
                check_short(self.path, chunk.first_line + before, self._short)
        self.line += chunk.lines
        return chunk

    def _take_header(self, blocks: Iterator[bytes]) -> bytes:
        """Read the header, and give what follows it in its block."""
        text, blanks = b"", 0
        for block in blocks:
            text += block
            begun = text.lstrip(b"\n \t")
            blanks += len(text) - len(begun)
            self.line += text.count(b"\n", 0, len(text) - len(begun))
            text = begun
            if blanks > BLANK_BYTES:
                raise UnreadableFileError(self.path, self.line + 1, f"it begins with {BLANK_BYTES} bytes of blanks")
            end = text.find(b"\n")
            if end < 0 and len(text) <= LINE_BYTES:
                continue
            if end < 0:
                break
            return self._named(text[:end], text[end + 1 :])
        if not text:
            raise UnreadableFileError(self.path, 1, "the file is empty")
        if len(text) > LINE_BYTES:
            raise UnreadableFileError(self.path, self.line + 1, f"the line is longer than {LINE_BYTES} bytes")
        return self._named(text, b"")

    def _named(self, header: bytes, rest: bytes) -> bytes:
        self.line += 1
        self.columns, self.delimiter = read_header(self.path, self.line, header)
        return rest

    def _clean(self) -> Iterator[bytes]:
        """Blocks of text as UTF-8 without byte order mark, lines ended by line feeds."""
        decoder: codecs.IncrementalDecoder | None = None
        first, held = True, b""
        while True:
            block = self._read()
            if first:
                first = False
                wide = next((_WIDE[mark] for mark in _WIDE if block.startswith(mark)), None)
                decoder = codecs.getincrementaldecoder(wide)() if wide else None
                block = block.removeprefix(codecs.BOM_UTF8) if wide is None else block[2:]
            if not block:
                break
            block = held + (block if decoder is None else self._narrow(decoder, block))
            # A carriage return at the end of a block may belong to a line feed at the start of the next.
            held = b"\r" if block.endswith(b"\r") else b""
            block = block[: len(block) - len(held)]
            yield block.replace(b"\r\n", b"\n").replace(b"\r", b"\n") if b"\r" in block else block
        if decoder is not None:
            self._narrow(decoder, b"", final=True)
        if held:
            yield b"\n"

    def _narrow(self, decoder: codecs.IncrementalDecoder, block: bytes, *, final: bool = False) -> bytes:
        try:
            return decoder.decode(block, final).encode()
        except UnicodeError:
            reason = "the file is cut off" if final else "the file is not the UTF-16 text that it begins as"
            raise UnreadableFileError(self.path, self.line + 1, reason) from None

    def _read(self) -> bytes:
        try:
            block = self._source.read(_BLOCK)
        except (EOFError, OSError, zlib.error) as error:
            reason = f"the file is damaged or cut off: {error}"
            raise UnreadableFileError(self.path, self.line + 1, reason) from None
        self._unpacked += len(block)
        check_unpacked(self.path, self.line + 1, self._unpacked, self.bytes_read)
        return block


def _count(data: bytes, byte: bytes) -> int:
    """How often a byte stands in the data; faster than `bytes.count` where it stands often."""
    # numpy takes a quarter of a second to import and the start of the server does not need it.
    import numpy as np  # noqa: PLC0415 - as above

    codes = np.frombuffer(data, np.uint8)
    strides = (codes[start : start + _STRIDE] for start in range(0, codes.size, _STRIDE))
    return sum(int(np.count_nonzero(stride == byte[0])) for stride in strides)


def _short_lines(chunk: Chunk, width: int) -> int:
    """How many lines of a chunk are no rows at the least: blank, or with fewer than so many columns.

    A row has a delimiter before each column but the first, and a line feed: at least `width` bytes. Only where lines
    are shorter than that on average need anything be counted.
    """
    lines, size = chunk.lines, len(chunk.data)
    if width < 2 or lines * width <= size:  # noqa: PLR2004  (a row of one column may have one byte)
        return 0
    if chunk.balanced and _QUOTE in chunk.data:
        lines -= _quoted_line_feeds(chunk.data)
    return max(0, (lines * width - size) // (width - 1))


def _quoted_line_feeds(data: bytes) -> int:
    """How many line feeds stand behind an odd number of quotes, so within a field."""
    import numpy as np  # noqa: PLC0415 - see `_count`

    codes = np.frombuffer(data, np.uint8)
    # Sums of one byte run over, which leaves odd numbers odd.
    odd = np.cumsum(codes == _QUOTE[0], dtype=np.uint8) & 1
    return int(np.count_nonzero(odd.astype(np.bool_) & (codes == ord("\n"))))


def _first_short(data: bytes, delimiter: bytes, width: int) -> int:
    """How many lines stand before the first one with fewer columns: for a message only, line by line."""
    number = start = 0
    while (end := data.find(b"\n", start)) >= 0 and data.count(delimiter, start, end) >= width - 1:
        number, start = number + 1, end + 1
    return number


def _up_to_last_line_feed(pieces: list[bytes]) -> bytes:
    """All up to the last line feed of the last piece, where its quotes are balanced; else nothing. One copy of it."""
    end = pieces[-1].rfind(b"\n") + 1
    whole = b"".join([*pieces[:-1], memoryview(pieces[-1])[:end]]) if end else b""
    return whole if _count(whole, _QUOTE) % 2 == 0 else b""


def _end_of_records(data: bytes) -> tuple[int, bool]:
    """Where the last whole record ends, and whether its quotes are balanced; 0 where no record ends.

    A record ends at a line feed with an even number of quotes before it; an odd number means that the line feed stands
    in a quoted field, which begins at a quote before it. Where a quote was left open, parity is no guide: after some
    tries the last line feed is taken, and the chunk is read row by row.
    """
    end = data.rfind(b"\n")
    for _ in range(_TRIES):
        if end < 0:
            return 0, False
        if data.count(_QUOTE, 0, end) % 2 == 0:
            return end + 1, True
        end = data.rfind(b"\n", 0, max(0, data.rfind(_QUOTE, 0, end)))
    return 0, False


class _Counted(io.RawIOBase):
    """A raw file that counts what is read of it."""

    def __init__(self, file: io.BufferedReader) -> None:
        self._file = file
        self.count = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        size = self._file.readinto(buffer)
        self.count += size
        return size
