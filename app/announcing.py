"""Announcers: they tell others what a committed transaction left to be told, never in the way of the commit."""

from __future__ import annotations

import asyncio
import contextlib
from abc import ABC, abstractmethod
from typing import Any, ClassVar

import structlog
from redis.exceptions import RedisError

from app.database import Database
from app.tasks import end_tasks


class CommitAnnouncer(ABC):
    """A commit listener whose announcements go out over Valkey in a task of its own, one batch after the other.

    An announcement is a hint and may be lost (a kill between commit and sending, Valkey away): whoever listens also
    looks at PostgreSQL by the clock, so a lost one only delays.
    """

    name: ClassVar[str]
    """What is announced; names the task, and stands in the log."""
    send_seconds: ClassVar[float] = 2.0
    last_seconds: ClassVar[float] = 0.5
    """How long the last batch may take at shutdown."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._some = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.announcing = True
        """Whether the last batch went out."""

    @abstractmethod
    def collect(self, info: dict[Any, Any]) -> bool:
        """Take from a committed session's `info` what is to be told; whether anything is. What waits is bounded."""

    @abstractmethod
    async def send(self) -> None:
        """Send what waits. What Valkey raises is logged, once until it is back."""

    async def start(self) -> None:
        """Listen to commits from now on. Valkey may be away."""
        self._database.commit_listeners.append(self._committed)
        self._task = asyncio.create_task(self._send_for_ever(), name=f"{self.name}-announce")

    async def stop(self) -> None:
        """Stop listening; what waits goes out first if Valkey answers."""
        with contextlib.suppress(ValueError):
            self._database.commit_listeners.remove(self._committed)
        if self._task is not None:
            await end_tasks(self._task)
            self._task = None
            await self._try_to_send(self.last_seconds)

    def send_soon(self) -> None:
        """Have what waits sent."""
        self._some.set()

    async def _committed(self, info: dict[Any, Any]) -> None:
        if self.collect(info):
            self.send_soon()

    async def _send_for_ever(self) -> None:
        while True:
            await self._some.wait()
            self._some.clear()
            await self._try_to_send(self.send_seconds)

    async def _try_to_send(self, seconds: float) -> None:
        log = structlog.get_logger(__name__).bind(announcer=self.name)
        try:
            async with asyncio.timeout(seconds):
                await self.send()
        except (RedisError, OSError) as error:  # TimeoutError is an OSError
            if self.announcing:
                log.warning("announcement_failed", error=str(error) or type(error).__name__)
            self.announcing = False
        else:
            if not self.announcing:
                log.info("announcements_restored")
            self.announcing = True
