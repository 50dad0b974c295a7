"""What other prices mean for recommendations: accounts are looked at again. And which prices checks ask for."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.database import Database
from app.detection.catalogue import ALL_CHECKS
from app.recommendations.jobs import LOOK_JOB, request_once
from app.records import Provider
from app.repositories.accounts import ids_of_providers
from app.repositories.organizations import each_organization

ASKED_FOR = frozenset((check.provider, code) for check in ALL_CHECKS if check.provider for code in check.prices)
"""Codes of all prices that checks ask for, with their providers; `*` stands for any part of one."""


async def look_again(session: AsyncSession, organization_id: UUID, providers: Collection[Provider]) -> None:
    """Ask for a look at each account of some providers; those that wait for one already get it."""
    await request_once(session, organization_id, LOOK_JOB, await ids_of_providers(session, organization_id, providers))


async def look_again_everywhere(database: Database, providers: Collection[Provider]) -> None:
    """The same in all organizations: list prices are others than before."""
    async for organization_id in each_organization(database):
        async with database.write(organization_id) as session:
            await look_again(session, organization_id, providers)
