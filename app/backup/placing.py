"""Puts the files of a backup where they belong, so that they can be taken back until the database counts.

A file is copied beside its place first, where a full disk is found out; then all are renamed. What one of them replaces
waits beside it under a name of its own: who is killed meanwhile leaves all that the next try needs.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from app.backup import parts
from app.backup.failure import BackupError
from app.backup.making import uploads_folder
from app.config import Settings
from app.durable import sync_folder

_BEFORE = ".before-restore"


def check(settings: Settings, folder: Path, manifest: parts.Manifest) -> None:
    """Raise BackupError for a file that is there and another one than that of the backup."""
    for name, place in _places(settings, manifest).items():
        if place.is_file() and parts.measure(place) != parts.measure(folder / name):
            message = f"{place} is there and another one: --replace puts that of the backup in its place."
            raise BackupError(message)


def put(settings: Settings, folder: Path, manifest: parts.Manifest) -> int:
    """Put all files in place; returns how many uploads and exports there are. Raises BackupError, as of a full disk."""
    copied: dict[Path, Path] = {}
    try:
        for name, place in _places(settings, manifest).items():
            if not place.is_file() or parts.measure(place) != manifest.parts[name]:
                copied[place] = place.with_name(f".{place.name}.restored")
                copied[place].unlink(missing_ok=True)
                parts.copy(folder / name, copied[place])
        for place, copy in copied.items():
            if place.exists():
                place.replace(_before(place))
            copy.replace(place)
        for parent in {place.parent for place in copied}:
            sync_folder(parent)
    except OSError as error:
        message = f"The files of the backup cannot be put in place: {error}. Everything is as it was."
        raise BackupError(message) from error
    finally:
        for copy in copied.values():
            copy.unlink(missing_ok=True)
    return sum(name.startswith(f"{parts.UPLOADS}/") for name in manifest.parts)


def take_back(settings: Settings) -> None:
    """Bring back what files of a backup have replaced."""
    for waiting in _waiting(settings):
        waiting.replace(_place(waiting))


def forget(settings: Settings) -> None:
    """Let go of what files of a backup have replaced; a key stays beside the new one, for it may open something."""
    for waiting in _waiting(settings):
        place = _place(waiting)
        if place.name in parts.KEY_FILES and place.parent == settings.data_dir:
            waiting.replace(place.with_name(f"{place.name}.replaced"))
        else:
            waiting.unlink()


def _places(settings: Settings, manifest: parts.Manifest) -> dict[str, Path]:
    """Where the files of a backup belong; the database's dump is none of them."""
    found = {}
    for name in manifest.parts:
        part, _, rest = name.partition("/")
        if part == parts.UPLOADS:
            found[name] = uploads_folder(settings) / rest
        elif part == parts.KEYS and rest in parts.KEY_FILES:
            found[name] = settings.data_dir / rest
    return found


def _waiting(settings: Settings) -> Iterator[Path]:
    """What was replaced and waits."""
    yield from list(uploads_folder(settings).rglob(f".*{_BEFORE}"))
    for name in parts.KEY_FILES:
        if (waiting := _before(settings.data_dir / name)).is_file():
            yield waiting


def _before(place: Path) -> Path:
    return place.with_name(f".{place.name}{_BEFORE}")


def _place(waiting: Path) -> Path:
    return waiting.with_name(waiting.name.removeprefix(".").removesuffix(_BEFORE))
