"""Schedules of scans: changed by people, run by one job each that queues the next one in its own transaction."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

import structlog
from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.manual import checked
from app.activity.record import record
from app.database import Database
from app.errors import BadUserInputError, ConflictError, NotFoundError
from app.models import now
from app.providers import registry
from app.queue import HeldJob, enqueue
from app.records import UNSET, Actor, EventKind, NewEvent, Unset
from app.repositories import scan_schedules
from app.scanning.cron import checked_cron, checked_time_zone, next_runs
from app.scanning.finish import SYSTEM
from app.scanning.start import Scope, checked_scope, connected_accounts, service_names, start_in
from app.scanning.tools import Clouds

SCHEDULE_JOB = "start_scheduled_scans"
LONGEST_JITTER = 86_400

Value = TypeVar("Value")


async def create_schedule(
    database: Database,
    organization_id: UUID,
    actor: Actor,
    *,
    name: str,
    cron: str,
    time_zone: str = "UTC",
    jitter_seconds: int = 0,
    account_ids: Sequence[UUID] | None = None,
    regions: Sequence[str] | None = None,
    services: Sequence[str] | None = None,
    enabled: bool = True,
    clouds: Clouds = registry.cloud,
) -> RowMapping:
    """Add a schedule and queue its first run.

    Raises BadUserInputError, NotFoundError for an account, ConflictError for a taken name.
    """
    scope = checked_scope(account_ids, regions, services)
    values = _checked_values(name=name, cron=cron, time_zone=time_zone, jitter_seconds=jitter_seconds)
    values |= {"account_ids": scope.account_ids, "regions": scope.regions, "services": scope.services}
    await service_names(database, organization_id, scope, clouds)
    async with database.write(organization_id) as session:
        await _check_accounts(session, organization_id, scope)
        moment = now()
        values |= {"enabled": enabled, "created_at": moment, "updated_at": moment}
        schedule = await scan_schedules.insert_schedule(session, organization_id, **values)
        if schedule is None:
            raise _taken(values["name"])
        schedule = await _queue_next(session, schedule, moment)
        await _record(session, schedule, actor, EventKind.SCAN_SCHEDULE_CREATED)
        return schedule


async def update_schedule(
    database: Database,
    organization_id: UUID,
    actor: Actor,
    schedule_id: UUID,
    *,
    name: str | Unset = UNSET,
    cron: str | Unset = UNSET,
    time_zone: str | Unset = UNSET,
    jitter_seconds: int | Unset = UNSET,
    account_ids: Sequence[UUID] | Unset | None = UNSET,
    regions: Sequence[str] | Unset | None = UNSET,
    services: Sequence[str] | Unset | None = UNSET,
    enabled: bool | Unset = UNSET,
    clouds: Clouds = registry.cloud,
) -> RowMapping:
    """Change what is given; its next run is that of the changed schedule. None empties a list: all of them.

    Raises NotFoundError, BadUserInputError, ConflictError for a taken name.
    """
    scope = checked_scope(_given(account_ids), _given(regions), _given(services))
    values = _checked_values(name=name, cron=cron, time_zone=time_zone, jitter_seconds=jitter_seconds)
    lists = {"account_ids": account_ids, "regions": regions, "services": services}
    values |= {key: getattr(scope, key) for key, given in lists.items() if not isinstance(given, Unset)}
    if not isinstance(enabled, Unset):
        values["enabled"] = enabled
    await service_names(database, organization_id, scope, clouds)
    async with database.write(organization_id) as session:
        before = await scan_schedules.get_schedule(session, organization_id, schedule_id)
        if before is None:
            raise _absent()
        await _check_accounts(session, organization_id, scope)
        if "name" in values and await scan_schedules.name_is_taken(
            session, organization_id, values["name"], schedule_id
        ):
            raise _taken(values["name"])
        moment = now()
        values["updated_at"] = moment
        schedule = await scan_schedules.update_schedule(session, organization_id, schedule_id, **values)
        schedule = await _queue_next(session, schedule, moment)
        await _record(session, schedule, actor, EventKind.SCAN_SCHEDULE_UPDATED)
        return schedule


async def delete_schedule(database: Database, organization_id: UUID, actor: Actor, schedule_id: UUID) -> RowMapping:
    """Delete a schedule; returns the row as it was. Scans that it has started go on. Raises NotFoundError."""
    async with database.write(organization_id) as session:
        schedule = await scan_schedules.get_schedule(session, organization_id, schedule_id)
        if schedule is None:
            raise _absent()
        await scan_schedules.delete_schedule(session, organization_id, schedule_id)
        await _record(session, schedule, actor, EventKind.SCAN_SCHEDULE_DELETED)
        return schedule


async def start_scheduled_scans(job: HeldJob, clouds: Clouds = registry.cloud) -> None:
    """Start the scans of a schedule whose time has come, and queue its next run, in one transaction.

    Times that were missed while no worker ran are made up for once. A job that is no longer the schedule's does
    nothing.
    """
    organization_id = job.organization_id
    if organization_id is None or "scheduleId" not in job.arguments:
        message = "start_scheduled_scans needs an organization and a schedule"
        raise BadUserInputError(message)
    schedule_id = UUID(job.arguments["scheduleId"])
    async with job.database.read(organization_id) as session:
        seen = await scan_schedules.find_schedule(session, organization_id, schedule_id)
    if seen is None:
        return
    try:
        names = await service_names(job.database, organization_id, _scope(seen), clouds)
    except BadUserInputError:  # a service that this version does not know any more
        names = {}
    async with job.database.write(organization_id) as session:
        await job.hold(session)
        schedule = await scan_schedules.get_schedule(session, organization_id, schedule_id)
        if schedule is None or schedule["job_id"] != job.id or not schedule["enabled"]:
            return
        scope = _scope(schedule)
        accounts = await connected_accounts(session, organization_id, scope)
        moment = now()
        schedule = await scan_schedules.update_schedule(session, organization_id, schedule_id, last_run_at=moment)
        await _queue_next(session, schedule, moment)
        started = await start_in(session, organization_id, SYSTEM, accounts, scope, names, schedule_id)
    structlog.get_logger(__name__).info(
        "scheduled_scans_started",
        organization_id=str(organization_id),
        schedule_id=str(schedule_id),
        started=len(started.scans),
        already_running=len(started.already_running),
    )


def jitter(schedule_id: UUID, run_at: datetime, seconds: int) -> timedelta:
    """The delay of one run, 0 to `seconds`: spread over schedules and runs, the same however often it is asked."""
    if seconds == 0:
        return timedelta()
    digest = hashlib.blake2b(schedule_id.bytes + run_at.isoformat().encode(), digest_size=8).digest()
    return timedelta(seconds=int.from_bytes(digest) / 2**64 * seconds)


async def _queue_next(session: AsyncSession, schedule: RowMapping, after: datetime) -> RowMapping:
    """Give the schedule the one job that runs it next; a job before that is obsolete from now on."""
    organization_id: UUID = schedule["organization_id"]
    if not schedule["enabled"]:
        return await scan_schedules.update_schedule(
            session, organization_id, schedule["id"], job_id=None, next_run_at=None
        )
    (run_at,) = next_runs(schedule["cron"], schedule["time_zone"], after)
    wake_at = run_at + jitter(schedule["id"], run_at, schedule["jitter_seconds"])
    arguments = {"scheduleId": str(schedule["id"])}
    job_id = await enqueue(session, SCHEDULE_JOB, organization_id, arguments, wake_at)
    return await scan_schedules.update_schedule(
        session, organization_id, schedule["id"], job_id=job_id, next_run_at=run_at
    )


def _checked_values(**given: Any) -> dict[str, Any]:
    """The values that were given, checked. Raises BadUserInputError."""
    checks: dict[str, Callable[[Any], Any]] = {
        "name": lambda name: checked(name, "name"),
        "cron": checked_cron,
        "time_zone": checked_time_zone,
        "jitter_seconds": _checked_jitter,
    }
    return {key: checks[key](value) for key, value in given.items() if not isinstance(value, Unset)}


def _given(value: Value | Unset) -> Value | None:
    return None if isinstance(value, Unset) else value


def _checked_jitter(seconds: int) -> int:
    if not 0 <= seconds <= LONGEST_JITTER:
        message = f"`jitterSeconds` is {seconds}; it must be 0 to {LONGEST_JITTER:,}, such as 600 for ten minutes."
        raise BadUserInputError(message, path=("input", "jitterSeconds"))
    return seconds


async def _check_accounts(session: AsyncSession, organization_id: UUID, scope: Scope) -> None:
    if scope.account_ids is not None:
        found = await connected_accounts(session, organization_id, scope)
        if len(found) < len(scope.account_ids):
            message = "One of the accounts is not there or not connected. Connect it with `connectAccount` first."
            raise NotFoundError(message)


def _scope(schedule: RowMapping) -> Scope:
    return Scope(schedule["account_ids"], schedule["regions"], schedule["services"])


async def _record(session: AsyncSession, schedule: RowMapping, actor: Actor, kind: EventKind) -> None:
    data = {"name": schedule["name"], "cron": schedule["cron"], "timeZone": schedule["time_zone"]}
    event = NewEvent(kind, actor, subject_type="ScanSchedule", subject_id=schedule["id"], data=data)
    await record(session, schedule["organization_id"], event)


def _absent() -> NotFoundError:
    return NotFoundError("There is no such schedule within your reach.")


def _taken(name: str) -> ConflictError:
    return ConflictError(
        f"The organization has a schedule named {name!r} already. Change that one, or take another name."
    )
