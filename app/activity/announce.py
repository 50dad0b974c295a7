"""Announces committed events to all processes: ids only, over one Valkey channel, never in the way of the commit."""

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

from app.activity.record import RECORDED
from app.database import Database
from app.tasks import end_tasks

CHANNEL = "skyledger:activity"
PUBLISH_SECONDS = 2.0
LAST_SECONDS = 0.5  # at shutdown
_LARGEST_MESSAGE = 1_000  # organizations in one message: 60 kB


class Announcer:
    """A commit listener that tells who follows: this process at once, the others through Valkey.

    An announcement is a hint and may be lost (a kill between commit and publish, Valkey away): every process asks
    PostgreSQL for the heads of the organizations it follows every two seconds, so a lost one only delays.
    """

    def __init__(self, database: Database, valkey: Redis, heard: Callable[[UUID, int], None] | None = None) -> None:
        self._database = database
        self._valkey = valkey
        self._heard = heard
        # One number per organization, however many events it has: bounded while Valkey is away.
        self._waiting: dict[UUID, int] = {}
        self._some = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.publishing = True
        """Whether the last announcement went out."""

    async def start(self) -> None:
        """Listen to commits from now on."""
        self._database.commit_listeners.append(self._committed)
        self._task = asyncio.create_task(self._publish_all(), name="activity-announce")

    async def stop(self) -> None:
        """Stop listening; what waits is published first if Valkey answers."""
        with contextlib.suppress(ValueError):
            self._database.commit_listeners.remove(self._committed)
        if self._task is not None:
            await end_tasks(self._task)
            self._task = None
            await self._publish(LAST_SECONDS)

    async def _committed(self, info: dict[Any, Any]) -> None:
        recorded: dict[UUID, int] = info.get(RECORDED, {})
        for organization_id, last in recorded.items():
            self._waiting[organization_id] = max(last, self._waiting.get(organization_id, 0))
            if self._heard is not None:
                self._heard(organization_id, last)
        if recorded:
            self._some.set()

    async def _publish_all(self) -> None:
        while True:
            await self._some.wait()
            self._some.clear()
            await self._publish()

    async def _publish(self, seconds: float = PUBLISH_SECONDS) -> None:
        waiting, self._waiting = list(self._waiting.items()), {}
        try:
            async with asyncio.timeout(seconds):
                for start in range(0, len(waiting), _LARGEST_MESSAGE):
                    await self._valkey.publish(CHANNEL, encode_heads(waiting[start : start + _LARGEST_MESSAGE]))
        except (RedisError, OSError) as error:  # TimeoutError is an OSError
            if self.publishing:
                structlog.get_logger(__name__).warning("activity_publish_failed", error=str(error))
            self.publishing = False
        else:
            if not self.publishing:
                structlog.get_logger(__name__).info("activity_publish_restored")
            self.publishing = True


def encode_heads(heads: Iterable[tuple[UUID, int]]) -> bytes:
    """One announcement: organizations and the last number of each."""
    return orjson.dumps([[str(organization_id), last] for organization_id, last in heads])


def decode_heads(message: bytes | str) -> list[tuple[UUID, int]]:
    """The content of an announcement. Raises ValueError for anything else that stands on the channel."""
    try:
        return [(UUID(organization_id), int(last)) for organization_id, last in orjson.loads(message)]
    except (TypeError, AttributeError) as error:
        text = "no announcement of activity"
        raise ValueError(text) from error
