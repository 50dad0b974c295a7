"""Fetches exports of Azure Cost Management from blob storage: of each date range the newest run and its blobs.

https://learn.microsoft.com/azure/cost-management-billing/costs/tutorial-improved-exports
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError
from azure.core.pipeline.transport import RequestsTransport
from azure.storage.blob import BlobServiceClient, ContainerClient, ExponentialRetry

from app.providers.azure.credentials import credential, endpoints
from app.providers.azure.errors import denied, in_our_words
from app.providers.azure.patience import Patience
from app.providers.azure.permissions import READ_BLOBS
from app.providers.base import Target
from app.providers.cost_exports import (
    CHUNK,
    MANIFEST_BYTES,
    Delivery,
    ExportSettings,
    Part,
    Stop,
    archived,
    changed,
    entry,
    gone,
    is_written,
    month_start,
    newer_than_manifest,
    next_month,
    part_path,
    read_manifest,
    reading_costs,
    set_aside,
    unreadable_manifest,
    write_part,
)
from app.providers.problems import ProblemCode, ProviderError

_SUFFIXES: Final = {
    "management.usgovcloudapi.net": "blob.core.usgovcloudapi.net",
    "management.chinacloudapi.cn": "blob.core.chinacloudapi.cn",
}
_SUFFIX: Final = "blob.core.windows.net"
# …/20261001-20261031/[run's moment/][run's id/]manifest.json; without the moment where reports overwrite each other.
_MANIFEST: Final = re.compile(r"(?:.*/)?(\d{8})-(\d{8})/(?:[^/]+/)*manifest\.json", re.IGNORECASE)
_LATE: Final = timedelta(days=3)
"""From the start of the last day of a month to date until it is delivered, at most: later, the month has more days."""
_NO_CONTAINER: Final = frozenset({"ContainerNotFound", "ContainerBeingDeleted"})
_OF_BLOBS: Final[Mapping[str, Callable[[str], ProviderError]]] = {
    "BlobNotFound": gone,
    "ConditionNotMet": changed,
    "BlobArchived": archived,
    "BlobBeingRehydrated": archived,
}
_FIREWALL: Final = frozenset({"AuthorizationFailure"})
_NO_DATA_ROLE: Final = frozenset({"AuthorizationPermissionMismatch", "InsufficientAccountPermissions"})
_READING: Final = "the cost export"
_BLOCK: Final = 4 * CHUNK
"""Bytes of one call, and in memory at a time."""


@dataclass(frozen=True)
class _Blob:
    name: str
    bytes: int
    tag: str
    md5: str | None
    modified: datetime


class BlobCostExport:
    """One export of Cost Management. `settings`: storageAccount, container, path (the folder with the date ranges)."""

    def __init__(
        self,
        target: Target,
        settings: ExportSettings,
        patience: Patience | None = None,
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        patience = patience or Patience()
        self._container_name = str(settings["container"])
        self._folder = str(settings.get("path") or "").strip("/")
        self._account = str(settings["storageAccount"])
        self._clock = clock or _now
        self._credential = credential(target, endpoints(target.endpoints).authority, patience)
        self._transport = RequestsTransport(**patience.transport_options())
        self._service = BlobServiceClient(
            account_url(target, self._account),
            credential=self._credential,
            transport=self._transport,
            max_chunk_get_size=_BLOCK,
            max_single_get_size=_BLOCK,
            retry_policy=ExponentialRetry(
                initial_backoff=math.ceil(patience.backoff_seconds),
                increment_base=2 if patience.backoff_seconds else 0,
                retry_total=patience.retries,
                random_jitter_range=0,
            ),
            user_agent="skyledger",
            permit_redirects=False,
        )
        self._container: ContainerClient = self._service.get_container_client(self._container_name)

    def deliveries(self, since: datetime) -> Iterator[Delivery]:
        """See app.providers.cost_exports.CostSource."""
        with self._reading():
            manifests, refused = self._manifests(since)
        if refused:
            yield _refused(refused)
        for month in sorted(manifests, reverse=True):
            try:
                delivery = self._delivery(month, manifests[month])
            except ProviderError as error:
                delivery = set_aside(month, manifests[month].modified, error)
            yield delivery

    def fetch(self, delivery: Delivery, folder: Path, stop: Stop) -> list[Path]:
        """See app.providers.cost_exports.CostSource."""
        paths = []
        for number, part in enumerate(delivery.parts):
            path = part_path(folder, number, part)
            if not is_written(path, part):
                self._write(part, path, stop)
            paths.append(path)
        return paths

    def close(self) -> None:
        """Let go of sockets."""
        self._container.close()
        self._service.close()
        self._transport.close()
        self._credential.close()

    def _manifests(self, since: datetime) -> tuple[dict[datetime, _Blob], dict[str, _Blob]]:
        """The newest manifest of each month, whatever runs there were; those of parts of months by their dates."""
        found: dict[datetime, _Blob] = {}
        refused: dict[str, _Blob] = {}
        for blob in self._blobs(f"{self._folder}/" if self._folder else ""):
            told = _MANIFEST.fullmatch(blob.name)
            month = month_start(told[1]) if told else None
            if told is None or month is None or month < since:
                continue
            if not _is_month(told[1], told[2], blob.modified):
                refused[f"{told[1]}-{told[2]}"] = blob
            elif month not in found or (blob.modified, blob.name) > (found[month].modified, found[month].name):
                found[month] = blob
        return found, refused

    def _delivery(self, month: datetime, manifest: _Blob) -> Delivery:
        if manifest.bytes > MANIFEST_BYTES:
            raise unreadable_manifest(manifest.name, f"it has {manifest.bytes:,} bytes")
        with self._reading(manifest.name):
            content = self._container.download_blob(manifest.name).readall()
        told = read_manifest(manifest.name, content)
        listed = entry(told, "blobs")
        if not isinstance(listed, list) or not all(isinstance(one, dict) and entry(one, "blobName") for one in listed):
            raise unreadable_manifest(manifest.name, "it lists no blobs")
        folder = manifest.name.rpartition("/")[0] + "/"
        with self._reading():
            there = {blob.name: blob for blob in self._blobs(folder)}
        found = [(one, _find(str(entry(one, "blobName")), folder, there)) for one in listed]
        blobs = [blob for _, blob in found if blob is not None]
        why, remedy = self._why_incomplete(manifest, found, blobs)
        return Delivery(
            key=f"{month:%Y-%m}",
            billing_period_start=month,
            parts=tuple(Part(blob.name, blob.bytes, blob.tag) for blob in blobs),
            columns=None,
            updated_at=manifest.modified,
            complete=why is None,
            why_incomplete=why,
            remedy=remedy,
        )

    def _why_incomplete(
        self, manifest: _Blob, found: Sequence[tuple[Mapping[str, Any], _Blob | None]], blobs: Sequence[_Blob]
    ) -> tuple[str | None, str | None]:
        """Why a delivery is not complete, and what to do if it does not become so by itself."""
        if not found:
            return "The manifest lists no blobs yet.", None
        missing = [str(entry(one, "blobName")) for one, blob in found if blob is None]
        if missing:
            why = f"{len(missing)} of the {len(found)} blobs of the manifest are not there, such as {missing[0]}."
            return why, None
        for one, blob in found:
            length = entry(one, "byteCount")
            if blob is not None and isinstance(length, int) and length != blob.bytes:
                return f"{blob.name} has {blob.bytes:,} bytes, the manifest says {length:,}.", None
        newest = max(blob.modified for blob in blobs)
        return newer_than_manifest("Azure", "blobs", manifest.modified, newest, self._clock())

    def _blobs(self, prefix: str) -> Iterator[_Blob]:
        for blob in self._container.list_blobs(name_starts_with=prefix or None):
            told = blob.content_settings.content_md5 if blob.content_settings else None
            md5 = bytes(told).hex() if told else None
            modified = blob.last_modified.astimezone(UTC)
            yield _Blob(blob.name, int(blob.size), str(blob.etag).strip('"'), md5, modified)

    def _write(self, part: Part, path: Path, stop: Stop) -> None:
        with self._reading(part.name):
            stream = self._container.download_blob(
                part.name,
                etag=f'"{part.checksum}"',
                match_condition=MatchConditions.IfNotModified,
                decompress=False,  # length and checksum are those of what is stored
            )
            told = stream.properties.content_settings.content_md5
            md5 = bytes(told).hex() if told else None
            write_part(path, part, stream.chunks(), stop, md5=md5)

    @contextmanager
    def _reading(self, name: str = "") -> Iterator[None]:
        with reading_costs(), in_our_words(_READING):
            try:
                yield
            except HttpResponseError as error:
                told = self._told(error, name)
                if told is None:
                    raise
                raise told from None

    def _told(self, error: HttpResponseError, name: str) -> ProviderError | None:
        """What the storage account says of containers and blobs; None for what every Azure service says alike."""
        told = getattr(error, "error_code", None)
        code = str(getattr(told, "value", told) or "")
        place = f"the container {self._container_name} of the storage account {self._account}"
        if code in _NO_CONTAINER:
            return ProviderError(
                ProblemCode.FAILED,
                f"There is no container {self._container_name} in the storage account {self._account}.",
                "Correct it with `updateCostSource`: it is the one that the export is delivered to.",
                retry=False,
            )
        if code in _OF_BLOBS:
            return _OF_BLOBS[code](name)
        if code in _FIREWALL:
            return ProviderError(
                ProblemCode.DENIED,
                f"The firewall of the storage account {self._account} does not let Skyledger in.",
                "Allow the addresses of Skyledger's workers in the storage account's networking settings.",
            )
        if code in _NO_DATA_ROLE:
            refused = denied(_READING, READ_BLOBS)
            remedy = f"Assign the role Storage Blob Data Reader to the application on {place}."
            return ProviderError(refused.code, f"{refused.message}.", remedy, permission=READ_BLOBS)
        return None


def account_url(target: Target, account: str) -> str:
    """Where the blobs of a storage account are: at Azure, or at the account's endpoint `blob`, by the name as path."""
    own = target.endpoints.get("blob")
    if own:
        return f"{own.rstrip('/')}/{account}"
    host = urlsplit(endpoints(target.endpoints).management).hostname or ""
    return f"https://{account}.{_SUFFIXES.get(host, _SUFFIX)}"


