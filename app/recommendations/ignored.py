"""Opens what was ignored until a day that has come, also where nothing is scanned any more."""

from __future__ import annotations

from uuid import UUID

from app.database import Database
from app.models import now
from app.recommendations.store import end_ignores
from app.repositories import recommendations
from app.repositories.organizations import each_organization


async def open_ignored(database: Database) -> int:
    """Open all that was ignored until today or a day before; returns how many recommendations those were."""
    opened = 0
    async for organization_id in each_organization(database):
        opened += await open_ignored_of(database, organization_id)
    return opened


async def open_ignored_of(database: Database, organization_id: UUID) -> int:
    """The same of one organization, one account after the other."""
    opened, moment = 0, now()
    async with database.read(organization_id) as session:
        accounts = await recommendations.accounts_ignored_until(session, organization_id, moment.date())
    for account_id in accounts:
        while True:
            async with database.write(organization_id) as session:
                changes = await end_ignores(session, organization_id, account_id, moment)
            if not changes.ids:
                break
            opened += len(changes.ids)
    return opened
