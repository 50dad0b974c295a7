"""Runs: months that are allocated anew by a job, the newest first, each in a transaction of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncSession

from app.activity.record import record
from app.costs.allocation.allocate import allocate_month
from app.costs.allocation.figures import want_figures
from app.costs.allocation.tag_keys import allocation_id, allocation_of
from app.costs.watch import request_check
from app.database import Database
from app.errors import BadUserInputError
from app.models import new_id, now
from app.queue import HeldJob, enqueue
from app.records import Actor, ActorKind, EventKind, NewEvent
from app.records.allocation import AllocationRunKind, AllocationRunState
from app.repositories import allocation, tag_keys
from app.repositories.cost_locks import lock_rules, try_lock_costs

ALLOCATION_JOB = "allocate_costs"
TAG_SETS_AT_ONCE = 5_000
WAIT_SECONDS = 1.0
EARLIEST, LATEST = date(2000, 1, 1), date(2049, 12, 1)
_FIRST_ID = -(2**63)
_SYSTEM = Actor(ActorKind.SYSTEM)


class LeftError(Exception):
    """This worker's part has ended, and what its transaction did must not be committed: a later run does it, say."""


async def rerun_allocation(
    database: Database, organization_id: UUID, actor: Actor, from_month: date, to_month: date
) -> RowMapping:
    """Have the charges of months, both included, shared out by the rules as they are now; returns the run.

    A run that is under way ends as SUPERSEDED, and the new one does its months too. Raises BadUserInputError.
    """
    for name, month in (("fromMonth", from_month), ("toMonth", to_month)):
        if month.day != 1 or not EARLIEST <= month <= LATEST:
            message = f"`{name}` must be the first day of a month of the years 2000 to 2049, such as 2026-11-01."
            raise BadUserInputError(message, path=("input", name))
    if from_month > to_month:
        message = "`fromMonth` must not come after `toMonth`."
        raise BadUserInputError(message, path=("input", "fromMonth"))
    async with database.write(organization_id) as session:
        await lock_rules(session, organization_id)
        run = await start_run(session, organization_id, actor, AllocationRunKind.RULES, (from_month, to_month))
        data = {"fromMonth": from_month.isoformat(), "toMonth": to_month.isoformat()}
        event = NewEvent(EventKind.ALLOCATION_RERUN, actor, "AllocationRun", run["id"], data)
        await record(session, organization_id, event)
        return run


async def start_run(
    session: AsyncSession,
    organization_id: UUID,
    actor: Actor,
    kind: AllocationRunKind,
    months: tuple[date, date] | None = None,
) -> RowMapping:
    """Queue a run in the caller's transaction, which holds `lock_rules`. Without months it is for all with charges."""
    moment = now()
    for before in await allocation.runs_under_way(session, organization_id, kind.value):
        values = {"state": AllocationRunState.SUPERSEDED.value, "finished_at": moment}
        await allocation.update_run(session, organization_id, before["id"], **values)
        if months is not None and before["from_month"] is not None:
            left = before["next_month"] or before["to_month"]
            months = (min(months[0], before["from_month"]), max(months[1], left))
    run_id = new_id()
    job_id = await enqueue(session, ALLOCATION_JOB, organization_id, {"runId": str(run_id)})
    return await allocation.insert_run(
        session,
        organization_id,
        run_id,
        kind=kind.value,
        state=AllocationRunState.QUEUED.value,
        from_month=months[0] if months else None,
        to_month=months[1] if months else None,
        months_done=0,
        actor_kind=actor.kind.value,
        actor_id=actor.id,
        job_id=job_id,
        created_at=moment,
    )


async def run_allocation(job: HeldJob) -> None:
    """Do what is left of the run that the job names. Another worker goes on where this one ends."""
    if job.organization_id is None or "runId" not in job.arguments:
        message = "allocate_costs needs an organization and a run"
        raise BadUserInputError(message)
    work = _Work(job, job.organization_id, UUID(job.arguments["runId"]))
    try:
        run = await work.begin()
        if run is None:
            return
        if run["kind"] == AllocationRunKind.TAG_KEYS.value and run["from_month"] is None:
            run = await work.derive()
        while run is not None and run["state"] == AllocationRunState.RUNNING.value and not job.should_stop():
            run = await work.next_month(run)
    except LeftError:
        return


