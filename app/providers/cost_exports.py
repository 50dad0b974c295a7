"""What every source of costs offers: deliveries of billing periods, and their files fetched to disk in bounded memory.

Sources are synchronous and dumb, as collectors are: they read, and raise ProviderError.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from app.providers.problems import ProblemCode, ProviderError

ExportSettings = Mapping[str, Any]
"""What a source is told, by kind; never a secret.

AWS_DATA_EXPORT: bucket, prefix, region? · AWS_COST_EXPLORER: netCosts? · AZURE_EXPORT: storageAccount, container, path
· BIGQUERY: table, jobProject?, location?, mostBytes?
"""
CHUNK = 1024 * 1024
"""Bytes that are in memory at a time while a part is written."""
SPARE_BYTES = 1024**3
"""Room on the worker's disk that deliveries leave."""
MANIFEST_BYTES = 8 * 1024 * 1024
"""A manifest of 10,000 files of 200 characters each takes 2 MB."""
DELIVERING = timedelta(hours=6)
"""Longest time in which a provider may still be at a delivery; one that took longer has broken off."""
_MD5 = re.compile(r"[0-9a-f]{32}")
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_LONGEST_NAME = 120
_REMEDIES = {
    ProblemCode.THROTTLED: "Nothing to do: the next run tries again. If it stays, let the source run less often.",
    ProblemCode.UNREACHABLE: "Check the network between Skyledger and the provider; the next run tries again.",
    ProblemCode.BAD_ANSWER: "Run the source again; if it stays, look at the export in the provider's console.",
    ProblemCode.FAILED: "Run the source again; if it stays, look at the export in the provider's console.",
}
_OF_SCANS = ("scan", "nothing has to be done")

Stop = Callable[[], bool]
"""Whether to give up what is under way; asked about once a megabyte."""


@dataclass(frozen=True, slots=True)
class Part:
    """One file of a delivery. `bytes` and `checksum` are as the provider tells them, None where it does not.

    The checksum need not be one of the content: whatever changes with it will do (an ETag, a version).
    """

    name: str
    bytes: int | None = None
    checksum: str | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """What a provider has for one billing period now.

    `key` stays the same when the period is delivered again, `checksum` does not. `replaces` says that this is the
    whole period; otherwise it is to be added to what is there. An incomplete delivery is not to be fetched, for the
    reason in `why_incomplete`; `remedy` is told where it will never be complete unless somebody does something.
    """

    key: str
    billing_period_start: datetime | None
    parts: tuple[Part, ...]
    columns: tuple[str, ...] | None
    updated_at: datetime
    complete: bool = True
    replaces: bool = True
    why_incomplete: str | None = None
    remedy: str | None = None

    @property
    def bytes(self) -> int | None:
        """The length of all parts; None where one of them is not known."""
        lengths = [part.bytes for part in self.parts]
        return None if None in lengths else sum(length or 0 for length in lengths)

    @property
    def checksum(self) -> str:
        """Changes when any part does."""
        told = [[part.name, part.bytes, part.checksum] for part in self.parts]
        return hashlib.sha256(json.dumps([self.key, told, self.columns]).encode()).hexdigest()


class CostSource(Protocol):
    """A way to the costs of one account."""

    def deliveries(self, since: datetime) -> Iterator[Delivery]:
        """The newest delivery of each billing period that begins at `since` (UTC) or later. Raises ProviderError."""

    def fetch(self, delivery: Delivery, folder: Path, stop: Stop) -> list[Path]:
        """Write each part of a delivery to a file of the folder, checked by length and checksum; the files in order.

        Files that an earlier try has written whole are kept. Raises ProviderError: BAD_ANSWER for a part that is cut
        off or has changed since, StoppedError where `stop` says so.
        """

    def close(self) -> None:
        """Let go of sockets."""


class StoppedError(ProviderError):
    """The caller wanted no more of it."""

    def __init__(self) -> None:
        super().__init__(ProblemCode.FAILED, "Fetching was stopped.", "Run the source again.", retry=False)


@contextmanager
def reading_costs() -> Iterator[None]:
    """What a provider's room raises, with a remedy that speaks of runs of a source instead of scans."""
    try:
        yield
    except StoppedError:
        raise
    except ProviderError as error:
        of_scans = any(word in error.remedy.lower() for word in _OF_SCANS)
        remedy = _REMEDIES.get(error.code, error.remedy) if of_scans else error.remedy
        raise ProviderError(
            error.code,
            error.message,
            remedy,
            permission=error.permission,
            retry_after=error.retry_after,
            retry=error.retry,
        ) from None


@contextmanager
def own_disk() -> Iterator[None]:
    """A fault of this machine's disk, which must not pass for one of the network."""
    try:
        yield
    except OSError as error:
        why = f"cannot write the delivery to its disk: {error.strerror or type(error).__name__}"
        raise _no_room(why) from None


def check_room(path: Path) -> None:
    """While a file of unknown length grows: the disk, which others may need too, is not filled to its end."""
    with own_disk():
        free = shutil.disk_usage(path.parent).free
    if free < SPARE_BYTES:
        why = "has too little room on its disk for the delivery"
        raise _no_room(why)


def _no_room(why: str) -> ProviderError:
    return ProviderError(
        ProblemCode.FAILED,
        f"The worker {why}.",
        "The operator of Skyledger makes room in the data folder of the workers; then run the source again.",
        retry=False,
    )


def part_path(folder: Path, number: int, part: Part) -> Path:
    """Where a part is written: numbered, with the end of its name, of which nothing can lead out of the folder."""
    name = _UNSAFE.sub("-", part.name.rpartition("/")[2])[-_LONGEST_NAME:].lstrip(".-")
    return folder / f"{number:05d}-{name or 'part'}"


