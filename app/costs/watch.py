"""The watch over an organization's costs, after each import and once a day.

Its budgets, anomalies, month-end forecast, commitments and unit costs are checked.
"""

from __future__ import annotations

from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from app.costs.anomalies.look import watch_anomalies
from app.costs.budgets.check import check_budgets
from app.costs.news.look import watch_figures
from app.database import Database
from app.errors import BadUserInputError
from app.models import now
from app.queue import HeldJob, enqueue
from app.repositories.budgets import count_budgets
from app.repositories.cost_series import imported_days
from app.repositories.jobs import take_over_queued
from app.repositories.organizations import each_organization

CHECK_COSTS_JOB = "check_costs"
LOOK_AT_CHARGES_JOB = "look_at_charges"
"""Done in another room, after each check of costs: it looks for waste in what was imported."""


async def request_check(session: AsyncSession, organization_id: UUID) -> UUID:
    """Queue a check; the job's id. Call it in the transaction that changes the ground of what is checked."""
    return await enqueue(session, CHECK_COSTS_JOB, organization_id)


async def check_costs(job: HeldJob) -> None:
    """Look for anomalies, check the budgets and tell what has moved of the job's organization.

    Idempotent, also beside another worker.
    """
    if job.organization_id is None:
        message = "check_costs needs an organization"
        raise BadUserInputError(message)
    today = now().date()
    async with job.database.write(job.organization_id) as session:
        await job.hold(session)
        # A first start imports, tops up and makes budgets: five checks at once, each of which found the same.
        await take_over_queued(session, CHECK_COSTS_JOB, job.organization_id, job.id)
        if await imported_days(session, job.organization_id):
            await enqueue(session, LOOK_AT_CHARGES_JOB, job.organization_id)
    watched = await watch_anomalies(job.database, job.organization_id, today, job.hold)
    checked = await check_budgets(job.database, job.organization_id, today, job.hold)
    told = await watch_figures(job.database, job.organization_id, today, job.hold)
    structlog.get_logger(__name__).info(
        "costs_checked",
        organization_id=str(job.organization_id),
        anomalies_found=len(watched.found),
        anomalies_merged=len(watched.merged),
        anomalies_resolved=len(watched.resolved),
        alerts_raised=len(checked.raised),
        alerts_recovered=len(checked.recovered),
        figures_told=len(told),
    )


async def request_daily_checks(database: Database) -> int:
    """Queue a check of each organization that has costs or budgets; returns how many those are.

    A month that begins, and days whose charges have arrived by now, change what is found without an import.
    """
    requested = 0
    async for organization_id in each_organization(database):
        async with database.write(organization_id) as session:
            if await imported_days(session, organization_id) or await count_budgets(session, organization_id):
                await request_check(session, organization_id)
                requested += 1
    return requested
