"""What other prices mean for recommendations: accounts are looked at again."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.recommendations.jobs import LOOK_JOB, request_once
from app.records import Provider
from app.repositories.accounts import ids_of_providers


async def look_again(session: AsyncSession, organization_id: UUID, providers: Collection[Provider]) -> None:
    """Ask for a look at each account of some providers; those that wait for one already get it."""
    await request_once(session, organization_id, LOOK_JOB, await ids_of_providers(session, organization_id, providers))
