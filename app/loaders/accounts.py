"""Reads of the history of accounts' health."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from uuid import UUID

from sqlalchemy import RowMapping

from app.database import Database
from app.loaders.batching import DataLoader
from app.repositories.account_checks import newest_checks

ChecksByAccount = DataLoader[tuple[UUID, UUID], list[RowMapping]]


class NewestChecks:
    """The newest `limit` checks for (organization, account) pairs, the newest first."""

    def __init__(self, database: Database, limit: int) -> None:
        self.database = database
        self.limit = limit

    async def load_many(self, keys: Sequence[tuple[UUID, UUID]]) -> list[list[RowMapping]]:
        """Lists in key order. One statement for each organization among the keys."""
        found: dict[tuple[UUID, UUID], list[RowMapping]] = {key: [] for key in keys}
        for organization_id in {organization for organization, _ in keys}:
            wanted = [account for organization, account in keys if organization == organization_id]
            async with self.database.read(organization_id) as session:
                rows = await newest_checks(session, organization_id, wanted, self.limit)
            for row in rows:
                found[organization_id, row["account_id"]].append(row)
        return [found[key] for key in keys]


class AccountLoaders:
    """The loaders of this file, each made when it is first used. Keys are (organization, account)."""

    database: Database

    @cached_property
    def _account_checks(self) -> dict[int, ChecksByAccount]:
        return {}

    def account_checks(self, limit: int) -> ChecksByAccount:
        """The newest `limit` checks of accounts, the newest first."""
        if limit not in self._account_checks:
            self._account_checks[limit] = DataLoader(load_fn=NewestChecks(self.database, limit).load_many)
        return self._account_checks[limit]
