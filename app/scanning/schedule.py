"""Schedules of scans: changed by people, run by one job each that queues the next one in its own transaction."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

import structlog
from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.manual import checked
from app.activity.record import record
from app.database import Database
from app.errors import BadUserInputError, ConflictError, NotFoundError, QuotaExceededError
from app.models import now
from app.providers import registry
from app.queue import HeldJob, enqueue_instead
from app.records import UNSET, Actor, EventKind, NewEvent, Unset
from app.records.cron import checked_cron, checked_time_zone, next_runs, shortest_interval
from app.repositories import scan_schedules
from app.scanning.finish import SYSTEM
from app.scanning.start import (
    Scope,
    ServiceNames,
    check_services,
    checked_scope,
    connected_accounts,
    service_names,
    start_in,
)
from app.scanning.tools import Clouds

SCHEDULE_JOB = "start_scheduled_scans"
LONGEST_JITTER = 86_400
# What is changed about a schedule decides with these columns how far its starts may be put off.
_TIMING = frozenset({"cron", "time_zone", "jitter_seconds"})

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
    _check_jitter(values)
    check_services(scope, await service_names(database, organization_id, scope, clouds))
    async with database.write(organization_id) as session:
        await _check_accounts(session, organization_id, scope)
        moment = now()
        values |= {"enabled": enabled, "created_at": moment, "updated_at": moment}
        schedule = await scan_schedules.insert_schedule(session, organization_id, **values)
        if schedule is None:
            raise _taken(values["name"])
        schedule = await queue_next(session, schedule, moment)
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
    check_services(scope, await service_names(database, organization_id, scope, clouds))
    async with database.write(organization_id) as session:
        await _check_accounts(session, organization_id, scope)
        return await _change(session, organization_id, actor, schedule_id, values)


async def _change(
    session: AsyncSession, organization_id: UUID, actor: Actor, schedule_id: UUID, values: dict[str, Any]
) -> RowMapping:
    """Write checked values of a schedule, and queue its next run anew."""
    before = await scan_schedules.get_schedule(session, organization_id, schedule_id)
    if before is None:
        raise _absent()
    if "name" in values and await scan_schedules.name_is_taken(session, organization_id, values["name"], schedule_id):
        raise _taken(values["name"])
    if _TIMING & values.keys():
        _check_jitter({**before, **values})
    moment = now()
    schedule = await scan_schedules.update_schedule(session, organization_id, schedule_id, **values, updated_at=moment)
    schedule = await queue_next(session, schedule, moment)
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
    nothing. Services that none of the accounts has any more are left out, which an event tells; so does it when the
    plan does not allow all of the scans, and none is started.
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
    names = await service_names(job.database, organization_id, _scope(seen), clouds)
    async with job.database.write(organization_id) as session:
        await job.hold(session)
        schedule = await scan_schedules.get_schedule(session, organization_id, schedule_id)
        if schedule is None or schedule["job_id"] != job.id or not schedule["enabled"]:
            return
        scope, unknown = _known(_scope(schedule), names)
        accounts = await connected_accounts(session, organization_id, scope)
        moment = now()
        schedule = await scan_schedules.update_schedule(session, organization_id, schedule_id, last_run_at=moment)
        # Not before the run that is under way: this worker's clock may be behind that of PostgreSQL.
        await queue_next(session, schedule, max(moment, schedule["next_run_at"] or moment))
        try:
            async with session.begin_nested():
                started = await start_in(session, organization_id, SYSTEM, accounts, scope, names, schedule_id)
        except QuotaExceededError as error:
            await record_skipped(session, schedule, error.message)
            return
        if unknown:
            await record_skipped(session, schedule, f"No connected account has the services {', '.join(unknown)}.")
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


async def queue_next(session: AsyncSession, schedule: RowMapping, after: datetime) -> RowMapping:
    """Give the schedule the one job that runs it next; a job before that goes, or is obsolete if it runs."""
    organization_id: UUID = schedule["organization_id"]
    if not schedule["enabled"]:
        return await scan_schedules.update_schedule(
            session, organization_id, schedule["id"], job_id=None, next_run_at=None
        )
    (run_at,) = next_runs(schedule["cron"], schedule["time_zone"], after)
    wake_at = run_at + jitter(schedule["id"], run_at, schedule["jitter_seconds"])
    arguments = {"scheduleId": str(schedule["id"])}
    job_id = await enqueue_instead(session, schedule["job_id"], SCHEDULE_JOB, organization_id, arguments, wake_at)
    return await scan_schedules.update_schedule(
        session, organization_id, schedule["id"], job_id=job_id, next_run_at=wake_at
    )


async def record_skipped(session: AsyncSession, schedule: RowMapping, reason: str) -> None:
    """Tell that a run of a schedule started less than it should have. Takes the activity head's lock."""
    await _record(session, schedule, SYSTEM, EventKind.SCAN_SCHEDULE_SKIPPED, reason=reason)


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


def _check_jitter(schedule: Mapping[Any, Any]) -> None:
    """Raise BadUserInputError where starts would be put off further than half the time between two of them."""
    seconds = schedule["jitter_seconds"]
    most = shortest_interval(schedule["cron"], schedule["time_zone"], now()) / 2
    if seconds > most:
        message = (
            f"`jitterSeconds` is {seconds:,}, but two runs of {schedule['cron']!r} may be only {2 * most:,.0f} s "
            f"apart; it may be half of that, {most:,.0f}."
        )
        raise BadUserInputError(message, path=("input", "jitterSeconds"))


def _known(scope: Scope, names: ServiceNames) -> tuple[Scope, list[str]]:
    """The scope with the services that are there, and those that are not."""
    if scope.services is None:
        return scope, []
    known = {name for of_one in names.values() for name in of_one}
    unknown = [name for name in scope.services if name not in known]
    return replace(scope, services=[name for name in scope.services if name in known]), unknown


async def _check_accounts(session: AsyncSession, organization_id: UUID, scope: Scope) -> None:
    if scope.account_ids is not None:
        found = await connected_accounts(session, organization_id, scope)
        if len(found) < len(scope.account_ids):
            message = "One of the accounts is not there or not connected. Connect it with `connectAccount` first."
            raise NotFoundError(message)


def _scope(schedule: RowMapping) -> Scope:
    return Scope(schedule["account_ids"], schedule["regions"], schedule["services"])


async def _record(session: AsyncSession, schedule: RowMapping, actor: Actor, kind: EventKind, **more: str) -> None:
    data = {"name": schedule["name"], "cron": schedule["cron"], "timeZone": schedule["time_zone"], **more}
    event = NewEvent(kind, actor, subject_type="ScanSchedule", subject_id=schedule["id"], data=data)
    await record(session, schedule["organization_id"], event)


def _absent() -> NotFoundError:
    return NotFoundError("There is no such schedule within your reach.")


def _taken(name: str) -> ConflictError:
    return ConflictError(
        f"The organization has a schedule named {name!r} already. Change that one, or take another name."
    )
