"""A backup as files: a folder, or a tar file of one, with a manifest of what is in it."""

from __future__ import annotations

import hashlib
import json
import os
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from app.backup.failure import BackupError
from app.backup.tables import TableFigures

FORM = 1
MANIFEST = "manifest.json"
DUMP = "database.dump"
UPLOADS = "uploads"
KEYS = "keys"
KEY_FILES = ("secret-key", "credential-keys")
"""What the data folder holds of generated secrets."""
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Part:
    """One file of a backup."""

    bytes: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """What a backup holds; `parts` by their paths in it."""

    version: str
    revision: str
    made_at: str
    server: int
    tables: dict[str, TableFigures]
    parts: dict[str, Part]
    bucket: str | None = None
    form: int = field(default=FORM)

    def write(self, folder: Path) -> None:
        """Write it, last of all."""
        (folder / MANIFEST).write_text(json.dumps(asdict(self), indent=1, sort_keys=True) + "\n")

    @classmethod
    def read(cls, folder: Path) -> Manifest:
        """Read it. Raises BackupError for what is none, or is of a newer form."""
        try:
            told: dict[str, Any] = json.loads((folder / MANIFEST).read_text())
            if told["form"] != FORM:
                message = f"This backup has the form {told['form']}, this version reads {FORM}: use a newer Skyledger."
                raise BackupError(message)
            tables = {name: TableFigures(**each) for name, each in told.pop("tables").items()}
            parts = {path: Part(**each) for path, each in told.pop("parts").items()}
            return cls(tables=tables, parts=parts, **told)
        except FileNotFoundError:
            message = f"{MANIFEST} is missing: this is no backup, or it was not finished."
            raise BackupError(message) from None
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            message = f"{MANIFEST} is damaged; take another backup."
            raise BackupError(message) from None


def measure(path: Path) -> Part:
    """Size and SHA-256 of a file."""
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
    return Part(size, digest.hexdigest())


def copy(source: Path, target: Path) -> Part:
    """Copy a file, readable by its owner alone, and measure what was copied: it may grow meanwhile."""
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    digest, size = hashlib.sha256(), 0
    with source.open("rb") as file, _private(target) as copied:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            size += copied.write(chunk)
        copied.flush()
        os.fsync(copied.fileno())
    return Part(size, digest.hexdigest())


def _private(path: Path) -> BinaryIO:
    """A new file that only its owner may read."""
    return os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb")


def check(folder: Path, manifest: Manifest) -> None:
    """Raise BackupError that names each part that is missing, damaged, or would lie outside."""
    wrong = []
    for name, wanted in manifest.parts.items():
        place = PurePosixPath(name)
        if place.is_absolute() or ".." in place.parts:
            wrong.append(f"{name} lies outside")
        elif not (folder / name).is_file() or (folder / name).is_symlink():
            wrong.append(f"{name} is missing")
        elif measure(folder / name) != wanted:
            wrong.append(f"{name} is damaged")
    if DUMP not in manifest.parts:
        wrong.append(f"{DUMP} is not in the manifest")
    if wrong:
        message = f"The backup cannot be used: {'; '.join(wrong)}. Take another one; nothing was changed."
        raise BackupError(message)


@contextmanager
def new(target: Path) -> Iterator[Path]:
    """A folder to fill, which becomes `target` at the end: a tar file where that ends in `.tar`, else a folder.

    Nothing under that name is there before it is whole. Raises BackupError where something is there already.
    """
    if target.exists():
        message = f"{target} is there already: name another file or folder."
        raise BackupError(message)
    if not target.absolute().parent.is_dir():
        message = f"{target.absolute().parent} is no folder: make it first."
        raise BackupError(message)
    with tempfile.TemporaryDirectory(prefix=f".{target.name}-", dir=target.absolute().parent) as beside:
        folder = Path(beside) / "backup"
        folder.mkdir(mode=0o700)
        yield folder
        if target.suffix == ".tar":
            packed = Path(beside) / "backup.tar"
            with _private(packed) as file:
                with tarfile.open(fileobj=file, mode="w") as archive:
                    archive.add(folder, arcname=".")
                file.flush()
                os.fsync(file.fileno())
            packed.rename(target)
        else:
            folder.rename(target)


@contextmanager
def opened(source: Path) -> Iterator[Path]:
    """The folder of a backup; of a tar file, unpacked beside it for as long as the block runs. Raises BackupError."""
    if source.is_dir():
        yield source
        return
    if not source.is_file():
        message = f"{source} is not there."
        raise BackupError(message)
    with tempfile.TemporaryDirectory(prefix=f".{source.name}-", dir=source.absolute().parent) as beside:
        try:
            with tarfile.open(source) as archive:
                archive.extractall(beside, filter="data")  # refuses what would lie outside
        except (tarfile.TarError, OSError, EOFError) as error:
            message = f"{source} is damaged or no backup: {error}."
            raise BackupError(message) from error
        yield Path(beside)
