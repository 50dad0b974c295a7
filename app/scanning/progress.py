"""Announces to all processes that scans have gone on: ids only, over one Valkey channel, after the commit."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from typing import Any
from uuid import UUID

import orjson
import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError
from sqlalchemy.ext.asyncio import AsyncSession

from app.database import Database
from app.tasks import end_tasks

CHANNEL = "skyledger:scans"
PUBLISH_SECONDS = 2.0
LAST_SECONDS = 0.5  # at shutdown
_LARGEST_MESSAGE = 500  # scans in one message: 40 kB
_MOST_WAITING = 10_000
# Where `scan_changed` leaves (organization, scan) in a session's `info`, for the commit listener.
_CHANGED = "scanning.changed"

ScanKey = tuple[UUID, UUID]
"""Organization and scan."""


def scan_changed(session: AsyncSession, organization_id: UUID, scan_id: UUID) -> None:
    """Note in a transaction that followers of a scan should look at it after the commit."""
    session.info.setdefault(_CHANGED, set()).add((organization_id, scan_id))


class ScanAnnouncer:
    """A commit listener that tells who follows a scan: this process at once, the others through Valkey.

    An announcement is a hint and may be lost: who follows a scan also looks at PostgreSQL by the clock.
    """

    def __init__(self, database: Database, valkey: Redis, heard: Callable[[ScanKey], None] | None = None) -> None:
        self._database = database
        self._valkey = valkey
        self._heard = heard
        # Each scan once, however often it went on: bounded while Valkey is away.
        self._waiting: dict[ScanKey, None] = {}
        self._some = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.publishing = True
        """Whether the last announcement went out."""

    async def start(self) -> None:
        """Listen to commits from now on."""
        self._database.commit_listeners.append(self._committed)
        self._task = asyncio.create_task(self._publish_all(), name="scans-announce")

    async def stop(self) -> None:
        """Stop listening; what waits is published first if Valkey answers."""
        with contextlib.suppress(ValueError):
            self._database.commit_listeners.remove(self._committed)
        if self._task is not None:
            await end_tasks(self._task)
            self._task = None
            await self._publish(LAST_SECONDS)

    async def _committed(self, info: dict[Any, Any]) -> None:
        changed: set[ScanKey] = info.get(_CHANGED, set())
        for key in changed:
            if len(self._waiting) < _MOST_WAITING:
                self._waiting[key] = None
            if self._heard is not None:
                self._heard(key)
        if changed:
            self._some.set()

    async def _publish_all(self) -> None:
        while True:
            await self._some.wait()
            self._some.clear()
            await self._publish()

    async def _publish(self, seconds: float = PUBLISH_SECONDS) -> None:
        waiting, self._waiting = list(self._waiting), {}
        try:
            async with asyncio.timeout(seconds):
                for start in range(0, len(waiting), _LARGEST_MESSAGE):
                    await self._valkey.publish(CHANNEL, encode_scans(waiting[start : start + _LARGEST_MESSAGE]))
        except (RedisError, OSError) as error:  # TimeoutError is an OSError
            if self.publishing:
                structlog.get_logger(__name__).warning("scans_publish_failed", error=type(error).__name__)
            self.publishing = False
        else:
            self.publishing = True


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
