"""`skyledger jobs`: what the workers have given up, and having it run again."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import RowMapping

from app.cli.operator import as_platform_operator
from app.cli.terminal import fail, out
from app.database import Database
from app.loaders.jobs import PlatformJobs
from app.paging import PageRequest
from app.queue import requeue
from app.records.criteria import Condition, Criteria, TextMatch
from app.records.jobs import JobState


def run_list(state: str, kind: str | None, first: int) -> None:
    """Show jobs in a state, the newest first, with why they failed."""
    if state.upper() not in JobState.__members__:
        message = f"there is no state {state!r}; choose of: {', '.join(JobState)}."
        raise fail(message)
    wanted: list[tuple[str, Condition]] = [("state", TextMatch(state.upper()))]
    if kind is not None:
        wanted.append(("kind", TextMatch(kind)))

    async def read(database: Database) -> Sequence[RowMapping]:
        return (await PlatformJobs(database).page(Criteria(tuple(wanted)), PageRequest(size=first))).rows

    rows = as_platform_operator(read)
    for row in rows:
        owner = row["organization_slug"] or "the platform"
        facts = f"{row['state']}, attempts {row['attempts']}, {row['created_at']:%Y-%m-%d %H:%M}, {owner}"
        for line in (f"{row['id']}  {row['kind']}", f"  {facts}", *_failure(row)):
            out.print(line, highlight=False, markup=False, soft_wrap=True)
    if not rows:
        out.print("There is no such job.")


def _failure(row: RowMapping) -> list[str]:
    return [] if row["failure"] is None else [f"  {row['failure']}"]


def run_requeue(job_id: str) -> None:
    """Have one dead job run again."""
    try:
        wanted = UUID(job_id)
    except ValueError:
        message = f"{job_id!r} is no job's id; `skyledger jobs list` shows them."
        raise fail(message) from None

    async def act(database: Database) -> RowMapping:
        return await requeue(database, wanted)

    row = as_platform_operator(act)
    message = f"Queued {row['kind']} again; a worker takes it within 10 seconds."
    out.print(message, highlight=False, markup=False, soft_wrap=True)
