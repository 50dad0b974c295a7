"""Fetches AWS Data Exports from S3: each billing period's newest manifest, and the files that it lists.

A manifest is written after all files of its delivery, so manifests are polled and never the files themselves. Complete
is a delivery of which every file that the manifest lists is there and none is newer than it; what is fetched is checked
by the ETags of that moment:
https://docs.aws.amazon.com/cur/latest/userguide/dataexports-export-delivery.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

from botocore.exceptions import ClientError

from app.providers.aws.errors import error_code, problem, reading_aws
from app.providers.aws.session import AwsConnection
from app.providers.base import GLOBAL
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
    part_path,
    read_manifest,
    reading_costs,
    set_aside,
    unreadable_manifest,
    write_part,
)
from app.providers.problems import ProblemCode, ProviderError

PERMISSIONS: Final = ("s3:GetObject", "s3:ListBucket")
"""On the bucket of the export."""
_LISTING: Final = ("s3:ListBucket",)
_READING: Final = ("s3:GetObject",)
# Exports of FOCUS spell the partition in small letters, those of CUR 2.0 in capitals. With CREATE_NEW_REPORT a copy of
# the manifest stands in a folder of the execution as well.
_MANIFEST: Final = re.compile(r"/?metadata/billing_period=(\d{4}-\d{2})/(?:[^/]+/)?[^/]*manifest\.json", re.IGNORECASE)
_NO_BUCKET: Final = frozenset({"NoSuchBucket"})
_OF_KEYS: Final[Mapping[str, Callable[[str], ProviderError]]] = {
    "404": gone,
    "NoSuchKey": gone,
    "412": changed,
    "PreconditionFailed": changed,
    "InvalidObjectState": archived,
}
_ELSEWHERE: Final = frozenset({"301", "AuthorizationHeaderMalformed", "PermanentRedirect"})


@dataclass(frozen=True)
class _Object:
    key: str
    bytes: int
    tag: str
    modified: datetime


class S3CostExport:
    """One export of AWS Data Exports. `settings`: bucket, prefix (the folder with `data` and `metadata`), region."""

    def __init__(
        self, connection: AwsConnection, settings: ExportSettings, clock: Callable[[], datetime] | None = None
    ) -> None:
        self._connection = connection
        self._bucket = str(settings["bucket"])
        self._folder = str(settings["prefix"]).strip("/")
        self._region = str(settings.get("region") or GLOBAL)
        self._clock = clock or _now

    def deliveries(self, since: datetime) -> Iterator[Delivery]:
        """See app.providers.cost_exports.CostSource."""
        with self._reading(_LISTING):
            manifests = self._manifests(since)
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
        self._connection.close()

    def _manifests(self, since: datetime) -> dict[datetime, _Object]:
        """The newest manifest of each billing period."""
        found: dict[datetime, _Object] = {}
        for one in self._objects(f"{self._folder}/metadata/" if self._folder else "metadata/"):
            told = _MANIFEST.fullmatch(one.key.removeprefix(self._folder))
            month = month_start(told[1]) if told else None
            if month is None or month < since:
                continue
            known = found.get(month)
            # Of the two equal copies of CREATE_NEW_REPORT the one with the shorter key stays in its place.
            if known is None or (one.modified, -len(one.key)) > (known.modified, -len(known.key)):
                found[month] = one
        return found

    def _delivery(self, month: datetime, manifest: _Object) -> Delivery:
        with self._reading(_READING, manifest.key):
            answer = self._client().get_object(Bucket=self._bucket, Key=manifest.key)
            with closing(answer["Body"]) as body:
                told = read_manifest(manifest.key, body.read(MANIFEST_BYTES))
        keys = self._keys(manifest.key, told)
        with self._reading(_LISTING):
            there = {key: one for folder in sorted({_folder(key) for key in keys}) for key, one in self._there(folder)}
        parts = [there[key] for key in keys if key in there]
        why, remedy = self._why_incomplete(manifest, keys, there, parts)
        return Delivery(
            key=f"{month:%Y-%m}",
            billing_period_start=month,
            parts=tuple(Part(one.key, one.bytes, one.tag) for one in parts),
            columns=_columns(told),
            updated_at=manifest.modified,
            complete=why is None,
            why_incomplete=why,
            remedy=remedy,
        )

    def _keys(self, name: str, manifest: Mapping[str, Any]) -> list[str]:
        """The keys of the files that a manifest lists, as URLs of S3, keys, or objects with one of them."""
        listed = entry(manifest, "dataFiles", "reportKeys", "files")
        if not isinstance(listed, list):
            raise unreadable_manifest(name, "it lists no data files")
        keys = []
        for one in listed:
            text = entry(one, "key", "path", "name", "url") if isinstance(one, dict) else one
            if not isinstance(text, str) or not text:
                raise unreadable_manifest(name, "it lists a file without a name")
            if text.startswith(("s3://", "s3a://")):
                bucket, _, text = text.partition("://")[2].partition("/")
                if bucket != self._bucket:
                    raise unreadable_manifest(name, f"its files are in another bucket, {bucket[:63]}")
            keys.append(unquote(text) if "%3D" in text else text)
        return list(dict.fromkeys(keys))

    def _why_incomplete(
        self, manifest: _Object, keys: list[str], there: Mapping[str, _Object], parts: list[_Object]
    ) -> tuple[str | None, str | None]:
        """Why a delivery is not complete, and what to do if it does not become so by itself."""
        if not keys:
            return "The manifest lists no data files yet.", None
        missing = [key for key in keys if key not in there]
        if missing:
            return f"{len(missing)} of the {len(keys)} files of the manifest are not there, such as {missing[0]}.", None
        newest = max(one.modified for one in parts)
        return newer_than_manifest("AWS", "files", manifest.modified, newest, self._clock())

    def _there(self, folder: str) -> Iterator[tuple[str, _Object]]:
        for one in self._objects(folder):
            if "/" not in one.key.removeprefix(folder):
                yield one.key, one

    def _objects(self, prefix: str) -> Iterator[_Object]:
        pages = self._client().get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix)
        for page in pages:
            for one in page.get("Contents") or ():
                yield _Object(one["Key"], one["Size"], one["ETag"].strip('"'), one["LastModified"].astimezone(UTC))

    def _write(self, part: Part, path: Path, stop: Stop) -> None:
        with self._reading(_READING, part.name):
            answer = self._client().get_object(Bucket=self._bucket, Key=part.name, IfMatch=f'"{part.checksum}"')
            # Of what is encrypted with other keys than S3's own, or uploaded in pieces, the ETag is no MD5.
            is_md5 = answer.get("ServerSideEncryption") in {None, "AES256"} and not answer.get("SSECustomerAlgorithm")
            with closing(answer["Body"]) as body:
                write_part(path, part, body.iter_chunks(CHUNK), stop, md5=part.checksum if is_md5 else None)

    def _client(self) -> Any:
        return self._connection.client("s3", self._region)

    @contextmanager
    def _reading(self, permissions: tuple[str, ...], key: str = "") -> Iterator[None]:
        with reading_costs(), reading_aws(permissions):
            try:
                yield
            except ClientError as error:
                raise self._told(error, permissions, key) from None

    def _told(self, error: ClientError, permissions: tuple[str, ...], key: str) -> ProviderError:
        """What S3 says of buckets and keys, in words that name them."""
        code = error_code(error)
        if code in _NO_BUCKET:
            return ProviderError(
                ProblemCode.FAILED,
                f"There is no bucket {self._bucket}.",
                "Correct the bucket with `updateCostSource`: it is the one that the export is delivered to.",
                retry=False,
            )
        if code in _OF_KEYS and key:
            return _OF_KEYS[code](key)
        if code in _ELSEWHERE:
            return ProviderError(
                ProblemCode.FAILED,
                f"The bucket {self._bucket} is in another region than {self._region}.",
                "Give the bucket's region with `updateCostSource`.",
                retry=False,
            )
        told = problem(error, permissions)
        return self._denied(told.permission or permissions[0]) if told.code is ProblemCode.DENIED else told

    def _denied(self, permission: str) -> ProviderError:
        place = f"the bucket {self._bucket}"
        remedy = (
            f"Allow {' and '.join(PERMISSIONS)} on the bucket and its objects for Skyledger's role or user "
            "(`skyledger permissions aws` prints the statement); a bucket of another account must allow it in its "
            "own policy too."
        )
        if permission.startswith("kms:"):
            place = f"the key that encrypts {place}"
            remedy = f"Allow {permission} on that key for Skyledger's role or user, in its policy and in the key's own."
        return ProviderError(ProblemCode.DENIED, f"AWS denied {permission} on {place}.", remedy, permission=permission)


def _now() -> datetime:
    return datetime.now(UTC)


def _folder(key: str) -> str:
    folder, slash, _ = key.rpartition("/")
    return folder + slash


def _columns(manifest: Mapping[str, Any]) -> tuple[str, ...] | None:
    listed = entry(manifest, "columns")
    if not isinstance(listed, list):
        return None
    names = [entry(one, "name", "columnName") if isinstance(one, dict) else one for one in listed]
    return tuple(str(name) for name in names if name)
