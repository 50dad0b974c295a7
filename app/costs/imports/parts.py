"""The files of a delivery: one file, several, a folder of them, or a manifest that names them."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import orjson

from app.costs.conformance import ConformanceNotes, shortened
from app.costs.files import Batch, RowFile, UnreadableFileError
from app.costs.imports.frames import ParquetRows, frame_of_chunk
from app.costs.imports.reading import FrameReader, Normalised, frame_of_rows
from app.costs.imports.text_files import GZIP, CsvText
from app.costs.normalise import NormalisedRow, normalise_row
from app.errors import BadUserInputError

PARQUET: Final = b"PAR1"
_ENDINGS: Final = (".csv", ".csv.gz", ".gz", ".parquet", ".jsonl", ".ndjson")
_LISTS: Final = ("dataFiles", "files", "blobs", "reportKeys")
_NAMES: Final = ("blobName", "name", "key", "path", "file")
_START: Final = 64
_LARGEST_MANIFEST: Final = 16 * 2**20


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
        except OSError as error:
            raise UnreadableFileError(path, 0, (error.strerror or str(error)).lower()) from None

    def frames(self, notes: ConformanceNotes, billing_currency: str | None) -> Iterator[Normalised]:
        """Its charges, part by part. Raises UnreadableFileError."""
        start = _start_of(self.path)
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
    """The files that paths stand for: files themselves, those of folders in order of their names, those of manifests.

    Raises BadUserInputError where there is none, and UnreadableFileError where a manifest names a file that is missing.
    """
    found = [part for path in paths for part in _parts(path)]
    if not found:
        message = "There is nothing to import: give a CSV, Parquet or JSON Lines file, a folder of them or a manifest."
        raise BadUserInputError(message)
    return found


def _parts(path: Path) -> list[Part]:
    if path.is_dir():
        manifests = [file for file in sorted(path.iterdir()) if file.name.lower().endswith("manifest.json")]
        if len(manifests) == 1:
            return _of_manifest(manifests[0])
        files = [file for file in sorted(path.rglob("*")) if file.is_file() and file.name.lower().endswith(_ENDINGS)]
        return [Part(file) for file in files]
    if path.suffix.lower() == ".json" and path.is_file():
        return _of_manifest(path)
    return [Part(path)]


def _of_manifest(path: Path) -> list[Part]:
    """Files are looked for beside the manifest by what their names end with: paths in it are those of the far store."""
    if path.stat().st_size > _LARGEST_MANIFEST:
        raise UnreadableFileError(path, 0, "the manifest is too long; for JSON Lines name the file .jsonl")
    try:
        content = orjson.loads(path.read_bytes())
    except orjson.JSONDecodeError as error:
        raise UnreadableFileError(path, 0, f"the manifest is not JSON: {error}") from None
    names = list(_names(content)) if isinstance(content, dict) else []
    if not names:
        raise UnreadableFileError(path, 0, f"the manifest names no files under {', '.join(_LISTS)}")
    return [Part(_beside(path, name)) for name in names]


def _names(content: dict[str, object]) -> Iterator[str]:
    for key in _LISTS:
        listed = content.get(key)
        for entry in listed if isinstance(listed, list) else ():
            name = entry if isinstance(entry, str) else None
            if isinstance(entry, dict):
                name = next((entry[key] for key in _NAMES if isinstance(entry.get(key), str)), None)
            if name:
                yield name


def _beside(manifest: Path, name: str) -> Path:
    """The file of a name below the manifest's folder, or below that folder's parents' as exports lay it out."""
    pieces = [piece for piece in name.replace("\\", "/").split("/") if piece not in {"", ".", ".."}]
    folder = manifest.parent
    for start in range(len(pieces)):
        candidate = folder.joinpath(*pieces[start:])
        if candidate.is_file():
            return candidate
    raise UnreadableFileError(manifest, 0, f"the manifest names {shortened(name)}, which is not there")


def _start_of(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            start = file.read(_START)
        if start.startswith(GZIP):
            with gzip.open(path) as unpacked:
                start = unpacked.read(_START)
    except EOFError:
        raise UnreadableFileError(path, 1, "the file is damaged or cut off") from None
    except (OSError, zlib.error) as error:
        raise UnreadableFileError(path, 0, _reason(error)) from None
    if not start:
        raise UnreadableFileError(path, 1, "the file is empty")
    if start.startswith(b"PK\x03\x04"):
        raise UnreadableFileError(path, 1, "the file is a ZIP archive: unpack it or use gzip")
    if start.lstrip().startswith(b"["):
        raise UnreadableFileError(path, 1, "the file is a JSON array: write one object a line (JSON Lines)")
    return start


def _reason(error: Exception) -> str:
    return (getattr(error, "strerror", None) or str(error)).lower()
