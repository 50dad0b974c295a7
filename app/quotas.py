"""Keeps organizations within their plans: each act takes what it uses in its own transaction, or is refused.

An act that fails afterwards rolls back, and so gives back what it took.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import QuotaExceededError
from app.models import now
from app.records.plans import (
    DEFAULT_PLAN,
    LIMITS,
    QUOTAS,
    Quota,
    QuotaMetric,
    QuotaPeriod,
    SubscriptionStatus,
    Usage,
    first_day,
    refusal,
    resets_at,
)
from app.repositories import plans, quotas

INPUT = ("input",)
_NOUNS = {
    QuotaMetric.ACCOUNTS: "connected accounts",
    QuotaMetric.MEMBERS: "members and invitations",
    QuotaMetric.API_KEYS: "API keys",
    QuotaMetric.CONCURRENT_SCANS: "scans at a time",
    QuotaMetric.SCANS: "scans",
    QuotaMetric.IMPORTS: "imports of costs",
}
_MEND = {
    QuotaMetric.ACCOUNTS: "Disconnect one with `disconnectAccount`",
    QuotaMetric.MEMBERS: "Take an invitation back with `revokeInvitation` or end a membership with `removeMember`",
    QuotaMetric.API_KEYS: "End one with `revokeApiKey`",
    QuotaMetric.CONCURRENT_SCANS: "Wait for one to end",
}


async def take(
    session: AsyncSession,
    organization_id: UUID,
    metric: QuotaMetric,
    units: int = 1,
    *,
    path: tuple[str, ...] = INPUT,
    at: datetime | None = None,
) -> None:
    """Use units of a daily and monthly quota. Raises QuotaExceededError, after which the transaction must roll back.

    Until it ends, others of the organization who take the same wait here, so that together they never pass a limit.
    """
    moment = at or now()
    quotas_of = [quota for quota in QUOTAS if quota.metric is metric]
    periods = [(quota.period, first_day(quota.period, moment)) for quota in quotas_of]
    used = await quotas.add_use(session, organization_id, metric, units, periods)
    terms = await _terms(session, organization_id)
    for quota in quotas_of:
        _check(_usage(terms, quota, used[quota.period] - units, moment), units, terms, path)


async def check_count(
    session: AsyncSession,
    organization_id: UUID,
    metric: QuotaMetric,
    units: int = 1,
    *,
    path: tuple[str, ...] = INPUT,
) -> None:
    """See that what was just added, `units` of it, fits into a quota of what there may be in total.

    Call it after the rows are added and before the event is recorded: who adds at the same time waits here, and then
    sees them. Raises QuotaExceededError, after which the transaction must roll back.
    """
    quota = next(quota for quota in QUOTAS if quota.metric is metric)
    terms = await _terms(session, organization_id)
    if terms[quota.column] is None and _usage(terms, quota, 0, now()).reason is None:
        return
    await quotas.lock_quota(session, organization_id, metric)
    count = await quotas.count_of(session, organization_id, metric)
    _check(_usage(terms, quota, count - units, now()), units, terms, path)


async def usages(session: AsyncSession, organization_id: UUID, at: datetime | None = None) -> list[Usage]:
    """What is used of every quota at a moment, in three statements."""
    moment = at or now()
    terms = await _terms(session, organization_id)
    counts = await quotas.all_counts(session, organization_id)
    periods = [(period, first_day(period, moment)) for period in (QuotaPeriod.DAY, QuotaPeriod.MONTH)]
    counted = await quotas.counted_use(session, organization_id, periods)
    return [
        _usage(
            terms,
            quota,
            counts[quota.metric] if quota.period is QuotaPeriod.TOTAL else counted.get((quota.metric, quota.period), 0),
            moment,
        )
        for quota in QUOTAS
    ]


async def _terms(session: AsyncSession, organization_id: UUID) -> Mapping[Any, Any]:
    """What holds for the organization; before there is any plan, what the default one will say."""
    found = await plans.terms(session, organization_id)
    if found is not None:
        return found
    limits = {column: DEFAULT_PLAN.limits.get(column) for column in LIMITS}
    return {"plan": DEFAULT_PLAN.name, "status": None, "trial_ends_at": None, **limits}


def _usage(terms: Mapping[Any, Any], quota: Quota, used: int, moment: datetime) -> Usage:
    status = SubscriptionStatus(terms["status"] or SubscriptionStatus.ACTIVE)
    reason = refusal(status, terms["trial_ends_at"], quota.metric, moment)
    return Usage(quota, terms[quota.column], used, resets_at(quota.period, moment), reason)


def _check(usage: Usage, units: int, terms: Mapping[Any, Any], path: tuple[str, ...]) -> None:
    """Raise QuotaExceededError where `units` more do not fit."""
    if usage.reason is not None:
        raise QuotaExceededError(usage.reason, path=path, metric=usage.quota.metric, limit=0, used=usage.used)
    if usage.limit is None or usage.used + units <= usage.limit:
        return
    metric, period = usage.quota.metric, usage.quota.period
    each = "" if period is QuotaPeriod.TOTAL else f" a {period.lower()}"
    wanted = "" if units == 1 else f", and this needs {units:,}"
    if usage.resets_at is None:
        mend = _MEND[metric]
    else:
        mend = f"It starts anew at {usage.resets_at.isoformat(timespec='minutes')}: wait until then"
    limited = f"The plan {terms['plan']} limits {_NOUNS[metric]} to {usage.limit:,}{each}"
    message = f"{limited}; used so far: {usage.used:,}{wanted}. {mend}, or ask the operator for a larger plan."
    raise QuotaExceededError(
        message, path=path, metric=metric, limit=usage.limit, used=usage.used, resets_at=usage.resets_at
    )
