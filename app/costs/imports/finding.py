"""Which files a delivery has: one, several, those of a folder, or those that a manifest names."""

from __future__ import annotations

import gzip
import re
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import orjson

from app.costs.conformance import shortened
from app.costs.files import UnreadableFileError
from app.costs.foreign import foreign_format
from app.costs.imports.text_files import GZIP
from app.errors import BadUserInputError

PARQUET: Final = b"PAR1"
_ENDINGS: Final = (".csv", ".csv.gz", ".gz", ".parquet", ".jsonl", ".ndjson")
_LISTS: Final = ("dataFiles", "files", "blobs", "reportKeys")
_NAMES: Final = ("blobName", "name", "key", "path", "file")
_LARGEST_MANIFEST: Final = 16 * 2**20
_LONGEST_NAME: Final = 4_096
_HEADER: Final = 8_192
_COST: Final = re.compile(rb"billed_?cost", re.IGNORECASE)


def find_files(paths: Sequence[Path]) -> list[Path]:
    """The files that paths stand for: files themselves, those of folders in order of their names, those of manifests.

    Raises BadUserInputError where there is none, where a folder has several manifests or a file is given twice, and
    UnreadableFileError where a manifest names a file that is missing.
    """
    found = [file for path in paths for file in _files(path)]
    if not found:
        message = "There is nothing to import: give a CSV, Parquet or JSON Lines file, a folder of them or a manifest."
        raise BadUserInputError(message)
    twice = _twice(found)
    if twice is not None:
        message = f"The file {twice.name} is given more than once; its charges would count twice."
        raise BadUserInputError(message)
    return found


def _twice(files: Sequence[Path]) -> Path | None:
    try:
        counts = Counter(file.resolve() for file in files)
    except (OSError, ValueError) as error:
        raise UnreadableFileError(files[0], 0, reason_of(error)) from None
    return next((file for file, times in counts.items() if times > 1), None)


def _files(path: Path) -> list[Path]:
    try:
        if path.is_dir():
            return _of_folder(path)
        if path.suffix.lower() == ".json" and path.is_file():
            return _of_manifest(path, path.parent)
    except (OSError, ValueError) as error:
        raise UnreadableFileError(path, 0, reason_of(error)) from None
    return [path]


def _of_folder(folder: Path) -> list[Path]:
    files = [file for file in sorted(folder.rglob("*")) if file.is_file()]
    manifests = [file for file in files if is_manifest(file)]
    if len(manifests) > 1:
        message = f"The folder {folder.name} holds {len(manifests)} manifests; give the one of the delivery."
        raise BadUserInputError(message)
    if manifests:
        return _of_manifest(manifests[0], folder)
    known = [file for file in files if file.name.lower().endswith(_ENDINGS) or (not file.suffix and _is_known(file))]
    if files and not known:
        message = (
            f"The folder {folder.name} holds {len(files)} files, such as {shortened(files[0].name)}, and none of them "
            f"ends in {', '.join(_ENDINGS)}: name the files themselves."
        )
        raise BadUserInputError(message)
    return known


def is_manifest(file: Path) -> bool:
    """Whether a file has a name as exports give their manifests."""
    return file.name.lower().endswith("manifest.json")


def _is_known(file: Path) -> bool:
    """Whether a file whose name has no ending, as the parts of some exports, begins like a file of costs."""
    try:
        start = _beginning(file, _HEADER)
    except (OSError, EOFError, zlib.error):
        return False
    return start.startswith(PARQUET) or _COST.search(start.replace(b"\0", b"")) is not None


def _beginning(file: Path, size: int) -> bytes:
    with file.open("rb") as plain:
        start = plain.read(size)
    if start.startswith(GZIP):
        with gzip.open(file) as unpacked:
            start = unpacked.read(size)
    return start


def _of_manifest(path: Path, root: Path) -> list[Path]:
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
    files = [_beside(path, name, root) for name in names]
    twice = _twice(files)
    if twice is not None:
        raise UnreadableFileError(path, 0, f"the manifest has several names for the one file {shortened(twice.name)}")
    return files


def _names(content: dict[str, object]) -> Iterator[str]:
    for key in _LISTS:
        listed = content.get(key)
        for entry in listed if isinstance(listed, list) else ():
            name = entry if isinstance(entry, str) else None
            if isinstance(entry, dict):
                name = next((entry[key] for key in _NAMES if isinstance(entry.get(key), str)), None)
            if name:
                yield name


def _beside(manifest: Path, name: str, root: Path) -> Path:
    """The file of a name below the manifest's folder or, where a folder is delivered, below those up to that one."""
    pieces = [piece for piece in name.replace("\\", "/").split("/") if piece not in {"", ".", ".."}]
    folders = [folder for folder in manifest.parents if folder == root or root in folder.parents]
    missing = f"the manifest names {shortened(name)}, which is not there"
    if len(name) > _LONGEST_NAME:
        raise UnreadableFileError(manifest, 0, missing)
    for start in range(len(pieces)):
        for folder in folders:
            try:
                candidate = folder.joinpath(*pieces[start:])
                if candidate.is_file():
                    return candidate
            except (OSError, ValueError) as error:
                raise UnreadableFileError(manifest, 0, f"{missing}: {reason_of(error)}") from None
    raise UnreadableFileError(manifest, 0, missing)


def start_of(path: Path, size: int) -> bytes:
    """The first bytes of a file, unpacked where it is gzip. Raises UnreadableFileError for what is no file of rows."""
    try:
        start = _beginning(path, size)
    except EOFError:
        raise UnreadableFileError(path, 1, "the file is damaged or cut off") from None
    except (OSError, ValueError, zlib.error) as error:
        raise UnreadableFileError(path, 0, reason_of(error)) from None
    if not start:
        raise UnreadableFileError(path, 1, "the file is empty")
    foreign = foreign_format(start)
    if foreign is not None:
        raise UnreadableFileError(path, 1, foreign)
    return start


def reason_of(error: Exception) -> str:
    """What went wrong, as the end of a sentence."""
    return (getattr(error, "strerror", None) or str(error)).lower()
