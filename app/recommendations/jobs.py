"""The look at an account as a job: asked for when a scan has ended, run by a worker."""

from __future__ import annotations

from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import BadUserInputError
from app.pricing.book import seed_book
from app.queue import HeldJob, enqueue
from app.recommendations.look import look, start_look

LOOK_JOB = "look_for_waste"


async def request_look(session: AsyncSession, organization_id: UUID, account_id: UUID) -> UUID:
    """Queue a look at an account in the transaction that changes its ground; the job's id."""
    return await enqueue(session, LOOK_JOB, organization_id, {"accountId": str(account_id)})


async def look_for_waste(job: HeldJob) -> None:
    """Run all checks on what is stored of the job's account."""
    if job.organization_id is None or "accountId" not in job.arguments:
        message = "look_for_waste needs an organization and an account"
        raise BadUserInputError(message)
    account_id = UUID(job.arguments["accountId"])
    looking = await start_look(job.database, job.organization_id, account_id, seed_book(), job.hold)
    if looking is None:
        return
    changes = await look(looking)
    structlog.get_logger(__name__).info(
        "waste_looked_for",
        organization_id=str(job.organization_id),
        account_id=str(account_id),
        resources=looking.looked_at,
        **{kind.value.lower(): count for kind, count in changes.counts.items()},
    )