def is_written(path: Path, part: Part) -> bool:
    """Whether an earlier try has written the part whole."""
    return path.is_file() and (part.bytes is None or path.stat().st_size == part.bytes)


def write_part(path: Path, part: Part, chunks: Iterable[bytes], stop: Stop, *, md5: str | None = None) -> Path:
    """Write a part and check its length, and its MD5 in hexadecimal where that is known.

    The file has its name only when it is whole. Raises ProviderError(BAD_ANSWER), StoppedError.
    """
    growing = path.with_name(f"{path.name}.growing")
    digest, length = hashlib.md5(usedforsecurity=False), 0
    with own_disk():
        file = growing.open("wb")
    with file:
        for chunk in chunks:
            if stop():
                raise StoppedError
            with own_disk():
                file.write(chunk)
            digest.update(chunk)
            length += len(chunk)
    if part.bytes is not None and length != part.bytes:
        raise cut_off(part, length)
    if md5 is not None and _MD5.fullmatch(md5) and digest.hexdigest() != md5:
        raise ProviderError(
            ProblemCode.BAD_ANSWER,
            f"{part.name} arrived with another checksum than the provider tells.",
            _REMEDIES[ProblemCode.BAD_ANSWER],
        )
    growing.replace(path)
    return path


def cut_off(part: Part, length: int) -> ProviderError:
    """A part that ended too early, or too late."""
    return ProviderError(
        ProblemCode.BAD_ANSWER,
        f"{part.name} should have {part.bytes:,} bytes, but {length:,} arrived.",
        _REMEDIES[ProblemCode.BAD_ANSWER],
    )


def changed(name: str) -> ProviderError:
    """A file that is no longer the one that was listed."""
    return ProviderError(
        ProblemCode.BAD_ANSWER,
        f"{name} was replaced while it was read: the provider is delivering anew.",
        "Nothing to do: the next run fetches the new delivery.",
        retry=False,
    )


def gone(name: str) -> ProviderError:
    """A file that was listed and is not there any more."""
    return ProviderError(
        ProblemCode.BAD_ANSWER,
        f"{name} was listed, but is not there any more.",
        "Run the source again; if it stays, see whether something deletes files of the export.",
        retry=False,
    )


def archived(name: str) -> ProviderError:
    """A file in a storage class of which it has to be fetched back first."""
    return ProviderError(
        ProblemCode.BAD_ANSWER,
        f"{name} is archived, so it cannot be read.",
        "Restore it and take the export's folder out of the storage's lifecycle rules, or set `since` of the source to "
        "a later month with `updateCostSource`.",
        retry=False,
    )


def unreadable_manifest(name: str, why: str) -> ProviderError:
    """A manifest that cannot be used."""
    return ProviderError(
        ProblemCode.BAD_ANSWER,
        f"The manifest {name} cannot be used: {why}.",
        "Check that the source names the export's own folder; run the export again in the provider's console.",
        retry=False,
    )


def set_aside(month: datetime, updated_at: datetime, error: ProviderError) -> Delivery:
    """What stands for a month whose manifest is at fault: the other months go on. Raises what may pass, and denials."""
    if error.code is not ProblemCode.BAD_ANSWER or error.retry:
        raise error
    return Delivery(
        key=f"{month:%Y-%m}",
        billing_period_start=month,
        parts=(),
        columns=None,
        updated_at=updated_at,
        complete=False,
        why_incomplete=error.message,
        remedy=error.remedy,
    )


def newer_than_manifest(
    provider: str, files: str, manifest: datetime, newest: datetime, moment: datetime
) -> tuple[str | None, str | None]:
    """Why a delivery whose newest file and whose manifest were written then is not complete, and what to do; or None.

    The manifest is written last. Where a file is newer, the old files are being overwritten and some of the new ones
    are missing: that does not become complete by waiting, so however long ago it was, only a newer manifest ends it.
    """
    if newest <= manifest:
        return None, None
    if moment - newest < DELIVERING:
        return f"{provider} is delivering the period anew: its {files} are newer than the manifest.", None
    why = (
        f"{provider} began to deliver the period anew at {newest:%Y-%m-%d %H:%M} UTC and has not ended: its {files} "
        "are newer than the manifest. What was imported before stays."
    )
    remedy = (
        "Nothing to do if the provider delivers it again within a day. If it does not, run the export again in the "
        f"provider's console; where the {files} were copied here, copy the manifest once more, after them."
    )
    return why, remedy


def read_manifest(name: str, content: bytes) -> Mapping[str, Any]:
    """The JSON object of a manifest. Raises ProviderError(BAD_ANSWER)."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        raise unreadable_manifest(name, "it is no JSON, or cut off") from None
    if not isinstance(found, dict):
        raise unreadable_manifest(name, "it is no JSON object")
    return found


def entry(manifest: Mapping[str, Any], *names: str) -> Any:
    """The first of these entries that is there; capitals do not matter."""
    lower = {key.lower(): value for key, value in manifest.items()}
    return next((lower[name.lower()] for name in names if lower.get(name.lower()) is not None), None)


def month_start(text: str) -> datetime | None:
    """The first moment of a month, of text that begins as `2026-10` or `202610`; None for what does not."""
    found = re.match(r"(\d{4})-?(0[1-9]|1[0-2])", text)
    return datetime(int(found[1]), int(found[2]), 1, tzinfo=UTC) if found else None


def next_month(moment: datetime) -> datetime:
    """The first moment of the month after."""
    return datetime(moment.year + moment.month // 12, moment.month % 12 + 1, 1, tzinfo=UTC)
