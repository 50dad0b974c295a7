"""What other prices mean for recommendations: accounts are looked at again."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.models import new_id
from app.queue import enqueue_all
from app.recommendations.jobs import LOOK_JOB
from app.records import Provider
from app.repositories.accounts import ids_of_providers
from app.repositories.detection_rules import accounts_waiting


async def look_again(session: AsyncSession, organization_id: UUID, providers: Collection[Provider]) -> None:
    """Ask for a look at each account of some providers; those that wait for one already get it."""
    accounts = await ids_of_providers(session, organization_id, providers)
    waiting = await accounts_waiting(session, organization_id, LOOK_JOB)
    jobs = {new_id(): {"accountId": str(each)} for each in accounts if str(each) not in waiting}
    if jobs:
        await enqueue_all(session, LOOK_JOB, organization_id, jobs)