def _is_month(first: str, last: str, delivered: datetime) -> bool:
    """Whether these two days, such as 20261101 and 20261130, are all that the month had when they were delivered."""
    start = month_start(first)
    try:
        end = datetime.strptime(last, "%Y%m%d").replace(tzinfo=UTC)
    except ValueError:
        return False
    if start is None or first[6:] != "01" or month_start(last) != start:
        return False
    return end + timedelta(days=1) == next_month(start) or delivered < end + _LATE


def _refused(manifests: Mapping[str, _Blob]) -> Delivery:
    """What stands for all parts of months: taken for the month, each would remove the rest of it."""
    newest = max(manifests)
    others = f", and {len(manifests) - 1} other date ranges" if len(manifests) > 1 else ""
    return Delivery(
        key=newest,
        billing_period_start=month_start(newest),
        parts=(),
        columns=None,
        updated_at=manifests[newest].modified,
        complete=False,
        why_incomplete=f"Neither a whole month nor a month to date, so not imported: {newest}{others}.",
        remedy="Let the export deliver daily with the costs of the month to date, or monthly with those of the last "
        "month; then delete the folders of the other date ranges.",
    )


def _find(name: str, folder: str, there: Mapping[str, _Blob]) -> _Blob | None:
    """The blob that a manifest names: from the container's root, with the container before it, or beside itself."""
    for spelt in (name, name.lstrip("/"), name.lstrip("/").partition("/")[2], folder + name.rpartition("/")[2]):
        if spelt in there:
            return there[spelt]
    return None


def _now() -> datetime:
    return datetime.now(UTC)
