"""What an object store offers: files in parts, of which nothing is seen before all are there.

Synchronous, as the SDKs are; `app.providers.calls` runs it in threads. Everything raises ProviderError.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

LEAST_PART_BYTES = 5_242_880
"""Of every part but the last: https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html"""
MOST_PARTS = 10_000
"""Of one object, by the same source."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part that is stored; `tag` is the store's name for its content."""

    number: int
    size: int
    tag: str


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object as listed; `modified` in UTC."""

    key: str
    size: int
    modified: datetime


@dataclass(frozen=True, slots=True)
class UnfinishedObject:
    """An object whose parts are not put together yet."""

    key: str
    multipart_id: str
    began: datetime


class ObjectStore(Protocol):
    """One bucket."""

    def begin(self, key: str) -> str:
        """Begin an object of parts; returns its `multipart_id`."""

    def put_part(self, key: str, multipart_id: str, number: int, body: bytes) -> Part:
        """Store a part, numbered from 1; one of the same number is replaced."""

    def parts(self, key: str, multipart_id: str) -> list[Part] | None:
        """The parts that are stored, by number; None when there is no such unfinished object."""

    def complete(self, key: str, multipart_id: str, parts: list[Part]) -> bool:
        """Put these parts together; False when the store does not have all of them as they are named here."""

    def abort(self, key: str, multipart_id: str) -> None:
        """Throw the parts away; what is not there is fine."""

    def put(self, key: str, body: bytes) -> None:
        """Store a small object, in the place of one of the same key."""

    def get(self, key: str, most: int) -> bytes | None:
        """A small object; None when it is absent or has more than `most` bytes."""

    def size(self, key: str) -> int | None:
        """The size of an object; None when it is absent."""

    def read(self, key: str, block: int) -> Iterator[bytes]:
        """An object from its beginning, block by block."""

    def delete(self, keys: list[str]) -> None:
        """Delete at most 1,000 objects; what is not there is fine."""

    def objects(self, prefix: str) -> Iterator[list[StoredObject]]:
        """The objects whose keys begin so, page by page."""

    def unfinished(self, prefix: str) -> Iterator[list[UnfinishedObject]]:
        """The unfinished objects whose keys begin so, page by page."""
