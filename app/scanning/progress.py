"""Announces to all processes that scans have gone on: ids only, over one Valkey channel, after the commit."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any
from uuid import UUID

import orjson
from redis.asyncio import Redis
from sqlalchemy.ext.asyncio import AsyncSession

from app.announcing import CommitAnnouncer
from app.database import Database

CHANNEL = "skyledger:scans"
_LARGEST_MESSAGE = 500  # scans in one message: 40 kB
_MOST_WAITING = 10_000
# Where `scan_changed` leaves (organization, scan) in a session's `info`, for the commit listener.
_CHANGED = "scanning.changed"

ScanKey = tuple[UUID, UUID]
"""Organization and scan."""


def scan_changed(session: AsyncSession, organization_id: UUID, scan_id: UUID) -> None:
    """Note in a transaction that followers of a scan should look at it after the commit."""
    session.info.setdefault(_CHANGED, set()).add((organization_id, scan_id))


class ScanAnnouncer(CommitAnnouncer):
    """Tells who follows a scan: this process at once, the others through Valkey."""

    name = "scans"

    def __init__(self, database: Database, valkey: Redis, heard: Callable[[ScanKey], None] | None = None) -> None:
        super().__init__(database)
        self._valkey = valkey
        self._heard = heard
        # Each scan once, however often it went on: bounded while Valkey is away.
        self._waiting: dict[ScanKey, None] = {}

    def collect(self, info: dict[Any, Any]) -> bool:
        """See CommitAnnouncer."""
        changed: set[ScanKey] = info.get(_CHANGED, set())
        for key in changed:
            if len(self._waiting) < _MOST_WAITING:
                self._waiting[key] = None
            if self._heard is not None:
                self._heard(key)
        return bool(changed)

    async def send(self) -> None:
        """See CommitAnnouncer."""
        waiting, self._waiting = list(self._waiting), {}
        for start in range(0, len(waiting), _LARGEST_MESSAGE):
            await self._valkey.publish(CHANNEL, encode_scans(waiting[start : start + _LARGEST_MESSAGE]))


def encode_scans(keys: Iterable[ScanKey]) -> bytes:
    """One announcement."""
    return orjson.dumps([[str(organization_id), str(scan_id)] for organization_id, scan_id in keys])


def decode_scans(message: bytes | str) -> list[ScanKey]:
    """The content of an announcement. Raises ValueError for anything else that stands on the channel."""
    try:
        return [(UUID(organization_id), UUID(scan_id)) for organization_id, scan_id in orjson.loads(message)]
    except (TypeError, AttributeError) as error:
        text = "no announcement of scans"
        raise ValueError(text) from error
