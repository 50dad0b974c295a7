"""What another currency or another rate means for waste and costs: everything is looked at again."""

from __future__ import annotations

from app.costs.watch import request_check
from app.errors import BadUserInputError
from app.queue import HeldJob
from app.recommendations.jobs import LOOK_JOB, request_once
from app.repositories.accounts import ids_of_accounts


async def look_everywhere(job: HeldJob) -> None:
    """Ask for a look at each account of the job's organization and for a check of its costs, which asks for more.

    Amounts were converted by whoever queued this; which of two findings counts and which is worth telling follow.
    """
    if job.organization_id is None:
        message = "look_everywhere needs an organization"
        raise BadUserInputError(message)
    async with job.database.write(job.organization_id) as session:
        await job.hold(session)
        accounts = await ids_of_accounts(session, job.organization_id)
        await request_once(session, job.organization_id, LOOK_JOB, sorted(accounts.values()))
        await request_check(session, job.organization_id)