class _Work:
    """One run in the hands of one worker."""

    def __init__(self, job: HeldJob, organization_id: UUID, run_id: UUID) -> None:
        self.job = job
        self.organization_id = organization_id
        self.run_id = run_id

    async def begin(self) -> RowMapping | None:
        """The run, which is under way from now on; None where it has ended."""
        async with self.job.database.write(self.organization_id) as session:
            await self.job.hold(session)
            run = await allocation.get_run(session, self.organization_id, self.run_id, lock=True)
            if run is None or run["state"] not in allocation.UNDER_WAY:
                return None
            values: dict[str, Any] = {"state": AllocationRunState.RUNNING.value}
            values["started_at"] = run["started_at"] or now()
            if run["kind"] == AllocationRunKind.RULES.value and run["next_month"] is None and not run["months_done"]:
                # Months without charges cost nothing, so they are not gone through one by one.
                known = await allocation.months_of_costs(session, self.organization_id)
                if known is None or known[1] < run["from_month"] or run["to_month"] < known[0]:
                    return await self._end(session, run)
                values["from_month"] = max(run["from_month"], known[0])
                values["to_month"] = values["next_month"] = min(run["to_month"], known[1])
            return await allocation.update_run(session, self.organization_id, self.run_id, **values)

    async def derive(self) -> RowMapping | None:
        """Write the allocation ids of all tag sets by the promoted keys of now, then find the months to rebuild.

        Whoever imports meanwhile has read the keys of now already, or is waited for first.
        """
        async with self._alone():
            pass
        after = _FIRST_ID
        while not self.job.should_stop():
            async with self.job.database.write(self.organization_id) as session:
                await self.job.hold(session)
                last = await _derive_some(session, self.organization_id, after)
                await self._still_ours(session)
            if last is None:
                return await self._plan()
            after = last
        return None

    async def _plan(self) -> RowMapping:
        async with self._alone() as session:
            run = await self._still_ours(session)
            known = await allocation.months_of_costs(session, self.organization_id)
            if known is None:
                return await self._end(session, run)
            values = {"from_month": known[0], "to_month": known[1], "next_month": known[1]}
            return await allocation.update_run(session, self.organization_id, self.run_id, **values)

    async def next_month(self, run: RowMapping) -> RowMapping:
        """Do the next month, and say so in the same transaction."""
        month: date = run["next_month"]
        async with self._alone() as session:
            if run["kind"] == AllocationRunKind.TAG_KEYS.value:
                await tag_keys.rebuild_month(session, self.organization_id, month)
            await allocate_month(session, self.organization_id, month)
            run = await self._still_ours(session)
            await self.job.progressed(session)
            before = (month - timedelta(days=1)).replace(day=1)
            values = {"months_done": run["months_done"] + 1, "next_month": before}
            if before >= run["from_month"]:
                return await allocation.update_run(session, self.organization_id, self.run_id, **values)
            return await self._end(session, run, months_done=values["months_done"])

    async def _still_ours(self, session: AsyncSession) -> RowMapping:
        """The run, locked last of all: who starts a later one must not wait for a whole month."""
        run = await allocation.get_run(session, self.organization_id, self.run_id, lock=True)
        if run is None or run["state"] not in allocation.UNDER_WAY:
            raise LeftError
        return run

    async def _end(self, session: AsyncSession, run: RowMapping, months_done: int = 0) -> RowMapping:
        if run["kind"] == AllocationRunKind.TAG_KEYS.value:
            await tag_keys.drop_unused_sets(session, self.organization_id)
            await want_figures(session, self.organization_id)
            await request_check(session, self.organization_id)  # budgets by these keys knew nothing until now
        moment = now()
        values: dict[str, Any] = {"state": AllocationRunState.SUCCEEDED.value, "next_month": None}
        values |= {"months_done": months_done, "started_at": run["started_at"] or moment, "finished_at": moment}
        ended = await allocation.update_run(session, self.organization_id, self.run_id, **values)
        data = {"kind": ended["kind"], "months": months_done}
        data |= {name: ended[column].isoformat() for name, column in _RANGE if ended[column] is not None}
        event = NewEvent(EventKind.ALLOCATION_FINISHED, _SYSTEM, "AllocationRun", self.run_id, data)
        await record(session, self.organization_id, event)
        return ended

    @asynccontextmanager
    async def _alone(self) -> AsyncIterator[AsyncSession]:
        """A transaction of the job in which nobody else writes the organization's costs."""
        while True:
            async with self.job.database.write(self.organization_id) as session:
                await self.job.hold(session)
                if await try_lock_costs(session, self.organization_id):
                    yield session
                    return
            if self.job.should_stop():
                raise LeftError
            await asyncio.sleep(WAIT_SECONDS)


_RANGE = (("fromMonth", "from_month"), ("toMonth", "to_month"))


async def _derive_some(session: AsyncSession, organization_id: UUID, after: int) -> int | None:
    """Write the allocation ids of the next tag sets that differ; returns the last one's id, None behind the last."""
    promoted = await tag_keys.promoted_keys(session, organization_id)
    rows = await tag_keys.tag_sets_after(session, organization_id, after, TAG_SETS_AT_ONCE)
    derived: dict[int, int] = {}
    sets: dict[int, dict[str, str]] = {}
    for row in rows:
        allocation_tags = allocation_of(row["tags"], promoted)
        found = allocation_id(allocation_tags)
        if found != row["allocation_id"]:
            derived[row["id"]] = found
        if found:
            sets[found] = allocation_tags
    await tag_keys.derive_tag_sets(session, organization_id, derived, sets)
    return rows[-1]["id"] if rows else None
