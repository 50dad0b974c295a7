"""Reads of what providers themselves recommend: of resources, and how the last readings of accounts went."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import cached_property
from uuid import UUID

from sqlalchemy import RowMapping

from app.database import Database
from app.loaders.batching import DataLoader
from app.repositories.opinions import opinions_of_nodes, readings_of

NodeKey = tuple[UUID, UUID, str]
"""Organization, account and native id of a resource."""


class OpinionLoaders:
    """The loaders of this file, each made when it is first used. One statement for each organization among the keys."""

    database: Database

    @cached_property
    def opinions_of_node(self) -> DataLoader[NodeKey, list[RowMapping]]:
        """What advisers say of resources, the dearest first."""

        async def load(keys: list[NodeKey]) -> Sequence[list[RowMapping]]:
            found: dict[NodeKey, list[RowMapping]] = defaultdict(list)
            for organization_id in {key[0] for key in keys}:
                places = {
                    (account_id, node) for organization, account_id, node in keys if organization == organization_id
                }
                async with self.database.read(organization_id) as session:
                    for row in await opinions_of_nodes(session, organization_id, places):
                        found[organization_id, row["account_id"], row["resource_native_id"]].append(row)
            return [found[key] for key in keys]

        return DataLoader(load_fn=load)

    @cached_property
    def advice_by_account(self) -> DataLoader[tuple[UUID, UUID], list[RowMapping]]:
        """How the last readings of accounts' advisers went, by (organization, account)."""

        async def load(keys: list[tuple[UUID, UUID]]) -> Sequence[list[RowMapping]]:
            found: dict[tuple[UUID, UUID], list[RowMapping]] = defaultdict(list)
            for organization_id in {organization for organization, _ in keys}:
                wanted = {account_id for organization, account_id in keys if organization == organization_id}
                async with self.database.read(organization_id) as session:
                    for row in await readings_of(session, organization_id, wanted):
                        found[organization_id, row["account_id"]].append(row)
            return [found[key] for key in keys]

        return DataLoader(load_fn=load)
