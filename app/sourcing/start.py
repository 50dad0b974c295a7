"""Starts runs of cost sources: in one transaction the run and the job that does it."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncSession

from app.database import Database
from app.errors import ConflictError, NotFoundError
from app.models import new_id
from app.queue import enqueue_all
from app.records import Actor
from app.repositories import cost_sources

RUN_JOB = "run_cost_source"
_ROUNDS = 3


@dataclass(frozen=True)
class StartedRun:
    """A run that is under way, and whether it was started now."""

    run: RowMapping
    started: bool


async def run_cost_source(
    database: Database, organization_id: UUID, actor: Actor, source_id: UUID, *, refetch: bool = False
) -> StartedRun:
    """Queue a run of a source, unless one is under way.

    With `refetch` everything is fetched again, whatever was imported before. Raises NotFoundError.
    """
    async with database.write(organization_id) as session:
        source = await cost_sources.get_source(session, organization_id, source_id)
        if source is None:
            raise absent()
        started = await start_in(session, source, actor)
        if started.started and refetch:
            await cost_sources.forget_deliveries(session, organization_id, source_id)
        return started


async def start_in(session: AsyncSession, source: RowMapping, actor: Actor) -> StartedRun:
    """The same in a transaction that has locked the source."""
    organization_id: UUID = source["organization_id"]
    job_id = new_id()
    values = {"cost_source_id": source["id"], "job_id": job_id, "actor_kind": actor.kind.value, "actor_id": actor.id}
    for _ in range(_ROUNDS):
        run_id = new_id()
        run = await cost_sources.insert_run(session, organization_id, id=run_id, **values)
        if run is not None:
            await enqueue_all(session, RUN_JOB, organization_id, {job_id: {"runId": str(run_id)}})
            return StartedRun(run, started=True)
        # The one that was in the way may have ended since.
        under_way = await cost_sources.run_under_way(session, organization_id, source["id"])
        if under_way is not None:
            return StartedRun(under_way, started=False)
    message = "Runs of the source begin and end at this moment; try again."
    raise ConflictError(message)


def absent() -> NotFoundError:
    """The same for an absent source and for one of somebody else."""
    return NotFoundError("There is no such cost source within your reach.")
