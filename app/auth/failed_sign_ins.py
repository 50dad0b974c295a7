"""Counts sign-ins of known people that failed; beside the answers, which take as long for an unknown address."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextvars import Context
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

import structlog

from app.database import Database
from app.records.audit import FAILURE_WINDOW
from app.repositories.failed_sign_ins import count_failures

WRITE_EVERY: Final = 1.0
"""Seconds: what a process has counted since is lost if it is killed."""
MOST_COUNTED: Final = 1_000
"""People and ways between two writes; what is beyond stands in the log only."""


class Way(StrEnum):
    """How somebody has tried to sign in."""

    PASSWORD = "PASSWORD"  # noqa: S105  (a name)
    SECOND_FACTOR = "SECOND_FACTOR"
    SINGLE_SIGN_ON = "SINGLE_SIGN_ON"


class FailedSignIns:
    """The failures of one process, written once a second at most, whatever comes."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._counted: Counter[tuple[UUID, Way]] = Counter()
        self._writing: asyncio.Task[None] | None = None

    def count(self, user_id: UUID, way: Way) -> None:
        """Note one failure; it is written soon."""
        key = (user_id, way)
        if key not in self._counted and len(self._counted) >= MOST_COUNTED:
            structlog.get_logger(__name__).warning("failed_sign_in_not_counted", user_id=str(user_id), way=way.value)
            return
        self._counted[key] += 1
        if self._writing is None or self._writing.done():
            # It counts for all: no part of what this caller is in the middle of, such as a held transaction.
            self._writing = asyncio.create_task(self._write_soon(), name="failed-sign-ins", context=Context())

    async def close(self) -> None:
        """Write what is left."""
        if self._writing is not None:
            self._writing.cancel()
            await asyncio.gather(self._writing, return_exceptions=True)
        await self.write()

    async def write(self) -> None:
        """Write what was counted. Where the database is away it is tried again with the next failure."""
        counted, self._counted = self._counted, Counter()
        moment = datetime.now(UTC)
        while counted:
            (user_id, way), times = counted.popitem()
            try:
                async with self._database.system() as session:
                    await count_failures(session, user_id, way.value, times, window_start(moment), moment)
            except asyncio.CancelledError:
                self._counted[(user_id, way)] += times
                self._counted.update(counted)
                raise
            except Exception as error:  # noqa: BLE001 - drivers raise many kinds while a server restarts
                structlog.get_logger(__name__).warning("failed_sign_ins_not_written", error=type(error).__name__)
                self._counted[(user_id, way)] += times
                self._counted.update(counted)
                return

    async def _write_soon(self) -> None:
        while self._counted:
            await asyncio.sleep(WRITE_EVERY)
            before = self._counted.total()
            await self.write()
            if self._counted.total() >= before:
                return  # the database is away


def window_start(moment: datetime) -> datetime:
    """The begin of the window that a moment is in."""
    return moment - (moment - datetime(1970, 1, 1, tzinfo=UTC)) % FAILURE_WINDOW
