"""Recovery after dead jobs: what such a job was for is told of its end, so that nothing stays under way for ever.

Each room says what that is for the kinds of its own jobs; how dead jobs are found, held and noted is the same for all.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncSession

from app.database import Database
from app.repositories import jobs

_PAGE: Final = 100
_log = structlog.stdlib.get_logger(__name__)

End = Callable[[AsyncSession, RowMapping, UUID], Awaitable[bool]]
"""Ends what a dead job was for, or has it go on, in a transaction of its organization; whether there was anything."""


@dataclass(frozen=True)
class Recovery:
    """What is done for the dead jobs of one kind, whose object is the id under `argument`."""

    kind: str
    argument: str
    end: End


async def recover(database: Database, recoveries: Iterable[Recovery]) -> int:
    """Tell the objects of dead jobs, each once; of how many that was news. Several processes may do it at once.

    What fails is logged and tried again the next time, and the others do not wait for it.
    """
    by_kind = {each.kind: each for each in recoveries}
    recovered, after, full = 0, None, True
    while full:
        async with database.system() as session:
            dead = await jobs.unsettled_dead_jobs(session, by_kind.keys(), _PAGE, after)
        for job in dead:
            after = job["id"]
            try:
                recovered += await _settle(database, by_kind[job["kind"]], job)
            except Exception:  # noqa: BLE001 - of whatever room: its fault must not hold up the others
                _log.exception("dead_job_not_told", job_id=str(job["id"]), kind=job["kind"])
        full = len(dead) == _PAGE
    return recovered


def given_up(what: str, job: RowMapping) -> str:
    """A sentence with the reason for which a job is dead, where it is known."""
    return f"{what} {job['failure'] or ''}".strip()


async def _settle(database: Database, recovery: Recovery, found: RowMapping) -> bool:
    told = found["arguments"].get(recovery.argument)
    async with database.write(found["organization_id"]) as session:
        job = await jobs.lock_job(session, found["id"])
        # Queued again meanwhile, or another process was quicker.
        if job is None or job["state"] != "DEAD" or jobs.SETTLED in job["arguments"]:
            return False
        await jobs.settle_dead_job(session, job["id"])
        if told is None or not await recovery.end(session, job, UUID(told)):
            return False
    _log.warning(
        "dead_job_told", organization_id=str(job["organization_id"]), job_id=str(job["id"]), kind=job["kind"], of=told
    )
    return True
