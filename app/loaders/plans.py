"""Reads of plans, subscriptions and what is used of quotas."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from uuid import UUID

from sqlalchemy import RowMapping

from app.database import Database
from app.loaders.batching import DataLoader
from app.quotas import usages
from app.records.plans import Usage
from app.repositories.plans import list_plans, subscriptions_of


class SubscriptionByOrganization:
    """The subscription of each organization, with its plan; None where there is none."""

    def __init__(self, database: Database) -> None:
        self.database = database

    async def load_many(self, organization_ids: Sequence[UUID]) -> list[RowMapping | None]:
        """One statement for all of them; which of them the caller may read, the graph has checked."""
        async with self.database.system() as session:
            rows = await subscriptions_of(session, organization_ids)
        found = {row["organization_id"]: row for row in rows}
        return [found.get(organization_id) for organization_id in organization_ids]


class PlanLoaders:
    """The loaders of this file, each made when it is first used."""

    database: Database

    @cached_property
    def subscription_by_organization(self) -> DataLoader[UUID, RowMapping | None]:
        """Subscriptions by organization."""
        return DataLoader(load_fn=SubscriptionByOrganization(self.database).load_many)

    async def usages(self, organization_id: UUID) -> list[Usage]:
        """What an organization uses of its quotas now, in three statements that see one state."""
        async with self.database.read(organization_id, one_state=True) as session:
            return await usages(session, organization_id)

    async def plans(self, *, retired: bool) -> Sequence[RowMapping]:
        """Plans, the same for everyone; those that are retired only when asked."""
        async with self.database.read(None) as session:
            return await list_plans(session, retired=retired)
