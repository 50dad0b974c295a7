"""Reads of accounts and resources: pages of an organization's rows, and rows by key for nested fields."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, overload
from uuid import UUID

from asyncpg import Record
from sqlalchemy import RowMapping, Table

from app.database import Database
from app.loaders.batching import DataLoader
from app.loaders.charges import ChargeById, ChargeRows
from app.paging import Page, PageRequest
from app.records.criteria import Criteria, Direction
from app.repositories import kept_statements, selection
from app.repositories.accounts import ACCOUNTS
from app.repositories.beside import Beside, page_with
from app.repositories.kept_statements import Wanted
from app.repositories.resources import RESOURCES


@dataclass(frozen=True)
class Rows:
    """Pages and counts of one table's rows."""

    database: Database
    table: Table

    @overload
    async def page(
        self, organization_id: UUID, criteria: Criteria, order: str, direction: Direction, request: PageRequest
    ) -> Page[RowMapping]: ...

    @overload
    async def page(
        self,
        organization_id: UUID,
        criteria: Criteria,
        order: str,
        direction: Direction,
        request: PageRequest,
        wanted: Wanted,
        beside: Beside | None = None,
    ) -> Page[Record]: ...

    async def page(
        self,
        organization_id: UUID,
        criteria: Criteria,
        order: str,
        direction: Direction,
        request: PageRequest,
        wanted: Wanted | None = None,
        beside: Beside | None = None,
    ) -> Page[RowMapping] | Page[Record]:
        """One page ordered by a column, and by id among equals.

        Of the wanted columns alone it is one of records, which hold these, then the column of the order and the id.
        Some of them may be of what stands beside the rows.
        """
        keys = (order, "id")
        if wanted is not None and beside is not None:
            return await page_with(
                self.database, self.table, organization_id, criteria, keys, direction, request, wanted, beside
            )
        if wanted is not None:
            return await kept_statements.page_of_rows(
                self.database, self.table, organization_id, criteria, keys, direction, request, wanted
            )
        async with self.database.read(organization_id) as session:
            return await selection.fetch_page(session, self.table, organization_id, criteria, keys, direction, request)

    def counter(self, organization_id: UUID, criteria: Criteria) -> Callable[[], Awaitable[int]]:
        """A function that counts when it is called."""
        return partial(kept_statements.count_rows, self.database, self.table, organization_id, criteria)


class RowsByKey:
    """The rows of a table whose `column` is the key, for (organization, key) pairs, in the order of their ids.

    One statement for each organization among the keys.
    """

    def __init__(self, database: Database, table: Table, column: str) -> None:
        self.database = database
        self.table = table
        self.column = column

    @overload
    async def load_many(self, keys: Sequence[tuple[UUID, object]]) -> list[list[RowMapping]]: ...

    @overload
    async def load_many(self, keys: Sequence[tuple[UUID, object]], wanted: Wanted) -> list[list[Record]]: ...

    async def load_many(
        self, keys: Sequence[tuple[UUID, object]], wanted: Wanted | None = None
    ) -> list[list[RowMapping]] | list[list[Record]]:
        """Lists of rows in key order; of the wanted columns alone they are of records, which end with the key."""
        together: dict[UUID, dict[object, list[Any]]] = {}
        for organization_id, key in keys:
            together.setdefault(organization_id, {})[key] = []
        for organization_id, found in together.items():
            if wanted is None:
                for row in await self._whole(organization_id, list(found)):
                    found[row[self.column]].append(row)
            else:
                for record in await kept_statements.rows_by_keys(
                    self.database, self.table, organization_id, self.column, list(found), wanted
                ):
                    found[record[-1]].append(record)
        return [together[organization_id][key] for organization_id, key in keys]

    async def _whole(self, organization_id: UUID, keys: Sequence[object]) -> list[RowMapping]:
        async with self.database.read(organization_id) as session:
            rows = await selection.by_keys(session, self.table, organization_id, self.column, keys)
        return sorted(rows, key=lambda row: row.get("id") or row[self.column])


class RowByKey(RowsByKey):
    """The same where the column is unique in an organization: the row, or None where there is none."""

    @overload
    async def load_one_each(self, keys: Sequence[tuple[UUID, object]]) -> list[RowMapping | None]: ...

    @overload
    async def load_one_each(self, keys: Sequence[tuple[UUID, object]], wanted: Wanted) -> list[Record | None]: ...

    async def load_one_each(
        self, keys: Sequence[tuple[UUID, object]], wanted: Wanted | None = None
    ) -> list[RowMapping | None] | list[Record | None]:
        """Rows in key order."""
        found: list[list[Any]] = await (self.load_many(keys) if wanted is None else self.load_many(keys, wanted))
        return [rows[0] if rows else None for rows in found]


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
        return DataLoader(load_fn=self.some_resources.load_one_each)

    @cached_property
    def some_resources(self) -> RowByKey:
        """The same without waiting for others that ask."""
        return RowByKey(self.database, RESOURCES, "id")

    @cached_property
    def resources_by_native_id(self) -> KeyedRows:
        """Resources by the provider's id; those of several accounts may share it."""
        return DataLoader(load_fn=RowsByKey(self.database, RESOURCES, "native_id").load_many)

    @cached_property
    def charge_by_id(self) -> DataLoader[tuple[UUID, UUID], RowMapping | None]:
        """Charges by the id in the graph."""
        return DataLoader(load_fn=ChargeById(self.database).load_many)
