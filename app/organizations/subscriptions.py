"""Subscriptions: the plan that an organization begins with, and what operators change about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncSession

from app.activity.record import record
from app.database import Database
from app.errors import BadUserInputError, NotFoundError
from app.models import now
from app.organizations.plans import default_plan_in, plan_of
from app.records import Actor, EventKind, NewEvent
from app.records.plans import SubscriptionStatus
from app.repositories import plans
from app.repositories.organizations import enter_from_system, is_living

_EARLIEST_ANCHOR = date(2000, 1, 1)


@dataclass(frozen=True)
class SubscriptionChange:
    """What to change; None leaves it as it is. `period_anchor` is the first day of its monthly periods."""

    plan: str | None = None
    status: SubscriptionStatus | None = None
    trial_ends_at: datetime | None = None
    period_anchor: date | None = None


async def subscribe(session: AsyncSession, organization_id: UUID, plan: Mapping[Any, Any]) -> None:
    """Begin the subscription of a new organization: with the plan's trial, if it has one."""
    moment, days = now(), plan["trial_days"]
    values = {
        "plan_id": plan["id"],
        "status": (SubscriptionStatus.ACTIVE if days is None else SubscriptionStatus.TRIAL).value,
        "trial_ends_at": None if days is None else moment + timedelta(days=days),
        "period_anchor": moment.date(),
    }
    await plans.add_subscription(session, organization_id, values)


async def update_subscription(
    database: Database, organization_id: UUID, actor: Actor, change: SubscriptionChange
) -> RowMapping:
    """Change the subscription of an organization and return it with its plan; what is so already is no event.

    Raises NotFoundError, BadUserInputError for an unknown or retired plan and for an end that is no trial's.
    """
    async with database.system() as session:
        if not await is_living(session, organization_id):
            message = "There is no such organization; `platform.organizations` has them all."
            raise NotFoundError(message)
        before = await _present(session, organization_id)
        plan = None if change.plan is None else await plan_of(session, change.plan, ("input", "plan"))
        values = _changed(before, change, plan)
        if values:
            await plans.change_subscription(session, organization_id, values)
        after = await _subscription(session, organization_id)
        if values:
            await enter_from_system(session, organization_id)
            event = NewEvent(EventKind.SUBSCRIPTION_CHANGED, actor, data={"from": _told(before), "to": _told(after)})
            await record(session, organization_id, event)
        return after


def _changed(before: RowMapping, change: SubscriptionChange, plan: RowMapping | None) -> dict[str, Any]:
    """The columns that differ. Raises BadUserInputError."""
    values: dict[str, Any] = {}
    if plan is not None:
        if plan["retired_at"] is not None and plan["id"] != before["plan_id"]:
            message = f"The plan {plan['slug']!r} is retired; `plans` has those that are offered."
            raise BadUserInputError(message, path=("input", "plan"))
        values["plan_id"] = plan["id"]
    status = change.status or SubscriptionStatus(before["status"])
    values["status"] = status.value
    values["trial_ends_at"] = _trial_end(before, change, plan, status)
    if change.period_anchor is not None:
        if not _EARLIEST_ANCHOR <= change.period_anchor <= now().date():
            message = f"`periodStart` must be a day from {_EARLIEST_ANCHOR} to today."
            raise BadUserInputError(message, path=("input", "periodStart"))
        values["period_anchor"] = change.period_anchor
    return {column: value for column, value in values.items() if value != before[column]}


def _trial_end(
    before: RowMapping, change: SubscriptionChange, plan: RowMapping | None, status: SubscriptionStatus
) -> datetime | None:
    if status is not SubscriptionStatus.TRIAL:
        if change.trial_ends_at is not None:
            message = "Only a trial ends: give `trialEndsAt` with the status TRIAL."
            raise BadUserInputError(message, path=("input", "trialEndsAt"))
        return None
    if change.trial_ends_at is not None:
        return change.trial_ends_at
    if before["trial_ends_at"] is not None:
        return before["trial_ends_at"]  # type: ignore[no-any-return]
    days = before["plan_trial_days"] if plan is None else plan["trial_days"]
    if days is None:
        message = "The plan has no days of trial: give `trialEndsAt`."
        raise BadUserInputError(message, path=("input", "trialEndsAt"))
    return now() + timedelta(days=days)


async def _present(session: AsyncSession, organization_id: UUID) -> RowMapping:
    """The subscription, locked; an organization without one gets the default plan first."""
    if await plans.lock_subscription(session, organization_id) is None:
        await default_plan_in(session)
        await plans.subscribe_rest(session)
        await plans.lock_subscription(session, organization_id)
    return await _subscription(session, organization_id)


async def _subscription(session: AsyncSession, organization_id: UUID) -> RowMapping:
    found = await plans.find_subscription(session, organization_id)
    if found is None:
        message = "There is no such organization; `platform.organizations` has them all."
        raise NotFoundError(message)
    return found


def _told(row: RowMapping) -> dict[str, str | None]:
    ends = row["trial_ends_at"]
    return {
        "plan": row["plan_slug"],
        "status": row["status"],
        "trialEndsAt": None if ends is None else ends.isoformat(),
        "periodStart": row["period_anchor"].isoformat(),
    }
