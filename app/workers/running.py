"""A job that runs in a worker, the figures that it runs by, and how it learns that it must not go on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from app.database import Database
from app.errors import SkyledgerError
from app.repositories import jobs

_log = structlog.stdlib.get_logger("skyledger.workers")


class LeaseLostError(Exception):
    """Another worker has the job now: this one must not write for it any more."""


class JobTooLongError(SkyledgerError):
    """The job was cut off at the time limit of its kind; it counts as an attempt that failed."""


@dataclass(frozen=True)
class RunnerSettings:
    """Figures of the runner; seconds where nothing else is said."""

    lease: float = 20.0
    """A job whose worker was silent for this long is given to another."""
    heartbeat: float = 5.0
    sweep: float = 10.0
    """How often PostgreSQL is asked for due jobs: the longest delay of a lost wake-up."""
    most_attempts: int = 5
    first_pause: float = 2.0
    """After the first failed attempt; it doubles with each further one."""
    longest_pause: float = 300.0
    slots: int = 10
    """Jobs that run at a time."""
    per_organization: int = 4
    """Those of one organization among them: long ones must not keep all others out."""
    longest: float = 3_600.0
    """A job of a kind without a limit of its own."""


@dataclass(eq=False)
class RunningJob:
    """What a job's function gets: its row, the doors to PostgreSQL, and whether to go on."""

    id: UUID
    organization_id: UUID | None
    kind: str
    arguments: Mapping[str, Any]
    attempt: int
    token: int
    database: Database
    settings: RunnerSettings
    begun: float = field(default_factory=time.monotonic)
    confirmed: float = 0.0  # when the lease was last known to be ours
    stopping: bool = False
    lost: bool = False
    settling: bool = False
    task: asyncio.Task[None] | None = None

    def __post_init__(self) -> None:
        self.confirmed = self.begun
        organization = str(self.organization_id) if self.organization_id else None
        self.log = _log.bind(job_id=str(self.id), kind=self.kind, attempt=self.attempt, organization_id=organization)

    def should_stop(self) -> bool:
        """Whether to stop at the next step: the worker goes down, or the job belongs to another worker now."""
        return self.stopping or self.lost

    async def hold(self, session: AsyncSession) -> None:
        """Tie a transaction of this job to its lease: it commits only if no other worker has taken the job.

        Call it first in every transaction whose effect must not come twice. Raises LeaseLostError.
        """
        if self.lost or not await jobs.hold_lease(session, self.id, self.token, self.settings.lease):
            self.lost = True
            message = f"job {self.id} has been taken by another worker"
            raise LeaseLostError(message)

    async def progressed(self, session: AsyncSession) -> None:
        """Note in a transaction that holds the job that it has come further than any attempt before.

        Attempts are counted anew: what goes on is not dead, however often its workers are killed.
        """
        if self.attempt > 1:
            await jobs.forget_attempts(session, self.id, self.token)
            self.attempt = 1

    def lose(self) -> None:
        """Stop at once: another worker has the job."""
        self.lost = True
        # Cancelled in the middle of its last write it could not tell whether that write was made.
        if self.task is not None and not self.settling:
            self.task.cancel()


Handler = Callable[[RunningJob], Awaitable[None]]
