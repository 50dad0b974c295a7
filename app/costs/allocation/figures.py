"""Counts what tag keys there are, how they are spelled and how much of the cost carries them; done by a job."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.costs.allocation.tag_keys import LONGEST_KEY, normal_key
from app.costs.outlook.series import exact_sum
from app.errors import BadUserInputError
from app.models import now
from app.queue import HeldJob, enqueue
from app.repositories import allocation, tag_key_figures
from app.repositories.tag_keys import days_of

FIGURES_JOB = "count_tag_keys"
MOST_SPELLINGS = 5_000
MOST_SHOWN_SPELLINGS = 20


async def want_figures(session: AsyncSession, organization_id: UUID) -> None:
    """Have the figures counted anew once the caller's transaction is committed: after an import, say."""
    await enqueue(session, FIGURES_JOB, organization_id, {"wantedAt": now().isoformat()})


async def count_tag_keys(job: HeldJob) -> None:
    """Count all keys of the organization; nothing where that was done since the job was wanted.

    The share of the cost is that of the last month that is over and has charges.
    """
    organization_id = job.organization_id
    if organization_id is None or "wantedAt" not in job.arguments:
        message = "count_tag_keys needs an organization and a moment"
        raise BadUserInputError(message)
    begun = now()
    async with job.database.read(organization_id) as session:
        counted = await tag_key_figures.counted_at(session, organization_id)
        if counted is not None and counted > datetime.fromisoformat(job.arguments["wantedAt"]):
            return
        spellings = await tag_key_figures.spellings(session, organization_id, MOST_SPELLINGS)
        keys = {spelling: key for spelling in spellings if 0 < len(key := normal_key(spelling)) <= LONGEST_KEY}
        carriers = await tag_key_figures.carriers(session, organization_id, keys)
        month = await allocation.last_month_before(
            session, organization_id, begun.astimezone(UTC).date().replace(day=1)
        )
    spent: dict[tuple[str | None, str], Decimal] = defaultdict(Decimal)
    for day in [] if month is None else days_of(month):
        if job.should_stop():
            return
        async with job.database.read(organization_id) as session:
            found = await tag_key_figures.spent_by_key(session, organization_id, keys, day)
        for pair, cost in found.items():
            spent[pair] = exact_sum((spent[pair], cost))
    spelled: dict[str, list[str]] = defaultdict(list)
    for spelling, key in keys.items():
        spelled[key] += [spelling] if len(spelled[key]) < MOST_SHOWN_SPELLINGS else []
    values = {"month": month, "counted_at": begun}
    rows = [
        {"key": key, "tag_sets": count, "spellings": spelled[key], "costs": _costs(spent, key), **values}
        for key, count in carriers.items()
    ]
    async with job.database.write(organization_id) as session:
        await job.hold(session)
        await tag_key_figures.replace_figures(session, organization_id, begun, rows)


def _costs(spent: dict[tuple[str | None, str], Decimal], key: str) -> list[dict[str, Any]]:
    totals = {currency: total for (of, currency), total in spent.items() if of is None}
    return [
        {"currency": currency, "cost": format(spent.get((key, currency), Decimal(0)), "f"), "total": format(total, "f")}
        for currency, total in sorted(totals.items())
    ]
