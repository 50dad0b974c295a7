"""Reads of accounts and resources: pages of an organization's rows, and rows by key for nested fields."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from uuid import UUID

from sqlalchemy import RowMapping, Table
from strawberry.dataloader import DataLoader

from app.database import Database
from app.loaders.charges import ChargeById, ChargeRows
from app.paging import Page, PageRequest
from app.records.criteria import Criteria, Direction
from app.repositories import selection
from app.repositories.accounts import ACCOUNTS
from app.repositories.resources import RESOURCES


@dataclass(frozen=True)
class Rows:
    """Pages and counts of one table's rows."""

    database: Database
    table: Table

    async def page(
        self, organization_id: UUID, criteria: Criteria, order: str, direction: Direction, request: PageRequest
    ) -> Page[RowMapping]:
        """One page ordered by a column, and by id among equals."""
        async with self.database.read(organization_id) as session:
            return await selection.fetch_page(
                session, self.table, organization_id, criteria, (order, "id"), direction, request
            )

    def counter(self, organization_id: UUID, criteria: Criteria) -> Callable[[], Awaitable[int]]:
        """A function that counts when it is called."""

        async def count() -> int:
            async with self.database.read(organization_id) as session:
                return await selection.count(session, self.table, organization_id, criteria)

        return count


class RowsByKey:
    """The rows of a table whose `column` is the key, for (organization, key) pairs, in the order of their ids.

    One statement for each organization among the keys.
    """

    def __init__(self, database: Database, table: Table, column: str) -> None:
        self.database = database
        self.table = table
        self.column = column

    async def load_many(self, keys: Sequence[tuple[UUID, object]]) -> list[list[RowMapping]]:
        """Lists of rows in key order."""
        found: dict[tuple[UUID, object], list[RowMapping]] = {key: [] for key in keys}
        for organization_id in {organization for organization, _ in keys}:
            wanted = [key for organization, key in keys if organization == organization_id]
            async with self.database.read(organization_id) as session:
                rows = await selection.by_keys(session, self.table, organization_id, self.column, wanted)
            for row in sorted(rows, key=lambda row: row.get("id") or row[self.column]):
                found[organization_id, row[self.column]].append(row)
        return [found[key] for key in keys]


class RowByKey(RowsByKey):
    """The same where the column is unique in an organization: the row, or None where there is none."""

    async def load_one_each(self, keys: Sequence[tuple[UUID, object]]) -> list[RowMapping | None]:
        """Rows in key order."""
        return [rows[0] if rows else None for rows in await self.load_many(keys)]


KeyedRow = DataLoader[tuple[UUID, object], RowMapping | None]
KeyedRows = DataLoader[tuple[UUID, object], list[RowMapping]]


class InventoryLoaders:
    """The loaders of this file, each made when it is first used. Keys are (organization, key)."""

    database: Database

    @cached_property
    def accounts(self) -> Rows:
        """Pages of accounts."""
        return Rows(self.database, ACCOUNTS)

    @cached_property
    def resources(self) -> Rows:
        """Pages of resources."""
        return Rows(self.database, RESOURCES)

    @cached_property
    def charges(self) -> ChargeRows:
        """Pages of charges."""
        return ChargeRows(self.database)

    @cached_property
    def account_by_id(self) -> KeyedRow:
        """Accounts by our id."""
        return DataLoader(load_fn=RowByKey(self.database, ACCOUNTS, "id").load_one_each)

    @cached_property
    def accounts_by_native_id(self) -> KeyedRows:
        """Accounts by the provider's id; those of several providers may share it."""
        return DataLoader(load_fn=RowsByKey(self.database, ACCOUNTS, "native_id").load_many)

    @cached_property
    def resource_by_id(self) -> KeyedRow:
        """Resources by our id."""
        return DataLoader(load_fn=RowByKey(self.database, RESOURCES, "id").load_one_each)

    @cached_property
    def resources_by_native_id(self) -> KeyedRows:
        """Resources by the provider's id; those of several accounts may share it."""
        return DataLoader(load_fn=RowsByKey(self.database, RESOURCES, "native_id").load_many)

    @cached_property
    def charge_by_id(self) -> DataLoader[tuple[UUID, UUID], RowMapping | None]:
        """Charges by the id in the graph."""
        return DataLoader(load_fn=ChargeById(self.database).load_many)
